//! Another commit of this repository, in a worktree of its own: checked out, built, and removed again.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// A worktree. It is removed when this value is dropped; after an interrupted run, by the next one.
pub struct Checkout {
    repository: PathBuf,
    folder: PathBuf,
}

impl Checkout {
    /// Checks out a commit of `repository` into `folder`.
    ///
    /// # Errors
    /// If git is missing, or there is no such commit.
    pub fn new(repository: &Path, commit: &str, folder: &Path) -> Result<Self> {
        let checkout = Checkout { repository: repository.to_owned(), folder: folder.to_owned() };
        // What an interrupted run has left there.
        checkout.remove();
        let git = git(repository).args(["worktree", "add", "--detach", "--force"]).arg(folder).arg(commit).output();
        let output = git.context("git can't be started")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{commit} can't be checked out: {}", said.trim());
        Ok(checkout)
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Builds its program `benches` as this one was built, and returns its path. Cargo's output goes to the terminal.
    ///
    /// # Errors
    /// If it can't be built.
    pub fn build(&self, how: &Build) -> Result<PathBuf> {
        // Where cargo knows the variable (1.91), the dependencies that are built already are used again.
        let status = Command::new(&how.cargo)
            .args(["build", "-p", "benches", "--manifest-path"])
            .arg(self.folder.join("Cargo.toml"))
            .arg("--target-dir")
            .arg(&how.output)
            .args(&how.arguments)
            .env("CARGO_BUILD_BUILD_DIR", &how.target)
            .status()
            .with_context(|| format!("{} can't be started", how.cargo.display()))?;
        ensure!(status.success(), "{} can't be built", self.folder.display());
        let program = how.output.join(&how.profile).join("benches").with_extension(std::env::consts::EXE_EXTENSION);
        ensure!(program.is_file(), "the build left no {}", program.display());
        Ok(program)
    }

    fn remove(&self) {
        if self.folder.exists() {
            // If git does not know the folder, it is only a folder.
            let removed = git(&self.repository).args(["worktree", "remove", "--force"]).arg(&self.folder).output();
            if !removed.is_ok_and(|output| output.status.success()) {
                let _ = std::fs::remove_dir_all(&self.folder);
            }
        }
        // Forgets worktrees whose folder is gone.
        let _ = git(&self.repository).args(["worktree", "prune"]).output();
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        self.remove();
    }
}

fn git(repository: &Path) -> Command {
    let mut git = Command::new("git");
    git.arg("-C").arg(repository);
    git
}

/// How and where to build.
pub struct Build {
    /// The program cargo.
    pub cargo: PathBuf,
    /// The folder of the profile: `release` or `debug`.
    pub profile: OsString,
    /// Profile and features, as arguments.
    pub arguments: Vec<String>,
    /// Cargo's target folder of this program, whose dependencies are used again.
    pub target: PathBuf,
    /// The target folder for the other program.
    pub output: PathBuf,
}

impl Build {
    /// As this program was built, whose path is `TARGET/PROFILE/benches`.
    ///
    /// # Errors
    /// If it has no such path.
    pub fn like(program: &Path) -> Result<Self> {
        let elsewhere = || format!("{} is in no target folder of cargo", program.display());
        let folder = program.parent().with_context(elsewhere)?;
        let (profile, target) = (folder.file_name().with_context(elsewhere)?, folder.parent().with_context(elsewhere)?);
        let name = profile.to_string_lossy();
        let mut arguments = match name.as_ref() {
            "debug" => Vec::new(),
            name => vec![format!("--profile={name}")],
        };
        for (feature, is_on) in [("faer", cfg!(feature = "faer")), ("peers", cfg!(feature = "peers"))] {
            if is_on {
                arguments.push(format!("--features={feature}"));
            }
        }
        Ok(Build {
            cargo: std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()).into(),
            profile: profile.to_owned(),
            arguments,
            target: target.to_owned(),
            output: target.join("compare").join("build"),
        })
    }

    /// Where the other commit is checked out.
    pub fn worktree(&self) -> PathBuf {
        self.target.join("compare").join("worktree")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A repository with two commits: `file` holds `old`, then `new`.
    fn repository(folder: &Path) {
        let run = |arguments: &[&str]| {
            let names = ["-c", "user.name=A", "-c", "user.email=a@example.org"];
            let output = git(folder).args(names).args(arguments).output().unwrap();
            assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        };
        run(&["init", "--quiet"]);
        for content in ["old", "new"] {
            std::fs::write(folder.join("file"), content).unwrap();
            run(&["add", "file"]);
            run(&["commit", "--quiet", "--message", content]);
        }
    }

    #[test]
    fn a_commit_is_checked_out_and_removed_again() {
        let folder = tempfile::tempdir().unwrap();
        repository(folder.path());
        let worktree = folder.path().join("target").join("worktree");
        let list =
            || String::from_utf8(git(folder.path()).args(["worktree", "list"]).output().unwrap().stdout).unwrap();
        {
            let checkout = Checkout::new(folder.path(), "HEAD~1", &worktree).unwrap();
            assert_eq!(std::fs::read_to_string(checkout.folder().join("file")).unwrap(), "old");
            assert_eq!(list().lines().count(), 2);
            // As if the process had been killed: the next one starts afresh.
            std::mem::forget(checkout);
            let again = Checkout::new(folder.path(), "HEAD", &worktree).unwrap();
            assert_eq!(std::fs::read_to_string(again.folder().join("file")).unwrap(), "new");
        }
        assert!(!worktree.exists());
        assert_eq!(list().lines().count(), 1);
        let error = Checkout::new(folder.path(), "no-such-commit", &worktree).err().unwrap().to_string();
        assert!(error.starts_with("no-such-commit can't be checked out: "), "{error}");
    }

    #[test]
    fn it_is_built_like_this_program() {
        let build = Build::like(Path::new("/x/target/release/benches")).unwrap();
        assert!(build.arguments.contains(&"--profile=release".to_owned()));
        assert_eq!(build.output, Path::new("/x/target/compare/build"));
        assert_eq!((build.profile.to_str(), build.worktree()), (Some("release"), "/x/target/compare/worktree".into()));
        let debug = Build::like(Path::new("/x/target/debug/benches")).unwrap();
        assert!(debug.arguments.iter().all(|argument| !argument.starts_with("--profile")));
        assert!(Build::like(Path::new("/")).is_err());
    }

    #[test]
    #[cfg(unix)]
    fn a_build_that_fails_or_leaves_nothing_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        repository(folder.path());
        let checkout = Checkout::new(folder.path(), "HEAD", &folder.path().join("worktree")).unwrap();
        let like = Build::like(&folder.path().join("target/debug/benches")).unwrap();
        let error = |cargo: &str| {
            let build = Build {
                cargo: cargo.into(),
                output: like.output.clone(),
                target: like.target.clone(),
                ..Build::like(Path::new("/x/debug/benches")).unwrap()
            };
            checkout.build(&build).unwrap_err().to_string()
        };
        assert!(error("false").ends_with("worktree can't be built"));
        assert!(error("true").contains("the build left no"));
        assert!(error("/no/such/cargo").contains("/no/such/cargo can't be started"));
    }
}
