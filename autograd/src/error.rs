//! What a programmer's mistake is answered with.
//!
//! A wrong shape is a bug in the calling program, so it panics; and since somebody has to mend it, the message names the op, the
//! shapes and the dimension, and the location is the caller's. Files, bytes and arguments never panic: they return `Result`.

use std::fmt::Display;

/// Panics as `op: message` at the caller's line.
#[cold]
#[inline(never)]
#[track_caller]
pub(crate) fn mistake(op: &str, message: impl Display) -> ! {
    panic!("{op}: {message}")
}

/// Turns a dimension that may count from the end (-1 is the last) into an index below `rank`.
///
/// A number has one dimension too here, as in PyTorch: 0 and -1 are accepted for rank 0.
#[inline]
#[track_caller]
pub(crate) fn dimension(op: &str, dim: isize, rank: usize) -> usize {
    let span = rank.max(1) as isize;
    if dim < -span || dim >= span {
        mistake(
            op,
            format_args!("dimension {dim} is out of range for {rank} dimensions (from {} to {})", -span, span - 1),
        );
    }
    if dim < 0 { (dim + span) as usize } else { dim as usize }
}
