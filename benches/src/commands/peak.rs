//! `peak`: the limits of this machine.

use anyhow::Result;
use autograd::kernels::simd::isa::Isa;
use clap::Args;

use super::positive;
use crate::neighbours::{self, Watch};
use crate::peak;
use crate::table::Table;

/// The options of `peak`.
#[derive(Args)]
pub struct Arguments {
    /// How many threads, a list
    #[arg(long, value_delimiter = ',', default_value = "1,2", value_parser = positive)]
    threads: Vec<usize>,
}

/// The sizes of the buffers that are copied: inside the first, the second and the third level of a usual cache, and outside all of them.
const COPIED: [(&str, usize); 4] =
    [("12 KiB", 12 << 10), ("256 KiB", 256 << 10), ("4 MiB", 4 << 20), ("128 MiB", 128 << 20)];

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let watch = Watch::start();
    let mut head = vec!["limit".to_owned()];
    head.extend(
        arguments.threads.iter().map(|threads| format!("{threads} thread{}", if *threads == 1 { "" } else { "s" })),
    );
    let mut table = Table::new(head);
    for &isa in Isa::available() {
        let figures = arguments.threads.iter().map(|&threads| format!("{:.1}", peak::flops(isa, threads) / 1e9));
        table.row([format!("multiply-adds, {}, f32 GFLOP/s", isa.name())].into_iter().chain(figures));
    }
    for (name, bytes) in COPIED {
        let figures = arguments.threads.iter().map(|&threads| format!("{:.1}", peak::copy(bytes, threads) / 1e9));
        table.row([format!("copying {name} on each thread, GB/s read and written")].into_iter().chain(figures));
    }
    print!("{table}");
    if let Some(warning) = neighbours::warning(watch.others()) {
        println!("{warning}");
    }
    Ok(())
}
