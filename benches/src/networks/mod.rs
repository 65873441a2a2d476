//! The networks of `train --model` and `inference --model`, a file each: layers of `nn` as a user puts them together,
//! with the same first weights and the same inputs for all contenders. `benches/python/torch_networks.py` and
//! `benches/python/jax_networks.py` have the same in PyTorch and JAX.

pub mod cnn;
mod depthwise;
mod gpt;
mod lstm;
mod resnet_block;
mod skip_gram;
mod start;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use anyhow::{Context, Error, Result};
use autograd::{Param, Stream, Tensor, no_grad, with_threads};
use nn::Mode;
use optim::Adam;

use crate::benchmark::{Work, last_of};
use crate::problem::{LEARNING_RATE, Problem};
use crate::record::{Amount, Unit};

/// All networks; the perceptron, which has tasks of its own, is none of them.
pub static NETWORKS: [&Network; 6] =
    [&cnn::NETWORK, &gpt::NETWORK, &resnet_block::NETWORK, &depthwise::NETWORK, &lstm::NETWORK, &skip_gram::NETWORK];

/// A network, and what is measured of it.
pub struct Network {
    /// What it is called in commands and tasks.
    pub name: &'static str,
    /// What it is, for `--help`.
    pub about: &'static str,
    /// Examples in a step, if no other number is asked for.
    pub batch: usize,
    /// What its speed is counted in.
    pub unit: Unit,
    /// How many of these an example has.
    pub units: usize,
    /// Floating-point operations of a training step for each of them, by the formulas of the products; what is computed
    /// element by element is not counted.
    pub operations: f64,
    /// Prepares the training step on batches of so many examples.
    pub step: fn(&Arc<Problem>, usize) -> Step,
    /// The scores without gradients, if they are measured.
    pub inference: Option<Inference>,
}

/// A step of training.
pub enum Step {
    /// The loss of a batch, given its number, its gradient, and Adam's step with these parameters.
    Learning(Vec<Param>, LossOfStep),
    /// Part of a larger network: the output for a fixed input, and the gradients of the parameters and of the input for
    /// a fixed gradient of the output. The parameters stay as they are.
    Block {
        /// The input.
        x: Tensor,
        /// The gradient of the output.
        seed: Tensor,
        /// The output for an input.
        forward: Forward,
    },
}

/// The loss of a batch, given its number.
pub type LossOfStep = Box<dyn FnMut(usize, Mode<'_>) -> Tensor + Send>;
/// The output for an input.
pub type Forward = Box<dyn FnMut(&Tensor, Mode<'_>) -> Tensor + Send>;

/// How a network is used without gradients.
pub struct Inference {
    /// Examples at once, a list.
    pub batches: &'static [usize],
    /// Prepares it for so many examples.
    pub scores: fn(&Arc<Problem>, usize) -> Scores,
}

/// Computes the scores of the same examples again and again.
pub type Scores = Box<dyn FnMut() -> Tensor + Send>;

impl Network {
    /// How much work a batch is.
    pub fn amount(&self, batch: usize) -> Amount {
        Amount::new((batch * self.units) as f64, self.unit)
    }

    /// [`Library`](crate::benchmark::Library): training steps.
    pub fn train(&self, problem: &Arc<Problem>, batch: usize, threads: usize) -> Work {
        match (self.step)(problem, batch) {
            Step::Learning(parameters, loss) => learn(parameters, loss, threads),
            Step::Block { x, seed, forward } => repeat_block((x.requires_grad(), seed), forward, threads),
        }
    }

    /// [`Library`](crate::benchmark::Library): scores, of which the last is the value to agree on.
    pub fn infer(&self, problem: &Arc<Problem>, batch: usize, threads: usize) -> Option<Work> {
        let mut scores = (self.inference.as_ref()?.scores)(problem, batch);
        Some(Box::new(move |repeats| {
            with_threads(threads, || {
                no_grad(|| {
                    let last = last_of(repeats, &mut scores);
                    f64::from(*last.as_array().last().expect("there are scores"))
                })
            })
        }))
    }
}

/// Training steps with Adam; the value to agree on is the last loss.
fn learn(parameters: Vec<Param>, mut loss_of: LossOfStep, threads: usize) -> Work {
    let mut adam = Adam::new(parameters, LEARNING_RATE);
    let mut step = 0;
    Box::new(move |repeats| {
        with_threads(threads, || {
            let (mut value, stream) = (f32::NAN, Stream::new(0));
            for _ in 0..repeats {
                let loss = loss_of(step, Mode::Train(&stream));
                value = loss.item();
                adam.step_taking(loss.backward());
                step += 1;
            }
            f64::from(value)
        })
    })
}

/// Forward and backward through a block; the value to agree on is the sum of the root mean squares of all gradients.
fn repeat_block((x, seed): (Tensor, Tensor), mut forward: Forward, threads: usize) -> Work {
    Box::new(move |repeats| {
        with_threads(threads, || {
            let stream = Stream::new(0);
            let last = last_of(repeats, || forward(&x, Mode::Train(&stream)).backward_with(&seed));
            let root_mean_square = |gradient: &Tensor| f64::from((gradient * gradient).mean().item()).sqrt();
            no_grad(|| last.iter().map(root_mean_square).sum())
        })
    })
}

// There is one of each name.
impl PartialEq for Network {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Network {}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Network({})", self.name)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name)
    }
}

impl FromStr for &'static Network {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let known = NETWORKS.into_iter().find(|network| network.name == text);
        known.with_context(|| format!("\"{text}\" is not a network"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of three steps of training with two examples (of a block: the same gradients again), or of scores.
    fn values(work: impl Fn(usize) -> Option<Work>) -> Vec<Vec<u64>> {
        let all = [1, 2, 3].into_iter().filter_map(work);
        all.map(|mut work| (0..3).map(|_| work(1).to_bits()).collect()).collect()
    }

    #[test]
    fn values_do_not_depend_on_the_number_of_threads() {
        let problem = Arc::new(Problem::dots(8));
        for network in NETWORKS {
            let trained = values(|threads| Some(network.train(&problem, 2, threads)));
            assert!(trained.iter().all(|values| *values == trained[0]), "{network}: {trained:?}");
            let scores = values(|threads| network.infer(&problem, 2, threads));
            assert!(scores.iter().all(|values| *values == scores[0]), "{network}: {scores:?}");
        }
    }

    #[test]
    fn networks_learn_and_blocks_repeat_themselves() {
        let problem = Arc::new(Problem::dots(8));
        for network in NETWORKS {
            let is_block = matches!((network.step)(&problem, 4), Step::Block { .. });
            let mut work = network.train(&problem, 4, 1);
            let (first, last) = (work(1), work(40));
            if is_block {
                assert!(first == last && first > 0.0, "{network}: {first}, {last}");
            } else {
                assert!(last < first, "{network}: {first}, {last}");
            }
        }
    }
}
