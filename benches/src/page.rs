//! Runs as one self-contained HTML page: all tables and charts, the machine, and who took part.

use anyhow::Result;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::record::{Run, TitledTable};
use crate::table::Table;

/// Readable on light and on dark screens; nothing is loaded from elsewhere.
const STYLE: &str = "
:root { color-scheme: light dark }
body { font: 15px/1.5 sans-serif; max-width: 75em; margin: 2em auto; padding: 0 1em }
table { border-collapse: collapse; margin: 0.5em 0 1.5em; display: block; overflow-x: auto }
table { font-variant-numeric: tabular-nums }
th, td { padding: 0.15em 0.7em; border-bottom: 1px solid #8884; text-align: right; white-space: nowrap }
th:first-child, td:first-child { text-align: left }
.lose { color: #d65a14 } .win { color: #14966e } .inconclusive { color: #888 }
.warning { color: #d65a14; font-weight: bold }
svg { max-width: 100%; height: auto } dt { font-weight: bold } .notes { color: #888 }
";

/// The page of these runs.
///
/// # Errors
/// If a chart can't be drawn.
pub fn page(runs: &[Run]) -> Result<String> {
    let sections = runs.iter().map(section).collect::<Result<Vec<_>>>()?;
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Gradus: benchmarks" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "Gradus: benchmarks" }
                nav { @for (index, run) in runs.iter().enumerate() {
                    a href={ "#run" (index) } { (run.command) } " "
                } }
                @for (index, section) in sections.iter().enumerate() {
                    section id={ "run" (index) } { (section) }
                }
            }
        }
    };
    Ok(page.into_string())
}

/// A run.
fn section(run: &Run) -> Result<Markup> {
    let charts = run.charts.iter().map(|chart| chart.svg()).collect::<Result<Vec<_>>>()?;
    Ok(html! {
        h2 { (run.command) }
        @if run.disturbed {
            p.warning { "Other processes disturbed this run; its figures can't be trusted." }
        }
        p { strong { (run.summary) } }
        (facts(run))
        @for svg in &charts { figure { (PreEscaped(svg)) } }
        @for TitledTable { title, table } in &run.tables { h3 { (title) } (cells(table)) }
        @if !run.notes.is_empty() {
            div.notes { @for note in &run.notes { p { (note) } } }
        }
    })
}

/// What the figures depend on.
fn facts(run: &Run) -> Markup {
    let commit = run.commit.as_deref().unwrap_or("unknown");
    html! {
        details {
            summary { (run.date) ", " (run.machine.processor) }
            dl {
                dt { "Command" } dd { code { "benches " (run.arguments.join(" ")) } }
                dt { "Commit" } dd { (commit) }
                dt { "Machine" } dd { (run.machine) }
                @for peak in &run.peaks {
                    dt { "Peak, threads " (peak.threads) }
                    dd { (format!("{:.1} GFLOP/s in f32, {:.1} GB/s copied", peak.gflops, peak.copy_gbytes)) }
                }
                dt { "Rounds" } dd { (run.rounds) " of at least " (run.turn_milliseconds) " ms" }
                @if let Some(others) = run.busy_cores_of_others {
                    dt { "Busy cores of other processes" } dd { (format!("{others:.2}")) }
                }
                @for info in &run.contenders {
                    dt { (info.name) " " (info.version) } dd { (info.settings) }
                }
            }
        }
    }
}

fn cells(table: &Table) -> Markup {
    let mut rows = table.rows().iter();
    html! {
        table {
            @if let Some(head) = rows.next() { thead { tr { @for cell in head { th { (cell) } } } } }
            tbody { @for row in rows { tr { @for cell in row {
                @let is_verdict = ["win", "lose", "inconclusive"].contains(&cell.as_str());
                td class=[is_verdict.then_some(cell)] { (cell) }
            } } } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::{BarChart, Chart, Labels};
    use crate::record::tests::example;

    #[test]
    fn a_page_holds_tables_charts_and_what_they_depend_on() {
        let mut run = example(&[4e-6; 3], &[5e-6; 3]);
        let labels = Labels { title: "A chart".into(), x: String::new(), y: String::new() };
        let bars = BarChart { labels, groups: vec!["1".into()], series: vec![("gradus".into(), vec![3.0])] };
        run.charts = vec![Chart::Bars(bars)];
        run.tables[0].table.row(["square 65", "win"]);
        let html = page(&[run.clone(), run]).unwrap();
        for words in [
            "<!DOCTYPE html>",
            "<h2>gemm</h2>",
            "<td>square 64</td><td>100.0</td>",
            "<td class=\"win\">win</td>",
            "A chart",
            "0123456789abcdef",
            "A processor, family 25 model 17",
            "118.0 GFLOP/s in f32",
            "openblas 0.3.21",
            "benches gemm --quick",
            "a &lt; b &amp; c",
            "id=\"run1\"",
        ] {
            assert!(html.contains(words), "{words} is missing in\n{html}");
        }
        assert_eq!(html.matches("<svg").count(), 2);
        let loads = ["src=", "<link", "@import", "url("].iter().any(|word| html.contains(word));
        assert!(!loads, "the page is self-contained");
    }

    #[test]
    fn a_disturbed_run_says_so_and_a_chart_that_cannot_be_drawn_is_an_error() {
        let mut run = example(&[4e-6; 3], &[5e-6; 3]);
        run.disturbed = true;
        assert!(page(&[run.clone()]).unwrap().contains("class=\"warning\""));
        run.charts = vec![Chart::Lines(Vec::new())];
        assert!(page(&[run]).is_err());
    }
}
