//! Timing by turns.
//!
//! A machine drifts: its clock, its caches, other processes. Therefore contenders take turns, round by round, and what
//! counts is how they compare in one run. A turn repeats its closure until it has lasted a millisecond or two, so that
//! reading the clock costs nothing in comparison; the figure of a contender is the median of its turns. How far the
//! same comparison scatters from round to round is the noise: see [`verdict`](crate::verdict).

use std::hint::black_box;
use std::time::{Duration, Instant};

/// A call that is timed.
pub struct TimedCall<'a> {
    /// The name of its contender.
    pub name: String,
    /// The call.
    pub run: Box<dyn FnMut() + 'a>,
    /// How long its threads keep spinning after a turn, waiting for more work: the next turn begins after that.
    pub spin_time: Duration,
}

impl<'a> TimedCall<'a> {
    /// A call whose threads sleep when they have no work, or that has none.
    pub fn new(name: impl Into<String>, run: impl FnMut() + 'a) -> Self {
        Self { name: name.into(), run: Box::new(run), spin_time: Duration::ZERO }
    }
}

/// How long to measure.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Turns of each contender.
    pub rounds: usize,
    /// The least length of a turn.
    pub turn: Duration,
    /// A contender whose best turn after three is slower than this multiple of the fastest one's is not measured any
    /// further: its figure comes from those three. Infinite: all are measured to the end.
    pub drop_slower_than: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { rounds: 15, turn: Duration::from_millis(2), drop_slower_than: f64::INFINITY }
    }
}

/// What the turns of one contender took.
#[derive(Clone, Debug)]
pub struct Series {
    /// The contender's name.
    pub name: String,
    /// Seconds of a call, one figure for each turn.
    pub seconds: Vec<f64>,
}

impl Series {
    /// The median, in seconds of a call.
    pub fn median(&self) -> f64 {
        median(&self.seconds)
    }

    /// The best, in seconds of a call.
    pub fn best(&self) -> f64 {
        self.seconds.iter().copied().fold(f64::INFINITY, f64::min)
    }
}

/// The turns after which slow contenders are dropped.
const TURNS_OF_SLOW: usize = 3;

/// A call that takes longer needs no untimed one before it.
const LONG_CALL: f64 = 0.2;

/// Times calls by turns: first, second, ..., first, second, ...
///
/// Each is called a few times before anything counts, and once, untimed, at the start of each turn.
pub fn interleave(contenders: &mut [TimedCall<'_>], settings: Settings) -> Vec<Series> {
    let repeats: Vec<usize> = contenders.iter_mut().map(|call| repeats(call, settings.turn)).collect();
    let mut all: Vec<Series> =
        contenders.iter().map(|call| Series { name: call.name.clone(), seconds: Vec::new() }).collect();
    let mut dropped = vec![false; contenders.len()];
    for round in 0..settings.rounds {
        for (index, call) in contenders.iter_mut().enumerate() {
            if dropped[index] {
                continue;
            }
            if all[index].seconds.last().is_none_or(|&seconds| seconds < LONG_CALL) {
                (call.run)();
            }
            all[index].seconds.push(time(call, repeats[index]) / repeats[index] as f64);
            std::thread::sleep(call.spin_time);
        }
        if round + 1 == TURNS_OF_SLOW {
            dropped = too_slow(&all, settings.drop_slower_than);
        }
    }
    all
}

/// Which of these are slower than a multiple of the fastest.
fn too_slow(all: &[Series], multiple: f64) -> Vec<bool> {
    let fastest = all.iter().map(Series::best).fold(f64::INFINITY, f64::min);
    all.iter().map(|series| series.best() > multiple * fastest).collect()
}

/// How many calls last at least as long as a turn.
fn repeats(call: &mut TimedCall<'_>, turn: Duration) -> usize {
    let turn = turn.as_secs_f64();
    let mut repeats = 1;
    loop {
        let took = time(call, repeats);
        if took >= turn {
            return repeats;
        }
        // At most ten times as many at once: the first calls may be slow.
        let wanted = 1.1 * turn / took.max(1e-9);
        repeats = (repeats as f64 * wanted.clamp(1.1, 10.0)).ceil() as usize;
    }
}

fn time(call: &mut TimedCall<'_>, repeats: usize) -> f64 {
    let run = black_box(&mut call.run);
    let start = Instant::now();
    for _ in 0..repeats {
        run();
    }
    start.elapsed().as_secs_f64()
}

/// The median; NaN of nothing.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => sorted[length / 2],
        length => (sorted[length / 2 - 1] + sorted[length / 2]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    #[test]
    fn contenders_take_turns() {
        let order = RefCell::new(Vec::new());
        let note = |name: char| {
            order.borrow_mut().push(name);
            std::thread::sleep(Duration::from_millis(1));
        };
        let mut contenders = [TimedCall::new("a", || note('a')), TimedCall::new("b", || note('b'))];
        let settings = Settings { rounds: 3, turn: Duration::from_micros(100), ..Settings::default() };
        let all = interleave(&mut contenders, settings);
        drop(contenders);
        // One call each to learn how long it takes; then three rounds of an untimed and a timed one.
        assert_eq!(order.into_inner().iter().collect::<String>(), "abaabbaabbaabb");
        assert!(all.iter().all(|series| series.seconds.len() == 3 && series.best() >= 1e-3));
        assert_eq!(all[1].name, "b");
    }

    #[test]
    fn slow_contenders_are_dropped_after_three_rounds() {
        let series = |seconds: &[f64]| Series { name: String::new(), seconds: seconds.to_vec() };
        let all = [series(&[3.0, 1.0, 2.0]), series(&[2.1, 2.1, 2.1]), series(&[9.0, 9.0, 1.9])];
        assert_eq!(too_slow(&all, 2.0), [false, true, false], "the best turn counts");
        // Every contender is slower than no time at all, and none is slower than infinity.
        for (drop_slower_than, turns) in [(0.0, 3), (f64::INFINITY, 5)] {
            let sleep = || std::thread::sleep(Duration::from_micros(10));
            let mut contenders = [TimedCall::new("one", sleep), TimedCall::new("other", sleep)];
            let settings = Settings { rounds: 5, turn: Duration::from_micros(1), drop_slower_than };
            assert!(interleave(&mut contenders, settings).iter().all(|series| series.seconds.len() == turns));
        }
    }

    #[test]
    fn medians() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
        let series = Series { name: String::new(), seconds: vec![3.0, 1.0, 2.0] };
        assert_eq!((series.median(), series.best()), (2.0, 1.0));
    }
}
