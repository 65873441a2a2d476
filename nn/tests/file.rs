//! Files are written as the user's file system has them: links, modes, owners, pipes and devices, and never a part of
//! a file.

#![cfg(unix)]

use std::fs::{self, Permissions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use nn::{Linear, checkpoint, file};
use tempfile::TempDir;

fn folder() -> (TempDir, impl Fn(&str) -> PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_owned();
    (folder, move |name: &str| root.join(name))
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

fn names(folder: &TempDir) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Runs a program of the system and tells whether it succeeded.
fn ran(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
}

/// Checks that neither the look beforehand nor the writing accepts the path, and that both say why.
#[track_caller]
fn assert_refused(path: &Path, words: &str) {
    for answer in [file::check(path), file::write(path, b"new")] {
        let error = answer.unwrap_err().to_string();
        assert!(error.contains(words) && !error.contains("at path"), "{words:?} is not what {error:?} says");
    }
}

#[test]
fn a_symbolic_link_stays_one_and_its_file_is_written() {
    let (folder, path) = folder();
    fs::create_dir(path("elsewhere")).unwrap();
    fs::write(path("elsewhere/file"), "old").unwrap();
    symlink("elsewhere/file", path("link")).unwrap();
    symlink(path("link"), path("link to a link")).unwrap();
    symlink("elsewhere/to be made", path("dangling")).unwrap();
    for (link, target) in [("link to a link", "elsewhere/file"), ("dangling", "elsewhere/to be made")] {
        file::check(path(link)).unwrap();
        file::write(path(link), b"new").unwrap();
        assert!(fs::symlink_metadata(path(link)).unwrap().is_symlink(), "{link}");
        assert_eq!(fs::read_to_string(path(target)).unwrap(), "new", "{link}");
    }
    assert_eq!(names(&folder), ["dangling", "elsewhere", "link", "link to a link"]);
    symlink("loop", path("loop")).unwrap();
    assert_refused(&path("loop"), "symbolic links");
    symlink("nowhere/file", path("astray")).unwrap();
    assert_refused(&path("astray"), "there is no folder");
}

#[test]
fn a_file_keeps_its_mode_and_its_owner_and_a_new_one_has_that_of_the_umask() {
    let (folder, path) = folder();
    fs::File::create(path("usual")).unwrap();
    file::write(path("new"), b"new").unwrap();
    assert_eq!(mode(&path("new")), mode(&path("usual")));
    for wanted in [0o600, 0o664, 0o666, 0o755] {
        fs::set_permissions(path("new"), Permissions::from_mode(wanted)).unwrap();
        file::write(path("new"), b"newer").unwrap();
        assert_eq!(mode(&path("new")), wanted, "{wanted:o}");
    }
    // Only an administrator can give the file away, to find out whether it comes back.
    let given = chown(path("new"), Some(4321), Some(1234)).is_ok();
    file::write(path("new"), b"newest").unwrap();
    let found = fs::metadata(path("new")).unwrap();
    assert!(!given || (found.uid(), found.gid()) == (4321, 1234), "{} {}", found.uid(), found.gid());
    assert_eq!((mode(&path("new")), fs::read(path("new")).unwrap()), (0o755, b"newest".to_vec()));
    assert_eq!(names(&folder), ["new", "usual"]);
}

#[test]
fn another_name_of_a_file_keeps_the_old_content() {
    let (_folder, path) = folder();
    fs::write(path("one"), "old").unwrap();
    fs::hard_link(path("one"), path("other")).unwrap();
    file::write(path("one"), b"new").unwrap();
    assert_eq!(fs::read_to_string(path("one")).unwrap(), "new");
    assert_eq!(fs::read_to_string(path("other")).unwrap(), "old");
}

#[test]
fn what_cannot_be_written_is_known_beforehand_and_left_alone() {
    let (folder, path) = folder();
    fs::create_dir(path("folder")).unwrap();
    assert_refused(&path("folder"), "it is a folder");
    assert_refused(&path("results/"), "it names a folder");
    assert_refused(Path::new(""), "it names a folder");
    assert_refused(&path("nowhere/file"), "there is no folder");
    assert_refused(&path(&"long".repeat(100)), "name too long");
    fs::write(path("kept"), "old").unwrap();
    assert_refused(&path("kept/file"), "Not a directory");
    fs::set_permissions(path("kept"), Permissions::from_mode(0o444)).unwrap();
    assert_refused(&path("kept"), "it is read-only");
    assert_eq!(fs::read_to_string(path("kept")).unwrap(), "old");
    let _listener = UnixListener::bind(path("socket")).unwrap();
    assert_refused(&path("socket"), "it is a socket");
    // An administrator may write in any folder; only the others can be told that they may not.
    fs::set_permissions(path("folder"), Permissions::from_mode(0o555)).unwrap();
    let allowed = fs::File::create(path("folder/file")).is_ok();
    if !allowed {
        assert_refused(&path("folder/file"), "no file can be made in the folder");
    }
    assert_eq!(names(&folder), ["folder", "kept", "socket"]);
}

#[test]
fn a_look_beforehand_leaves_no_trace() {
    let (folder, path) = folder();
    fs::write(path("old"), "old").unwrap();
    let before = fs::metadata(path("old")).unwrap();
    file::check(path("old")).unwrap();
    file::check(path("new")).unwrap();
    let after = fs::metadata(path("old")).unwrap();
    assert_eq!((before.ino(), before.mtime_nsec(), before.len()), (after.ino(), after.mtime_nsec(), after.len()));
    assert_eq!(names(&folder), ["old"]);
}

#[test]
fn a_name_as_long_as_the_file_system_takes_is_written() {
    let (folder, path) = folder();
    for name in ["a".repeat(255), "ü".repeat(127)] {
        file::check(path(&name)).unwrap();
        file::write(path(&name), b"new").unwrap();
    }
    assert_eq!(names(&folder).len(), 2);
}

#[test]
fn a_pipe_is_written_to_and_stays_a_pipe() {
    let (folder, path) = folder();
    assert!(ran("mkfifo", &[path("pipe").to_str().unwrap()]));
    file::check(path("pipe")).unwrap();
    let reader = {
        let pipe = path("pipe");
        thread::spawn(move || {
            let mut bytes = Vec::new();
            fs::File::open(pipe).unwrap().read_to_end(&mut bytes).unwrap();
            bytes
        })
    };
    // More than a pipe holds at once.
    let layer: Linear = Linear::new(300, 300, 0);
    checkpoint::save(&layer, path("pipe")).unwrap();
    checkpoint::save(&layer, path("file")).unwrap();
    assert!(reader.join().unwrap() == fs::read(path("file")).unwrap());
    assert_eq!(names(&folder), ["file", "pipe"]);
}

/// Devices of the test's own, where it may make them: those of the system are not put at risk.
#[test]
fn devices_are_written_to_or_refused_and_never_replaced() {
    let (folder, path) = folder();
    let made = |name: &str, kind: &[&str]| ran("mknod", &[&[path(name).to_str().unwrap()], kind].concat());
    let (null, full) = (made("null", &["c", "1", "3"]), made("full", &["c", "1", "7"]));
    let disk = made("disk", &["b", "7", "250"]);
    // Where they can be made, but not be opened, the system says so.
    let usable = null && fs::OpenOptions::new().write(true).open(path("null")).is_ok();
    let before = names(&folder);
    if usable {
        file::check(path("null")).unwrap();
        file::write(path("null"), b"new").unwrap();
    }
    if usable && full {
        file::check(path("full")).unwrap();
        assert!(file::write(path("full"), b"new").unwrap_err().to_string().contains("No space left"));
    }
    if disk {
        assert_refused(&path("disk"), "it is a block device");
    }
    assert_eq!(names(&folder), before);
    assert!(before.iter().all(|name| !fs::symlink_metadata(path(name)).unwrap().is_file()), "one was replaced");
}

/// A disk of 64 KiB, where the test may mount one.
#[test]
fn a_full_disk_and_a_file_that_cannot_be_moved_lose_nothing() {
    let (folder, path) = folder();
    fs::create_dir(path("disk")).unwrap();
    let disk = path("disk");
    let disk = disk.to_str().unwrap();
    let mounted = ran("mount", &["-t", "tmpfs", "-o", "size=64k", "none", disk]);
    fs::write(path("disk/weights"), "old").unwrap();
    let answer = file::write(path("disk/weights"), &[1; 100_000]);
    let content = fs::read(path("disk/weights")).unwrap();
    let left = fs::read_dir(disk).unwrap().count();
    // A file that is mounted by itself is not moved over: it is written in place.
    let (weights, single) = (path("disk/weights"), path("single"));
    let (weights, single) = (weights.to_str().unwrap(), single.to_str().unwrap());
    fs::write(single, "").unwrap();
    let bound = mounted && ran("mount", &["--bind", weights, single]);
    let over = file::write(single, b"newer");
    let through = fs::read(path("disk/weights")).unwrap();
    if bound {
        assert!(ran("umount", &[single]));
    }
    if mounted {
        assert!(ran("umount", &[disk]));
        assert!(answer.unwrap_err().to_string().starts_with("No space left on device"));
        assert_eq!(content, b"old");
    } else {
        assert_eq!(content.len(), 100_000);
    }
    over.unwrap();
    assert_eq!(left, 1, "no part is left");
    assert!(!bound || through == b"newer");
    assert_eq!(names(&folder), ["disk", "single"]);
}
