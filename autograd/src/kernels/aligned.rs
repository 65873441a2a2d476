//! Memory for intermediate results of a kernel.

/// An array that begins at a cache line: an access to a vector that lies in two lines takes twice as long.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(super) struct Aligned<A>(pub(super) A);
