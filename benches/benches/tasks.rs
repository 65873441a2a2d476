//! Whole tasks for criterion: training steps, scores, chains of small operations, passes over memory, optimizers.
//!
//! `cargo bench -p benches --bench tasks -- train`, and so on. The comparisons with other libraries are commands of the
//! program.

use std::sync::Arc;
use std::time::Duration;

use benches::benchmark::Library;
use benches::ours::{copy, gradus, hand_fused};
use benches::problem::Problem;
use benches::task::{CHAIN, ELEMENTWISE, RULES, Task};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// Benchmarks the tasks of a group with these libraries on one thread and on two.
fn group(criterion: &mut Criterion, name: &str, tasks: &[(Task, Throughput)], libraries: &[(&str, Library)]) {
    let problem = Arc::new(Problem::digits().expect("the digits are in the demo's folder"));
    let mut group = criterion.benchmark_group(name);
    group.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1)).sample_size(20);
    for (task, throughput) in tasks {
        group.throughput(throughput.clone());
        for threads in [1, 2] {
            for (library, prepare) in libraries {
                let Some(mut work) = prepare(&problem, *task, threads) else { continue };
                let id = BenchmarkId::new(format!("{task}, {library}"), threads);
                group.bench_function(id, |bencher| bencher.iter(|| work(1)));
            }
        }
    }
    group.finish();
}

fn train(criterion: &mut Criterion) {
    let tasks = [32, 64, 128, 512].map(|batch| (Task::Train { batch }, Throughput::Elements(batch as u64)));
    group(criterion, "train", &tasks, &[("Gradus", gradus), ("hand-fused", hand_fused)]);
}

fn inference(criterion: &mut Criterion) {
    let tasks = [1, 256, 10_000].map(|batch| (Task::Infer { batch }, Throughput::Elements(batch as u64)));
    group(criterion, "inference", &tasks, &[("Gradus", gradus)]);
}

fn overhead(criterion: &mut Criterion) {
    let cases = [(1, true), (32, true), (1, false), (32, false)];
    let tasks = cases.map(|(extent, backward)| (Task::Chain { extent, backward }, Throughput::Elements(CHAIN as u64)));
    group(criterion, "overhead", &tasks, &[("Gradus", gradus)]);
}

fn bytes(task: Task) -> (Task, Throughput) {
    (task, Throughput::Bytes(task.bytes() as u64))
}

fn pointwise(criterion: &mut Criterion) {
    let tasks: Vec<_> = ELEMENTWISE.iter().map(|operation| bytes(Task::Elementwise(*operation))).collect();
    group(criterion, "pointwise", &tasks, &[("Gradus", gradus), ("a copy", copy)]);
}

fn optim(criterion: &mut Criterion) {
    let cases =
        [235_146, 10_000_000].into_iter().flat_map(|weights| RULES.map(|rule| Task::Optimize { rule, weights }));
    let tasks: Vec<_> = cases.map(bytes).collect();
    group(criterion, "optim", &tasks, &[("Gradus", gradus), ("a copy", copy)]);
}

criterion_group!(tasks, train, inference, overhead, pointwise, optim);
criterion_main!(tasks);
