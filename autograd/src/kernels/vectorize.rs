//! One algorithm, compiled for every instruction set.
//!
//! A kernel is a value with a `run` method in plain scalar Rust. [`vectorized`] runs it inside a function that is compiled for the chosen
//! instruction set; as `run` is always inlined into it, LLVM vectorises the loops with that set's registers. The fork across threads
//! lies *outside* of this call: a closure that rayon runs is compiled for the plain machine.

use super::simd::isa::{Isa, selected};

/// A computation to be compiled for every instruction set. Implementations mark `run` as `#[inline(always)]`.
pub(crate) trait Kernel {
    /// What the computation returns.
    type Output;
    /// The computation.
    fn run(self) -> Self::Output;
}

/// Runs the kernel with the instruction set of this process.
#[inline]
pub(crate) fn vectorized<K: Kernel>(kernel: K) -> K::Output {
    vectorized_for(selected().isa, kernel)
}

/// Runs the kernel with a given instruction set, which must be [available](Isa::available).
#[inline]
pub(crate) fn vectorized_for<K: Kernel>(isa: Isa, kernel: K) -> K::Output {
    debug_assert!(Isa::available().contains(&isa), "{} is not available here", isa.name());
    match isa {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a set is selected only where the machine has it.
        Isa::Avx512 => unsafe { avx512(kernel) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Isa::Avx2 => unsafe { avx2(kernel) },
        _ => kernel.run(),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
fn avx512<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
}
