//! Where the time of a training step goes: the classic perceptron, one operation a line.
//!
//! `cargo run --release -p nn --example 06_step`, on an otherwise idle machine. A number behind `--` is the number of
//! threads.

use std::time::{Duration, Instant};

use autograd::kernels::bytes::gather_rows;
use autograd::trace::{self, Event, Phase};
use autograd::{Indices, Random, Stream, Tensor, with_threads};
use nn::{CrossEntropyLoss, Layer, Linear, Mode, Module, ReLU, Sequential};
use optim::Adam;

const IMAGES: usize = 10_000;
const PIXELS: usize = 784;
const BATCH: usize = 64;
/// Steps before anything is measured, steps that are timed as a whole, and steps whose operations are timed one by one.
const STEPS: [usize; 3] = [200, 1000, 300];

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// The operations of many steps, in order; every step does the same.
fn table(steps: &[Vec<Event>], whole: Duration) {
    let microseconds = |time: Duration| time.as_nanos() as f64 / 1e3;
    let count = steps[0].len();
    assert!(steps.iter().all(|events| events.len() == count), "a step that differs from the others");
    let mut sum = Duration::ZERO;
    for index in 0..count {
        let event = &steps[0][index];
        let time = median(steps.iter().map(|events| events[index].duration).collect());
        if event.depth == 0 {
            sum += time;
        }
        let phase = match event.phase {
            Phase::Forward => "forward",
            Phase::Backward => "backward",
            Phase::Update => "update",
        };
        let shapes: Vec<String> = event.inputs.iter().map(ToString::to_string).collect();
        let name = format!("{:indent$}{}", "", event.name, indent = 2 * event.depth);
        let what = format!("{} -> {}", shapes.join(" "), event.output);
        println!("{phase:<8}  {name:<16} {:>7.1} µs  {what}", microseconds(time));
    }
    println!(
        "operations together {:.1} µs, a step without being watched {:.1} µs",
        microseconds(sum),
        microseconds(whole)
    );
}

fn run() {
    let mut random = Random::new(0);
    let model: Sequential = Sequential::new()
        .named("fc1", Linear::new(PIXELS, 256, &mut random))
        .named("relu1", ReLU)
        .named("fc2", Linear::new(256, 128, &mut random))
        .named("relu2", ReLU)
        .named("fc3", Linear::new(128, 10, &mut random));
    let pixels: Vec<u8> = (0..IMAGES * PIXELS).map(|_| random.below(256) as u8).collect();
    let (criterion, stream) = (CrossEntropyLoss::new(), Stream::new(1));
    let mut adam = Adam::new(model.parameters(), 1e-3);
    let mut step = || {
        let chosen: Vec<usize> = (0..BATCH).map(|_| random.below(IMAGES as u64) as usize).collect();
        let labels: Indices = chosen.iter().map(|index| index % 10).collect();
        let images = Tensor::build([BATCH, PIXELS], |out| gather_rows(&pixels, PIXELS, &chosen, 255.0, out));
        let loss = criterion.forward(&model.forward(&images, Mode::Train(&stream)), &labels);
        adam.step(&loss.backward());
    };
    (0..STEPS[0]).for_each(|_| step());
    let mut timed = || {
        let start = Instant::now();
        step();
        start.elapsed()
    };
    let whole = median((0..STEPS[1]).map(|_| timed()).collect());
    let mut watched = || {
        let (_, mut events) = trace::record(&mut step);
        events.sort_by_key(|event| event.start);
        events
    };
    let steps: Vec<Vec<Event>> = (0..STEPS[2]).map(|_| watched()).collect();
    table(&steps, whole);
}

fn main() {
    println!("Shows: where the time of a training step goes: the time of each operation, forward, backward and update");
    println!("Uses:  trace::record, with_threads, kernels::bytes::gather_rows\n");
    let threads = std::env::args().nth(1).map_or(0, |text| text.parse().expect("a number of threads"));
    with_threads(threads, run);
}
