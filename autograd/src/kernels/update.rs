//! The optimizers' kernel: one pass over a parameter, its gradient and its state, with a scalar rule.

use super::parallel::{ELEMENTS_PER_TASK, for_each_item};
use super::vectorize::{Kernel, vectorized};
use crate::scalar::Scalar;
use crate::shape::Shape;
use crate::trace::{self, Phase};

/// Weights of a task. A rule with a root and a quotient takes longer than copying, so fewer are worth a fork.
const WEIGHTS_PER_TASK: usize = ELEMENTS_PER_TASK / 2;

/// Calls `rule(weight, gradient, state)` for each element and stores the weight that it returns; the rule changes its state in place.
///
/// The rule is plain scalar code; it is compiled, with the loop around it, for the instruction set of this process, and run on the threads at hand. Each
/// element is changed by itself, so the bits do not depend on how many those are.
///
/// ```
/// use autograd::kernels::update::update;
/// let (mut weights, mut velocities) = ([1.0_f32, 2.0], [0.0, 1.0]);
/// update(&mut weights, &[10.0, 10.0], [&mut velocities], |weight, gradient, [velocity]| {
///     *velocity = 0.5 * *velocity + gradient;
///     weight - 0.5 * *velocity
/// });
/// assert_eq!(velocities, [10.0, 10.5]);
/// assert_eq!(weights, [-4.0, -3.25]);
/// ```
///
/// # Panics
/// If the lengths differ.
#[track_caller]
pub fn update<T: Scalar, const SLOTS: usize>(
    weights: &mut [T],
    gradient: &[T],
    mut state: [&mut [T]; SLOTS],
    rule: impl Fn(T, T, &mut [T; SLOTS]) -> T + Sync,
) {
    let length = weights.len();
    let same = gradient.len() == length && state.iter().all(|slot| slot.len() == length);
    assert!(same, "update: {length} weights, {} gradients and a state of other lengths", gradient.len());
    let _span = trace::span(Phase::Update, "update", || (Vec::new(), Shape::from(length)));
    if length <= WEIGHTS_PER_TASK {
        return vectorized(Update { weights, gradient, state, rule: &rule });
    }
    let mut parts = Vec::with_capacity(length.div_ceil(WEIGHTS_PER_TASK));
    let mut slots = state.each_mut().map(|slot| slot.chunks_mut(WEIGHTS_PER_TASK));
    for (weights, gradient) in weights.chunks_mut(WEIGHTS_PER_TASK).zip(gradient.chunks(WEIGHTS_PER_TASK)) {
        let state = slots.each_mut().map(|slot| slot.next().expect("as long as the weights"));
        parts.push((weights, gradient, state));
    }
    for_each_item(parts, |(weights, gradient, state)| vectorized(Update { weights, gradient, state, rule: &rule }));
}

struct Update<'a, T, F, const SLOTS: usize> {
    weights: &'a mut [T],
    gradient: &'a [T],
    state: [&'a mut [T]; SLOTS],
    rule: &'a F,
}

impl<T: Scalar, F: Fn(T, T, &mut [T; SLOTS]) -> T, const SLOTS: usize> Kernel for Update<'_, T, F, SLOTS> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Update { weights, gradient, mut state, rule } = self;
        // Cut to one length, so that the compiler sees that no index is out of bounds.
        let length = weights.len();
        let gradient = &gradient[..length];
        for slot in &mut state {
            *slot = &mut std::mem::take(slot)[..length];
        }
        for i in 0..length {
            let mut own = [T::ZERO; SLOTS];
            for slot in 0..SLOTS {
                own[slot] = state[slot][i];
            }
            weights[i] = rule(weights[i], gradient[i], &mut own);
            for slot in 0..SLOTS {
                state[slot][i] = own[slot];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::parallel::with_threads;
    use super::*;

    #[test]
    fn every_element_is_changed_once_on_any_number_of_threads() {
        let length = 3 * ELEMENTS_PER_TASK + 17;
        let gradient: Vec<f32> = (0..length).map(|i| (i % 1000) as f32).collect();
        let run = |threads| {
            with_threads(threads, || {
                let (mut weights, mut sums, mut counts) = (vec![1.0_f32; length], vec![0.0; length], vec![0.0; length]);
                for _ in 0..3 {
                    update(&mut weights, &gradient, [&mut sums, &mut counts], |weight, gradient, [sum, count]| {
                        *sum += gradient;
                        *count += 1.0;
                        weight / 3.0 + *sum / *count
                    });
                }
                assert!(counts.iter().all(|&count| count == 3.0));
                weights
            })
        };
        let one = run(1);
        assert!(one.iter().zip(&gradient).all(|(w, g)| (w - (1.0 / 27.0 + g * 13.0 / 9.0)).abs() < 1e-3));
        assert!([2, 3, 8].into_iter().all(|threads| run(threads) == one));
    }
}
