//! One thread trains while others evaluate: nobody waits for a lock that a waiting thread holds, so all go on.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use autograd::{Stream, Tensor, no_grad, with_threads};
use nn::{Layer, Linear, Mode, Module};
use optim::Adam;

/// Some steps of Adam in a pool of two threads, while `readers` others evaluate the layer in the same pool. Returns how
/// often they did.
fn train_beside(readers: usize, width: usize, steps: usize) -> usize {
    let layer: Linear = Linear::new(width, width, 0);
    let x: Tensor = Tensor::ones([4, width]);
    let (is_over, evaluations) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..readers {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    with_threads(2, || drop(no_grad(|| layer.forward(&x, Mode::Eval))));
                    evaluations.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        with_threads(2, || {
            let mut adam = Adam::new(layer.parameters(), 1e-3);
            let stream = Stream::new(0);
            for _ in 0..steps {
                adam.step(&layer.forward(&x, Mode::Train(&stream)).sum().backward());
            }
        });
        is_over.store(true, Ordering::Relaxed);
    });
    evaluations.into_inner()
}

#[test]
fn training_beside_evaluations_does_not_hang() {
    let (runs, width, steps) = if cfg!(debug_assertions) { (8, 300, 3) } else { (200, 1024, 5) };
    let (ended, end) = mpsc::channel();
    thread::spawn(move || {
        for run in 0..runs {
            ended.send(train_beside(1 + run % 4, width, steps)).unwrap();
        }
    });
    // A run takes some milliseconds.
    let evaluations_of = |run| end.recv_timeout(Duration::from_secs(60)).unwrap_or_else(|_| panic!("run {run} hangs"));
    let evaluations: usize = (0..runs).map(evaluations_of).sum();
    assert!(evaluations > 0, "nobody read the weights while they were trained");
}
