//! Whether a panel of B is finite: only then may steps be skipped.

use crate::arithmetic::Arithmetic;
use crate::kernels::gemm::pack::Strip;
use crate::kernels::simd::Vector;

/// The type of [`is_finite`], as the table of kernels holds it.
pub(super) type IsFiniteFn<T> = unsafe fn(&Strip<T>) -> bool;

/// Whether all elements of a strip are finite.
///
/// # Safety
/// The instruction set of `V` is available and enabled in the caller; the strip may be read, and its elements are
/// adjacent across.
#[inline(always)]
pub(super) unsafe fn is_finite<V: Vector>(strip: &Strip<V::Element>) -> bool {
    // Zero times a value is zero, unless the value is infinite or NaN.
    const CHAINS: usize = 4;
    // SAFETY: whole vectors lie in the strip, the last ones are masked to it.
    unsafe {
        let zero = V::splat(V::Element::ZERO);
        let (mut sums, mut rest) = ([zero; CHAINS], zero);
        for step in 0..strip.depth {
            let row = strip.source.offset(step as isize * strip.along);
            let mut lane = 0;
            while lane + CHAINS * V::LANES <= strip.count {
                for (chain, sum) in sums.iter_mut().enumerate() {
                    *sum = V::load(row.add(lane + chain * V::LANES)).mul_add(zero, *sum);
                }
                lane += CHAINS * V::LANES;
            }
            while lane < strip.count {
                let mask = V::mask(V::LANES.min(strip.count - lane));
                rest = V::load_masked(row.add(lane), mask).mul_add(zero, rest);
                lane += V::LANES;
            }
        }
        sums.into_iter().fold(rest, |all, sum| all.add(sum)).not_zero() == 0
    }
}

/// A strip with its elements adjacent across, if they are adjacent across or along: seen with steps and columns
/// exchanged.
pub(super) fn adjacent_across<T>(strip: Strip<T>) -> Option<Strip<T>> {
    match strip {
        Strip { across: 1, .. } => Some(strip),
        Strip { source, across, along: 1, count, depth } => {
            Some(Strip { source, across: 1, along: across, count: depth, depth: count })
        }
        _ => None,
    }
}
