//! Why a command failed, as one line for the person who called it, and as an exit code.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use nn::checkpoint::CheckpointError;

use crate::console::tell;
use crate::idx::DataError;
use crate::interrupt;
use crate::picture::PictureError;
use crate::train::Divergence;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The data set or a checkpoint could not be read, or a checkpoint not be written.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Weights could not be loaded or saved.
    #[error(transparent)]
    Weights(#[from] CheckpointError),
    /// There is no digit to be had from a picture.
    #[error("{path}: {source}")]
    Picture {
        /// The picture.
        path: PathBuf,
        /// What is wrong with it.
        source: PictureError,
    },
    /// The page cannot be shown at its address.
    #[error("{address}: cannot be listened on: {source}")]
    Listen {
        /// The address and port.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A place named for results cannot be written.
    #[error("{path}: cannot be written: {source}")]
    Target {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The training led to values that are not finite.
    #[error(transparent)]
    Diverged(#[from] Divergence),
    /// So many results of a command could not be saved; each was told with its reason.
    #[error("{0} of the results could not be saved, as told above")]
    Incomplete(usize),
    /// Stdout could not be written to.
    #[error("the output could not be written: {0}")]
    Output(#[from] io::Error),
    /// The arguments do not go together, or not with this machine.
    #[error("{0}")]
    Usage(String),
    /// Another rank failed: what it says.
    #[error("rank {rank}: {message}")]
    Elsewhere {
        /// The exit code.
        code: u8,
        /// The rank.
        rank: usize,
        /// Its words.
        message: String,
    },
    /// A failure with this exit code that has been told already, by this rank or by the first one.
    #[error("a failure that was told above")]
    Told(u8),
    /// Ctrl-C was pressed: where that was, and how to go on.
    #[error("{0}")]
    Interrupted(String),
}

/// The exit code of a rank that ends because another one does not answer: that of a failure that is worth another try, in
/// BSD's `sysexits.h`.
pub const LOST_RANK: u8 = 75;

impl Failure {
    /// The exit code as the system has it.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code())
    }

    /// 2 for wrong usage, 130 for Ctrl-C, 1 for the rest; another rank's is its own.
    pub fn code(&self) -> u8 {
        match self {
            Failure::Usage(_) => 2,
            Failure::Interrupted(_) => interrupt::EXIT_CODE,
            Failure::Elsewhere { code, .. } | Failure::Told(code) => *code,
            _ => 1,
        }
    }

    /// Says it in one line for the person who called the command, if nobody has.
    pub fn tell(&self) {
        let prefix = if matches!(self, Failure::Interrupted(_)) { "" } else { "error: " };
        if !matches!(self, Failure::Told(_)) {
            tell(&format!("{prefix}{self}"));
        }
    }
}
