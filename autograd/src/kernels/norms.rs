//! The norms of a parameter, its gradient and its state, which the rule of an optimizer may need before it changes
//! them.

use std::ops::{Add, Range};

use super::parallel::{ELEMENTS_PER_TASK, for_each_chunk};
use super::reduce::{cut, reduce, row};
use super::tree::Tree;
use super::vectorize::{Kernel, vectorized};
use crate::scalar::Scalar;
use crate::shape::Shape;
use crate::storage::Storage;
use crate::trace::{self, Phase, Span};

/// Weights of a task. A rule with a root and a quotient takes longer than copying, so fewer are worth a fork.
pub(super) const WEIGHTS_PER_TASK: usize = ELEMENTS_PER_TASK / 2;

/// Squares that are summed in one go.
const SQUARES: usize = 512;

/// The norms ‖x‖ = √(Σ x²), over all elements, of each of the values that `values(weight, gradient, state)`
/// returns. It gets a copy of the state.
///
/// The squares are taken in `f64`, where those of `f32` values neither overflow nor become 0, and summed in a fixed
/// tree: the error grows with the logarithm of the count, and the bits do not depend on the number of threads.
///
/// ```
/// use autograd::kernels::update::norms;
/// let [weights, sums] = norms(&[3.0_f32, 4.0], &[0.0, 1.0], [&[6.0, 7.0]], |weight, gradient, [sum]| {
///     *sum += gradient;
///     [weight, *sum]
/// });
/// assert_eq!((weights, sums), (5.0, 10.0));
/// ```
///
/// # Panics
/// If the lengths differ.
#[track_caller]
pub fn norms<T: Scalar, const SLOTS: usize, const VALUES: usize>(
    weights: &[T],
    gradient: &[T],
    state: [&[T]; SLOTS],
    values: impl Fn(T, T, &mut [T; SLOTS]) -> [T; VALUES] + Sync,
) -> [f64; VALUES] {
    let length = weights.len();
    let same = gradient.len() == length && state.iter().all(|slot| slot.len() == length);
    assert!(same, "norms: {length} weights, {} gradients and a state of other lengths", gradient.len());
    let mut sums = [0.0; VALUES];
    if VALUES == 0 {
        return sums;
    }
    let _span = span_of("norms", length);
    let tasks = length.div_ceil(WEIGHTS_PER_TASK);
    let partial = Storage::<f64>::build(tasks * VALUES, |partial| {
        for_each_chunk(partial, VALUES, |start, sums| {
            let start = start / VALUES * WEIGHTS_PER_TASK;
            let part = start..length.min(start + WEIGHTS_PER_TASK);
            let state = part_of(state, part.clone());
            let (weights, gradient) = (&weights[part.clone()], &gradient[part]);
            vectorized(SumsOfSquares { weights, gradient, state, sums, values: &values });
        });
    });
    reduce(partial.as_slice(), [1, tasks, VALUES], &mut sums, 0.0, Add::add);
    sums.map(f64::sqrt)
}

/// Some weights, and where the sums of squares of the `VALUES` values go.
struct SumsOfSquares<'a, T, F, const SLOTS: usize> {
    weights: &'a [T],
    gradient: &'a [T],
    state: [&'a [T]; SLOTS],
    sums: &'a mut [f64],
    values: &'a F,
}

impl<T: Scalar, F: Fn(T, T, &mut [T; SLOTS]) -> [T; VALUES], const SLOTS: usize, const VALUES: usize> Kernel
    for SumsOfSquares<'_, T, F, SLOTS>
{
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let SumsOfSquares { weights, gradient, state, sums, values } = self;
        let mut squares = [[0.0_f64; SQUARES]; VALUES];
        let mut trees: [Tree<f64>; VALUES] = std::array::from_fn(|_| Tree::new(0.0));
        for start in (0..weights.len()).step_by(SQUARES) {
            // Cut to one length, so that the compiler sees that no index is out of bounds.
            let length = SQUARES.min(weights.len() - start);
            let (weights, gradient) = (&weights[start..][..length], &gradient[start..][..length]);
            let state = cut(state, start..start + length);
            for i in 0..length {
                let mut own = [T::ZERO; SLOTS];
                for slot in 0..SLOTS {
                    own[slot] = state[slot][i];
                }
                let values = values(weights[i], gradient[i], &mut own).map(T::to_f64);
                for value in 0..VALUES {
                    squares[value][i] = values[value] * values[value];
                }
            }
            for (tree, squares) in trees.iter_mut().zip(&squares) {
                tree.push(row(&squares[..length], 0.0, Add::add), Add::add);
            }
        }
        for (sum, tree) in sums.iter_mut().zip(&trees) {
            *sum = tree.total(0.0, Add::add);
        }
    }
}

/// A part of each slot.
fn part_of<T, const SLOTS: usize>(mut state: [&[T]; SLOTS], part: Range<usize>) -> [&[T]; SLOTS] {
    for slot in &mut state {
        *slot = &slot[part.clone()];
    }
    state
}

/// What the trace shows of a pass over so many weights. (By itself, so that it is not compiled for each rule.)
pub(super) fn span_of(name: &'static str, length: usize) -> Option<Span> {
    trace::span(Phase::Update, name, || (Vec::new(), Shape::from(length)))
}

#[cfg(test)]
mod tests {
    use super::super::parallel::with_threads;
    use super::*;

    #[test]
    fn norms_are_exact_on_any_number_of_threads() {
        for length in [0, 1, 17, SQUARES + 1, 3 * WEIGHTS_PER_TASK + SQUARES + 5] {
            let weights: Vec<f32> = (0..length).map(|i| (i % 97) as f32 / 3.0 - 10.0).collect();
            let gradient: Vec<f32> = (0..length).map(|i| (i % 89) as f32 * 1e-25).collect();
            let run = |threads| {
                with_threads(threads, || {
                    norms(&weights, &gradient, [&weights], |weight, gradient, [sum]| {
                        *sum += weight;
                        [gradient, *sum]
                    })
                })
            };
            let norm = |values: &[f32], factor: f64| {
                values.iter().map(|&value| (factor * f64::from(value)).powi(2)).sum::<f64>().sqrt()
            };
            let [small, double] = run(1);
            assert!((small - norm(&gradient, 1.0)).abs() <= 1e-12 * small, "{length} gradients: {small}");
            assert!((double - norm(&weights, 2.0)).abs() <= 1e-12 * double, "{length} sums: {double}");
            assert!([2, 3, 8].into_iter().all(|threads| run(threads) == [small, double]));
        }
    }
}
