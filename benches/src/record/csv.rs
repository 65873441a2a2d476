//! A run as a table of comma-separated values: one line for each measurement, the same columns for every command.

use anyhow::Result;
use serde::Serialize;

use super::{Measurement, Run};

/// A line. Empty cells are figures that there are none of.
#[derive(Serialize)]
struct Line<'a> {
    command: &'a str,
    date: &'a str,
    commit: &'a str,
    processor: &'a str,
    l1_bytes: Option<usize>,
    l2_bytes: Option<usize>,
    l3_bytes: Option<usize>,
    instruction_set: &'a str,
    system: &'a str,
    benchmark: &'a str,
    detail: &'a str,
    dtype: &'a str,
    threads: usize,
    contender: &'a str,
    version: &'a str,
    settings: &'a str,
    rounds: usize,
    turns: usize,
    turn_milliseconds: f64,
    median_seconds: f64,
    best_seconds: f64,
    spread: f64,
    amount: f64,
    unit: super::Unit,
    rate: f64,
    rate_unit: &'static str,
    peak_gflops_f32: Option<f64>,
    peak_copy_gbytes: Option<f64>,
    best_peer: &'a str,
    ratio: Option<f64>,
    noise: Option<f64>,
    verdict: Option<crate::verdict::Verdict>,
    busy_cores_of_others: Option<f64>,
    disturbed: bool,
}

/// The run as CSV, with a header.
///
/// # Errors
/// Those of the writer.
pub fn to_csv(run: &Run) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for measurement in &run.measurements {
        writer.serialize(line(run, measurement))?;
    }
    Ok(writer.into_inner()?)
}

fn line<'a>(run: &'a Run, measurement: &'a Measurement) -> Line<'a> {
    let info = run.contenders.iter().find(|info| info.name == measurement.contender);
    let peak = run.peaks.iter().find(|peak| peak.threads == measurement.threads);
    let comparison = run.comparisons.iter().find(|comparison| {
        comparison.benchmark == measurement.benchmark
            && comparison.threads == measurement.threads
            && comparison.contender == measurement.contender
    });
    let (rate, rate_unit) = measurement.amount.unit.rate(measurement.rate());
    Line {
        command: &run.command,
        date: &run.date,
        commit: run.commit.as_deref().unwrap_or_default(),
        processor: &run.machine.processor,
        l1_bytes: run.machine.cache(1),
        l2_bytes: run.machine.cache(2),
        l3_bytes: run.machine.cache(3),
        instruction_set: &run.machine.instruction_set,
        system: &run.machine.system,
        benchmark: &measurement.benchmark,
        detail: &measurement.detail,
        dtype: &measurement.dtype,
        threads: measurement.threads,
        contender: &measurement.contender,
        version: info.map_or("", |info| &info.version),
        settings: info.map_or("", |info| &info.settings),
        rounds: run.rounds,
        turns: measurement.seconds.len(),
        turn_milliseconds: run.turn_milliseconds,
        median_seconds: measurement.median,
        best_seconds: measurement.best,
        spread: measurement.spread,
        amount: measurement.amount.value,
        unit: measurement.amount.unit,
        rate,
        rate_unit,
        peak_gflops_f32: peak.map(|peak| peak.gflops),
        peak_copy_gbytes: peak.map(|peak| peak.copy_gbytes),
        best_peer: comparison.map_or("", |comparison| &comparison.peer),
        ratio: comparison.map(|comparison| comparison.ratio),
        noise: comparison.and_then(|comparison| comparison.noise),
        verdict: comparison.map(|comparison| comparison.verdict),
        busy_cores_of_others: run.busy_cores_of_others,
        disturbed: run.disturbed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::example;

    #[test]
    fn a_line_for_each_measurement_with_all_that_it_depends_on() {
        let run = example(&[4e-6; 3], &[8e-6; 3]);
        let text = String::from_utf8(to_csv(&run).unwrap()).unwrap();
        let golden = "\
command,date,commit,processor,l1_bytes,l2_bytes,l3_bytes,instruction_set,system,benchmark,detail,dtype,threads,\
contender,version,settings,rounds,turns,turn_milliseconds,median_seconds,best_seconds,spread,amount,unit,rate,\
rate_unit,peak_gflops_f32,peak_copy_gbytes,best_peer,ratio,noise,verdict,busy_cores_of_others,disturbed
gemm,2026-11-28T12:00:00Z,0123456789abcdef0123456789abcdef01234567,\"A processor, family 25 model 17\",32768,1048576,,\
avx512,linux 6.1,square 64,(64×64)·(64×64),f32,1,gradus,0.1.0,1 thread,3,3,2.0,4e-6,4e-6,0.0,524288.0,flop,131.072,\
GFLOP/s,118.0,20.0,openblas,1.25,0.02,win,0.01,false
gemm,2026-11-28T12:00:00Z,0123456789abcdef0123456789abcdef01234567,\"A processor, family 25 model 17\",32768,1048576,,\
avx512,linux 6.1,square 64,(64×64)·(64×64),f32,1,openblas,0.3.21,1 thread,3,3,2.0,8e-6,8e-6,0.0,524288.0,flop,\
65.536,GFLOP/s,118.0,20.0,,,,,0.01,false
";
        assert_eq!(text, golden);
    }
}
