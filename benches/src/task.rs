//! The tasks of the commands `train`, `inference`, `overhead`, `pointwise` and `optim`, and the names by which other
//! processes know them.

mod convolution;

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, Error, Result, bail};

use crate::networks::Network;
use crate::record::{Amount, Unit};

pub use convolution::{ConvolutionTask, Extents, Pass};

/// What a contender repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// A training step on the next batch.
    Train {
        /// Images in it.
        batch: usize,
    },
    /// A training step of another network on the next batch.
    TrainNetwork {
        /// The network.
        network: &'static Network,
        /// Examples in it.
        batch: usize,
    },
    /// The scores of one and the same batch, without gradients.
    Infer {
        /// Images in it.
        batch: usize,
    },
    /// The scores of another network.
    InferNetwork {
        /// The network.
        network: &'static Network,
        /// Examples at once.
        batch: usize,
    },
    /// 500 times `y = y · a`, then `y = y + b`, from a leaf of shape `[extent]`.
    Chain {
        /// Elements of each tensor.
        extent: usize,
        /// Whether the gradient of the leaf is wanted; otherwise nothing is recorded.
        backward: bool,
    },
    /// An operation that passes over its tensors: elementwise, a reduction, a normalization, a sort.
    Elementwise(Elementwise),
    /// Attention, alone or with the gradients of queries, keys and values.
    Attention(AttentionTask),
    /// A convolution, or one of its gradients.
    Convolution(ConvolutionTask),
    /// A step of an optimizer on one parameter, whose gradient is always the same.
    Optimize {
        /// The optimizer.
        rule: Rule,
        /// Weights of the parameter.
        weights: usize,
    },
}

/// Attention of heads that are stored side by side, as a projection leaves them: `[batch, tokens, heads, width]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttentionTask {
    /// Sequences.
    pub batch: usize,
    /// Heads of each.
    pub heads: usize,
    /// Queries of each head; keys and values are `tokens`.
    pub queries: usize,
    /// Keys and values.
    pub tokens: usize,
    /// The width of a head.
    pub width: usize,
    /// Whether a query uses only the keys up to its own position.
    pub is_causal: bool,
    /// Whether gradients are computed, too.
    pub backward: bool,
}

impl AttentionTask {
    /// Floating-point operations of its products: two forward, and five for the gradients, which need the scores again;
    /// half of them where it is causal.
    pub fn flop(self) -> f64 {
        let products = if self.backward { 7.0 } else { 2.0 };
        let scores = (self.batch * self.heads * self.queries * self.tokens) as f64;
        2.0 * products * scores * self.width as f64 * if self.is_causal { 0.5 } else { 1.0 }
    }

    /// Bytes that must at least be read and written: queries, keys, values and the result; and all of them once more,
    /// with their gradients, backward.
    pub fn bytes(self) -> usize {
        let tensors = 2 * (self.queries + self.tokens) * self.batch * self.heads * self.width;
        tensors * size_of::<f32>() * if self.backward { 3 } else { 1 }
    }
}

/// Operations in a chain.
pub const CHAIN: usize = 1000;

/// The shape of most elementwise tasks.
pub const PLANE: [usize; 2] = [4096, 1024];

/// Eight sequences of 512 tokens in the width of GPT-2 and BERT.
const TOKENS: [usize; 2] = [4096, 768];
/// The vocabulary of BERT, whose [`TOKENS`] are looked up in it.
const VOCABULARY: [usize; 2] = [30_522, 768];
/// The scores of 64 sequences over the vocabulary of Llama 2, of which the next tokens are sampled.
const SCORES: [usize; 2] = [64, 32_000];
/// The first stage of ResNet-18, for 32 images.
const STAGE: [usize; 4] = [32, 64, 56, 56];
/// What ResNet's first convolution makes of 8 images.
const STEM: [usize; 4] = [8, 64, 112, 112];
/// What DenseNet-121's first transition pools, for 16 images.
const TRANSITION: [usize; 4] = [16, 128, 56, 56];
/// The first level of Stable Diffusion's U-Net, for 4 images.
const LEVEL: [usize; 4] = [4, 320, 64, 64];

/// An operation on tensors of one shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elementwise {
    /// What it is called, as a function of tensors.
    pub name: &'static str,
    /// The shape of the input.
    pub shape: &'static [usize],
    /// Whole tensors that it must at least read and write.
    pub tensors: usize,
}

/// The elementwise tasks. The reductions and pools read one tensor and write less. A name that ends in `_rows` reduces
/// along dimension 0; one that ends in [`GRADIENT`] computes an operation and the gradients of its inputs.
pub const ELEMENTWISE: &[Elementwise] = {
    const fn on(name: &'static str, shape: &'static [usize], tensors: usize) -> Elementwise {
        Elementwise { name, shape, tensors }
    }
    const fn task(name: &'static str, tensors: usize) -> Elementwise {
        on(name, &PLANE, tensors)
    }
    &[
        task("add", 3),
        task("mul", 3),
        task("scale", 2),
        task("relu", 2),
        task("exp", 2),
        task("tanh", 2),
        task("sigmoid", 2),
        task("gelu", 2),
        task("gelu_tanh", 2),
        task("erf", 2),
        task("sum", 1),
        task("sum_rows", 1),
        task("sum_columns", 1),
        task("max", 1),
        task("max_rows", 1),
        task("argmax", 1),
        task("softmax", 2),
        task("softmax_rows", 2),
        task("log_softmax", 2),
        task("transpose", 2),
        task("gelu_gradient", 5),
        task("softmax_gradient", 5),
        task("log_softmax_gradient", 5),
        task("sin", 2),
        task("sin_gradient", 5),
        task("cos", 2),
        task("cos_gradient", 5),
        task("pow", 2),
        task("pow_gradient", 5),
        task("mul_gradient", 7),
        task("erf_gradient", 5),
        task("where", 3),
        task("where_gradient", 6),
        task("std", 1),
        task("std_gradient", 3),
        task("logsumexp", 1),
        task("logsumexp_gradient", 3),
        on("cat", &LEVEL, 4),
        on("cat_gradient", &LEVEL, 8),
        on("layer_norm", &TOKENS, 2),
        on("layer_norm_gradient", &TOKENS, 5),
        on("batch_norm", &STAGE, 2),
        on("batch_norm_gradient", &STAGE, 5),
        on("group_norm", &LEVEL, 2),
        on("group_norm_gradient", &LEVEL, 5),
        on("dropout", &TOKENS, 2),
        on("dropout_gradient", &TOKENS, 4),
        on("embedding", &TOKENS, 2),
        on("embedding_gradient", &VOCABULARY, 1),
        on("max_pool2d", &STEM, 1),
        on("max_pool2d_gradient", &STEM, 2),
        on("avg_pool2d", &TRANSITION, 1),
        on("avg_pool2d_gradient", &TRANSITION, 2),
        on("cumsum", &SCORES, 2),
        on("cumsum_gradient", &SCORES, 4),
        on("sort", &SCORES, 4),
        on("sort_gradient", &SCORES, 7),
        on("topk", &SCORES, 1),
        on("topk_gradient", &SCORES, 2),
    ]
};

/// The ending of a task's name that runs forward and backward.
pub const GRADIENT: &str = "_gradient";

/// An optimizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What it is called.
    pub name: &'static str,
    /// Values that are read and written for each weight.
    pub values: usize,
}

/// The optimizers. Each reads the weight and its gradient and writes the weight; a value of state is read and written.
pub const RULES: [Rule; 4] = [
    Rule { name: "sgd", values: 3 },
    Rule { name: "momentum", values: 5 },
    Rule { name: "adam", values: 7 },
    Rule { name: "adamw", values: 7 },
];

impl Task {
    /// Bytes that one repetition must at least read and write; 0 where another amount of work counts.
    pub fn bytes(self) -> usize {
        let values = match self {
            Task::Elementwise(operation) => operation.tensors * operation.shape.iter().product::<usize>(),
            Task::Optimize { rule, weights } => rule.values * weights,
            Task::Attention(attention) => return attention.bytes(),
            Task::Convolution(task) => return task.extents.bytes(),
            Task::Train { .. } | Task::Infer { .. } | Task::Chain { .. } => 0,
            Task::TrainNetwork { .. } | Task::InferNetwork { .. } => 0,
        };
        values * size_of::<f32>()
    }

    /// How much work one repetition is.
    pub fn amount(self) -> Amount {
        match self {
            Task::Train { batch } | Task::Infer { batch } => Amount::new(batch as f64, Unit::Image),
            Task::TrainNetwork { network, batch } | Task::InferNetwork { network, batch } => network.amount(batch),
            Task::Attention(attention) => Amount::new(attention.flop(), Unit::Flop),
            Task::Convolution(task) => Amount::new(task.extents.flop(), Unit::Flop),
            Task::Chain { .. } => Amount::new(CHAIN as f64, Unit::Operation),
            Task::Elementwise(_) | Task::Optimize { .. } => Amount::new(self.bytes() as f64, Unit::Byte),
        }
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Task::Train { batch } => write!(f, "train {batch}"),
            Task::TrainNetwork { network, batch } => write!(f, "train {network} {batch}"),
            Task::Infer { batch } => write!(f, "infer {batch}"),
            Task::InferNetwork { network, batch } => write!(f, "infer {network} {batch}"),
            Task::Chain { extent, backward } => write!(f, "chain {extent} {}", u8::from(*backward)),
            Task::Elementwise(Elementwise { name, shape, .. }) if *shape == PLANE => write!(f, "elementwise {name}"),
            Task::Elementwise(Elementwise { name, shape, .. }) => {
                write!(f, "elementwise {name}")?;
                shape.iter().try_for_each(|extent| write!(f, " {extent}"))
            }
            Task::Attention(task) => {
                let AttentionTask { batch, heads, queries, tokens, width, is_causal, backward } = task;
                let [is_causal, backward] = [is_causal, backward].map(|flag| u8::from(*flag));
                write!(f, "attention {batch} {heads} {queries} {tokens} {width} {is_causal} {backward}")
            }
            Task::Convolution(task) => write!(f, "{task}"),
            Task::Optimize { rule, weights } => write!(f, "optimize {} {weights}", rule.name),
        }
    }
}

impl FromStr for Task {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let unknown = || format!("\"{text}\" is not a task");
        let number = |word: &str| word.parse().with_context(unknown);
        Ok(match text.split_whitespace().collect::<Vec<_>>()[..] {
            ["train", batch] => Task::Train { batch: number(batch)? },
            ["train", name, batch] => Task::TrainNetwork { network: name.parse()?, batch: number(batch)? },
            ["infer", batch] => Task::Infer { batch: number(batch)? },
            ["infer", name, batch] => Task::InferNetwork { network: name.parse()?, batch: number(batch)? },
            ["chain", extent, backward] => Task::Chain { extent: number(extent)?, backward: backward == "1" },
            ["attention", batch, heads, queries, tokens, width, is_causal, backward] => {
                let [batch, heads, queries, tokens, width] = [batch, heads, queries, tokens, width].map(number);
                Task::Attention(AttentionTask {
                    batch: batch?,
                    heads: heads?,
                    queries: queries?,
                    tokens: tokens?,
                    width: width?,
                    is_causal: is_causal == "1",
                    backward: backward == "1",
                })
            }
            ["conv", ..] => Task::Convolution(text.parse()?),
            // The name decides the shape, which is written for contenders that do not know this list.
            ["elementwise", name, ..] => {
                let known = ELEMENTWISE.iter().find(|operation| operation.name == name);
                Task::Elementwise(*known.with_context(unknown)?)
            }
            ["optimize", name, weights] => {
                let rule = RULES.into_iter().find(|rule| rule.name == name).with_context(unknown)?;
                Task::Optimize { rule, weights: number(weights)? }
            }
            _ => bail!(unknown()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::networks::NETWORKS;

    #[test]
    fn a_task_is_read_as_it_is_written() {
        let mut tasks = vec![
            Task::Train { batch: 64 },
            Task::Infer { batch: 1 },
            Task::Chain { extent: 32, backward: true },
            Task::Chain { extent: 1, backward: false },
        ];
        for network in NETWORKS {
            tasks.extend([Task::TrainNetwork { network, batch: 16 }, Task::InferNetwork { network, batch: 1 }]);
        }
        let extents =
            Extents { images: 1, channels: 2, filters: 4, side: 5, kernel: 3, stride: 2, padding: 1, groups: 2 };
        tasks.extend(Pass::ALL.map(|(_, pass)| Task::Convolution(ConvolutionTask { extents, pass })));
        tasks.extend(ELEMENTWISE.iter().copied().map(Task::Elementwise));
        tasks.extend(RULES.map(|rule| Task::Optimize { rule, weights: 7 }));
        let (is_causal, backward) = (true, false);
        let attention = AttentionTask { batch: 2, heads: 3, queries: 4, tokens: 5, width: 6, is_causal, backward };
        tasks.push(Task::Attention(attention));
        for task in tasks {
            assert_eq!(task.to_string().parse::<Task>().unwrap(), task);
            assert!(task.amount().value >= 1.0);
        }
        assert!("train".parse::<Task>().is_err() && "elementwise cbrt".parse::<Task>().is_err());
    }

    #[test]
    fn passes_over_memory_count_their_bytes() {
        let adam = Task::Optimize { rule: RULES[2], weights: 10 };
        assert_eq!((adam.bytes(), adam.amount()), (7 * 4 * 10, Amount::new(280.0, Unit::Byte)));
        assert_eq!(Task::Train { batch: 64 }.bytes(), 0);
    }
}
