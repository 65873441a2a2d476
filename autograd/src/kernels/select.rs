//! Elements of one of two operands, as a mask has it.

use super::parallel::{ELEMENTS_PER_TASK, for_each_chunk};
use super::vectorize::{Kernel, vectorized};
use crate::scalar::Scalar;

/// An operand: as many elements as the mask has, or one for all.
#[derive(Clone, Copy)]
pub(crate) enum Side<'a, T> {
    Elements(&'a [T]),
    Value(T),
}

/// Elements that are selected at once; so many copies are made of a value.
const BLOCK: usize = 512;

/// Writes the elements of the first operand where the mask is true, and those of the second where it is false.
pub(crate) fn select<T: Scalar>(mask: &[bool], sides: [Side<'_, T>; 2], out: &mut [T]) {
    assert_eq!(mask.len(), out.len(), "select: the mask's length");
    for_each_chunk(out, ELEMENTS_PER_TASK, |start, out| {
        let mut sides = sides;
        for side in &mut sides {
            if let Side::Elements(elements) = side {
                *elements = &elements[start..][..out.len()];
            }
        }
        vectorized(Select { mask: &mask[start..][..out.len()], sides, out });
    });
}

struct Select<'a, T> {
    mask: &'a [bool],
    sides: [Side<'a, T>; 2],
    out: &'a mut [T],
}

impl<T: Scalar> Kernel for Select<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Select { mask, sides, out } = self;
        let mut copies = [[T::ZERO; BLOCK]; 2];
        for side in 0..2 {
            if let Side::Value(value) = sides[side] {
                copies[side].fill(value);
            }
        }
        for (index, (out, mask)) in out.chunks_mut(BLOCK).zip(mask.chunks(BLOCK)).enumerate() {
            let row = |side: usize| match sides[side] {
                Side::Elements(elements) => &elements[index * BLOCK..][..out.len()],
                Side::Value(_) => &copies[side][..out.len()],
            };
            let (first, second, mask) = (row(0), row(1), &mask[..out.len()]);
            for i in 0..out.len() {
                // Both are loaded first: the compiler does not vectorise a loop in which a load has a condition.
                let (a, b) = (first[i], second[i]);
                out[i] = if mask[i] { a } else { b };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::parallel::with_threads;
    use crate::kernels::simd::isa::Isa;
    use crate::kernels::vectorize::vectorized_for;

    #[test]
    fn elements_and_values_are_selected_on_every_instruction_set_and_number_of_threads() {
        for length in [0, 1, 511, 513, 70_000] {
            let mask: Vec<bool> = (0..length).map(|i| i * 7919 % 5 < 2).collect();
            let (a, b): (Vec<f32>, Vec<f32>) = (0..length).map(|i| (i as f32, f32::NAN)).unzip();
            let (a, b) = ([Side::Elements(&a[..]), Side::Value(3.0)], [Side::Elements(&b[..]), Side::Value(-1.0)]);
            for sides in a.into_iter().flat_map(|a| b.map(|b| [a, b])) {
                let at = |side: Side<'_, f32>, i: usize| match side {
                    Side::Elements(elements) => elements[i].to_bits(),
                    Side::Value(value) => value.to_bits(),
                };
                let wanted: Vec<u32> = (0..length).map(|i| at(sides[usize::from(!mask[i])], i)).collect();
                let check = |out: Vec<f32>| assert!(out.iter().map(|x| x.to_bits()).eq(wanted.iter().copied()));
                for &isa in Isa::available() {
                    let mut out = vec![0.5; length];
                    vectorized_for(isa, Select { mask: &mask, sides, out: &mut out });
                    check(out);
                }
                for threads in [1, 3] {
                    let mut out = vec![0.5; length];
                    with_threads(threads, || select(&mask, sides, &mut out));
                    check(out);
                }
            }
        }
    }
}
