//! One algorithm, compiled for every instruction set.
//!
//! A kernel is a value with a `run` method in plain scalar Rust. [`vectorized`] runs it inside a function that is
//! compiled for the chosen instruction set; as `run` is always inlined into it, LLVM vectorises the loops with that
//! set's registers. The fork across threads lies *outside* of this call: a closure that rayon runs is compiled for the
//! plain machine.

#[cfg(target_arch = "x86_64")]
use super::simd::isa::InstructionSet;
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

/// Runs the kernel with a given instruction set.
#[inline]
pub(crate) fn vectorized_for<K: Kernel>(isa: Isa, kernel: K) -> K::Output {
    match isa.instruction_set() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: an `Isa` is proof that the machine has the instruction set.
        InstructionSet::Avx512 => unsafe { avx512(kernel) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        InstructionSet::Avx2 => unsafe { avx2(kernel) },
        // On AArch64 also NEON: the compiler uses it in every function there.
        _ => portable(kernel),
    }
}

/// Like the others not inlined, so that it exists once, wherever it is called from: a kernel may call another one.
#[inline(never)]
fn portable<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
#[inline(never)]
fn avx512<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
#[inline(never)]
fn avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scalar::Scalar;

    struct Each<'a, T, F> {
        values: &'a [T],
        out: &'a mut [T],
        f: F,
    }

    impl<T: Scalar, F: Fn(T) -> T> Kernel for Each<'_, T, F> {
        type Output = ();

        #[inline(always)]
        fn run(self) {
            for (out, &value) in self.out.iter_mut().zip(self.values) {
                *out = (self.f)(value);
            }
        }
    }

    fn same_on_every_row<T: Scalar>(name: &str, values: &[T], f: impl Fn(T) -> T + Copy) {
        for &isa in Isa::available() {
            let mut out = vec![T::ZERO; values.len()];
            vectorized_for(isa, Each { values, out: &mut out, f });
            for (&value, &got) in values.iter().zip(&out) {
                let wanted = f(value);
                assert!(
                    got == wanted || (got.is_nan() && wanted.is_nan()),
                    "{name}({value:e}) is {got:e} on {}, {wanted:e} as plain code",
                    isa.name()
                );
            }
        }
    }

    /// The bounds that the functions are tested for as plain code thus hold on every row.
    #[test]
    fn elementary_functions_have_the_same_bits_on_every_row() {
        let singles: Vec<f32> = (0..u32::MAX).step_by(100_003).map(f32::from_bits).collect();
        let doubles: Vec<f64> = (0..40_000_u64).map(|n| f64::from_bits(n * (u64::MAX / 40_000))).collect();
        let near: Vec<f64> = (-20_000..20_000).map(|n| f64::from(n) / 500.0).collect();
        macro_rules! same {
            ($($function:ident)+) => {
                $(
                    same_on_every_row(stringify!($function), &singles, Scalar::$function);
                    same_on_every_row(stringify!($function), &doubles, Scalar::$function);
                    same_on_every_row(stringify!($function), &near, Scalar::$function);
                )+
            };
        }
        same!(exp exp_m1 ln ln_1p tanh sigmoid erf gelu gelu_slope sin cos);
        for exponent in [0.75, -3.0, 1e3] {
            same_on_every_row("powf", &singles, |x| Scalar::powf(x, exponent as f32));
            same_on_every_row("powf", &doubles, |x| Scalar::powf(x, exponent));
            same_on_every_row("powf", &near, |x| Scalar::powf(x, exponent));
        }
    }
}
