//! The table and the chart of a number of threads.

use super::{Arguments, CaseResult, Dtype};
use crate::chart::{Labels, Line, Panel};
use crate::commands::options::threads_in_words;
use crate::record::Measurement;
use crate::table::Table;
use crate::verdict::Comparison;

/// The table of all cases, and the sentence above it.
pub(super) fn table(results: &[CaseResult], arguments: &Arguments, threads: usize, peak: f64) -> (String, Table) {
    let isa = autograd::kernels::simd::isa::selected().isa.name();
    let title = format!(
        "{}, {}, instruction set {isa}: the peak is {peak:.1} GFLOP/s, measured in this run. Figures are medians in \
         GFLOP/s (best: our best turn; ~: only three turns, since it is far behind).",
        arguments.dtype.name(),
        threads_in_words(threads),
    );
    let names = results.first().map(|result| result.measurements.as_slice()).unwrap_or_default();
    let names = names.iter().map(|measurement| measurement.contender.clone());
    let mut head: Vec<String> = ["case", "product"].map(str::to_owned).into_iter().chain(names).collect();
    let after_ours = ["best", "of peak"].map(str::to_owned);
    let split = head.len().min(3);
    head.splice(split..split, after_ours);
    let mut table = Table::new(head.into_iter().chain(Comparison::HEAD.map(str::to_owned)));
    for result in results {
        table.row(row(result, arguments.rounds(), peak));
    }
    (title, table)
}

/// The cells of a case.
fn row(result: &CaseResult, rounds: usize, peak: f64) -> Vec<String> {
    let Some((ours, others)) = result.measurements.split_first() else { return Vec::new() };
    let gflops = |measurement: &Measurement| measurement.rate() / 1e9;
    let best = ours.amount.value / ours.best / 1e9;
    let share = format!("{:.0} %", 100.0 * gflops(ours) / peak);
    let start =
        [ours.benchmark.clone(), ours.detail.clone(), format!("{:.1}", gflops(ours)), format!("{best:.1}"), share];
    let others = others.iter().map(|other| {
        let dropped = if other.seconds.len() < rounds { "~" } else { "" };
        format!("{dropped}{:.1}", gflops(other))
    });
    start.into_iter().chain(others).chain(Comparison::cells(result.comparison.as_ref())).collect()
}

/// Whether a result is that of a single square product without a transposition.
fn is_square(result: &CaseResult) -> bool {
    let Some(first) = result.measurements.first() else { return false };
    let figure = |name: &str| first.figures.get(name);
    figure("m") == figure("n")
        && figure("n") == figure("k")
        && !first.detail.contains('ᵀ')
        && !first.detail.contains(" × ")
}

/// The chart of the squares, if there are two at least, else of all cases; `None` if even those are fewer than two.
pub(super) fn panel(results: &[CaseResult], dtype: Dtype, threads: usize, peak: f64) -> Option<Panel> {
    let squares = results.iter().filter(|result| is_square(result)).count() >= 2;
    let size = |result: &CaseResult| result.measurements.first().and_then(|first| first.figures.get("size")).copied();
    let chosen = results.iter().filter(|result| !squares || is_square(result));
    let mut chosen: Vec<(f64, &CaseResult)> = chosen.filter_map(|result| Some((size(result)?, result))).collect();
    chosen.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (first, last) = (chosen.first()?, chosen.last()?);
    if first.0 == last.0 {
        return None;
    }
    let line = |(index, measurement): (usize, &Measurement)| Line {
        name: measurement.contender.clone(),
        points: chosen.iter().map(|(size, result)| (*size, result.measurements[index].rate() / 1e9)).collect(),
    };
    let isa = autograd::kernels::simd::isa::selected().isa.name();
    let of = if squares { "square products" } else { "products" };
    Some(Panel {
        labels: Labels {
            title: format!("{} {of}, {}, {isa}", dtype.name(), threads_in_words(threads)),
            x: if squares { "size" } else { "size: cube root of m·n·k" }.to_owned(),
            y: "GFLOP/s".to_owned(),
        },
        lines: first.1.measurements.iter().enumerate().map(line).collect(),
        ceiling: Some(("peak".to_owned(), peak)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::example;
    use crate::verdict::Verdict;

    fn result(size: f64) -> CaseResult {
        let mut measurements = example(&[4e-6; 5], &[5e-6; 3]).measurements;
        for measurement in &mut measurements {
            measurement.figures = ["m", "n", "k", "size"].map(|name| (name.to_owned(), size)).into_iter().collect();
        }
        let comparison = Comparison {
            benchmark: "square 64".to_owned(),
            threads: 1,
            contender: "gradus".to_owned(),
            peer: "openblas".to_owned(),
            ratio: 1.25,
            noise: Some(0.01),
            verdict: Verdict::Win,
        };
        CaseResult { measurements, comparison: Some(comparison) }
    }

    #[test]
    fn a_row_shows_ours_the_peers_and_the_verdict() {
        let cells = row(&result(64.0), 5, 200.0);
        let expected =
            ["square 64", "(64×64)·(64×64)", "131.1", "131.1", "66 %", "~104.9", "1.25 (openblas)", "1.0 %", "win"];
        assert_eq!(cells, expected);
    }

    #[test]
    fn a_chart_needs_two_sizes() {
        let found = panel(&[result(64.0), result(32.0)], Dtype::F32, 1, 200.0).unwrap();
        assert_eq!(found.lines[0].points.iter().map(|(x, _)| *x).collect::<Vec<_>>(), [32.0, 64.0]);
        assert_eq!((found.lines.len(), found.labels.x.as_str()), (2, "size"));
        assert!(panel(&[result(64.0)], Dtype::F32, 1, 200.0).is_none());
        assert!(panel(&[], Dtype::F32, 1, 200.0).is_none());
    }
}
