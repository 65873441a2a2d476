//! Why a command failed: one line for the user, and an exit code.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use nn::checkpoint::CheckpointError;

use crate::console::eprint_line;
use crate::idx::DataError;
use crate::interrupt;
use crate::picture::PictureError;
use crate::train::Divergence;

/// Why a command failed.
#[derive(thiserror::Error)]
pub enum Failure {
    /// The data set or a checkpoint could not be read, or a checkpoint could not be written.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Weights could not be loaded or saved.
    #[error(transparent)]
    Weights(#[from] CheckpointError),
    /// No digit could be read from a picture.
    #[error("{path}: {source}")]
    Picture {
        /// The file of the picture.
        path: PathBuf,
        /// What is wrong with it.
        source: PictureError,
    },
    /// The server cannot listen on its address.
    #[error("{address}: cannot be listened on: {source}")]
    Listen {
        /// The address and port.
        address: SocketAddr,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A path that was given for results cannot be written.
    #[error("{path}: cannot be written: {source}")]
    Target {
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The training led to values that are not finite.
    #[error(transparent)]
    Diverged(#[from] Divergence),
    /// This number of results could not be saved; each was reported with its reason when it happened.
    #[error("{0} of the results could not be saved: see the errors above")]
    Incomplete(usize),
    /// Stdout could not be written to.
    #[error("the output could not be written: {0}")]
    Output(#[from] io::Error),
    /// The arguments contradict each other, or do not fit this machine.
    #[error("{0}")]
    Usage(String),
    /// Another rank was lost: the message says how to go on.
    #[error("{0}")]
    Lost(String),
    /// Another rank failed.
    #[error("rank {rank}: {message}")]
    Elsewhere {
        /// The exit code.
        code: u8,
        /// The rank.
        rank: usize,
        /// Its message.
        message: String,
    },
    /// A failure with this exit code that was reported before, by this rank or by the first one.
    #[error("a failure that was reported above")]
    Reported(u8),
    /// Ctrl-C was pressed: the message says at which step, and how to continue.
    #[error("{0}")]
    Interrupted(String),
}

/// The sentence of its `Display`: `unwrap()` prints what `Debug` writes.
impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The exit code of a rank that ends because another one does not answer: `EX_TEMPFAIL`, a failure after which another
/// try is worthwhile, in BSD's `sysexits.h`.
pub const LOST_RANK: u8 = 75;

/// Words of the line with which such a rank ends. `launch` looks for them.
pub const NO_ANSWER: &str = "another rank has not answered for";

impl Failure {
    /// The exit code as the system has it.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code())
    }

    /// 2 for wrong usage, 75 for a lost rank, 130 for Ctrl-C, 1 for the rest; another rank's is its own.
    pub fn code(&self) -> u8 {
        match self {
            Failure::Usage(_) => 2,
            Failure::Lost(_) => LOST_RANK,
            Failure::Interrupted(_) => interrupt::EXIT_CODE,
            Failure::Elsewhere { code, .. } | Failure::Reported(code) => *code,
            _ => 1,
        }
    }

    /// Prints the failure as one line on stderr, unless it was reported before.
    pub fn report(&self) {
        let prefix = if matches!(self, Failure::Interrupted(_)) { "" } else { "error: " };
        if !matches!(self, Failure::Reported(_)) {
            eprint_line(&format!("{prefix}{self}"));
        }
    }
}
