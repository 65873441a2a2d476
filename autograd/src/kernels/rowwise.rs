//! Kernels along one dimension of a dense array, seen as `[outer, count, inner]`.

use super::parallel::{ELEMENTS_PER_TASK, for_each_chunk};
use crate::scalar::Scalar;

/// The extents before `dim`, of it, and after it.
pub(crate) fn around(shape: &[usize], dim: usize) -> [usize; 3] {
    [shape[..dim].iter().product(), shape[dim], shape[dim + 1..].iter().product()]
}

/// For each place of `outer × inner`, the index of the best element along the middle: the first one that no other is `better` than. A NaN is best.
pub(crate) fn find<T: Scalar>(
    numbers: &[T],
    [outer, count, inner]: [usize; 3],
    better: impl Fn(T, T) -> bool + Copy + Sync,
) -> Vec<i64> {
    let mut places = vec![0; outer * inner];
    if count == 0 {
        return places;
    }
    let chunk = (ELEMENTS_PER_TASK / count).max(1);
    for_each_chunk(&mut places, chunk, |start, places| {
        for (place, found) in (start..).zip(places) {
            let first = (place / inner) * count * inner + place % inner;
            let mut best = numbers[first];
            for index in 1..count {
                let candidate = numbers[first + index * inner];
                if better(candidate, best) || (candidate.is_nan() && !best.is_nan()) {
                    best = candidate;
                    *found = index as i64;
                }
            }
        }
    });
    places
}
