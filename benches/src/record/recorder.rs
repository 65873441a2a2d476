//! Collects a run while a command prints it, and writes its files at the end: the one writer of all commands.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use autograd::kernels::simd::isa::selected;
use clap::Args;

use super::{ContenderInfo, FORMAT, Machine, Measurement, Peak, Run, TitledTable, commit_of, write_json, write_whole};
use crate::chart::Chart;
use crate::disturbance::{self, LoadMonitor};
use crate::peak;
use crate::table::Table;
use crate::verdict::Comparison;

/// Where a run goes beside the terminal.
#[derive(Args, Clone, Debug, Default)]
pub struct Output {
    /// Keep the run as JSON, which `compare` and `report` read
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Keep the run as CSV, a line for each contender in each benchmark
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
}

/// Bytes of a copy that no cache holds.
const UNCACHED: usize = 128 << 20;

/// A run that is going on.
pub struct Recorder {
    run: Run,
    output: Output,
    svg: Option<PathBuf>,
    monitor: LoadMonitor,
}

impl Recorder {
    /// Begins a run: notes machine, commit and date, and measures the peaks for these numbers of threads.
    ///
    /// # Errors
    /// If the folder of an output does not exist: better now than after the measurement.
    pub fn start(command: &str, output: &Output, threads: &[usize]) -> Result<Self> {
        let mut recorder = Recorder::without_peaks(command, output)?;
        let isa = selected().isa;
        recorder.run.peaks = threads
            .iter()
            .map(|&threads| Peak {
                threads,
                gflops: peak::flops(isa, threads) / 1e9,
                copy_gbytes: peak::copy(UNCACHED, threads) / 1e9,
            })
            .collect();
        Ok(recorder)
    }

    /// The same, but no peak is measured.
    ///
    /// # Errors
    /// As above.
    pub fn without_peaks(command: &str, output: &Output) -> Result<Self> {
        for path in output.json.iter().chain(&output.csv) {
            check_folder(path)?;
        }
        let run = Run {
            format: FORMAT,
            command: command.to_owned(),
            arguments: std::env::args().skip(1).collect(),
            date: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            commit: commit_of(Path::new(env!("CARGO_MANIFEST_DIR"))),
            machine: Machine::detect(),
            peaks: Vec::new(),
            rounds: 1,
            turn_milliseconds: 0.0,
            contenders: Vec::new(),
            measurements: Vec::new(),
            comparisons: Vec::new(),
            tables: Vec::new(),
            charts: Vec::new(),
            notes: Vec::new(),
            busy_cores_of_others: None,
            disturbed: false,
            summary: String::new(),
        };
        Ok(Recorder { run, output: output.clone(), svg: None, monitor: LoadMonitor::start() })
    }

    /// Where to draw the chart, if anywhere.
    ///
    /// # Errors
    /// If the folder does not exist.
    pub fn draw_to(mut self, svg: Option<&Path>) -> Result<Self> {
        svg.map_or(Ok(()), check_folder)?;
        self.svg = svg.map(Path::to_owned);
        Ok(self)
    }

    /// How long each contender is measured.
    pub fn rounds(mut self, rounds: usize, turn_milliseconds: f64) -> Self {
        (self.run.rounds, self.run.turn_milliseconds) = (rounds, turn_milliseconds);
        self
    }

    /// The run so far.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// The peak for a number of threads that [`start`](Self::start) was given.
    pub fn peak(&self, threads: usize) -> Peak {
        let unknown = Peak { threads, gflops: f64::NAN, copy_gbytes: f64::NAN };
        self.run.peaks.iter().copied().find(|peak| peak.threads == threads).unwrap_or(unknown)
    }

    /// Notes who takes part; once for each name.
    pub fn contender(&mut self, info: &ContenderInfo) {
        if self.run.contenders.iter().all(|known| known.name != info.name) {
            self.run.contenders.push(info.clone());
        }
    }

    /// Keeps times.
    pub fn measured(&mut self, measurement: Measurement) {
        self.run.measurements.push(measurement);
    }

    /// Keeps a comparison.
    pub fn compared(&mut self, comparison: Comparison) {
        self.run.comparisons.push(comparison);
    }

    /// Prints a sentence, and keeps it.
    pub fn note(&mut self, sentence: impl Into<String>) {
        let sentence = sentence.into();
        println!("{sentence}");
        self.run.notes.push(sentence);
    }

    /// Prints a table below its title, and keeps both.
    pub fn table(&mut self, title: impl Into<String>, table: Table) {
        let title = title.into();
        println!("{title}\n\n{table}");
        self.run.tables.push(TitledTable { title, table });
    }

    /// Keeps a chart.
    pub fn chart(&mut self, chart: Chart) {
        self.run.charts.push(chart);
    }

    /// Ends the run: says whether others disturbed it, writes the files, and prints the last line.
    /// Contenders in other processes must have ended before; their time would count as that of others.
    ///
    /// # Errors
    /// If a file can't be written.
    pub fn finish(mut self, summary: impl Into<String>) -> Result<()> {
        self.run.busy_cores_of_others = self.monitor.others();
        self.run.disturbed = disturbance::is_disturbed(self.run.busy_cores_of_others);
        if let Some(warning) = disturbance::warning(self.run.busy_cores_of_others) {
            println!("{warning}");
        }
        self.run.summary = summary.into();
        for ContenderInfo { name, version, settings, .. } in &self.run.contenders {
            println!("- {}: {settings}", format!("{name} {version}").trim());
        }
        if let Some(path) = &self.output.json {
            write_json(path, &self.run)?;
        }
        if let Some(path) = &self.output.csv {
            write_whole(path, &super::to_csv(&self.run)?)?;
        }
        if let Some(path) = &self.svg {
            let chart = self.run.charts.first().context("this run has no chart: too few points to draw")?;
            write_whole(path, chart.svg()?.as_bytes())?;
        }
        println!("{}", self.run.summary);
        Ok(())
    }
}

/// An error that names the file, if its folder is missing.
fn check_folder(path: &Path) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    ensure!(folder.is_dir(), "{} can't be written: there is no folder {}", path.display(), folder.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Series;
    use crate::record::{Amount, Unit, read};

    #[test]
    fn a_run_is_written_as_json_and_as_csv() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| Some(folder.path().join(name));
        let output = Output { json: path("run.json"), csv: path("run.csv") };
        let mut recorder = Recorder::without_peaks("example", &output).unwrap().rounds(3, 2.0);
        for _ in 0..2 {
            recorder.contender(&ContenderInfo::engine("gradus"));
        }
        let series = Series { name: "gradus".to_owned(), seconds: vec![1.0, 2.0, 4.0] };
        recorder.measured(Measurement::new("a task", 2, &series, Amount::new(6.0, Unit::Image)));
        let mut table = Table::new(["a", "b"]);
        table.row(["1", "2"]);
        recorder.table("A title:", table.clone());
        recorder.note("A sentence.");
        recorder.finish("example: done").unwrap();

        let run = read(&output.json.unwrap()).unwrap();
        assert_eq!((run.command.as_str(), run.rounds, run.summary.as_str()), ("example", 3, "example: done"));
        assert_eq!((run.measurements.len(), run.measurements[0].median, run.contenders.len()), (1, 2.0, 1));
        assert_eq!((run.notes, &run.tables[0].table), (vec!["A sentence.".to_owned()], &table));
        assert!(run.date.len() == 20 && run.date.ends_with('Z'), "{}", run.date);
        let csv = std::fs::read_to_string(output.csv.unwrap()).unwrap();
        assert_eq!(csv.lines().count(), 2);
    }

    #[test]
    fn a_missing_folder_is_found_before_anything_is_measured() {
        let output = Output { json: Some(PathBuf::from("/no/such/folder/run.json")), csv: None };
        let error = Recorder::without_peaks("example", &output).err().unwrap().to_string();
        assert_eq!(error, "/no/such/folder/run.json can't be written: there is no folder /no/such/folder");
        let recorder = Recorder::without_peaks("example", &Output::default()).unwrap();
        assert!(recorder.draw_to(Some(Path::new("/no/such/folder/a.svg"))).is_err());
    }
}
