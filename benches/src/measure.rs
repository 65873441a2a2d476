//! Timing by turns.
//!
//! A machine drifts: its clock, its caches, its neighbours. Contestants therefore take turns, round by round, and what counts is how they compare in
//! one run. A turn repeats its closure until it has lasted a millisecond or two, so that the clock's own cost is nothing; the figure of a
//! contestant is the median of its turns. How far the same comparison scatters from round to round is the noise, and a difference inside it is a tie.

use std::fmt;
use std::hint::black_box;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// Somebody who is timed.
pub struct Contestant<'a> {
    /// Its name.
    pub name: String,
    /// One call of what is timed.
    pub run: Box<dyn FnMut() + 'a>,
    /// How long its threads stay awake after a turn, looking for more work: the next one's turn begins after that.
    pub settle: Duration,
}

impl<'a> Contestant<'a> {
    /// A contestant whose threads go to sleep, or that has none.
    pub fn new(name: impl Into<String>, run: impl FnMut() + 'a) -> Self {
        Self { name: name.into(), run: Box::new(run), settle: Duration::ZERO }
    }
}

/// How long to measure.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Turns of each contestant.
    pub rounds: usize,
    /// The least length of a turn.
    pub turn: Duration,
    /// A contestant whose best turn after three is slower than this multiple of the fastest one's is out of the race and rests: its figure comes from
    /// those three. Infinite: nobody rests.
    pub hopeless: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { rounds: 15, turn: Duration::from_millis(2), hopeless: f64::INFINITY }
    }
}

/// What the turns of one contestant took.
#[derive(Clone, Debug)]
pub struct Series {
    /// The contestant's name.
    pub name: String,
    /// Seconds for a call, one figure a turn.
    pub seconds: Vec<f64>,
}

impl Series {
    /// The median, in seconds for a call.
    pub fn median(&self) -> f64 {
        median(&self.seconds)
    }

    /// The best, in seconds for a call.
    pub fn best(&self) -> f64 {
        self.seconds.iter().copied().fold(f64::INFINITY, f64::min)
    }
}

/// The turns after which the hopeless rest.
const QUALIFYING: usize = 3;

/// Times the contestants by turns: first, second, ..., first, second, ...
///
/// Each is called a few times before anything counts, and once, untimed, at the start of each turn.
pub fn interleave(contestants: &mut [Contestant<'_>], settings: Settings) -> Vec<Series> {
    let calls: Vec<usize> = contestants.iter_mut().map(|contestant| calls(contestant, settings.turn)).collect();
    let mut all: Vec<Series> =
        contestants.iter().map(|contestant| Series { name: contestant.name.clone(), seconds: Vec::new() }).collect();
    let mut rests = vec![false; contestants.len()];
    for round in 0..settings.rounds {
        for (index, contestant) in contestants.iter_mut().enumerate() {
            if !rests[index] {
                (contestant.run)();
                all[index].seconds.push(time(contestant, calls[index]) / calls[index] as f64);
                std::thread::sleep(contestant.settle);
            }
        }
        if round + 1 == QUALIFYING {
            let fastest = all.iter().map(Series::best).fold(f64::INFINITY, f64::min);
            rests = all.iter().map(|series| series.best() > settings.hopeless * fastest).collect();
        }
    }
    all
}

/// How many calls last at least as long as a turn.
fn calls(contestant: &mut Contestant<'_>, turn: Duration) -> usize {
    let turn = turn.as_secs_f64();
    let mut calls = 1;
    loop {
        let took = time(contestant, calls);
        if took >= turn {
            return calls;
        }
        // Not more than ten times as many at once: the first calls may be slow.
        let wanted = 1.1 * turn / took.max(1e-9);
        calls = (calls as f64 * wanted.clamp(1.1, 10.0)).ceil() as usize;
    }
}

fn time(contestant: &mut Contestant<'_>, calls: usize) -> f64 {
    let run = black_box(&mut contestant.run);
    let start = Instant::now();
    for _ in 0..calls {
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

/// How far the ratio of two contestants is to be trusted, as a share of it.
///
/// From the ratios of their turns, round by round, the larger of two figures: the standard error of their median, twice (about 95 %; from the median
/// absolute deviation, which a few disturbed rounds don't move), and the distance between the medians of the odd and of the even rounds.
pub fn noise(one: &Series, other: &Series) -> f64 {
    let ratios: Vec<f64> = one.seconds.iter().zip(&other.seconds).map(|(one, other)| other / one).collect();
    let middle = median(&ratios);
    let deviations: Vec<f64> = ratios.iter().map(|ratio| (ratio - middle).abs()).collect();
    // For normal scatter, σ is 1.4826 median deviations, and the median's error 1.2533 σ/√n.
    let error = 2.0 * 1.2533 * 1.4826 * median(&deviations) / (ratios.len() as f64).sqrt();
    let half = |odd: usize| median(&ratios.iter().skip(odd).step_by(2).copied().collect::<Vec<_>>());
    let halves = if ratios.len() < 2 { 0.0 } else { (half(0) - half(1)).abs() };
    error.max(halves) / middle
}

/// How a comparison ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Faster by more than the noise.
    Win,
    /// Within the noise.
    Tie,
    /// Slower by more than the noise.
    Lose,
}

impl Verdict {
    /// Judges a ratio of speeds, ours to theirs, that is known to within `noise` (a share of it).
    pub fn of(ratio: f64, noise: f64) -> Self {
        if (ratio - 1.0).abs() <= noise {
            Self::Tie
        } else if ratio > 1.0 {
            Self::Win
        } else {
            Self::Lose
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Win => "win",
            Self::Tie => "tie",
            Self::Lose => "lose",
        })
    }
}

/// `W win, T tie, L lose, of N`.
pub fn tally(verdicts: impl IntoIterator<Item = Verdict>) -> String {
    let mut counts = [0; 3];
    for verdict in verdicts {
        counts[verdict as usize] += 1;
    }
    let [win, tie, lose] = counts;
    format!("{win} win, {tie} tie, {lose} lose, of {}", win + tie + lose)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    fn series(seconds: &[f64]) -> Series {
        Series { name: String::new(), seconds: seconds.to_vec() }
    }

    #[test]
    fn contestants_take_turns() {
        let order = RefCell::new(Vec::new());
        let note = |name: char| {
            order.borrow_mut().push(name);
            std::thread::sleep(Duration::from_millis(1));
        };
        let mut contestants = [Contestant::new("a", || note('a')), Contestant::new("b", || note('b'))];
        let settings = Settings { rounds: 3, turn: Duration::from_micros(100), ..Settings::default() };
        let all = interleave(&mut contestants, settings);
        drop(contestants);
        // One call to learn how long it takes; then three rounds of an untimed and a timed one.
        assert_eq!(order.into_inner().iter().collect::<String>(), "abaabbaabbaabb");
        assert!(all.iter().all(|series| series.seconds.len() == 3 && series.best() >= 1e-3));
        assert_eq!(all[1].name, "b");
    }

    #[test]
    fn the_hopeless_rest_after_three_rounds() {
        let sleep = |millis| move || std::thread::sleep(Duration::from_millis(millis));
        let mut contestants = [Contestant::new("quick", sleep(1)), Contestant::new("slow", sleep(20))];
        let settings = Settings { rounds: 5, turn: Duration::from_micros(1), hopeless: 2.0 };
        let all = interleave(&mut contestants, settings);
        assert_eq!((all[0].seconds.len(), all[1].seconds.len()), (5, 3));
    }

    #[test]
    fn medians() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
        assert_eq!(series(&[3.0, 1.0, 2.0]).best(), 1.0);
    }

    #[test]
    fn a_difference_inside_the_noise_is_a_tie() {
        assert_eq!(Verdict::of(1.02, 0.03), Verdict::Tie);
        assert_eq!(Verdict::of(0.98, 0.03), Verdict::Tie);
        assert_eq!(Verdict::of(1.04, 0.03), Verdict::Win);
        assert_eq!(Verdict::of(0.96, 0.03), Verdict::Lose);
        assert_eq!(tally([Verdict::Win, Verdict::Tie, Verdict::Win]), "2 win, 1 tie, 0 lose, of 3");
    }

    #[test]
    fn drift_that_both_share_is_no_noise_and_scatter_is() {
        let drifting: Vec<f64> = (0..15).map(|round| 1.0 + round as f64 / 10.0).collect();
        let twice: Vec<f64> = drifting.iter().map(|seconds| 2.0 * seconds).collect();
        assert!(noise(&series(&drifting), &series(&twice)) < 1e-12);
        let scattered: Vec<f64> =
            (0..15).map(|round| if round % 3 == 0 { 1.1 } else { 1.0 - round as f64 / 100.0 }).collect();
        let found = noise(&series(&scattered), &series(&[1.0; 15]));
        assert!(found > 0.01 && found < 0.2, "{found}");
    }

    #[test]
    fn one_disturbed_round_does_not_make_noise() {
        let mut seconds = [1.0; 15];
        seconds[7] = 5.0;
        assert_eq!(noise(&series(&seconds), &series(&[1.0; 15])), 0.0);
    }
}
