//! Counter-based random numbers: the i-th number of a stream is a function of only the seed and i.
//!
//! So every thread can compute any part of a stream, and the bits do not depend on how the work is divided. The
//! function is SplitMix64 (Steele, Lea, Flood: *Fast splittable pseudorandom number generators*, OOPSLA 2014), whose
//! state is a counter.

use crate::scalar::Scalar;

/// A stream of random numbers and the current position in it.
///
/// ```
/// use autograd::Random;
/// let mut random = Random::new(7);
/// let die = random.below(6);
/// assert!(die < 6);
/// assert_eq!(Random::new(7).below(6), die, "the same seed, the same numbers");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Random {
    key: u64,
    position: u64,
}

/// 2⁶⁴ divided by the golden ratio, rounded to an odd number. Multiples of it are far apart from each other.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The output function of SplitMix64: each input bit changes each output bit with probability about ½.
#[inline(always)]
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

impl Random {
    /// The stream of a seed, from its beginning.
    pub fn new(seed: u64) -> Self {
        Random { key: mix(seed.wrapping_add(GOLDEN)), position: 0 }
    }

    /// The number of values drawn so far. Together with the seed it is the whole state.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Continues at `position`, as if that many values had been drawn.
    pub fn seek(&mut self, position: u64) {
        self.position = position;
    }

    /// Another stream, which depends only on this stream's seed and `index`: for a layer, an epoch, a worker.
    pub fn stream(&self, index: u64) -> Random {
        Random { key: mix(self.key ^ mix(index.wrapping_add(1).wrapping_mul(GOLDEN))), position: 0 }
    }

    #[inline(always)]
    fn at(&self, position: u64) -> u64 {
        mix(self.key.wrapping_add(position.wrapping_mul(GOLDEN)))
    }

    /// The next 64 random bits.
    pub fn bits(&mut self) -> u64 {
        let bits = self.at(self.position);
        self.position = self.position.wrapping_add(1);
        bits
    }

    /// The next value, uniform in [0, 1), with the full precision of an `f64`.
    pub fn uniform(&mut self) -> f64 {
        unit(self.bits())
    }

    /// An integer in 0..bound, all equally likely (Lemire, *Fast random integer generation in an interval*, 2019).
    ///
    /// # Panics
    /// If `bound` is 0.
    #[track_caller]
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "below: there is no number below 0");
        loop {
            let product = u128::from(self.bits()) * u128::from(bound);
            // The low half shows whether the draw is in the range that would make some results more likely.
            if product as u64 >= bound.wrapping_neg() % bound {
                return (product >> 64) as u64;
            }
        }
    }

    /// Shuffles `items` (Fisher and Yates).
    pub fn shuffle<I>(&mut self, items: &mut [I]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }

    /// Fills `out` with uniform values in [low, high).
    pub(crate) fn fill_uniform<T: Scalar>(&mut self, out: &mut [T], low: f64, high: f64) {
        for element in out {
            let value = T::from_f64(low + (high - low) * unit(self.bits()));
            // Rounding to `f32` may give the excluded upper end.
            *element = if value.to_f64() < high { value } else { T::from_f64(low) };
        }
    }

    /// Fills `out` with normal values of mean 0 and standard deviation 1 (Box and Muller, 1958: two uniform values give
    /// two normal ones).
    pub(crate) fn fill_normal<T: Scalar>(&mut self, out: &mut [T]) {
        for pair in out.chunks_mut(2) {
            let radius = (-2.0 * (1.0 - unit(self.bits())).ln()).sqrt();
            let (sine, cosine) = (std::f64::consts::TAU * unit(self.bits())).sin_cos();
            pair[0] = T::from_f64(radius * cosine);
            if let Some(second) = pair.get_mut(1) {
                *second = T::from_f64(radius * sine);
            }
        }
    }
}

/// 53 random bits as a number in [0, 1).
fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

/// The source of random numbers for `rand` and `randn`: a seed, or a [`Random`] whose position advances.
pub trait Seed {
    /// Calls `draw` with the stream. A `&mut Random` keeps the new position afterwards.
    fn draw<R>(self, draw: impl FnOnce(&mut Random) -> R) -> R;
}

impl Seed for u64 {
    fn draw<R>(self, draw: impl FnOnce(&mut Random) -> R) -> R {
        draw(&mut Random::new(self))
    }
}

impl Seed for &mut Random {
    fn draw<R>(self, draw: impl FnOnce(&mut Random) -> R) -> R {
        draw(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_can_be_entered_anywhere() {
        let mut whole = Random::new(3);
        let drawn: Vec<u64> = (0..100).map(|_| whole.bits()).collect();
        let mut late = Random::new(3);
        late.seek(60);
        assert_eq!((60..100).map(|_| late.bits()).collect::<Vec<_>>(), drawn[60..]);
        assert_ne!(Random::new(3).stream(0).bits(), drawn[0]);
        assert_ne!(Random::new(4).bits(), drawn[0]);
    }

    #[test]
    fn moments_are_those_of_the_distributions() {
        let mut random = Random::new(0);
        let (mut uniform, mut normal) = (vec![0.0_f64; 200_000], vec![0.0_f64; 200_001]);
        random.fill_uniform(&mut uniform, -1.0, 3.0);
        random.fill_normal(&mut normal);
        let moments = |values: &[f64]| {
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            (mean, values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / values.len() as f64)
        };
        let (mean, variance) = moments(&uniform);
        assert!((mean - 1.0).abs() < 0.02 && (variance - 16.0 / 12.0).abs() < 0.02, "{mean} {variance}");
        assert!(uniform.iter().all(|x| (-1.0..3.0).contains(x)));
        let (mean, variance) = moments(&normal);
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.02, "{mean} {variance}");
    }

    #[test]
    fn an_f32_never_reaches_the_excluded_end() {
        let mut values = vec![0.0_f32; 1 << 20];
        Random::new(1).fill_uniform(&mut values, 0.0, 1.0);
        assert!(values.iter().all(|x| (0.0..1.0).contains(x)));
    }

    #[test]
    fn a_shuffle_is_a_permutation_and_every_item_reaches_every_index() {
        let mut random = Random::new(5);
        let mut seen = [[false; 5]; 5];
        for _ in 0..500 {
            let mut items = [0, 1, 2, 3, 4];
            random.shuffle(&mut items);
            for (index, &item) in items.iter().enumerate() {
                seen[index][item] = true;
            }
            items.sort_unstable();
            assert_eq!(items, [0, 1, 2, 3, 4]);
        }
        assert!(seen.iter().flatten().all(|&reached| reached));
    }
}
