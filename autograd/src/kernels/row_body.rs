//! The loop over dense rows that computes a formula, behind a pointer.

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

/// The loop over a row that computes a formula: plain scalar code, small enough to be inlined.
pub(crate) struct Each<F>(F);

#[inline]
pub(crate) fn each<T, F: Fn([T; OPERANDS]) -> T + Copy + Sync, const OPERANDS: usize>(formula: F) -> Each<F> {
    Each(formula)
}

impl<T: Scalar, F: Fn([T; OPERANDS]) -> T + Copy + Sync, const OPERANDS: usize> RowBody<T, OPERANDS> for Each<F> {
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

/// The one loop: all slices have the length of `out`.
struct Dense<'a, T, F, const OPERANDS: usize> {
    rows: [&'a [T]; OPERANDS],
    out: &'a mut [T],
    formula: F,
}

impl<T: Scalar, F: Fn([T; OPERANDS]) -> T, const OPERANDS: usize> Kernel for Dense<'_, T, F, OPERANDS> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Dense { mut rows, out, formula } = self;
        // Cut to one length, so that the compiler sees that no index is out of bounds.
        let length = out.len();
        for row in &mut rows {
            *row = &row[..length];
        }
        let mut elements = [T::ZERO; OPERANDS];
        for i in 0..length {
            for operand in 0..OPERANDS {
                elements[operand] = rows[operand][i];
            }
            out[i] = formula(elements);
        }
    }
}
