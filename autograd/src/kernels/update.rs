//! The optimizers' kernels: one pass over a parameter, its gradient and its state, with a scalar rule, in place or from
//! old weights to new ones; and the norms over them that a rule may need first.

pub use super::norms::norms;
use super::norms::{WEIGHTS_PER_TASK, span_of};
use super::parallel::for_each_item;
use super::vectorize::{Kernel, vectorized};
use crate::scalar::Scalar;

/// Calls `rule(weight, gradient, state)` for each element and stores the weight that it returns; the rule changes its
/// state in place.
///
/// The rule is plain scalar code; it is compiled, with the loop around it, for the instruction set of this process, and
/// run on the threads at hand. Each element is changed by itself, so the bits do not depend on how many those are.
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
    state: [&mut [T]; SLOTS],
    rule: impl Fn(T, T, &mut [T; SLOTS]) -> T + Sync,
) {
    run(weights.len(), InPlace(weights, gradient), state, rule);
}

/// As [`update`], from `old` weights to `new` ones, which may hold anything before: for
/// [`Param::update_from`](crate::Param::update_from).
///
/// ```
/// use autograd::kernels::update::update_from;
/// let mut new = [f32::NAN; 2];
/// update_from(&[1.0, 2.0], &mut new, &[10.0, 10.0], [], |weight, gradient, []| weight - 0.5 * gradient);
/// assert_eq!(new, [-4.0, -3.0]);
/// ```
///
/// # Panics
/// If the lengths differ.
#[track_caller]
pub fn update_from<T: Scalar, const SLOTS: usize>(
    old: &[T],
    new: &mut [T],
    gradient: &[T],
    state: [&mut [T]; SLOTS],
    rule: impl Fn(T, T, &mut [T; SLOTS]) -> T + Sync,
) {
    assert!(old.len() == new.len(), "update_from: {} old weights and {} new ones", old.len(), new.len());
    run(old.len(), FromOldToNew(old, new, gradient), state, rule);
}

/// As [`update_from`], with the new weights in place of the gradient: `buffer` has the gradient before, the new weights
/// afterwards. So a pass touches no more memory than one that changes the weights in place. For
/// [`Param::update_over`](crate::Param::update_over).
///
/// ```
/// use autograd::kernels::update::update_over;
/// let mut buffer = [10.0, 10.0];
/// update_over(&[1.0, 2.0], &mut buffer, [], |weight, gradient, []| weight - 0.5 * gradient);
/// assert_eq!(buffer, [-4.0, -3.0]);
/// ```
///
/// # Panics
/// If the lengths differ.
#[track_caller]
pub fn update_over<T: Scalar, const SLOTS: usize>(
    old: &[T],
    buffer: &mut [T],
    state: [&mut [T]; SLOTS],
    rule: impl Fn(T, T, &mut [T; SLOTS]) -> T + Sync,
) {
    run(old.len(), OverGradient(old, buffer), state, rule);
}

/// Where the weights and the gradient are, and where the new weights go.
trait Weights<T: Scalar>: Send + Sized {
    /// How many there are; the least of the lengths, so that the compiler sees that no index is out of bounds.
    fn len(&self) -> usize;
    /// The first `length` elements, and the others.
    fn split_at(self, length: usize) -> (Self, Self);
    /// Runs the rule over them, on this thread.
    fn update<F: Rule<T, SLOTS>, const SLOTS: usize>(self, state: [&mut [T]; SLOTS], rule: &F);
}

/// Weights that a new weight can be written to one by one.
trait Replaceable<T: Scalar>: Weights<T> {
    /// Replaces the weight by `change(weight, gradient)`.
    fn change(&mut self, index: usize, change: impl FnOnce(T, T) -> T);
}

/// The new weight of a weight, its gradient and its state.
trait Rule<T: Scalar, const SLOTS: usize>: Fn(T, T, &mut [T; SLOTS]) -> T + Sync {}
impl<T: Scalar, F: Fn(T, T, &mut [T; SLOTS]) -> T + Sync, const SLOTS: usize> Rule<T, SLOTS> for F {}

struct InPlace<'a, T>(&'a mut [T], &'a [T]);

impl<T: Scalar> Weights<T> for InPlace<'_, T> {
    #[inline(always)]
    fn len(&self) -> usize {
        self.0.len().min(self.1.len())
    }

    fn split_at(self, length: usize) -> (Self, Self) {
        let ((first, others), (gradient, other_gradient)) = (self.0.split_at_mut(length), self.1.split_at(length));
        (InPlace(first, gradient), InPlace(others, other_gradient))
    }

    fn update<F: Rule<T, SLOTS>, const SLOTS: usize>(self, state: [&mut [T]; SLOTS], rule: &F) {
        vectorized(Update { weights: self, state, rule });
    }
}

impl<T: Scalar> Replaceable<T> for InPlace<'_, T> {
    #[inline(always)]
    fn change(&mut self, index: usize, change: impl FnOnce(T, T) -> T) {
        self.0[index] = change(self.0[index], self.1[index]);
    }
}

struct OverGradient<'a, T>(&'a [T], &'a mut [T]);

impl<T: Scalar> Weights<T> for OverGradient<'_, T> {
    #[inline(always)]
    fn len(&self) -> usize {
        self.0.len().min(self.1.len())
    }

    fn split_at(self, length: usize) -> (Self, Self) {
        let ((first, others), (buffer, other_buffer)) = (self.0.split_at(length), self.1.split_at_mut(length));
        (OverGradient(first, buffer), OverGradient(others, other_buffer))
    }

    fn update<F: Rule<T, SLOTS>, const SLOTS: usize>(self, state: [&mut [T]; SLOTS], rule: &F) {
        vectorized(Update { weights: self, state, rule });
    }
}

impl<T: Scalar> Replaceable<T> for OverGradient<'_, T> {
    #[inline(always)]
    fn change(&mut self, index: usize, change: impl FnOnce(T, T) -> T) {
        self.1[index] = change(self.0[index], self.1[index]);
    }
}

struct FromOldToNew<'a, T>(&'a [T], &'a mut [T], &'a [T]);

/// Elements whose gradient is copied, and read again while it is in the first cache.
const COPIED: usize = 1024;

impl<T: Scalar> Weights<T> for FromOldToNew<'_, T> {
    fn len(&self) -> usize {
        self.0.len().min(self.1.len()).min(self.2.len())
    }

    fn split_at(self, length: usize) -> (Self, Self) {
        let ((first, others), (new_first, new_others)) = (self.0.split_at(length), self.1.split_at_mut(length));
        let (gradient, other_gradient) = self.2.split_at(length);
        (FromOldToNew(first, new_first, gradient), FromOldToNew(others, new_others, other_gradient))
    }

    /// The gradient is copied to where the new weights go, and these are written over it: a loop of its own would be
    /// compiled for each rule once more.
    fn update<F: Rule<T, SLOTS>, const SLOTS: usize>(self, mut state: [&mut [T]; SLOTS], rule: &F) {
        let FromOldToNew(old, new, gradient) = self;
        for ((old, new), gradient) in old.chunks(COPIED).zip(new.chunks_mut(COPIED)).zip(gradient.chunks(COPIED)) {
            new.copy_from_slice(gradient);
            let state = take_first(&mut state, old.len());
            OverGradient(old, new).update(state, rule);
        }
    }
}

/// Runs the rule over the elements, on the threads at hand.
#[track_caller]
fn run<'a, T: Scalar, W: Weights<T>, const SLOTS: usize>(
    length: usize,
    weights: W,
    state: [&'a mut [T]; SLOTS],
    rule: impl Fn(T, T, &mut [T; SLOTS]) -> T + Sync,
) {
    let same = weights.len() == length && state.iter().all(|slot| slot.len() == length);
    assert!(same, "update: {length} weights, and gradients or a state of other lengths");
    run_parts(weights, state, &|weights: W, state: [&'a mut [T]; SLOTS]| weights.update(state, &rule));
}

/// Cuts the elements by their number alone, and calls `update` with the parts. (It does not know the rule, or it would
/// be compiled for each one.)
fn run_parts<'a, T: Scalar, W: Weights<T>, const SLOTS: usize>(
    weights: W,
    mut state: [&'a mut [T]; SLOTS],
    update: &(dyn Fn(W, [&'a mut [T]; SLOTS]) + Sync),
) {
    let _span = span_of("update", weights.len());
    if weights.len() <= WEIGHTS_PER_TASK {
        return update(weights, state);
    }
    let mut parts = Vec::with_capacity(weights.len().div_ceil(WEIGHTS_PER_TASK));
    let mut rest = weights;
    while rest.len() > 0 {
        let count = rest.len().min(WEIGHTS_PER_TASK);
        let (weights, others) = rest.split_at(count);
        rest = others;
        parts.push((weights, take_first(&mut state, count)));
    }
    for_each_item(parts, |(weights, state)| update(weights, state));
}

/// The first `count` elements of each slot, which keeps the others.
fn take_first<'a, T, const SLOTS: usize>(state: &mut [&'a mut [T]; SLOTS], count: usize) -> [&'a mut [T]; SLOTS] {
    let mut first: [&mut [T]; SLOTS] = std::array::from_fn(|_| Default::default());
    for (first, slot) in first.iter_mut().zip(state) {
        (*first, *slot) = std::mem::take(slot).split_at_mut(count);
    }
    first
}

struct Update<'a, T, W, F, const SLOTS: usize> {
    weights: W,
    state: [&'a mut [T]; SLOTS],
    rule: &'a F,
}

impl<T: Scalar, W: Replaceable<T>, F: Rule<T, SLOTS>, const SLOTS: usize> Kernel for Update<'_, T, W, F, SLOTS> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Update { mut weights, mut state, rule } = self;
        // Cut to one length, so that the compiler sees that no index is out of bounds.
        let length = weights.len();
        for slot in &mut state {
            *slot = &mut std::mem::take(slot)[..length];
        }
        // One index into all of them: an iterator over one would leave the others' bounds to be checked.
        for i in 0..length {
            let mut own = [T::ZERO; SLOTS];
            for slot in 0..SLOTS {
                own[slot] = state[slot][i];
            }
            weights.change(i, |weight, gradient| rule(weight, gradient, &mut own));
            for slot in 0..SLOTS {
                state[slot][i] = own[slot];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::parallel::{ELEMENTS_PER_TASK, with_threads};
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

    #[test]
    fn from_old_to_new_weights_gives_the_same_bits_as_in_place() {
        for length in [0, 1, 17, 3 * WEIGHTS_PER_TASK + 5] {
            let old: Vec<f32> = (0..length).map(|i| (i % 97) as f32 / 3.0).collect();
            let gradient: Vec<f32> = (0..length).map(|i| (i % 89) as f32 / 7.0).collect();
            let rule = |weight: f32, gradient: f32, [sum]: &mut [f32; 1]| {
                *sum = *sum * 0.9 + gradient;
                weight - 0.1 * *sum
            };
            let (mut in_place, mut new, mut sums) =
                (old.clone(), vec![f32::NAN; length], [vec![1.0; length], vec![1.0; length]]);
            let [first, second] = sums.each_mut();
            update(&mut in_place, &gradient, [first], rule);
            update_from(&old, &mut new, &gradient, [second], rule);
            assert!(in_place == new && sums[0] == sums[1], "{length} weights");
            let (mut buffer, mut sum) = (gradient.clone(), vec![1.0; length]);
            update_over(&old, &mut buffer, [&mut sum], rule);
            assert!(buffer == new && sum == sums[0], "{length} weights over their gradient");
        }
    }
}
