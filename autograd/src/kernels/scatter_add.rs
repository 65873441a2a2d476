//! Slices that are added to chosen slots: the gradient of a selection.

use crate::scalar::Scalar;

/// Slices that are added to a slot one after another; more are summed in pairs of such blocks.
const BLOCK: usize = 64;

/// Which slices are added to which slots of an array.
///
/// The error of a slot's sum grows with the logarithm of the number of its slices: in the order of the slices where no
/// slot has more than [`BLOCK`] of them, which is usual and takes no preparation but a count; slot by slot otherwise.
pub(crate) struct ScatterAdd<'a> {
    /// The slot of each slice.
    slots: &'a [i64],
    by_slot: Option<BySlot>,
}

/// The slices' positions, sorted by their slots.
struct BySlot {
    order: Vec<usize>,
    /// Where in `order` the slices of each slot end.
    ends: Vec<usize>,
}

impl<'a> ScatterAdd<'a> {
    /// Slice i is to be added to slot `slots[i]` of `count`. No slot has more than `most` of them: an upper bound that
    /// is cheap to know.
    pub(crate) fn new(slots: &'a [i64], count: usize, most: usize) -> Self {
        let by_slot = (most > BLOCK && is_long(slots, count)).then(|| BySlot::new(slots, count));
        ScatterAdd { slots, by_slot }
    }

    /// Adds the slices of `width` elements to the slots, which are as wide and zero.
    pub(crate) fn run<T: Scalar>(&self, elements: &[T], width: usize, out: &mut [T]) {
        if width == 0 {
            return;
        }
        if let Some(BySlot { order, ends }) = &self.by_slot {
            let mut scratch = vec![T::ZERO; width * (order.len().max(1).ilog2() as usize + 1)];
            let mut start = 0;
            for (out, &end) in out.chunks_exact_mut(width).zip(ends) {
                add_in_pairs(elements, width, &order[start..end], out, &mut scratch);
                start = end;
            }
        } else if width == 1 {
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

/// Whether some slot has more than [`BLOCK`] slices.
fn is_long(slots: &[i64], count: usize) -> bool {
    let mut slices = vec![0_u8; count];
    slots.iter().any(|&slot| {
        let slices = &mut slices[slot as usize];
        *slices += 1; // At most BLOCK + 1, where the search ends.
        usize::from(*slices) > BLOCK
    })
}

impl BySlot {
    /// A counting sort.
    fn new(slots: &[i64], count: usize) -> Self {
        let mut ends = vec![0; count];
        for &slot in slots {
            ends[slot as usize] += 1;
        }
        // Where each slot's slices start, which moves up to where they end.
        let mut start = 0;
        for end in &mut ends {
            (*end, start) = (start, start + *end);
        }
        let mut order = vec![0; slots.len()];
        for (slice, &slot) in slots.iter().enumerate() {
            let next = &mut ends[slot as usize];
            order[*next] = slice;
            *next += 1;
        }
        BySlot { order, ends }
    }
}

fn add<T: Scalar>(slice: &[T], out: &mut [T]) {
    for (sum, &element) in out.iter_mut().zip(slice) {
        *sum += element;
    }
}

/// Adds the slices at `order` to `out`, which is zero. `scratch` has room for a slice for each halving of the order.
fn add_in_pairs<T: Scalar>(elements: &[T], width: usize, order: &[usize], out: &mut [T], scratch: &mut [T]) {
    if order.len() <= BLOCK {
        return order.iter().for_each(|&slice| add(&elements[slice * width..][..width], out));
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
                ScatterAdd::new(&slots, count, length).run(&elements, width, &mut out);
                assert_eq!(out, expected, "{length} slices of {width} in {count} slots");
            }
        }
    }

    #[test]
    fn the_error_of_many_slices_in_a_slot_grows_with_the_logarithm_of_their_number() {
        let (length, width) = (1 << 18, 2);
        let slots: Vec<i64> = (0..length).map(|i| i64::from(i % 64 == 5)).collect();
        let mut out = [0.0_f32; 4];
        ScatterAdd::new(&slots, 2, length).run(&vec![0.1; length * width], width, &mut out);
        for (slot, share) in [(0, 63), (1, 1)] {
            let exact = f64::from(0.1_f32) * (length / 64 * share) as f64;
            let depth = (BLOCK + length.ilog2() as usize) as f64;
            for found in &out[slot * width..][..width] {
                let error = (f64::from(*found) - exact).abs();
                assert!(error <= exact * depth * f64::from(f32::EPSILON) / 2.0, "{found}, {exact}");
            }
        }
    }
}
