//! A folder of checkpoints, `step-000000000938.safetensors` and so on. Only one run at a time may write to it.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use nn::file;

use super::Snapshot;
use super::format::Flaw;
use crate::idx::DataError;

/// A folder of checkpoints. It is locked against other runs until it is dropped or the process ends, for whatever
/// reason.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    _lock: Option<File>,
}

/// What [`Folder::newest`] finds.
#[derive(Debug)]
pub struct Found {
    /// The newest undamaged checkpoint, and its file.
    pub newest: Option<(PathBuf, Snapshot)>,
    /// The errors of newer checkpoints that are damaged. Their files have been renamed: `.damaged` was appended.
    pub damaged: Vec<DataError>,
}

const PREFIX: &str = "step-";
const SUFFIX: &str = ".safetensors";
const DIGITS: usize = 12;
/// How long to wait for the lock: a run that was just killed may not have released it yet.
const LOCK_TIMEOUT: Duration = Duration::from_secs(3);

impl Folder {
    /// Opens or creates the folder, locks it, and removes the unfinished files of an earlier run that was killed.
    ///
    /// # Errors
    /// If the folder cannot be created or read, or another run has locked it.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        let failed = |source| DataError::File { path: path.to_owned(), source };
        fs::create_dir_all(path).map_err(failed)?;
        let folder = Folder { path: path.to_owned(), _lock: lock(path)? };
        for entry in fs::read_dir(path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let unfinished =
                name.to_str().and_then(|name| name.strip_prefix('.')).and_then(|name| name.rsplit_once('.'));
            if unfinished.is_some_and(|(name, _)| step_of(name).is_some()) {
                fs::remove_file(entry.path()).map_err(|source| DataError::File { path: entry.path(), source })?;
            }
        }
        Ok(folder)
    }

    /// The path of the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The steps that have checkpoints, damaged or not, in ascending order.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn steps(&self) -> Result<Vec<usize>, DataError> {
        let failed = |source| DataError::File { path: self.path.clone(), source };
        let mut steps = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(failed)? {
            steps.extend(entry.map_err(failed)?.file_name().to_str().and_then(step_of));
        }
        steps.sort_unstable();
        Ok(steps)
    }

    /// The newest undamaged checkpoint. Newer ones that are damaged are renamed and reported.
    ///
    /// # Errors
    /// If the folder cannot be read, or has an undamaged file that is not a checkpoint of this version.
    pub fn newest(&self) -> Result<Found, DataError> {
        let mut damaged = Vec::new();
        for step in self.steps()?.into_iter().rev() {
            let path = self.file(step);
            let flaw = match fs::read(&path) {
                Ok(bytes) => match Snapshot::from_bytes(&bytes) {
                    Ok(snapshot) => return Ok(Found { newest: Some((path, snapshot)), damaged }),
                    Err(Flaw::Foreign { found, expected }) => return Err(DataError::Content { path, found, expected }),
                    Err(Flaw::Damaged { found, expected }) => {
                        DataError::Content { path: path.clone(), found, expected }
                    }
                },
                Err(source) => DataError::File { path: path.clone(), source },
            };
            let mut aside = path.clone().into_os_string();
            aside.push(".damaged");
            fs::rename(&path, aside).map_err(|source| DataError::File { path, source })?;
            damaged.push(flaw);
        }
        Ok(Found { newest: None, damaged })
    }

    /// Writes the checkpoint of a step and returns its file. Then removes the oldest checkpoints until `keep` are
    /// left. The new one is completely on the disk before an old one is removed.
    ///
    /// # Errors
    /// If it cannot be written; then no older checkpoint is removed.
    pub fn write(&self, step: usize, snapshot: &Snapshot, keep: usize) -> Result<PathBuf, DataError> {
        let path = self.file(step);
        let failed = |source| DataError::File { path: path.clone(), source };
        file::write(&path, &snapshot.to_bytes()).map_err(failed)?;
        let steps = self.steps()?;
        for &old in &steps[..steps.len().saturating_sub(keep)] {
            let path = self.file(old);
            fs::remove_file(&path).map_err(|source| DataError::File { path, source })?;
        }
        Ok(path)
    }

    /// The file of a step's checkpoint.
    pub fn file(&self, step: usize) -> PathBuf {
        self.path.join(format!("{PREFIX}{step:0DIGITS$}{SUFFIX}"))
    }
}

/// The step number in the name of a checkpoint's file; `None` for other names.
pub fn step_of(name: &str) -> Option<usize> {
    let digits = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
    (digits.len() >= DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())?
}

/// Locks the folder itself, so that no lock file is left behind. `None` on systems where a folder cannot be opened or
/// locked; runs then write without a lock.
fn lock(path: &Path) -> Result<Option<File>, DataError> {
    let Ok(folder) = File::open(path) else { return Ok(None) };
    let start = Instant::now();
    loop {
        match folder.try_lock() {
            Ok(()) => return Ok(Some(folder)),
            Err(TryLockError::Error(_)) => return Ok(None),
            Err(TryLockError::WouldBlock) if start.elapsed() < LOCK_TIMEOUT => thread::sleep(Duration::from_millis(20)),
            Err(TryLockError::WouldBlock) => {
                let source = io::Error::new(io::ErrorKind::WouldBlock, "another run is writing its checkpoints here");
                return Err(DataError::File { path: path.to_owned(), source });
            }
        }
    }
}
