//! Many threads: shared parameters, grad modes that do not leak into stolen work, and the same bits on any number.

use autograd::{Gradients, Indices, Param, Tensor, no_grad, with_threads};
use rayon::iter::{IntoParallelIterator, ParallelIterator};

#[test]
fn tensors_parameters_and_gradients_may_go_anywhere() {
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

/// Tasks large enough for their kernels to fork, so that a task that waits runs another one on its thread.
fn mixed_tasks(threads: usize) {
    let weight: Param = Param::new(Tensor::randn([96, 256], 0));
    let x: Tensor = Tensor::randn([512, 96], 1);
    // A build without optimisation takes a hundred times as long for each.
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
