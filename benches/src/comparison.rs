//! Two runs of one command: what became faster or slower, beyond the noise.

use std::collections::HashMap;

use crate::measure::{Series, median};
use crate::record::{Measurement, Run, Unit};
use crate::table::Table;
use crate::verdict::{Verdict, noise_of};

/// How a measurement changed from the old run to the new one.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The name of the benchmark.
    pub benchmark: String,
    /// The number of threads.
    pub threads: usize,
    /// The contender.
    pub contender: String,
    /// Work in a second before, and what it is counted in.
    pub old: f64,
    /// Work in a second now.
    pub new: f64,
    /// What work is counted in.
    pub unit: Unit,
    /// The new speed as a multiple of the old one.
    pub ratio: f64,
    /// How far the ratio can be trusted, as a share of it.
    pub noise: f64,
    /// Win: it became faster.
    pub verdict: Verdict,
}

/// Two runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Changes {
    /// What both runs measured, in the order of the new one.
    pub all: Vec<Change>,
    /// How many measurements only one of the runs has.
    pub unmatched: usize,
    /// The speed of the peers in the new run as a multiple of that in the old one; `None` without peers. They are the
    /// same programs, so it shows how the machine has drifted between the runs.
    pub drift: Option<f64>,
}

/// Compares two runs that were made one after the other. A change must exceed the scatter of both runs and the drift of
/// the machine between them, as far as the peers show it.
pub fn of_two_runs(old: &Run, new: &Run, is_wanted: impl Fn(&Run, &Measurement) -> bool) -> Changes {
    let pairs = pairs(old, new);
    let speedup = |(old, new): &(&Measurement, &Measurement)| old.median / new.median;
    let peers: Vec<f64> = pairs.iter().filter(|(_, now)| !is_ours(new, now)).map(speedup).collect();
    let drift = (!peers.is_empty()).then(|| median(&peers));
    let wanted = pairs.iter().filter(|(_, now)| is_wanted(new, now));
    let change = |pair: &(&Measurement, &Measurement)| {
        let scatter = noise_of(&pair.0.seconds).hypot(noise_of(&pair.1.seconds));
        Change::new(pair.0, pair.1, speedup(pair), scatter + drift.map_or(0.0, |drift| (drift - 1.0).abs()))
    };
    let all: Vec<Change> = wanted.map(change).collect();
    let count = |run: &Run| run.measurements.iter().filter(|one| is_wanted(run, one)).count();
    let unmatched = count(old) + count(new) - 2 * all.len();
    Changes { all, unmatched, drift }
}

/// Compares runs that were made by turns: old, new, new, old, ... A turn of both programs gives one ratio of their
/// medians; the scatter of these ratios is the noise. So drift, and what differs from process to process, are part of
/// it.
pub fn by_turns(turns: &[(Run, Run)], is_wanted: impl Fn(&Run, &Measurement) -> bool) -> Changes {
    let Some((first_old, first_new)) = turns.first() else {
        return Changes { all: Vec::new(), unmatched: 0, drift: None };
    };
    let mut series: HashMap<_, [Vec<f64>; 2]> = HashMap::new();
    for (old, new) in turns {
        for (before, now) in pairs(old, new) {
            let [olds, news] = series.entry(now.key()).or_default();
            olds.push(before.median);
            news.push(now.median);
        }
    }
    let mut all = Vec::new();
    for now in first_new.measurements.iter().filter(|one| is_wanted(first_new, one)) {
        let Some([olds, news]) = series.remove(&now.key()) else { continue };
        let ratios: Vec<f64> = olds.iter().zip(&news).map(|(old, new)| old / new).collect();
        let of = |seconds: Vec<f64>| {
            let series = Series { name: now.contender.clone(), seconds };
            Measurement::new(&now.benchmark, now.threads, &series, now.amount)
        };
        all.push(Change::new(&of(olds), &of(news), median(&ratios), noise_of(&ratios)));
    }
    let count = |run: &Run| run.measurements.iter().filter(|one| is_wanted(run, one)).count();
    let unmatched = (count(first_old) + count(first_new)).saturating_sub(2 * all.len());
    Changes { all, unmatched, drift: None }
}

/// Runs of one program as one run with the times of all; `None` if there are none.
pub fn merged(runs: impl IntoIterator<Item = Run>) -> Option<Run> {
    let mut runs = runs.into_iter();
    let mut all = runs.next()?;
    for run in runs {
        all.disturbed |= run.disturbed;
        for own in &mut all.measurements {
            let Some(more) = run.measurements.iter().find(|one| one.key() == own.key()) else { continue };
            let mut series = own.series();
            series.seconds.extend(&more.seconds);
            let Measurement { seconds, median, best, spread, .. } =
                Measurement::new(&own.benchmark, own.threads, &series, own.amount);
            (own.seconds, own.median, own.best, own.spread) = (seconds, median, best, spread);
        }
    }
    Some(all)
}

/// Whether a measurement is one of code of this repository.
pub fn is_ours(run: &Run, measurement: &Measurement) -> bool {
    run.contenders.iter().any(|info| info.is_ours && info.name == measurement.contender)
}

/// The measurements that both runs have, in the order of the new one.
fn pairs<'a>(old: &'a Run, new: &'a Run) -> Vec<(&'a Measurement, &'a Measurement)> {
    let before: HashMap<_, _> = old.measurements.iter().map(|one| (one.key(), one)).collect();
    new.measurements.iter().filter_map(|now| Some((*before.get(&now.key())?, now))).collect()
}

/// What makes two runs hard to compare.
pub fn warnings(old: &Run, new: &Run) -> Vec<String> {
    let mut warnings = Vec::new();
    if old.command != new.command {
        warnings.push(format!("These are runs of different commands: {} and {}.", old.command, new.command));
    }
    if old.machine != new.machine {
        warnings.push(format!("The machines differ: {} / {}.", old.machine, new.machine));
    }
    for (run, which) in [(old, "old"), (new, "new")] {
        if run.disturbed {
            warnings.push(format!("The {which} run was disturbed by other processes."));
        }
    }
    warnings
}

impl Change {
    fn new(old: &Measurement, new: &Measurement, ratio: f64, noise: f64) -> Self {
        Change {
            benchmark: new.benchmark.clone(),
            threads: new.threads,
            contender: new.contender.clone(),
            old: old.rate(),
            new: new.rate(),
            unit: new.amount.unit,
            ratio,
            noise,
            verdict: Verdict::of(ratio, noise),
        }
    }

    fn in_words(&self) -> &'static str {
        match self.verdict {
            Verdict::Win => "faster",
            Verdict::Tie => "the same",
            Verdict::Lose => "slower",
            Verdict::Inconclusive => "inconclusive",
        }
    }

    fn has_changed(&self) -> bool {
        matches!(self.verdict, Verdict::Win | Verdict::Lose)
    }
}

impl Changes {
    /// What changed beyond the noise, or all; `None` if that is nothing.
    pub fn table(&self, with_all: bool) -> Option<Table> {
        let mut shown = self.all.iter().filter(|change| with_all || change.has_changed()).peekable();
        shown.peek()?;
        let mut table =
            Table::new(["benchmark", "threads", "contender", "old", "new", "unit", "new ÷ old", "noise", "change"]);
        for change in shown {
            let ((old, unit), (new, _)) = (change.unit.rate(change.old), change.unit.rate(change.new));
            let noise = change.noise;
            table.row([
                change.benchmark.clone(),
                change.threads.to_string(),
                change.contender.clone(),
                format!("{old:.2}"),
                format!("{new:.2}"),
                unit.to_owned(),
                format!("{:.3}", change.ratio),
                if noise.is_finite() { format!("{:.1} %", 100.0 * noise) } else { "unknown".to_owned() },
                change.in_words().to_owned(),
            ]);
        }
        Some(table)
    }

    /// `F faster, S slower, E the same, I inconclusive, of N`.
    pub fn summary(&self) -> String {
        let count = |verdict| self.all.iter().filter(|change| change.verdict == verdict).count();
        let counts = [Verdict::Win, Verdict::Lose, Verdict::Tie, Verdict::Inconclusive].map(count);
        let [faster, slower, same, inconclusive] = counts;
        let all = self.all.len();
        let alone = self.unmatched;
        let unmatched = if alone == 0 { String::new() } else { format!("; {alone} that only one run has") };
        format!("{faster} faster, {slower} slower, {same} the same, {inconclusive} inconclusive, of {all}{unmatched}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::example;

    fn steady(seconds: f64) -> [f64; 5] {
        [1.0, 1.001, 0.999, 1.0, 1.0].map(|factor| factor * seconds)
    }

    #[test]
    fn a_change_beyond_the_noise_is_shown() {
        let (old, new) = (example(&steady(4e-6), &steady(5e-6)), example(&steady(3e-6), &steady(5e-6)));
        let changes = of_two_runs(&old, &new, is_ours);
        assert_eq!(changes.summary(), "1 faster, 0 slower, 0 the same, 0 inconclusive, of 1");
        assert_eq!(changes.drift, Some(1.0));
        let text = changes.table(false).unwrap().to_string();
        let row = text.lines().nth(2).unwrap();
        for words in ["square 64", "gradus", "131.07", "174.76", "GFLOP/s", "1.333", "faster"] {
            assert!(row.contains(words), "{words} is missing in {row}");
        }
        assert_eq!(of_two_runs(&new, &old, is_ours).all[0].verdict, Verdict::Lose);
        assert_eq!(of_two_runs(&old, &old, is_ours).table(false), None);
        assert!(of_two_runs(&old, &old, is_ours).table(true).is_some());
    }

    #[test]
    fn the_drift_that_the_peers_show_is_noise() {
        let (old, new) = (example(&steady(4e-6), &steady(5e-6)), example(&steady(3.6e-6), &steady(4.5e-6)));
        let change = &of_two_runs(&old, &new, is_ours).all[0];
        assert!((change.ratio - 1.0 / 0.9).abs() < 1e-9 && change.noise > 0.11, "{change:?}");
        assert_eq!(change.verdict, Verdict::Inconclusive);
    }

    #[test]
    fn by_turns_each_turn_gives_a_ratio() {
        // The machine becomes slower from turn to turn, and the new program is always a tenth faster.
        let turn = |slow: f64| (example(&steady(slow), &[1.0; 5]), example(&steady(0.9 * slow), &[1.0; 5]));
        let turns: Vec<_> = [1.0, 1.5, 2.0, 2.5, 3.0].map(turn).to_vec();
        let changes = by_turns(&turns, is_ours);
        assert_eq!((changes.all.len(), changes.all[0].verdict), (1, Verdict::Win));
        assert!(changes.all[0].noise < 1e-9 && (changes.all[0].ratio - 1.0 / 0.9).abs() < 1e-9);
        assert_eq!(by_turns(&turns[..2], is_ours).all[0].verdict, Verdict::Inconclusive, "two turns say too little");
        assert_eq!(by_turns(&[], is_ours).all.len(), 0);
    }

    #[test]
    fn turns_of_a_program_become_one_run() {
        let (one, mut two) = (example(&[3.0, 1.0], &[1.0]), example(&[2.0], &[1.0]));
        two.disturbed = true;
        let all = merged([one.clone(), two]).unwrap();
        let found = &all.measurements[0];
        assert_eq!((found.seconds.as_slice(), found.median, found.best), ([3.0, 1.0, 2.0].as_slice(), 2.0, 1.0));
        assert!(all.disturbed && found.figures == one.measurements[0].figures);
        assert_eq!(merged([]), None);
    }

    #[test]
    fn what_only_one_run_has_is_counted() {
        let (old, mut new) = (example(&steady(1.0), &steady(1.0)), example(&steady(1.0), &steady(1.0)));
        new.measurements[0].benchmark = "square 65".to_owned();
        assert_eq!(of_two_runs(&old, &new, is_ours).summary().split("; ").nth(1), Some("2 that only one run has"));
        assert_eq!(of_two_runs(&old, &new, |_, _| true).all.len(), 1);
    }

    #[test]
    fn runs_that_are_hard_to_compare_are_warned_about() {
        let old = example(&steady(1.0), &steady(1.0));
        assert!(warnings(&old, &old).is_empty());
        let mut new = old.clone();
        (new.command, new.disturbed) = ("train".to_owned(), true);
        new.machine.processor = "Another".to_owned();
        let warnings = warnings(&old, &new);
        assert_eq!(warnings.len(), 3);
        assert!(warnings[0].contains("gemm and train") && warnings[2].contains("new run was disturbed"));
    }
}
