//! The cases of the command `gemm` as criterion groups: one group for each case, one function for each contender.
//!
//! `cargo bench -p benches --bench gemm -- "square 256"` runs some of them. `GRADUS_THREADS` gives the number of
//! threads (1 if unset); the command `gemm` is the fairer judge, because its contenders take turns.

use std::time::Duration;

use benches::operands::{Operands, Oracle};
use benches::products;
use benches::shapes::Shapes;
use criterion::{Criterion, Throughput};

fn main() {
    let threads =
        std::env::var("GRADUS_THREADS").ok().map_or(1, |text| text.parse().expect("GRADUS_THREADS is a number"));
    // Inside the pool, where those that use rayon take their threads from.
    autograd::with_threads(threads, || {
        let mut criterion = Criterion::default().configure_from_args();
        gemm(&mut criterion, threads);
        criterion.final_summary();
    });
}

fn gemm(criterion: &mut Criterion, threads: usize) {
    let implementations = products::all::<f32>(threads, &[], false).unwrap_or_else(|error| panic!("{error:#}"));
    for case in Shapes::All.cases() {
        let mut operands = None;
        let mut oracles = None;
        let mut group = criterion.benchmark_group(&case.name);
        group.throughput(Throughput::Elements(case.flop() as u64));
        group.sample_size(15).warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_millis(500));
        for implementation in &implementations {
            // Cases that the filter leaves out are neither made, nor checked, nor run.
            group.bench_function(&implementation.info.name, |bencher| {
                let (a, b, mut c) = operands.get_or_insert_with(|| Operands::<f32>::new(&case)).stacks();
                implementation.multiply_stack(a, b, c.view_mut());
                let oracles = oracles.get_or_insert_with(|| Oracle::of_stack(a, b));
                let checked = Oracle::check_stack(oracles, c.view());
                assert_eq!(checked, Ok(()), "{}, {}", implementation.info.name, case.name);
                bencher.iter(|| implementation.multiply_stack(a, b, c.view_mut()));
            });
        }
        group.finish();
    }
}
