//! Elements dropped at random. What is dropped is a function of a stream and an element's index, so nobody keeps it.

use super::parallel::{ELEMENTS_PER_TASK, for_each_chunk};
use super::vectorize::{Kernel, vectorized};
use crate::random::Random;
use crate::scalar::Scalar;

/// Which elements are dropped.
#[derive(Clone, Debug)]
pub(crate) struct Drops {
    random: Random,
    /// An element is dropped if 53 random bits are less.
    threshold: u64,
}

impl Drops {
    /// Each element is dropped with probability `p`: where the number in [0, 1) that the stream has for it is less.
    pub(crate) fn new(random: Random, p: f64) -> Self {
        Drops { random, threshold: (p * (1_u64 << 53) as f64).ceil() as u64 }
    }

    /// Writes the elements times `scale`, and 0 for those that are dropped, even of NaN.
    pub(crate) fn apply<T: Scalar>(&self, values: &[T], scale: T, out: &mut [T]) {
        for_each_chunk(out, ELEMENTS_PER_TASK / 2, |start, out| {
            let values = &values[start..][..out.len()];
            vectorized(Apply { drops: self, start: start as u64, values, scale, out });
        });
    }
}

struct Apply<'a, T> {
    drops: &'a Drops,
    start: u64,
    values: &'a [T],
    scale: T,
    out: &'a mut [T],
}

impl<T: Scalar> Kernel for Apply<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Apply { drops: Drops { random, threshold }, start, values, scale, out } = self;
        for (index, (out, &x)) in out.iter_mut().zip(values).enumerate() {
            let scaled = x * scale;
            *out = if random.ahead(start + index as u64) >> 11 < *threshold { T::ZERO } else { scaled };
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
    fn elements_are_dropped_as_the_stream_has_it_on_every_instruction_set_and_number_of_threads() {
        for (length, p) in [(0, 0.5), (1, 0.5), (1000, 0.1), (70_001, 0.7), (9, 1.0), (9, 1e-300)] {
            let values: Vec<f32> = (0..length).map(|i| if i % 5 == 0 { f32::NAN } else { i as f32 }).collect();
            let mut random = Random::new(7);
            random.seek(3);
            let drops = Drops::new(random.clone(), p);
            let scaled = |&x: &f32| if random.uniform() < p { 0 } else { (x * 1.5).to_bits() };
            let wanted: Vec<u32> = values.iter().map(scaled).collect();
            let check = |out: Vec<f32>| assert!(out.iter().map(|x| x.to_bits()).eq(wanted.iter().copied()), "{p}");
            for &isa in Isa::available() {
                let mut out = vec![-1.0; length];
                vectorized_for(isa, Apply { drops: &drops, start: 0, values: &values, scale: 1.5, out: &mut out });
                check(out);
            }
            for threads in [1, 3] {
                let mut out = vec![-1.0; length];
                with_threads(threads, || drops.apply(&values, 1.5, &mut out));
                check(out);
            }
        }
    }
}
