//! Several threads: shared parameters, grad modes that do not leak into stolen tasks, and the same bits on any number
//! of threads.

mod again;

use std::sync::atomic::{AtomicBool, Ordering};

use autograd::{Gradients, Indices, Param, Tensor, enable_grad, join, map_each, no_grad, num_threads, with_threads};
use rayon::iter::{IntoParallelIterator, ParallelIterator};

#[test]
fn tensors_parameters_and_gradients_are_send_and_sync() {
    fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<Tensor>();
    is_send_and_sync::<Tensor<f64>>();
    is_send_and_sync::<Param>();
    is_send_and_sync::<Gradients>();
    is_send_and_sync::<Indices>();
}

#[test]
fn eight_threads_share_a_parameter() {
    let weight = Param::new(Tensor::randn([64, 64], 0));
    let alone: Vec<Gradients> = (0..8).map(|seed| gradients(&weight, seed)).collect();
    let shared: Vec<Gradients> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|seed| {
                scope.spawn({
                    let weight = weight.clone();
                    move || gradients(&weight, seed)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for (alone, shared) in alone.iter().zip(&shared) {
        assert_eq!(alone.of(&weight).unwrap().to_vec(), shared.of(&weight).unwrap().to_vec());
    }
}

fn gradients(weight: &Param, seed: u64) -> Gradients {
    let x = Tensor::randn([16, 64], seed);
    x.matmul(&weight.tensor()).tanh().sum().backward()
}

/// Tasks large enough for parallel kernels, so that a waiting task runs another one on its thread.
fn mixed_tasks(threads: usize) {
    let weight: Param = Param::new(Tensor::randn([96, 256], 0));
    let x: Tensor = Tensor::randn([512, 96], 1);
    // An unoptimised build takes a hundred times as long for each.
    let tasks = if cfg!(debug_assertions) { 60 } else { 2000 };
    let lost = with_threads(threads, || {
        (0..tasks)
            .into_par_iter()
            .filter(|task| {
                if task % 2 == 0 {
                    let y = no_grad(|| x.matmul(&weight.tensor()).relu().sum());
                    return y.is_tracked();
                }
                let y = x.matmul(&weight.tensor()).relu().sum();
                !y.is_tracked() || y.backward().of(&weight).is_none()
            })
            .count()
    });
    assert_eq!(lost, 0, "tasks that ran in the mode of another one, on {threads} threads");
}

#[test]
fn no_gradient_is_lost_beside_no_grad_on_four_threads() {
    mixed_tasks(4);
}

#[test]
fn no_gradient_is_lost_beside_no_grad_on_eight_threads() {
    mixed_tasks(8);
}

/// One thread evaluates without recording and starts parallel tasks, another one builds parts of a loss. While the
/// first thread waits, it runs parts of the loss.
#[test]
fn no_gradient_is_lost_beside_a_fork_without_recording() {
    let weight: Param = Param::new(Tensor::randn([16, 16], 0));
    let x: Tensor = Tensor::randn([8, 16], 1);
    let forward = || x.matmul(&weight.tensor()).tanh().sum();
    let is_over = AtomicBool::new(false);
    let steps = if cfg!(debug_assertions) { 100 } else { 3000 };
    let lost = std::thread::scope(|scope| {
        scope.spawn(|| {
            with_threads(2, || {
                while !is_over.load(Ordering::Relaxed) {
                    let (a, b) = no_grad(|| join(forward, || map_each(0..4, |_| forward())));
                    assert!(!a.is_tracked() && b.iter().all(|b| !b.is_tracked()));
                }
            });
        });
        let lost = with_threads(2, || {
            let whole = |_: &usize| {
                let parts = map_each(0..8, |_| forward());
                parts.iter().all(Tensor::is_tracked)
                    && parts.into_iter().reduce(|a, b| a + b).unwrap().backward().len() == 1
            };
            (0..steps).filter(|step| !whole(step)).count()
        });
        is_over.store(true, Ordering::Relaxed);
        lost
    });
    assert_eq!(lost, 0, "of {steps} steps");
}

#[test]
fn enable_grad_records_inside_of_no_grad() {
    let x: Tensor = Tensor::ones([2]).requires_grad();
    no_grad(|| {
        assert!(enable_grad(|| x.exp()).is_tracked());
        assert!(!x.exp().is_tracked(), "the mode is restored");
        assert!(enable_grad(|| join(|| x.exp(), || x.sin())).0.is_tracked());
    });
    assert!(enable_grad(|| no_grad(|| x.exp())).to_vec().len() == 2 && x.exp().is_tracked());
}

/// Recurses until `bytes` of stack are in use below the address `top`; returns how many.
fn recurse(top: usize, bytes: usize) -> usize {
    let frame = std::hint::black_box([0_u8; 4096]);
    let used = top - frame.as_ptr() as usize;
    if used > bytes { used } else { recurse(top, bytes) + usize::from(frame[0]) }
}

fn use_stack(bytes: usize) -> usize {
    let top = 0_u8;
    recurse(&raw const top as usize, bytes)
}

#[test]
fn a_recursive_model_that_runs_on_the_main_thread_runs_in_a_pool() {
    // By default a thread has a stack of 2 MiB, the main thread one of 8 MiB.
    let used = with_threads(2, || [use_stack(6 << 20), join(|| use_stack(6 << 20), || use_stack(6 << 20)).1]);
    assert!(used.iter().all(|used| *used > 6 << 20));
}

#[test]
fn the_default_number_of_threads_follows_the_environment() {
    let of = |value: &str| {
        let mut command = again::this_program();
        command
            .args(["print_the_default_number", "--exact", "--ignored", "--nocapture"])
            .env("RAYON_NUM_THREADS", value);
        let printed = String::from_utf8(command.output().unwrap().stdout).unwrap();
        let line = printed.lines().find_map(|line| line.split_once("threads: ")).map(|(_, threads)| threads.to_owned());
        line.unwrap_or_else(|| panic!("{printed}"))
    };
    let of_the_machine = std::thread::available_parallelism().unwrap().to_string();
    assert_eq!(of("3"), "3 3");
    assert_eq!(of("0"), format!("{of_the_machine} {of_the_machine}"));
    assert_eq!(of("many"), format!("{of_the_machine} {of_the_machine}"));
}

#[test]
#[ignore = "run by the test above, in a process of its own"]
fn print_the_default_number() {
    println!("threads: {} {}", num_threads(), with_threads(0, num_threads));
    assert!(num_threads() > 0);
}

#[test]
fn the_bits_do_not_depend_on_the_number_of_threads() {
    let (x, weight, bias) =
        (Tensor::randn([300, 400], 0), Param::new(Tensor::randn([200, 400], 1)), Param::new(Tensor::randn([200], 2)));
    let labels: Indices = (0..300).map(|i| i % 200).collect();
    let run = |threads| {
        with_threads(threads, || {
            let hidden = x.linear_relu(&weight.tensor(), Some(&bias.tensor()));
            let scores = (hidden.tanh() * 3.0).log_softmax(1).softmax(0) + hidden.sum_dim(0, true);
            let loss = scores.cross_entropy(&labels);
            let mut bits: Vec<u32> = scores.to_vec().into_iter().chain([loss.item()]).map(f32::to_bits).collect();
            let gradients = loss.backward();
            for gradient in gradients.iter() {
                bits.extend(gradient.to_vec().into_iter().map(f32::to_bits));
            }
            bits
        })
    };
    let one = run(1);
    for threads in [2, 3, 4, 8] {
        assert!(run(threads) == one, "{threads} threads give other bits than one");
    }
}
