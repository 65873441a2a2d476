//! The planes that a product reads: as they are, or the gradients of what a convolution has left of its windows.

use super::area;
use super::epilogue::Pool;
use crate::scalar::Scalar;

/// Planes that a product reads.
#[derive(Clone, Copy)]
pub(crate) enum Planes<'a, T> {
    /// As they are.
    Dense(&'a [T]),
    /// The gradients of the largest elements of windows: all other elements of the planes are zero.
    Unpooled {
        /// A gradient for each window.
        grads: &'a [T],
        winners: &'a [u8],
        pool: &'a Pool,
    },
}

impl<'a, T: Scalar> Planes<'a, T> {
    /// Elements of scratch memory for planes with so many elements.
    pub(super) fn scratch(&self, elements: usize) -> usize {
        if let Planes::Dense(_) = self { 0 } else { elements }
    }

    /// Some planes of `plane` elements, from the first one on.
    pub(super) fn get<'b>(&self, first: usize, count: usize, plane: usize, scratch: &'b mut [T]) -> &'b [T]
    where
        'a: 'b,
    {
        match *self {
            Planes::Dense(planes) => &planes[first * plane..][..count * plane],
            Planes::Unpooled { pool, .. } => {
                let planes = &mut scratch[..count * plane];
                self.scatter(first, count, LinesOfPlanes { first: 0, line: pool.from[1], plane }, planes);
                planes
            }
        }
    }

    /// Writes some planes, from the first one on, to lines of `out`, and zeros to what is between the lines. Whether it
    /// has: dense planes are copied elsewhere.
    pub(super) fn scatter(&self, first: usize, count: usize, target: LinesOfPlanes, out: &mut [T]) -> bool {
        let Planes::Unpooled { grads, winners, pool } = *self else { return false };
        out.fill(T::ZERO);
        let ([rows, columns], windows) = (pool.to(), area(pool.to()));
        let results = first * windows..(first + count) * windows;
        let (grads, winners) = (&grads[results.clone()], &winners[results]);
        let mut offsets = [0; Pool::MAX_WINDOW];
        for (element, offset) in offsets.iter_mut().enumerate().take(area(pool.window)) {
            *offset = element / pool.window[1] * target.line + element % pool.window[1];
        }
        // One element of a window is not zero: to write it alone takes less time than to compare all with the winner.
        let bands = grads.chunks_exact(columns.max(1)).zip(winners.chunks_exact(columns.max(1)));
        for (band, (grads, winners)) in bands.enumerate() {
            let start = target.first + band / rows * target.plane + band % rows * pool.window[0] * target.line;
            let out = &mut out[start..];
            for (column, (&grad, &winner)) in grads.iter().zip(winners).enumerate() {
                out[column * pool.window[1] + offsets[usize::from(winner)]] = grad;
            }
        }
        true
    }
}

/// Where the lines of planes are: the first one, and how far it is to the next line and to the next plane.
#[derive(Clone, Copy)]
pub(super) struct LinesOfPlanes {
    pub(super) first: usize,
    pub(super) line: usize,
    pub(super) plane: usize,
}
