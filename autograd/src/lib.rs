//! Tensors and their gradients: the engine of Gradus, written to be read.
//!
//! A tensor is an array of numbers that knows how it was computed. From a number that was computed from parameters, the engine finds the gradient with respect
//! to each of them, and a program can take a step downhill. Everything else (layers, losses, optimizers) is made of that, in the crates `nn` and `optim`.
//! Here is a small network, trained with this crate alone:
//!
//! ```
//! use autograd::{Param, Random, Tensor, with_threads};
//!
//! // The line to be learnt: a wave, at 64 places.
//! let x: Tensor = Tensor::linspace(-3.0, 3.0, 64).reshape([64, 1]);
//! let target = x.sin();
//!
//! // 1 → 16 → 1, with tanh between. Parameters are the only things that change.
//! let mut random = Random::new(0);
//! let hidden_weight = Param::new(Tensor::randn([16, 1], &mut random));
//! let hidden_bias = Param::new(Tensor::randn([16], &mut random));
//! let weight = Param::new(Tensor::randn([1, 16], &mut random) * 0.25);
//! let bias = Param::new(Tensor::zeros([1]));
//! let parameters = [&hidden_weight, &hidden_bias, &weight, &bias];
//!
//! let loss = || {
//!     let hidden = x.linear(&hidden_weight.tensor(), Some(&hidden_bias.tensor())).tanh();
//!     let y = hidden.linear(&weight.tensor(), Some(&bias.tensor()));
//!     (y - &target).powf(2.0).mean()
//! };
//! let before = loss().item();
//!
//! with_threads(2, || {
//!     for _ in 0..500 {
//!         let gradients = loss().backward(); // walks the graph, and frees it
//!         for parameter in parameters {
//!             let gradient = gradients.of(parameter).expect("the loss depends on it").to_vec();
//!             parameter.update(|numbers| {
//!                 for (number, slope) in numbers.iter_mut().zip(&gradient) {
//!                     *number -= 0.05 * slope;
//!                 }
//!             });
//!         }
//!     }
//! });
//! let after = loss().item();
//! assert!(after < before / 20.0, "from {before} to {after}");
//! ```
//!
//! # The floors
//!
//! The crate is built like a house: each floor uses those below it and knows nothing of those above. A test reads the imports and keeps it so.
//!
//! | floor | modules | what is there |
//! |---|---|---|
//! | 3 | `ops`, [`check`] | every operation in one place: formula, forward, backward, test; gradients checked against difference quotients |
//! | 2 | `tensor`, `op`, `graph`, `param` | [`Tensor`], [`Op`] and [`Saved`], the walk back ([`Gradients`], [`grad`], [`draw`]), [`Param`] |
//! | 1 | [`kernels`] | the matrix product ([`gemm`]), pointwise, reducing and row kernels, threads, instruction sets; they see slices, never a tensor |
//! | 0 | `shape`, `layout`, `storage`, `pool`, `random`, ... | numbers in memory: [`Shape`], strides, recycled buffers ([`memory_statistics`]), [`Random`] |
//!
//! Beside them, [`trace`] tells what ran and for how long, and [`draw`] draws the recorded graph.
//!
//! # The book
//!
//! The essays in [`book`] explain how it works, each from what you know to an experiment that you can run:
//!
//! - [A tensor is three things](book::tensor): strides, views, broadcasting.
//! - [The graph and the engine](book::engine): why creation order is enough, what `backward` moves, why nothing leaks.
//! - [The GEMM, step by step](kernels::gemm): from three loops to the machine's limit.
//! - [One training step, timed](book::step): where each microsecond goes.
//! - [Adding an op, a layer, an optimizer, a micro-kernel](book::adding): worked examples that compile.
//!
//! Programs to run and to change are in `autograd/examples` and `nn/examples`; eleven exercises, with tests and solutions, in `autograd/exercises`.

#[macro_use]
pub mod check;
mod dimensions;
mod elementary;
mod error;
mod float;
mod graph;
mod indices;
pub mod kernels;
mod layout;
mod lock;
mod mask;
mod op;
mod ops;
mod param;
mod pool;
mod random;
mod scalar;
mod shape;
mod storage;
mod tensor;
pub mod trace;

pub use float::Float;
pub use graph::{Backward, Gradients, Graph, Order, draw, enable_grad, grad, grad_with, no_grad};
pub use indices::Indices;
pub use kernels::gemm::{Epilogue, gemm};
pub use kernels::parallel::{is_in_pool, num_threads, set_num_threads, with_threads};
pub use kernels::tasks::{for_each, join, map_each};
pub use mask::Mask;
pub use ndarray;
pub use op::{Op, Saved};
pub use ops::attention::Attention;
pub use ops::binary::Operand;
pub use ops::conv::{Convolution, Padding, TransposedConvolution};
pub use ops::index::Unique;
pub use ops::loss::cross_entropy::{CrossEntropy, Reduction, accuracy};
pub use ops::loss::{
    BinaryCrossEntropy, BinaryCrossEntropyWithLogits, KlDivergence, KlReduction, NllLoss, TripletMargin,
};
pub use ops::pool::{AvgPool, MaxPool};
pub use ops::shape::PadMode;
pub use param::{Param, ParamKind};
pub use pool::{MemoryStatistics, memory_statistics, release_memory};
pub use random::{Random, Seed};
pub use scalar::Scalar;
pub use shape::{Dims, Extents, Integer, Shape};
pub use tensor::Tensor;

/// The essays. Every program in them is run as a test. In this order each rests on those before it:
///
/// 1. [A tensor is three things](book::tensor)
/// 2. [The graph and the engine](book::engine)
/// 3. [The GEMM, step by step](kernels::gemm)
/// 4. [One training step, timed](book::step)
/// 5. [Adding an op, a layer, an optimizer, a micro-kernel](book::adding)
///
/// From there to the sources: `kernels/gemm/microkernel.rs` is where the arithmetic of a product ends up, `ops/product/linear.rs` where a layer does.
pub mod book {
    #[doc = include_str!("../docs/strides.md")]
    pub mod tensor {}

    #[doc = include_str!("../docs/engine.md")]
    pub mod engine {}

    #[doc = include_str!("../docs/step.md")]
    pub mod step {}

    // Its programs use the crates above this one, where they are run as tests.
    #[cfg_attr(not(doctest), doc = include_str!("../docs/adding.md"))]
    pub mod adding {}
}
