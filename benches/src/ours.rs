//! Gradus as a contender: each task as a user writes it.

mod convolution;
mod passes;

use std::sync::Arc;

use autograd::{Attention, Indices, Param, Stream, Tensor, no_grad, with_threads};
use nn::{CrossEntropyLoss, Layer, Linear, Mode, Module, ReLU, Sequential};
use optim::{Adam, AdamW, Optimizer, Sgd};
use rayon::prelude::*;

use crate::aligned::Aligned;
use crate::benchmark::{Work, last_of};
use crate::hand_fused::HandFused;
use crate::problem::{LEARNING_RATE, MULTIPLIERS, Problem, SIZES, centred, operand};
use crate::task::{AttentionTask, CHAIN, Rule, Task};

/// [`Library`](crate::benchmark::Library): everything that Gradus has.
pub fn gradus(problem: &Arc<Problem>, task: Task, threads: usize) -> Option<Work> {
    match task {
        Task::Train { batch } => {
            let source = Arc::clone(problem);
            Some(train(problem, batch, threads, move |rows| pixels_of(&source, rows)))
        }
        Task::TrainNetwork { network, batch } => Some(network.train(problem, batch, threads)),
        Task::Infer { batch } => Some(infer(problem, batch, threads)),
        Task::InferNetwork { network, batch } => network.infer(problem, batch, threads),
        Task::Chain { extent, backward } => Some(chain(extent, backward, threads)),
        Task::Elementwise(operation) => passes::work(operation, threads),
        Task::Attention(task) => Some(attention(task, threads)),
        Task::Convolution(task) => Some(convolution::work(task, threads)),
        Task::Optimize { rule, weights } => optimize(rule, weights, threads),
    }
}

/// [`Library`](crate::benchmark::Library): the training step on images that are kept as `f32`, four times the bytes,
/// and chosen by `index_select`.
pub fn gradus_from_singles(problem: &Arc<Problem>, task: Task, threads: usize) -> Option<Work> {
    let Task::Train { batch } = task else { return None };
    let all = pixels_of(problem, &(0..problem.labels.len()).collect::<Vec<_>>());
    Some(train(problem, batch, threads, move |rows| all.index_select(0, rows.to_vec())))
}

/// [`Library`](crate::benchmark::Library): the training step without the engine.
pub fn hand_fused(problem: &Arc<Problem>, task: Task, threads: usize) -> Option<Work> {
    let Task::Train { batch } = task else { return None };
    let problem = Arc::clone(problem);
    let mut step = HandFused::new(&SIZES, &problem.parameters, batch, LEARNING_RATE);
    let mut next = 0;
    Some(Box::new(move |repeats| {
        with_threads(threads, || {
            let mut loss = f32::NAN;
            for _ in 0..repeats {
                let rows = problem.batch(next, batch);
                loss = step.step(&problem.images, rows, problem.labels_of(rows).map(usize::from));
                next += 1;
            }
            f64::from(loss)
        })
    }))
}

/// [`Library`](crate::benchmark::Library): copies as many bytes as the task moves, half of them read and half written,
/// between buffers of its own.
pub fn copy(_: &Arc<Problem>, task: Task, threads: usize) -> Option<Work> {
    /// Elements that one thread copies at a time: as many as the engine gives it.
    const CHUNK: usize = 1 << 15;
    let length = task.bytes() / size_of::<f32>() / 2;
    let (from, mut to) = (Aligned::new(length, || 1.0_f32), Aligned::new(length, || 0.0));
    (length > 0).then(|| -> Work {
        Box::new(move |repeats| {
            with_threads(threads, || {
                for _ in 0..repeats {
                    to.par_chunks_mut(CHUNK)
                        .zip(from.par_chunks(CHUNK))
                        .for_each(|(to, from)| to.copy_from_slice(from));
                }
            });
            f64::from(to[length - 1])
        })
    })
}

/// The perceptron of the demo, with the problem's weights.
pub fn perceptron(problem: &Problem) -> Sequential {
    let [pixels, wide, narrow, classes] = SIZES;
    let model = Sequential::new()
        .named("fc1", Linear::new(pixels, wide, 0))
        .named("relu1", ReLU)
        .named("fc2", Linear::new(wide, narrow, 0))
        .named("relu2", ReLU)
        .named("fc3", Linear::new(narrow, classes, 0));
    for (parameter, values) in model.parameters().iter().zip(&problem.parameters) {
        parameter.update(|own| own.copy_from_slice(values));
    }
    model
}

/// The chosen images as values from 0 to 1, and their labels.
pub fn batch_of(problem: &Problem, rows: &[usize]) -> (Tensor, Indices) {
    (pixels_of(problem, rows), problem.labels_of(rows).collect())
}

fn pixels_of(problem: &Problem, rows: &[usize]) -> Tensor {
    Tensor::build([rows.len(), SIZES[0]], |out| problem.gather(rows, out))
}

/// The training step on the images that `choose` makes of the rows of a batch.
fn train(
    problem: &Arc<Problem>,
    batch: usize,
    threads: usize,
    choose: impl Fn(&[usize]) -> Tensor + Send + Sync + 'static,
) -> Work {
    let problem = Arc::clone(problem);
    let model = perceptron(&problem);
    let criterion = CrossEntropyLoss::new();
    let mut adam = Adam::new(model.parameters(), LEARNING_RATE);
    let mut next = 0;
    Box::new(move |repeats| {
        with_threads(threads, || {
            let (mut value, stream) = (f32::NAN, Stream::new(0));
            for _ in 0..repeats {
                let rows = problem.batch(next, batch);
                let labels: Indices = problem.labels_of(rows).collect();
                let loss = criterion.forward(&model.forward(&choose(rows), Mode::Train(&stream)), &labels);
                value = loss.item();
                adam.step_taking(loss.backward());
                next += 1;
            }
            f64::from(value)
        })
    })
}

fn infer(problem: &Problem, batch: usize, threads: usize) -> Work {
    let model = perceptron(problem);
    let (images, _) = batch_of(problem, problem.batch(0, batch));
    Box::new(move |repeats| {
        with_threads(threads, || no_grad(|| element(&last_of(repeats, || model.forward(&images, Mode::Eval)))))
    })
}

fn chain(extent: usize, backward: bool, threads: usize) -> Work {
    let (a, b) = (Tensor::full([extent], 0.999), Tensor::full([extent], 0.001));
    let run_chain = move |x: &Tensor| {
        let mut y = x * &a;
        y = &y + &b;
        for _ in 1..CHAIN / 2 {
            y = &y * &a;
            y = &y + &b;
        }
        y
    };
    let seed = Tensor::ones([extent]);
    Box::new(move |repeats| {
        with_threads(threads, || {
            let mut last = f64::NAN;
            for _ in 0..repeats {
                let x = Tensor::full([extent], 0.5).requires_grad();
                last = if backward {
                    element(run_chain(&x).backward_with(&seed).get(&x).expect("x is a leaf"))
                } else {
                    no_grad(|| element(&run_chain(&x)))
                };
            }
            last
        })
    })
}

fn attention(task: AttentionTask, threads: usize) -> Work {
    let AttentionTask { batch, heads, queries, tokens, width, is_causal, backward } = task;
    let heads_of = |rows: usize, multiplier: u32| {
        Tensor::from_vec(centred(batch * rows * heads * width, multiplier), [batch, rows, heads, width])
    };
    let [first, second] = MULTIPLIERS;
    let leaves = [heads_of(queries, first), heads_of(tokens, second), heads_of(tokens, first)];
    let leaves = if backward { leaves.map(Tensor::requires_grad) } else { leaves };
    let (seed, options) = (heads_of(queries, second).transpose(1, 2), Attention { is_causal, ..Attention::default() });
    Box::new(move |repeats| {
        with_threads(threads, || {
            let mut last = f64::NAN;
            for _ in 0..repeats {
                let [q, k, v] = leaves.each_ref().map(|leaf| leaf.transpose(1, 2));
                let result = q.scaled_dot_product_attention(&k, &v, &options);
                last = if backward {
                    element(result.backward_with(&seed).get(&leaves[1]).expect("the keys are a leaf"))
                } else {
                    element(&result)
                };
            }
            last
        })
    })
}

fn optimize(rule: Rule, weights: usize, threads: usize) -> Option<Work> {
    let [first, slope] = MULTIPLIERS.map(|multiplier| Tensor::from_vec(operand(weights, multiplier), [weights]));
    let parameter = Param::new(first);
    let own = [parameter.clone()];
    let mut optimizer: Box<dyn Optimizer + Send> = match rule.name {
        "sgd" => Box::new(Sgd::new(own, LEARNING_RATE)),
        "momentum" => Box::new(Sgd::new(own, LEARNING_RATE).momentum(0.9)),
        "adam" => Box::new(Adam::new(own, LEARNING_RATE)),
        "adamw" => Box::new(AdamW::new(own, LEARNING_RATE)),
        _ => return None,
    };
    let gradients = (parameter.tensor() * slope).sum().backward();
    Some(Box::new(move |repeats| {
        with_threads(threads, || {
            for _ in 0..repeats {
                optimizer.step(&gradients);
            }
            element(&parameter.tensor())
        })
    }))
}

/// One element of many, to be compared: the last one.
fn element(tensor: &Tensor) -> f64 {
    f64::from(*tensor.as_array().last().expect("a tensor with elements"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_of_bytes_and_of_singles_train_alike() {
        let problem = Arc::new(Problem::dots(96));
        let task = Task::Train { batch: 16 };
        let (mut bytes, mut singles) =
            (gradus(&problem, task, 1).unwrap(), gradus_from_singles(&problem, task, 1).unwrap());
        assert_eq!(bytes(20), singles(20));
        assert!(gradus_from_singles(&problem, Task::Infer { batch: 1 }, 1).is_none());
    }

    #[test]
    fn the_hand_fused_step_computes_what_the_engine_does() {
        let problem = Arc::new(Problem::dots(96));
        let task = Task::Train { batch: 16 };
        for threads in [1, 2] {
            let (mut engine, mut hand) =
                (gradus(&problem, task, threads).unwrap(), hand_fused(&problem, task, threads).unwrap());
            for step in 0..30 {
                let (expected, found) = (engine(1), hand(1));
                assert!((expected - found).abs() < 1e-4 * expected, "step {step}: {found}, the engine has {expected}");
            }
            assert!(engine(50) < 0.5, "the dots are not learned");
        }
    }

    #[test]
    fn a_chain_is_a_power() {
        let problem = Arc::new(Problem::dots(1));
        let run = |extent, backward| gradus(&problem, Task::Chain { extent, backward }, 1).unwrap()(1);
        let power = 0.999_f64.powi(500);
        assert!((run(1, true) - power).abs() < 1e-4 && (run(32, true) - power).abs() < 1e-4);
        // x ↦ 0.999 x + 0.001 keeps 1 where it is.
        assert!((run(1, false) - (1.0 - 0.5 * power)).abs() < 1e-4);
    }
}
