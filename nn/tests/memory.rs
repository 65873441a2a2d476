//! In a training loop nothing is allocated and nothing copied after the second step. One test in a program of its own,
//! since the counters are the whole program's.

use autograd::{Indices, Random, Stream, Tensor, memory_statistics, no_grad, release_memory, with_threads};
use nn::{Layer, Linear, Mode, Module, ReLU, Sequential};
use optim::Adam;

fn model() -> Sequential {
    let mut random = Random::new(0);
    Sequential::new()
        .named("fc1", Linear::new(784, 256, &mut random))
        .named("relu1", ReLU)
        .named("fc2", Linear::new(256, 128, &mut random))
        .named("relu2", ReLU)
        .named("fc3", Linear::new(128, 10, &mut random))
}

/// Bytes of this process in memory, where the system tells.
fn resident() -> Option<usize> {
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(pages.split_whitespace().nth(1)?.parse::<usize>().ok()? * 4096)
}

#[test]
fn a_training_loop_reaches_a_steady_state() {
    with_threads(2, || {
        let model = model();
        let mut adam = Adam::new(model.parameters(), 1e-3);
        let images = Tensor::rand([1000, 784], 1);
        let (mut random, stream) = (Random::new(2), Stream::new(3));
        let mut step = |batch: usize| {
            let chosen: Vec<usize> = (0..batch).map(|_| random.below(1000) as usize).collect();
            let labels: Indices = chosen.iter().map(|index| index % 10).collect();
            let logits = model.forward(&images.index_select(0, chosen), Mode::Train(&stream));
            let loss = logits.cross_entropy(&labels);
            let gradients = loss.backward();
            // The logits are still in scope, and with them the graph's newest node: it must have let go of the weights.
            adam.step(&gradients);
            logits.argmax(1, false)
        };
        step(64);
        step(64);
        let before = memory_statistics();
        (0..100).for_each(|_| drop(step(64)));
        let after = memory_statistics();
        assert_eq!(after.pool_misses, before.pool_misses, "data was allocated after the second step");
        assert_eq!(after.copies_on_write, before.copies_on_write, "a buffer was copied after the second step");

        let flat = |what: &str, work: &mut dyn FnMut()| {
            (0..200).for_each(|_| work());
            // A build without optimisation takes fifty times as long for each.
            let repetitions = if cfg!(debug_assertions) { 500 } else { 10_000 };
            let mut grown = || {
                let before = resident().unwrap_or(0);
                (0..repetitions).for_each(|_| work());
                resident().unwrap_or(0).saturating_sub(before)
            };
            // The system may give a page of 2 MiB at any time. What leaks grows again.
            let first = grown();
            let again = if first < 2 << 20 { first } else { grown() };
            assert!(again < 2 << 20, "{what}: grown by {first} and then by {again} bytes");
        };
        flat("training", &mut || drop(step(8)));
        flat("forward while recording", &mut || drop(model.forward(&images.narrow(0, 0, 8), Mode::Train(&stream))));
        flat("forward without recording", &mut || drop(no_grad(|| model.forward(&images.narrow(0, 0, 8), Mode::Eval))));

        assert!(memory_statistics().idle_bytes > 0);
        release_memory();
        assert_eq!(memory_statistics().idle_bytes, 0, "what is idle is given back on request");
    });
}
