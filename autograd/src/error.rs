//! The panics for errors in the calling program.
//!
//! A wrong shape or argument is a bug in the calling program, so it panics. To help the programmer, the message names
//! the operation, the shapes and the dimension, and the location is the caller's line. Files, bytes and command-line
//! arguments never cause a panic: functions that read them return `Result`.

use std::fmt::Display;

/// Panics with `op: message` at the caller's line, because shapes do not fit. The message names the shapes.
#[cold]
#[inline(never)]
#[track_caller]
pub(crate) fn shape_error(op: &str, message: impl Display) -> ! {
    panic!("{op}: {message}")
}

/// Panics with `op: message` at the caller's line, because an argument other than a shape is wrong.
#[cold]
#[inline(never)]
#[track_caller]
pub(crate) fn argument_error(op: &str, message: impl Display) -> ! {
    panic!("{op}: {message}")
}

/// Converts a dimension that may count from the end (-1 is the last) into an index below `rank`.
///
/// A scalar counts as having one dimension here, as in PyTorch: 0 and -1 are accepted for rank 0.
#[inline]
#[track_caller]
pub(crate) fn dimension(op: &str, dim: isize, rank: usize) -> usize {
    let span = rank.max(1) as isize;
    if dim < -span || dim >= span {
        argument_error(
            op,
            format_args!("dimension {dim} is out of range for {rank} dimensions (from {} to {})", -span, span - 1),
        );
    }
    if dim < 0 { (dim + span) as usize } else { dim as usize }
}
