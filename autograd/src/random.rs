//! Counter-based random numbers: the i-th number of a stream is a function of only the seed and i.
//!
//! So every thread can compute any part of a stream, and the bits do not depend on how the work is divided. The
//! function is SplitMix64 (Steele, Lea, Flood: *Fast splittable pseudorandom number generators*, OOPSLA 2014), whose
//! state is a counter.

use std::cell::Cell;

use crate::mode::{self, FORKED, LOGGED, REPLAYED};
use crate::replay;
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

    /// What the seed became, of which the numbers are a function: with the position, the whole state.
    pub(crate) fn key(&self) -> u64 {
        self.key
    }

    /// The stream of a [`key`](Random::key), from this position on.
    pub(crate) fn at_position(key: u64, position: u64) -> Self {
        Random { key, position }
    }

    /// Goes on from `position`, as if that many numbers had been drawn.
    pub fn seek(&mut self, position: u64) {
        if !mode::has(REPLAYED) {
            self.position = position;
        }
    }

    /// Another stream, which depends only on this stream's seed and `index`: for a layer, an epoch, a worker.
    pub fn stream(&self, index: u64) -> Random {
        Random { key: mix(self.key ^ mix(index.wrapping_add(1).wrapping_mul(GOLDEN))), position: 0 }
    }

    /// The 64 random bits that will be drawn after so many others.
    #[inline(always)]
    pub(crate) fn ahead(&self, count: u64) -> u64 {
        self.at(self.position.wrapping_add(count))
    }

    #[inline(always)]
    fn at(&self, position: u64) -> u64 {
        mix(self.key.wrapping_add(position.wrapping_mul(GOLDEN)))
    }

    /// The next 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.draw_with(Random::next)
    }

    #[inline(always)]
    fn next(&mut self) -> u64 {
        let bits = self.at(self.position);
        self.position = self.position.wrapping_add(1);
        bits
    }

    /// Every draw from outside of this file passes here: a segment that is [computed twice](crate::recompute) draws the
    /// same twice.
    #[inline]
    fn draw_with<R>(&mut self, draw: impl FnOnce(&mut Random) -> R) -> R {
        if mode::has(LOGGED | FORKED) { self.draw_logged(draw) } else { draw(self) }
    }

    #[cold]
    fn draw_logged<R>(&mut self, draw: impl FnOnce(&mut Random) -> R) -> R {
        let [key, position] = replay::draw([self.key, self.position]);
        let mut stream = Random { key, position };
        let result = mode::with_bits(mode::bits() & !(LOGGED | FORKED), || draw(&mut stream));
        if !mode::has(REPLAYED) {
            *self = stream;
        }
        result
    }

    /// The next number in [0, 1), with all the bits that an `f64` holds.
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
        self.draw_with(|stream| stream.next_below(bound))
    }

    fn next_below(&mut self, bound: u64) -> u64 {
        loop {
            let product = u128::from(self.next()) * u128::from(bound);
            // The low half tells whether the draw fell into the part that would favour some results.
            if product as u64 >= bound.wrapping_neg() % bound {
                return (product >> 64) as u64;
            }
        }
    }

    /// Shuffles `items` (Fisher and Yates).
    pub fn shuffle<I>(&mut self, items: &mut [I]) {
        self.draw_with(|stream| {
            for last in (1..items.len()).rev() {
                items.swap(last, stream.next_below(last as u64 + 1) as usize);
            }
        });
    }

    /// Fills `out` with numbers in [low, high).
    #[inline(never)]
    pub(crate) fn fill_uniform<T: Scalar>(&mut self, out: &mut [T], low: f64, high: f64) {
        for number in out {
            let value = T::from_f64(low + (high - low) * unit(self.next()));
            // Rounding to a shorter type may reach the excluded end.
            *number = if value.to_f64() < high { value } else { T::from_f64(low) };
        }
    }

    /// Fills `out` with normal numbers of mean 0 and deviation 1 (Box and Muller, 1958: two from two).
    #[inline(never)]
    pub(crate) fn fill_normal<T: Scalar>(&mut self, out: &mut [T]) {
        for pair in out.chunks_mut(2) {
            let radius = (-2.0 * (1.0 - unit(self.next())).ln()).sqrt();
            let (sine, cosine) = (std::f64::consts::TAU * unit(self.next())).sin_cos();
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

/// What `rand`, `randn` and `dropout` take: a seed, a [`Random`] to go on drawing from, or a [`Stream`], of which each
/// call draws its own.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a source of random numbers",
    label = "wanted here: a seed, a `&mut Random` or a `&Stream`",
    note = "a seed is a `u64`, such as `0`: `Linear::new(2, 2, 0)`; with a `Stream`, each call draws other values"
)]
pub trait Seed {
    /// Calls `draw` with the stream. A `&mut Random` keeps the new position afterwards.
    fn draw<R>(self, draw: impl FnOnce(&mut Random) -> R) -> R;
}

impl Seed for u64 {
    fn draw<R>(self, draw: impl FnOnce(&mut Random) -> R) -> R {
        // The same each time by itself: nothing is to be logged.
        mode::with_bits(mode::bits() & !(LOGGED | FORKED), || draw(&mut Random::new(self)))
    }
}

impl Seed for &mut Random {
    fn draw<R>(self, draw: impl FnOnce(&mut Random) -> R) -> R {
        self.draw_with(draw)
    }
}

/// The randomness of a training run as an argument: each call that draws gets a stream of its own.
///
/// A `Stream` counts the calls, through a shared reference. Call number i draws from a [`Random`] that is a function
/// of the key and of i, so two calls never share random numbers, and how many one of them takes has no effect on the
/// next. The key and the count are the whole state: [`state`](Stream::state) and
/// [`restore`](Stream::restore) are what a checkpoint needs.
///
/// ```
/// use autograd::{Stream, Tensor};
/// let stream = Stream::new(0);
/// let x = Tensor::<f32>::ones([64]);
/// let saved = stream.state();
/// let (first, second) = (x.dropout(0.5, &stream), x.dropout(0.5, &stream));
/// assert_ne!(first.to_vec(), second.to_vec());
/// stream.restore(saved);
/// assert_eq!(x.dropout(0.5, &stream).to_vec(), first.to_vec());
/// ```
///
/// Threads cannot share one, since the order of their calls would decide what each draws; the compiler refuses it:
///
/// ```compile_fail,E0277
/// use autograd::{Stream, Tensor, join};
/// let (stream, x) = (Stream::new(0), Tensor::<f32>::ones([64]));
/// join(|| x.dropout(0.5, &stream), || x.dropout(0.5, &stream));
/// ```
///
/// Each branch takes a stream of its own, by [`split`](Stream::split) before the fork. Then both draw the same,
/// whoever runs first:
///
/// ```
/// use autograd::{Stream, Tensor, join};
/// let (stream, x) = (Stream::new(0), Tensor::<f32>::ones([64]));
/// let (left, right) = (stream.split(), stream.split());
/// let x = &x;
/// let (a, b) = join(move || x.dropout(0.5, &left), move || x.dropout(0.5, &right));
/// assert_ne!(a.to_vec(), b.to_vec());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    key: Cell<u64>,
    calls: Cell<u64>,
}

impl Stream {
    /// The stream of a seed, from its beginning.
    pub fn new(seed: u64) -> Self {
        Stream::of(Random::new(seed))
    }

    /// A stream with the key of `random`, such as a training step's `Random::new(seed).stream(step)`.
    pub fn of(random: Random) -> Self {
        Stream { key: Cell::new(random.key), calls: Cell::new(0) }
    }

    /// The random numbers of the next call.
    pub fn next_call(&self) -> Random {
        let mut state = self.state();
        // A task that was forked inside of a recomputed segment has a stream that the segment made: a `Stream` cannot
        // be shared. So it draws the same each time by itself.
        if mode::has(LOGGED) && !mode::has(FORKED) {
            state = replay::draw(state);
        }
        let [key, call] = state;
        if !mode::has(REPLAYED) || mode::has(FORKED) {
            self.calls.set(call.wrapping_add(1));
        }
        Random { key, position: 0 }.stream(call)
    }

    /// Another stream, for a branch that may run on another thread. It counts as a call of this one.
    pub fn split(&self) -> Stream {
        Stream::of(self.next_call())
    }

    /// Another stream, a function of this one's key and of `index` alone: for an epoch, a step or a worker.
    pub fn stream(&self, index: u64) -> Stream {
        // Bits of the key are inverted, so that no index gives the numbers of a call.
        Stream::of(Random { key: !self.key.get(), position: 0 }.stream(index))
    }

    /// The key, and how many calls have drawn: what a checkpoint has to hold.
    pub fn state(&self) -> [u64; 2] {
        [self.key.get(), self.calls.get()]
    }

    /// Goes on from a [`state`](Stream::state), of this stream or of another one.
    pub fn restore(&self, [key, calls]: [u64; 2]) {
        self.key.set(key);
        self.calls.set(calls);
    }
}

impl Seed for &Stream {
    fn draw<R>(self, draw: impl FnOnce(&mut Random) -> R) -> R {
        let mut random = self.next_call();
        // The call is in the log already.
        mode::with_bits(mode::bits() & !(LOGGED | FORKED), || draw(&mut random))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_a_stream_never_share_numbers() {
        let stream = Stream::new(3);
        let first = |mut random: Random| random.bits();
        let mut drawn: Vec<u64> = (0..100).map(|_| first(stream.next_call())).collect();
        // A call within a call is a call of its own.
        drawn.extend((&stream).draw(|outer| [outer.bits(), (&stream).draw(Random::bits)]));
        drawn.extend((0..100).map(|index| first(stream.stream(index).next_call())));
        drawn.push(first(stream.split().next_call()));
        drawn.push(Random::new(3).bits());
        let count = drawn.len();
        drawn.sort_unstable();
        drawn.dedup();
        assert_eq!(drawn.len(), count);
    }

    #[test]
    fn a_restored_stream_draws_the_same() {
        let stream = Stream::new(4);
        let _ = (stream.next_call(), stream.split());
        let (state, wanted) = (stream.state(), [stream.next_call().bits(), stream.split().next_call().bits()]);
        let other = Stream::new(5);
        other.restore(state);
        assert_eq!([other.next_call().bits(), other.split().next_call().bits()], wanted);
    }

    #[test]
    fn how_much_a_call_draws_has_no_effect_on_the_next() {
        let (short, long) = (Stream::new(6), Stream::new(6));
        (&short).draw(|random| random.bits());
        (&long).draw(|random| (0..1000).map(|_| random.bits()).max());
        assert_eq!(short.next_call(), long.next_call());
    }

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
