//! Packing: a block of an operand, copied into the order in which the micro-kernel reads it.
//!
//! ```text
//!   B, depth × columns          a panel of two vectors: its rows, one after the other
//!   ┌────┬────┬────┐            ┌─────────┐┌─────────┐
//!   │ p₀ │ p₁ │ p₂ │     →      │ b₀₀ b₀₁ ││ b₁₀ b₁₁ │ …   then the next panel
//!   └────┴────┴────┘            └─────────┘└─────────┘
//! ```
//!
//! A is packed the same way, transposed: a row tile's columns, one after the other. Both are "strips": `width` elements
//! of each step, adjacent. A copy costs about a nanosecond for each cache line, and is paid back when the strip is read
//! many times, or when its rows would evict each other in place (a stride that is a large power of two puts all rows
//! into the same few sets of the cache).

use crate::arithmetic::Arithmetic;
use crate::kernels::simd::Vector;

/// A strip of an operand: at each of `depth` steps, `count` elements, `across` apart; the steps are `along` apart.
#[derive(Clone, Copy, Debug)]
pub(in crate::kernels) struct Strip<T> {
    pub(in crate::kernels) source: *const T,
    pub(in crate::kernels) across: isize,
    pub(in crate::kernels) along: isize,
    pub(in crate::kernels) count: usize,
    pub(in crate::kernels) depth: usize,
}

/// Steps of a strip that are packed together: a line is then still in the cache when its next elements are read.
/// (Measured on an Emerald Rapids, a panel of 784 steps of 64 elements from rows along the depth: 11 µs at once, 6.4 in
/// groups of 64.)
const STEPS_PER_GROUP: usize = 64;

impl<T> Strip<T> {
    /// The strip in groups of steps that are packed together, each with its first step.
    pub(in crate::kernels) fn groups(self) -> impl Iterator<Item = (usize, Self)> {
        (0..self.depth).step_by(STEPS_PER_GROUP).map(move |step| {
            let source = self.source.wrapping_offset(step as isize * self.along);
            (step, Self { source, depth: STEPS_PER_GROUP.min(self.depth - step), ..self })
        })
    }
}

/// The type of [`pack`], as the table of kernels holds it.
pub(in crate::kernels) type PackFn<T> = unsafe fn(&Strip<T>, *mut T, usize);

/// Elements behind the end of a packed block that a strip may overwrite, because it is written in whole vectors.
pub(in crate::kernels) const SLACK: usize = 16;

/// Steps that are packed together of all strips whose elements are adjacent: so few that their lines stay in the
/// first-level cache until the next strip reads the rest of them, also if they are a power of two apart.
pub(super) const STEPS_PER_BAND: usize = 8;

/// Copies a strip to `target`, where its steps are `width` apart, at least `count`; the elements between `count` and
/// `width` become zero. Where the elements of a step are adjacent, nothing is written behind the end of the strip.
///
/// # Safety
/// The instruction set of `V` is available and enabled in the caller; the source may be read; the target has room for
/// `depth · width` elements and [`SLACK`] more, which nobody else touches meanwhile.
#[inline(always)]
pub(super) unsafe fn pack<V: Vector>(strip: &Strip<V::Element>, target: *mut V::Element, width: usize) {
    const { assert!(V::LANES <= SLACK) };
    let Strip { source, across, along, count, depth } = *strip;
    // SAFETY: reads stay inside the strip (masked where a vector is not full); writes are whole vectors that start
    // inside the target, so that they end at most `LANES` ≤ SLACK behind it. Steps are written in rising order: what a
    // vector writes beyond its own step is overwritten by the next ones, and masked where there are none.
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
                    let values = V::load_masked(from.wrapping_add(lane), mask);
                    if step * width + lane + V::LANES > depth * width {
                        values.store_masked(to.add(lane), V::mask(width - lane));
                    } else {
                        values.store(to.add(lane));
                    }
                    lane += V::LANES;
                }
            }
        } else if along == 1 {
            // From the right: only the rightmost band can reach over the end of a step, and the others then mend the
            // next one.
            for lane in (0..width).step_by(V::LANES).rev() {
                if lane >= count {
                    (0..depth).for_each(|step| V::splat(V::Element::ZERO).store(target.add(step * width + lane)));
                    continue;
                }
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
