//! How a comparison ended, and how far it can be trusted.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::measure::{Series, median};

/// Turns below which nothing can be said about the noise.
const MIN_TURNS: usize = 3;

/// The largest noise at which "no difference was seen" means "there is hardly one".
const MAX_NOISE_OF_A_TIE: f64 = 0.05;

/// How far the ratio of two contenders can be trusted, as a share of it; infinite for fewer than three turns.
///
/// From the ratios of their turns, round by round, the larger of two figures: twice the standard error of their median
/// (about 95 %; from the median absolute deviation, which a few disturbed rounds do not change), and the distance
/// between the medians of the even and of the odd rounds.
pub fn noise(one: &Series, other: &Series) -> f64 {
    let ratios: Vec<f64> = one.seconds.iter().zip(&other.seconds).map(|(one, other)| other / one).collect();
    noise_of(&ratios)
}

/// How far the median of these values can be trusted, as a share of it: see [`noise`].
pub fn noise_of(values: &[f64]) -> f64 {
    if values.len() < MIN_TURNS {
        return f64::INFINITY;
    }
    let middle = median(values);
    let deviations: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
    // For normal scatter, σ is 1.4826 median deviations, and the error of the median is 1.2533 σ/√n.
    let error = 2.0 * 1.2533 * 1.4826 * median(&deviations) / (values.len() as f64).sqrt();
    let half = |odd: usize| median(&values.iter().skip(odd).step_by(2).copied().collect::<Vec<_>>());
    error.max((half(0) - half(1)).abs()) / middle
}

/// How a comparison ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Faster by more than the noise.
    Win,
    /// No difference beyond the noise, and little noise.
    Tie,
    /// Slower by more than the noise.
    Lose,
    /// No difference beyond the noise, which is so large that there may well be one.
    Inconclusive,
}

impl Verdict {
    /// Judges a ratio of speeds, ours to theirs, that is known to within `noise` (a share of it).
    pub fn of(ratio: f64, noise: f64) -> Self {
        if ratio * (1.0 - noise) > 1.0 {
            Self::Win
        } else if ratio * (1.0 + noise) < 1.0 {
            Self::Lose
        } else if noise <= MAX_NOISE_OF_A_TIE {
            Self::Tie
        } else {
            Self::Inconclusive
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Win => "win",
            Self::Tie => "tie",
            Self::Lose => "lose",
            Self::Inconclusive => "inconclusive",
        })
    }
}

/// `W win, T tie, L lose, I inconclusive, of N`.
pub fn tally(verdicts: impl IntoIterator<Item = Verdict>) -> String {
    let mut counts = [0; 4];
    for verdict in verdicts {
        counts[verdict as usize] += 1;
    }
    let [win, tie, lose, inconclusive] = counts;
    let all = counts.iter().sum::<usize>();
    format!("{win} win, {tie} tie, {lose} lose, {inconclusive} inconclusive, of {all}")
}

/// One contender against the best of its peers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The name of the benchmark.
    pub benchmark: String,
    /// The number of threads.
    pub threads: usize,
    /// Who is judged.
    pub contender: String,
    /// The best of the others.
    pub peer: String,
    /// The speed of the contender as a multiple of the peer's.
    pub ratio: f64,
    /// How far the ratio can be trusted, as a share of it; `None` after fewer than three turns.
    pub noise: Option<f64>,
    /// How it ended.
    pub verdict: Verdict,
}

impl Comparison {
    /// Judges the series named `contender` against the fastest of the others, but for those in `beside`, which are no
    /// peers. `None` if one of both is missing.
    pub fn with_best(
        benchmark: &str,
        threads: usize,
        all: &[Series],
        contender: &str,
        beside: &[&str],
    ) -> Option<Self> {
        let own = all.iter().find(|series| series.name == contender)?;
        let peers = all.iter().filter(|series| series.name != contender && !beside.contains(&series.name.as_str()));
        let best = peers.min_by(|one, other| one.median().total_cmp(&other.median()))?;
        let (ratio, noise) = (best.median() / own.median(), noise(own, best));
        Some(Comparison {
            benchmark: benchmark.to_owned(),
            threads,
            contender: contender.to_owned(),
            peer: best.name.clone(),
            ratio,
            noise: Some(noise).filter(|noise| noise.is_finite()),
            verdict: Verdict::of(ratio, noise),
        })
    }

    /// The cells of a table: ratio and peer, noise, verdict.
    pub fn cells(comparison: Option<&Self>) -> [String; 3] {
        let Some(Comparison { peer, ratio, noise, verdict, .. }) = comparison else {
            return ["-", "-", "-"].map(str::to_owned);
        };
        let noise = noise.map_or("unknown".to_owned(), |noise| format!("{:.1} %", 100.0 * noise));
        [format!("{ratio:.2} ({peer})"), noise, verdict.to_string()]
    }

    /// The heads of the columns of [`cells`](Self::cells).
    pub const HEAD: [&'static str; 3] = ["ratio to best peer", "noise", "verdict"];
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(name: &str, seconds: &[f64]) -> Series {
        Series { name: name.to_owned(), seconds: seconds.to_vec() }
    }

    #[test]
    fn a_difference_beyond_the_noise_decides() {
        assert_eq!(Verdict::of(1.02, 0.03), Verdict::Tie);
        assert_eq!(Verdict::of(0.98, 0.03), Verdict::Tie);
        assert_eq!(Verdict::of(1.05, 0.03), Verdict::Win);
        assert_eq!(Verdict::of(0.96, 0.03), Verdict::Lose);
        assert_eq!(Verdict::of(1.0, 0.0), Verdict::Tie);
    }

    #[test]
    fn much_noise_is_inconclusive_and_no_tie() {
        assert_eq!(Verdict::of(0.46, 4.29), Verdict::Inconclusive);
        assert_eq!(Verdict::of(1.0, 0.06), Verdict::Inconclusive);
        assert_eq!(Verdict::of(1.0, f64::INFINITY), Verdict::Inconclusive);
        assert_eq!(Verdict::of(2.0, f64::NAN), Verdict::Inconclusive);
        // Half the speed, known to within a third, is slower.
        assert_eq!(Verdict::of(0.5, 0.33), Verdict::Lose);
    }

    #[test]
    fn verdicts_are_counted() {
        let all = [Verdict::Win, Verdict::Tie, Verdict::Win, Verdict::Inconclusive];
        assert_eq!(tally(all), "2 win, 1 tie, 0 lose, 1 inconclusive, of 4");
    }

    #[test]
    fn drift_that_both_share_is_no_noise_and_scatter_is() {
        let drifting: Vec<f64> = (0..15).map(|round| 1.0 + round as f64 / 10.0).collect();
        let twice: Vec<f64> = drifting.iter().map(|seconds| 2.0 * seconds).collect();
        assert!(noise(&series("a", &drifting), &series("b", &twice)) < 1e-12);
        let scattered: Vec<f64> =
            (0..15).map(|round| if round % 3 == 0 { 1.1 } else { 1.0 - round as f64 / 100.0 }).collect();
        let found = noise(&series("a", &scattered), &series("b", &[1.0; 15]));
        assert!(found > 0.01 && found < 0.2, "{found}");
    }

    #[test]
    fn one_disturbed_round_does_not_make_noise_and_too_few_rounds_say_nothing() {
        let mut seconds = [1.0; 15];
        seconds[7] = 5.0;
        assert_eq!(noise(&series("a", &seconds), &series("b", &[1.0; 15])), 0.0);
        assert_eq!(noise(&series("a", &[1.0; 2]), &series("b", &[1.0; 15])), f64::INFINITY);
    }

    #[test]
    fn the_engine_is_compared_with_its_best_peer() {
        let all = [
            series("gradus", &[1.0; 5]),
            series("slow", &[2.0; 5]),
            series("quick", &[1.1; 5]),
            series("copy", &[0.1; 5]),
        ];
        let found = Comparison::with_best("x", 2, &all, "gradus", &["copy"]).unwrap();
        assert_eq!((found.peer.as_str(), found.verdict, found.noise), ("quick", Verdict::Win, Some(0.0)));
        assert_eq!(Comparison::cells(Some(&found)), ["1.10 (quick)", "0.0 %", "win"]);
        let of_slow = Comparison::with_best("x", 2, &all, "slow", &["copy"]).unwrap();
        assert_eq!((of_slow.peer.as_str(), of_slow.verdict), ("gradus", Verdict::Lose));
        assert_eq!(Comparison::with_best("x", 2, &all[..1], "gradus", &[]), None);
        assert_eq!(Comparison::cells(None), ["-", "-", "-"]);
        let short =
            Comparison::with_best("x", 2, &all.clone().map(|one| series(&one.name, &one.seconds[..2])), "gradus", &[]);
        assert_eq!((short.as_ref().unwrap().noise, short.unwrap().verdict), (None, Verdict::Inconclusive));
    }
}
