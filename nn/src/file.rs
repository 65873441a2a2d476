//! Files that are written whole: whatever Gradus leaves on disk is written by [`write()`], weights, checkpoints,
//! reports and drawings.
//!
//! ```
//! let folder = tempfile::tempdir().unwrap();
//! let path = folder.path().join("notes.txt");
//! nn::file::check(&path).unwrap(); // before the long computation whose result goes there
//! assert!(!path.exists());
//! nn::file::write(&path, b"loss 0.07").unwrap();
//! assert_eq!(std::fs::read(&path).unwrap(), b"loss 0.07");
//! ```
//!
//! What is at the path already decides how it is written:
//!
//! | at the path | what happens |
//! |---|---|
//! | nothing | a new file, with the mode that the process's umask gives |
//! | a regular file | it is replaced in one move, and keeps its mode and, where it is allowed, its owner and group |
//! | a symbolic link | it stays a link, and the file that it names is written, or made if it is not there yet |
//! | a pipe, a terminal, a character device | the bytes are written; a pipe that nobody reads for 10 s is an error |
//! | a folder, a file that nobody may write, a block device, a socket | an error |
//!
//! A file that is replaced in one move is a new file under the old name: its other names (hard links) keep the old
//! content, and access lists and extended attributes are not carried over. That is the price for never leaving a part
//! of a file. Where the system refuses the move, although the file itself can be written (it is mounted by itself, as
//! containers do, or belongs to somebody else in a folder like `/tmp`), its content is written over in place.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf, is_separator};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tempfile::NamedTempFile;

/// Finds out whether [`write()`] can write at `path`, as far as that can be known beforehand. Nothing is made there
/// or changed.
///
/// # Errors
/// If it is certain that nothing can be written there: the folder does not exist or cannot be written, or `path`
/// names what [`write()`] refuses.
pub fn check(path: impl AsRef<Path>) -> io::Result<()> {
    match target(path.as_ref())? {
        Target::Stream => Ok(()),
        Target::Regular { path, .. } => {
            let folder = folder_of(&path);
            tempfile::tempfile_in(folder).map(drop).map_err(|error| {
                let reason = format!("no file can be made in the folder {}: {}", folder.display(), reason(&error));
                io::Error::new(error.kind(), reason)
            })
        }
    }
}

/// Writes `bytes` to `path`. At the path of a regular file is the old content or the whole new one at every moment,
/// never a part: the new content is written beside it, under a name that begins with a dot and the file's own,
/// flushed to the disk, moved to its path, and the move is flushed too.
///
/// # Errors
/// If it cannot be written. A regular file that was at `path` is still there then.
pub fn write(path: impl AsRef<Path>, bytes: &[u8]) -> io::Result<()> {
    Staged::new(path, bytes)?.commit()
}

/// A file that is whole on the disk, but not yet at its path. With several of them one can write all before the first
/// is moved:
///
/// ```
/// use nn::file::Staged;
/// let folder = tempfile::tempdir().unwrap();
/// let staged = ["a", "b"].map(|name| Staged::new(folder.path().join(name), name.as_bytes()).unwrap());
/// assert!(!folder.path().join("a").exists());
/// staged.into_iter().for_each(|file| file.commit().unwrap());
/// assert_eq!(std::fs::read(folder.path().join("b")).unwrap(), b"b");
/// ```
///
/// One that is dropped instead leaves nothing behind.
#[derive(Debug)]
pub struct Staged(Stage);

#[derive(Debug)]
enum Stage {
    /// The new content beside the path, which has no symbolic link at its end any more.
    Beside { file: NamedTempFile, path: PathBuf },
    /// Bytes for a pipe or a device, which take them only once.
    Stream { path: PathBuf, bytes: Vec<u8> },
}

impl Staged {
    /// Writes `bytes` beside `path`; of a pipe or a device the bytes are only kept.
    ///
    /// # Errors
    /// As [`write()`].
    pub fn new(path: impl AsRef<Path>, bytes: &[u8]) -> io::Result<Self> {
        Ok(Staged(match target(path.as_ref())? {
            Target::Stream => Stage::Stream { path: path.as_ref().to_owned(), bytes: bytes.to_vec() },
            Target::Regular { path, old } => Stage::Beside { file: beside(&path, old.as_ref(), bytes)?, path },
        }))
    }

    /// Moves the file to its path; to a pipe or a device the bytes are written.
    ///
    /// # Errors
    /// If that fails. A regular file that was at the path is still there then.
    pub fn commit(self) -> io::Result<()> {
        let (file, path) = match self.0 {
            Stage::Stream { path, bytes } => return open_stream(path, OPEN_TIMEOUT)?.write_all(&bytes),
            Stage::Beside { file, path } => (file, path),
        };
        if let Err(refused) = file.persist(&path) {
            let kind = refused.error.kind();
            let only_the_move = matches!(kind, io::ErrorKind::ResourceBusy | io::ErrorKind::PermissionDenied);
            return if only_the_move && path.exists() { write_over(refused.file, &path) } else { Err(refused.error) };
        }
        // The new name itself is on the disk once its folder is; a system that cannot open folders has no such call.
        if let Ok(folder) = File::open(folder_of(&path)) {
            let _ = folder.sync_all();
        }
        Ok(())
    }
}

/// What a path leads to.
enum Target {
    /// A regular file, `old` if it exists; `path` is behind all symbolic links.
    Regular { path: PathBuf, old: Option<Metadata> },
    /// A pipe, a terminal, another device that takes characters, or a file that a process has open, such as
    /// `/dev/stdout`.
    Stream,
}

fn target(path: &Path) -> io::Result<Target> {
    let old = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        metadata => Some(metadata?),
    };
    if let Some(old) = &old {
        let kind = if old.is_dir() { Some("a folder") } else { unwritable_kind(old) };
        if let Some(kind) = kind {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("it is {kind}")));
        }
        // Also for an administrator, whom the system lets write it: the mark says that the file is to stay as it is.
        if old.permissions().readonly() {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is read-only"));
        }
        if !old.is_file() {
            return Ok(Target::Stream);
        }
    }
    let Some(path) = behind_links(path)? else { return Ok(Target::Stream) };
    if old.is_some() {
        OpenOptions::new().write(true).open(&path)?;
    } else if path.file_name().is_none() || ends_as_folder(&path) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it names a folder, not a file"));
    } else if !folder_of(&path).is_dir() {
        let reason = format!("there is no folder {}", folder_of(&path).display());
        return Err(io::Error::new(io::ErrorKind::NotFound, reason));
    }
    Ok(Target::Regular { path, old })
}

/// What takes no file's content although it is neither a folder nor a regular file. A block device would: over the
/// file system that is on it.
#[cfg(unix)]
fn unwritable_kind(old: &Metadata) -> Option<&'static str> {
    use std::os::unix::fs::FileTypeExt;
    let kind = old.file_type();
    if kind.is_block_device() { Some("a block device") } else { kind.is_socket().then_some("a socket") }
}

#[cfg(not(unix))]
fn unwritable_kind(_: &Metadata) -> Option<&'static str> {
    None
}

/// As many symbolic links as Linux follows.
const MAX_LINKS: usize = 40;

/// The path that a chain of symbolic links ends at, whether or not there is a file; `None` if it leads to what a
/// process has open, which has no path of its own.
fn behind_links(path: &Path) -> io::Result<Option<PathBuf>> {
    let mut path = path.to_owned();
    for _ in 0..=MAX_LINKS {
        let Ok(next) = fs::read_link(&path) else { return Ok(Some(path)) };
        let folder = folder_of(&path);
        if fs::canonicalize(folder)?.starts_with("/proc") {
            return Ok(None);
        }
        path = folder.join(next);
    }
    Err(io::Error::other(format!("it is a chain of more than {MAX_LINKS} symbolic links")))
}

/// Whether a path ends as that of a folder, `results/`, which the parts of a [`Path`] do not tell.
fn ends_as_folder(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().last().is_some_and(|&last| is_separator(last.into()))
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// How much of a file's name the name beside it begins with: it must not become longer than file systems take.
const LONGEST_PREFIX: usize = 60;

/// A new file beside `path` with these bytes, flushed to the disk.
fn beside(path: &Path, old: Option<&Metadata>, bytes: &[u8]) -> io::Result<NamedTempFile> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let prefix: String = [".", &name.chars().take(LONGEST_PREFIX).collect::<String>(), "."].concat();
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix);
    // Nobody else reads what replaces a private file while it is written. A new file is the user's like any other:
    // the umask decides.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(if old.is_some() { 0o600 } else { 0o666 }));
    let file = builder.tempfile_in(folder_of(path)).map_err(|error| io::Error::new(error.kind(), reason(&error)))?;
    // The file itself: the error of a `NamedTempFile` would tell its path.
    file.as_file().write_all(bytes)?;
    if let Some(old) = old {
        adopt(file.as_file(), old);
    }
    file.as_file().sync_all()?;
    Ok(file)
}

/// Gives a file the owner, the group and the mode of the one that it replaces, as far as the system allows it.
#[cfg(unix)]
fn adopt(file: &File, old: &Metadata) {
    use std::os::unix::fs::{MetadataExt, fchown};
    let (user, group) = (Some(old.uid()), Some(old.gid()));
    if file.metadata().is_ok_and(|own| (Some(own.uid()), Some(own.gid())) != (user, group)) {
        // Only an administrator gives files to other users; to a group of their own everybody does.
        let _ = fchown(file, user, group).or_else(|_| fchown(file, None, group));
    }
    // After the owner, whose change takes bits of the mode away.
    let _ = file.set_permissions(old.permissions());
}

#[cfg(not(unix))]
fn adopt(_: &File, _: &Metadata) {}

/// Writes the content of `staged` over that of the file at `path`. If that fails, `staged` stays, and the error says
/// where.
fn write_over(staged: NamedTempFile, path: &Path) -> io::Result<()> {
    let copy = || {
        let mut content = staged.reopen()?;
        let mut file = OpenOptions::new().write(true).truncate(true).open(path)?;
        io::copy(&mut content, &mut file)?;
        file.sync_all()
    };
    match copy() {
        Ok(()) => Ok(()),
        Err(error) => {
            let (_, kept) = staged.keep().map_err(|error| error.error)?;
            Err(io::Error::new(error.kind(), format!("{}; the new content is in {}", reason(&error), kept.display())))
        }
    }
}

/// How long a pipe may be without a program that reads it.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// Opens a pipe or a device. A thread of its own does it, since opening a pipe waits for a reader without an end; if
/// none comes, the thread is left behind, and closes the pipe should it still be opened.
fn open_stream(path: PathBuf, timeout: Duration) -> io::Result<File> {
    let (sender, receiver) = mpsc::channel();
    thread::Builder::new().spawn(move || {
        // Behind what is there already, if it is a regular file that a process has open.
        let _ = sender.send(OpenOptions::new().append(true).open(path));
    })?;
    receiver.recv_timeout(timeout).unwrap_or_else(|_| {
        let reason = format!("no program reads from it, after {} seconds of waiting", timeout.as_secs_f32());
        Err(io::Error::new(io::ErrorKind::TimedOut, reason))
    })
}

/// What an error of the system says, without the path that the crate tempfile adds: that of a file that nobody has
/// asked for.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split_once(" at path ").map_or(text.clone(), |(reason, _)| reason.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_pipe_without_a_reader_is_an_error_and_not_a_wait() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let error = open_stream(pipe, Duration::from_millis(50)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{error}");
    }
}
