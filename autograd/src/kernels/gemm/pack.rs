//! Packing: a block of an operand, copied into the order in which the micro-kernel reads it.
//!
//! ```text
//!   B, depth × columns          a panel of two vectors: its rows, one after the other
//!   ┌────┬────┬────┐            ┌─────────┐┌─────────┐
//!   │ p₀ │ p₁ │ p₂ │     →      │ b₀₀ b₀₁ ││ b₁₀ b₁₁ │ …   then the next panel
//!   └────┴────┴────┘            └─────────┘└─────────┘
//! ```
//!
//! A is packed the same way, turned: a row tile's columns, one after the other. Both are "strips": `width` numbers of each step, adjacent.
//! A copy costs about a nanosecond for each cache line, and is paid back when the strip is read many times, or when reading in place
//! would stumble (a stride that is a large power of two puts all rows into the same few sets of the cache).

use std::cell::Cell;
use std::mem::MaybeUninit;

use crate::kernels::simd::Vector;
use crate::scalar::Scalar;

/// A strip of an operand: at each of `depth` steps, `count` numbers, `across` apart; the steps are `along` apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Strip<T> {
    pub(super) source: *const T,
    pub(super) across: isize,
    pub(super) along: isize,
    pub(super) count: usize,
    pub(super) depth: usize,
}

/// The type of [`pack`], as the table of kernels holds it.
pub(super) type PackFn<T> = unsafe fn(&Strip<T>, *mut T, usize);

/// Numbers behind the end of a packed block that a strip may scribble on, because it is written in whole vectors.
pub(super) const SLACK: usize = 16;

/// Copies a strip to `target`, where its steps are `width` apart, at least `count`; the numbers between `count` and `width` become zero.
///
/// # Safety
/// The instruction set of `V` is available and enabled in the caller; the source may be read; the target has room for `depth · width`
/// numbers and [`SLACK`] more, which nobody else touches meanwhile.
#[inline(always)]
pub(super) unsafe fn pack<V: Vector>(strip: &Strip<V::Element>, target: *mut V::Element, width: usize) {
    const { assert!(V::LANES <= SLACK) };
    let Strip { source, across, along, count, depth } = *strip;
    // SAFETY: reads stay inside the strip (masked where a vector is not full); writes are whole vectors that start inside the
    // target, so that they end at most `LANES` ≤ SLACK behind it. Steps are written in rising order: what a vector scribbles on the
    // next step is overwritten by it.
    unsafe {
        if across == 1 {
            let whole = count / V::LANES * V::LANES;
            let rest = V::mask(count - whole);
            for step in 0..depth {
                let from = source.offset(step as isize * along);
                let to = target.add(step * width);
                let mut lane = 0;
                while lane < whole {
                    V::load(from.add(lane)).store(to.add(lane));
                    lane += V::LANES;
                }
                while lane < width {
                    let mask = if lane == whole { rest } else { V::mask(0) };
                    V::load_masked(from.wrapping_add(lane), mask).store(to.add(lane));
                    lane += V::LANES;
                }
            }
        } else if along == 1 {
            // From the right: only the rightmost band can reach over the end of a step, and the others then mend the next one.
            for lane in (0..width).step_by(V::LANES).rev() {
                let rows = V::LANES.min(count - lane);
                V::transpose(source.offset(lane as isize * across), across, (rows, depth), target.add(lane), width);
            }
        } else {
            for step in 0..depth {
                for lane in 0..width {
                    let value = if lane < count {
                        *source.offset(step as isize * along + lane as isize * across)
                    } else {
                        V::Element::ZERO
                    };
                    *target.add(step * width + lane) = value;
                }
            }
        }
    }
}

/// A cache line of memory, not yet written.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([MaybeUninit<u8>; 64]);

/// Which of a thread's buffers is meant.
#[derive(Clone, Copy, Debug)]
pub(super) enum Side {
    /// The block of A that this thread is working on.
    A,
    /// The block of B that all threads read.
    B,
    /// The block of A that all threads read, if A has few rows.
    SharedA,
    /// What is known of zeros in A and of finite numbers in B.
    Lists,
}

thread_local! {
    static BUFFERS: [Cell<Vec<Line>>; 4] =
        const { [const { Cell::new(Vec::new()) }; 4] };
}

/// Room for a packed block. It comes from the thread and goes back to it, so that a product in a training loop allocates nothing.
pub(super) struct Buffer {
    lines: Vec<Line>,
    side: Side,
}

impl Buffer {
    /// Takes the thread's buffer, grown to `count` numbers and [`SLACK`]. A product that is stolen by a thread that waits inside another one
    /// finds the place empty, and gets a new buffer.
    pub(super) fn take<T>(side: Side, count: usize) -> Self {
        let mut lines = BUFFERS.with(|buffers| buffers[side as usize].take());
        let needed = ((count + SLACK) * size_of::<T>()).div_ceil(size_of::<Line>());
        if lines.capacity() < needed {
            lines = Vec::with_capacity(needed);
        }
        Self { lines, side }
    }

    /// Nothing: for an operand that is read in place.
    pub(super) fn none(side: Side) -> Self {
        Self { lines: Vec::new(), side }
    }

    /// The first number's place: on a cache line of its own.
    pub(super) fn start<T>(&mut self) -> *mut T {
        self.lines.as_mut_ptr().cast()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.lines.capacity() > 0 {
            // The thread may be ending, its buffers gone: then this one goes too.
            let _ = BUFFERS.try_with(|buffers| buffers[self.side as usize].set(std::mem::take(&mut self.lines)));
        }
    }
}
