//! The loop over dense rows that computes a formula, behind a pointer.

use super::reduce::{column, cut};
#[cfg(target_arch = "x86_64")]
use super::simd::isa::InstructionSet;
use super::simd::isa::selected;
use super::vectorize::Kernel;
use crate::scalar::Scalar;

/// What is to be done with a dense row of each operand and the elements of the output that belong to them.
///
/// It alone knows the formula: what finds the rows is compiled once, not once more for each of a hundred formulas. It
/// has a method for each instruction set, so that one call leads to the loop, and not one to the choice and another one
/// from there.
pub(crate) trait RowBody<T, const OPERANDS: usize>: Sync {
    fn portable(&self, rows: [&[T]; OPERANDS], out: &mut [T]);

    /// # Safety
    /// The machine has [`InstructionSet::Avx2`].
    #[cfg(target_arch = "x86_64")]
    unsafe fn avx2(&self, rows: [&[T]; OPERANDS], out: &mut [T]);

    /// # Safety
    /// The machine has [`InstructionSet::Avx512`].
    #[cfg(target_arch = "x86_64")]
    unsafe fn avx512(&self, rows: [&[T]; OPERANDS], out: &mut [T]);
}

impl<T, const OPERANDS: usize> dyn RowBody<T, OPERANDS> + '_ {
    /// Computes a row with the instruction set of this process.
    #[inline(always)]
    pub(crate) fn run(&self, rows: [&[T]; OPERANDS], out: &mut [T]) {
        match selected().isa.instruction_set() {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: an `Isa` is proof that the machine has the instruction set.
            InstructionSet::Avx512 => unsafe { self.avx512(rows, out) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            InstructionSet::Avx2 => unsafe { self.avx2(rows, out) },
            _ => self.portable(rows, out),
        }
    }
}

/// A formula of elements: a closure, or one that has rare elements.
pub(crate) trait Formula<T, const OPERANDS: usize>: Copy + Sync {
    /// Whether there are rare elements.
    const HAS_RARE: bool = false;

    /// The formula, small and free of branches, so that the loop over it is vectorised.
    fn common(&self, elements: [T; OPERANDS]) -> T;

    /// Whether [`common`](Formula::common) has not computed it.
    #[inline(always)]
    fn is_rare(&self, _: [T; OPERANDS]) -> bool {
        false
    }

    /// The formula of elements that are rare, a call.
    #[inline(always)]
    fn rare(&self, elements: [T; OPERANDS]) -> T {
        self.common(elements)
    }
}

impl<T, F: Fn([T; OPERANDS]) -> T + Copy + Sync, const OPERANDS: usize> Formula<T, OPERANDS> for F {
    #[inline(always)]
    fn common(&self, elements: [T; OPERANDS]) -> T {
        self(elements)
    }
}

/// The loop over a row that computes a formula: plain scalar code, small enough to be inlined.
pub(crate) struct Each<F>(F);

#[inline]
pub(crate) fn each<T, F: Fn([T; OPERANDS]) -> T + Copy + Sync, const OPERANDS: usize>(formula: F) -> Each<F> {
    Each(formula)
}

/// As [`each`], for a formula that is not a closure.
#[inline]
pub(crate) fn each_of<F>(formula: F) -> Each<F> {
    Each(formula)
}

impl<T: Scalar, F: Formula<T, OPERANDS>, const OPERANDS: usize> RowBody<T, OPERANDS> for Each<F> {
    fn portable(&self, rows: [&[T]; OPERANDS], out: &mut [T]) {
        Dense { rows, out, formula: self.0 }.run();
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn avx2(&self, rows: [&[T]; OPERANDS], out: &mut [T]) {
        Dense { rows, out, formula: self.0 }.run();
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
    unsafe fn avx512(&self, rows: [&[T]; OPERANDS], out: &mut [T]) {
        Dense { rows, out, formula: self.0 }.run();
    }
}

/// Elements after which rare ones are looked for, as long as they are in the first cache.
const LOOKED_AT: usize = 512;

/// The one loop: all slices have the length of `out`.
struct Dense<'a, T, F, const OPERANDS: usize> {
    rows: [&'a [T]; OPERANDS],
    out: &'a mut [T],
    formula: F,
}

impl<T: Scalar, F: Formula<T, OPERANDS>, const OPERANDS: usize> Kernel for Dense<'_, T, F, OPERANDS> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Dense { rows, out, formula } = self;
        // Cut to one length, so that the compiler sees that no index is out of bounds.
        let rows = cut(rows, 0..out.len());
        if F::HAS_RARE {
            return compute_and_look(rows, out, formula);
        }
        // This is compiled for each formula, so it is short: a loop without an iterator, and calls of what is not.
        let mut i = 0;
        while i < out.len() {
            out[i] = formula.common(column(rows, i));
            i += 1;
        }
    }
}

/// Computes a formula that has rare elements, and those among them.
#[inline(always)]
fn compute_and_look<T: Scalar, F: Formula<T, OPERANDS>, const OPERANDS: usize>(
    rows: [&[T]; OPERANDS],
    out: &mut [T],
    formula: F,
) {
    let mut start = 0;
    while start < out.len() {
        let end = out.len().min(start + LOOKED_AT);
        let mut has_rare = false;
        for i in start..end {
            let elements = column(rows, i);
            out[i] = formula.common(elements);
            has_rare |= formula.is_rare(elements);
        }
        if has_rare {
            compute_rare(cut(rows, start..end), &mut out[start..end], formula);
        }
        start = end;
    }
}

/// Computes the rare elements once more.
#[cold]
#[inline(never)]
fn compute_rare<T: Scalar, F: Formula<T, OPERANDS>, const OPERANDS: usize>(
    rows: [&[T]; OPERANDS],
    out: &mut [T],
    formula: F,
) {
    for (i, out) in out.iter_mut().enumerate() {
        let elements = column(rows, i);
        if formula.is_rare(elements) {
            *out = formula.rare(elements);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::simd::isa::Isa;
    use super::super::vectorize::vectorized_for;
    use super::*;

    /// x + y, but rarely, where x is a multiple of `every`, -1.
    #[derive(Clone, Copy)]
    struct RareMultiples {
        every: f64,
    }

    impl Formula<f64, 2> for RareMultiples {
        const HAS_RARE: bool = true;

        fn common(&self, [x, y]: [f64; 2]) -> f64 {
            x + y
        }

        fn is_rare(&self, [x, _]: [f64; 2]) -> bool {
            x % self.every == 0.0
        }

        fn rare(&self, _: [f64; 2]) -> f64 {
            -1.0
        }
    }

    #[test]
    fn rare_elements_are_computed_by_themselves_on_every_instruction_set() {
        for (length, every) in [(0, 2.0), (1, 1.0), (511, 500.0), (512, 1e9), (1500, 511.0), (1500, 1.0)] {
            let x: Vec<f64> = (1..=length).map(f64::from).collect();
            for &isa in Isa::available() {
                let mut out = vec![f64::NAN; x.len()];
                vectorized_for(isa, Dense { rows: [&x, &x], out: &mut out, formula: RareMultiples { every } });
                for (&x, found) in x.iter().zip(out) {
                    assert_eq!(found, if x % every == 0.0 { -1.0 } else { x + x }, "{}", isa.name());
                }
            }
        }
    }
}
