//! `ladder`: one product, made fast step by step.

use anyhow::{Result, bail};
use autograd::kernels::gemm::{Epilogue, gemm};
use autograd::kernels::simd::isa::{self, Isa};
use autograd::ndarray::{ArrayView2, ArrayViewMut2};
use autograd::with_threads;
use clap::Args;

use super::positive;
use crate::ladder::{STEPS, Sizes};
use crate::measure::{Contestant, Settings, interleave};
use crate::neighbours::{self, Watch};
use crate::operands::{Operands, Oracle};
use crate::peak;
use crate::shapes::Case;
use crate::table::Table;

/// The options of `ladder`.
#[derive(Args)]
pub struct Arguments {
    /// The matrices are this many numbers wide and high
    #[arg(long, default_value = "1000", value_parser = positive)]
    size: usize,
    /// How many threads the last step has
    #[arg(long, default_value = "2", value_parser = positive)]
    threads: usize,
    /// Turns of each step
    #[arg(long, default_value = "5", value_parser = positive)]
    rounds: usize,
}

/// C ← A·B, or C ← C + A·B.
type Multiply = Box<dyn Fn(&[f32], &[f32], &mut [f32])>;

/// What is measured: a name, what it changes, how many threads it has, and the product itself.
struct Rung {
    name: String,
    change: String,
    threads: usize,
    multiply: Multiply,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let Arguments { size, threads, rounds } = *arguments;
    let case = Case::new(format!("square {size}"), (size, size, size));
    let mut operands = Operands::<f32>::new(&case);
    let (a, b, _) = operands.views();
    let oracle = Oracle::new(a, b);
    let (Some(a), Some(b)) = (a.as_slice(), b.as_slice()) else { bail!("the operands lie by rows") };

    let watch = Watch::start();
    let rungs = rungs(size, threads);
    let mut c = vec![0.0; size * size];
    let mut series = Vec::new();
    for rung in &rungs {
        eprintln!("{}", rung.name);
        c.fill(0.0);
        (rung.multiply)(a, b, &mut c);
        if let Err(error) = oracle.check(ArrayView2::from_shape((size, size), &c)?) {
            bail!("{}: {error}", rung.name);
        }
        // Some add to what C holds: they may, a timed C is never looked at.
        let contestant = Contestant::new(&rung.name, || (rung.multiply)(a, b, &mut c));
        series.extend(interleave(&mut [contestant], Settings { rounds, ..Settings::default() }));
    }

    let widest = isa::selected().isa;
    let peak = |threads| peak::flops(Isa::available().last().copied().unwrap_or(widest), threads) / 1e9;
    let (peak_of_one, peak_of_all) = (peak(1), peak(threads));
    println!(
        "{size} × {size} numbers, f32. The peak is {peak_of_one:.1} GFLOP/s on one thread and {peak_of_all:.1} on {threads}, measured in this run."
    );
    if let Some(warning) = neighbours::warning(watch.others()) {
        println!("{warning}");
    }
    let mut table = Table::new(["step", "GFLOP/s", "of peak", "times as fast"]);
    let speeds: Vec<f64> = series.iter().map(|series| case.flop() / series.median() / 1e9).collect();
    for (index, (rung, &speed)) in rungs.iter().zip(&speeds).enumerate() {
        let share = 100.0 * speed / if rung.threads == 1 { peak_of_one } else { peak_of_all };
        // Against the step before; the engine's, against the last step with as many threads.
        let alike = (0..index).rev().find(|&before| rungs[before].threads == rung.threads);
        let times =
            alike.or(index.checked_sub(1)).map_or(String::new(), |before| format!("{:.1}", speed / speeds[before]));
        table.row([rung.name.clone(), format!("{speed:.1}"), format!("{share:.0} %"), times]);
    }
    println!("\n{table}");
    println!("What each step changes:\n");
    for Rung { name, change, .. } in &rungs {
        println!("- {name}: {change}");
    }
    Ok(())
}

/// The steps of the ladder, and the engine's product for comparison.
fn rungs(size: usize, threads: usize) -> Vec<Rung> {
    let sizes = Sizes { m: size, n: size, k: size };
    let mut rungs: Vec<Rung> = Vec::new();
    for step in STEPS {
        let threads = if step.is_parallel { threads } else { 1 };
        rungs.push(Rung {
            name: if step.is_parallel { format!("{}, {threads} threads", step.name) } else { step.name.to_owned() },
            change: step.change.to_owned(),
            threads,
            multiply: Box::new(move |a, b, c| with_threads(threads, || (step.multiply)(sizes, a, b, c))),
        });
    }
    for threads in [1, threads] {
        rungs.push(Rung {
            name: format!("autograd::gemm, {threads} thread{}", if threads == 1 { "" } else { "s" }),
            change: "The same ideas with all their corners: any strides, any size, a route for each shape.".to_owned(),
            threads,
            multiply: Box::new(move |a, b, c| {
                let square = (size, size);
                let (a, b) = (ArrayView2::from_shape(square, a), ArrayView2::from_shape(square, b));
                let (Ok(a), Ok(b), Ok(c)) = (a, b, ArrayViewMut2::from_shape(square, c)) else { return };
                with_threads(threads, || gemm(a, b, c, Epilogue::Store));
            }),
        });
    }
    rungs
}
