//! Slices that are added to chosen slots: the gradient of a selection.

use std::ops::Range;

use super::gemm::buffer::PoolVec;
use super::parallel::{ELEMENTS_PER_TASK, for_each_item, num_threads};
use crate::scalar::Scalar;
use crate::storage::Storage;

/// Slices that are added to a slot one after another; more are summed in pairs of such blocks.
const BLOCK: usize = 64;

/// Elements above which threads share the work. To sort the slices, and to read them in that order, takes about as long
/// as to add them on one thread. (Measured: 262,144 elements of 4,096 slices take 40 µs in their order.)
const WORTH_SORTING: usize = 32 * ELEMENTS_PER_TASK;

/// Which slices are added to which slots of an array.
///
/// The error of a slot's sum grows with the logarithm of the number of its slices. The slices of a slot are added in
/// their order, in blocks of [`BLOCK`] that are summed in pairs, whether they are sorted by their slots first or not:
/// they are if some slot has more than a block, and if threads share the work, each its own slots.
pub(crate) struct ScatterAdd<'a> {
    /// The slot of each slice.
    slots: &'a [i64],
    by_slot: Option<BySlot>,
}

/// The slices' positions, sorted by their slots.
struct BySlot {
    order: PoolVec<u32>,
    /// Where in `order` the slices of each slot end.
    ends: PoolVec<u32>,
}

impl<'a> ScatterAdd<'a> {
    /// Slice i, `width` elements long, is to be added to slot `slots[i]` of `count`. No slot has more than `most` of
    /// them: an upper bound that is cheap to know.
    pub(crate) fn new(slots: &'a [i64], count: usize, most: usize, width: usize) -> Self {
        let is_shared = slots.len().saturating_mul(width) > WORTH_SORTING && num_threads() > 1;
        let by_slot = (most > BLOCK || is_shared).then(|| BySlot::new(slots, count, is_shared)).flatten();
        ScatterAdd { slots, by_slot }
    }

    /// Adds the slices of `width` elements to the slots of each of several arrays, which are as wide and zero.
    pub(crate) fn run<T: Scalar>(&self, elements: &[T], width: usize, out: &mut [T]) {
        let length = self.slots.len() * width;
        if length == 0 || out.is_empty() {
            return;
        }
        let arrays = elements.len() / length;
        let arrays = elements.chunks_exact(length).zip(out.chunks_exact_mut(out.len() / arrays));
        let Some(by_slot) = &self.by_slot else {
            return arrays.for_each(|(elements, out)| self.add_in_order(elements, width, out));
        };
        // About as many slices for each task.
        let tasks = length.div_ceil(2 * ELEMENTS_PER_TASK).max(1);
        let slots = by_slot.ends.len().div_ceil(tasks);
        let mut items = Vec::new();
        for (elements, out) in arrays {
            for (part, out) in out.chunks_mut(slots * width).enumerate() {
                items.push((elements, part * slots..part * slots + out.len() / width, out));
            }
        }
        for_each_item(items, |(elements, slots, out)| by_slot.add(slots, elements, width, out));
    }

    fn add_in_order<T: Scalar>(&self, elements: &[T], width: usize, out: &mut [T]) {
        if width == 1 {
            for (&element, &slot) in elements.iter().zip(self.slots) {
                out[slot as usize] += element;
            }
        } else {
            for (slice, &slot) in elements.chunks_exact(width).zip(self.slots) {
                add(slice, &mut out[slot as usize * width..][..width]);
            }
        }
    }
}

impl BySlot {
    /// A counting sort; none if no slot has more than [`BLOCK`] slices, unless it `is_wanted`.
    fn new(slots: &[i64], count: usize, is_wanted: bool) -> Option<Self> {
        u32::try_from(slots.len()).expect("scatter_add: more than 2³² slices");
        let mut ends = PoolVec::zeros(count);
        for &slot in slots {
            ends[slot as usize] += 1;
        }
        if !is_wanted && ends.iter().all(|&slices| slices as usize <= BLOCK) {
            return None;
        }
        // Where each slot's slices start, which moves up to where they end.
        let mut start = 0;
        for end in &mut *ends {
            (*end, start) = (start, start + *end);
        }
        let mut order = PoolVec::zeros(slots.len());
        for (slice, &slot) in (0..).zip(slots) {
            let next = &mut ends[slot as usize];
            order[*next as usize] = slice;
            *next += 1;
        }
        Some(BySlot { order, ends })
    }

    /// Adds the slices of some slots.
    fn add<T: Scalar>(&self, slots: Range<usize>, elements: &[T], width: usize, out: &mut [T]) {
        let mut start = slots.start.checked_sub(1).map_or(0, |before| self.ends[before]) as usize;
        let ends = &self.ends[slots];
        let longest =
            ends.iter().scan(start, |start, &end| Some(end as usize - std::mem::replace(start, end as usize)));
        let levels = longest.max().unwrap_or(1).max(1).ilog2() as usize + 1;
        Storage::build(levels * width, |scratch| {
            for (out, &end) in out.chunks_exact_mut(width).zip(ends) {
                add_in_pairs(elements, width, &self.order[start..end as usize], out, scratch);
                start = end as usize;
            }
            scratch.fill(T::ZERO);
        });
    }
}

fn add<T: Scalar>(slice: &[T], out: &mut [T]) {
    for (sum, &element) in out.iter_mut().zip(slice) {
        *sum += element;
    }
}

/// Adds the slices at `order` to `out`, which is zero. `scratch` has room for a slice for each halving of the order.
fn add_in_pairs<T: Scalar>(elements: &[T], width: usize, order: &[u32], out: &mut [T], scratch: &mut [T]) {
    if order.len() <= BLOCK {
        return order.iter().for_each(|&slice| add(&elements[slice as usize * width..][..width], out));
    }
    let (first, second) = order.split_at(order.len() / 2);
    add_in_pairs(elements, width, first, out, scratch);
    let (other, scratch) = scratch.split_at_mut(width);
    other.fill(T::ZERO);
    add_in_pairs(elements, width, second, other, scratch);
    add(other, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_slot_has_the_sum_of_its_slices() {
        for (count, length) in [(1, 1), (5, 3), (1, 64), (1, 65), (3, 64), (3, 65), (7, 1000), (2, 10_000)] {
            let slots: Vec<i64> = (0..length).map(|i| ((i * i * 7919) % (count + 2)).min(count - 1) as i64).collect();
            for width in [0, 1, 3] {
                let elements: Vec<f64> = (0..length * width).map(|i| (i % 101) as f64).collect();
                let mut expected = vec![0.0; count * width];
                for (slice, &slot) in slots.iter().enumerate() {
                    for column in 0..width {
                        expected[slot as usize * width + column] += elements[slice * width + column];
                    }
                }
                let mut out = vec![0.0; count * width];
                ScatterAdd::new(&slots, count, length, width).run(&elements, width, &mut out);
                assert_eq!(out, expected, "{length} slices of {width} in {count} slots");
            }
        }
    }

    #[test]
    fn the_error_of_many_slices_in_a_slot_grows_with_the_logarithm_of_their_number() {
        let (length, width) = (1 << 18, 2);
        let slots: Vec<i64> = (0..length).map(|i| i64::from(i % 64 == 5)).collect();
        let mut out = [0.0_f32; 4];
        ScatterAdd::new(&slots, 2, length, width).run(&vec![0.1; length * width], width, &mut out);
        for (slot, share) in [(0, 63), (1, 1)] {
            let exact = f64::from(0.1_f32) * (length / 64 * share) as f64;
            let depth = (BLOCK + length.ilog2() as usize) as f64;
            for found in &out[slot * width..][..width] {
                let error = (f64::from(*found) - exact).abs();
                assert!(error <= exact * depth * f64::from(f32::EPSILON) / 2.0, "{found}, {exact}");
            }
        }
    }

    #[test]
    fn the_bits_do_not_depend_on_the_number_of_threads() {
        for (count, width, arrays) in [(5000, 1, 1), (300, 17, 2), (3, 40, 1)] {
            let length = 2 * WORTH_SORTING / width;
            let slots: Vec<i64> = (0..length).map(|i| ((i * 7919) % count) as i64).collect();
            let elements: Vec<f32> = (0..arrays * length * width).map(|i| (i as f32 * 0.37).sin()).collect();
            let run = |threads| {
                let mut out = vec![0.0; arrays * count * width];
                crate::kernels::parallel::with_threads(threads, || {
                    ScatterAdd::new(&slots, count, length, width).run(&elements, width, &mut out);
                });
                out
            };
            assert!([2, 3].into_iter().all(|threads| run(threads) == run(1)), "{count} slots of {width}");
        }
    }
}
