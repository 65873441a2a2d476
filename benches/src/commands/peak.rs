//! `peak`: the limits of this machine.

use anyhow::Result;
use autograd::kernels::simd::isa::Isa;
use clap::Args;

use super::options::{Threads, threads_in_words};
use crate::peak;
use crate::record::{Output, Recorder};
use crate::table::Table;

/// The options of `peak`.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    threads: Threads,
    /// Accepted like everywhere; the limits take a few seconds anyway
    #[arg(long)]
    quick: bool,
    #[command(flatten)]
    output: Output,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let list = arguments.threads.list();
    let mut recorder = Recorder::start("peak", &arguments.output, &list)?;
    let mut table = Table::new(["limit".to_owned()].into_iter().chain(list.iter().map(|&n| threads_in_words(n))));
    for &isa in Isa::available() {
        let figures = list.iter().map(|&threads| format!("{:.1}", peak::flops(isa, threads) / 1e9));
        table.row([format!("multiply-adds, {}, f32 GFLOP/s", isa.name())].into_iter().chain(figures));
    }
    for (name, bytes) in peak::COPIED {
        let figures = list.iter().map(|&threads| format!("{:.1}", peak::copy(bytes, threads) / 1e9));
        table.row([format!("copying {name} on each thread, GB/s read and written")].into_iter().chain(figures));
    }
    let machine = recorder.run().machine.to_string();
    recorder.table(format!("The limits of this machine ({machine}):"), table);
    let peaks = recorder.run().peaks.iter();
    let peaks: Vec<String> = peaks
        .map(|peak| {
            let threads = threads_in_words(peak.threads);
            format!("{:.1} GFLOP/s and {:.1} GB/s on {threads}", peak.gflops, peak.copy_gbytes)
        })
        .collect();
    recorder.finish(format!("peak: {}", peaks.join(", ")))
}
