//! Tensors and automatic differentiation: the engine of Gradus, written to be read.
//!
//! A tensor is a multi-dimensional array that records how it was computed. For a scalar that was computed from
//! parameters, the engine computes the gradient with respect to each parameter, and a program can take a step of
//! gradient descent. Layers, losses and optimizers are built on that in the crates [`nn`](../nn/index.html) and
//! [`optim`](../optim/index.html). This is a small network that is trained with this crate alone:
//!
//! ```
//! use autograd::{Param, Random, Tensor, with_threads};
//!
//! // The function to learn: a sine wave at 64 points.
//! let x: Tensor = Tensor::linspace(-3.0, 3.0, 64).reshape([64, 1]);
//! let target = x.sin();
//!
//! // 1 → 16 → 1, with tanh between. Parameters are the only mutable values.
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
//!         let gradients = loss().backward(); // runs the backward pass and frees the graph
//!         for parameter in parameters {
//!             let gradient = gradients.of(parameter).expect("the loss depends on it").to_vec();
//!             parameter.update(|elements| {
//!                 for (element, slope) in elements.iter_mut().zip(&gradient) {
//!                     *element -= 0.05 * slope;
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
//! The crate has four layers of modules, called floors: a module uses only its own floor and those below it. A test
//! checks the imports.
//!
//! - **Floor 3**, `ops`, `transforms`, [`check`]: every operation in one place: formula, forward, backward, test;
//!   functions made of functions ([`vjp`], [`hessian`], [`recompute`], ...); gradients checked against difference
//!   quotients.
//! - **Floor 2**, `tensor`, `op`, `graph`, `param`, `float`, `instances`: [`Tensor`], [`Op`] and [`Saved`], the walk
//!   back ([`Gradients`], [`grad`], [`draw`]), [`Param`].
//! - **Floor 1**, [`kernels`]: the matrix product ([`gemm`]), pointwise, reducing and row kernels, threads, instruction
//!   sets; they see slices, never a tensor.
//! - **Floor 0**, `arithmetic`, `elementary`, `scalar`, `shape`, `dimensions`, `layout`, `storage`, `pool`, `lock`,
//!   `indices`, `mask`, `error`, `random`, `mode`, `replay`, `state`, [`trace`]: elements in memory: [`Shape`],
//!   strides, recycled buffers ([`memory_statistics`]), [`Random`].
//!
//! [`prelude`] has what most programs use. In addition, [`trace`] reports which operations ran and for how long, and
//! [`draw`] draws the recorded graph.
//!
//! # The book
//!
//! The essays in [`book`] explain how the engine works. Each starts from basic knowledge and ends with an experiment
//! that you can run:
//!
//! - [A tensor is three things](book::tensor): strides, views, broadcasting.
//! - [The graph and the engine](book::engine): the order of the backward pass, what `backward` frees, why nothing
//!   leaks.
//! - [The GEMM, step by step](kernels::gemm): from three loops to the machine's peak performance.
//! - [A convolution is a product](book::convolution): windows that are never written down, and products left out.
//! - [Attention in blocks](book::attention): a softmax in pieces, and gradients without the weights.
//! - [One training step, timed](book::step): the time of each operation of a step.
//! - [Adding an op, a layer, an optimizer, a micro-kernel](book::adding): worked examples that compile.
//!
//! Example programs are in `autograd/examples` and `nn/examples`; thirteen exercises with tests and solutions are in
//! `autograd/exercises`.

mod arithmetic;
#[macro_use]
pub mod check;
#[macro_use]
mod instances;

// The page of `Tensor` shows the methods in the order of these modules, as its index of methods does. (rustfmt sorts
// within a paragraph.)
mod tensor;

mod graph;

mod ops;

mod dimensions;
mod elementary;
mod error;
mod float;
mod indices;
pub mod kernels;
mod layout;
mod lock;
mod mask;
mod mode;
mod op;
mod param;
mod pool;
mod random;
mod replay;
mod scalar;
mod shape;
mod state;
mod storage;
pub mod trace;
mod transforms;

pub use arithmetic::Arithmetic;
pub use float::Float;
pub use graph::{
    Backward, Gradients, Graph, Order, detect_anomaly, detect_nan, draw, enable_grad, grad, grad_with, no_grad,
};
pub use indices::Indices;
pub use kernels::gemm::{Epilogue, gemm};
pub use kernels::parallel::{for_each, is_in_pool, join, map_each, num_threads, set_num_threads, with_threads};
pub use mask::Mask;
pub use ndarray;
pub use op::{Op, Saved};
pub use ops::attention::Attention;
pub use ops::binary::Operand;
pub use ops::conv::{Convolution, Padding, TransposedConvolution};
pub use ops::index::{IndexItem, Unique};
pub use ops::loss::cross_entropy::{CrossEntropy, Reduction, accuracy};
pub use ops::loss::{
    BinaryCrossEntropy, BinaryCrossEntropyWithLogits, KlDivergence, KlReduction, NllLoss, TripletMargin,
};
pub use ops::pool::{AvgPool, MaxPool};
pub use ops::recurrent::CellWeights;
pub use ops::shape::{Interpolation, PadMode};
pub use param::{Param, ParamKind};
pub use pool::{MemoryStatistics, memory_statistics, release_memory};
pub use random::{Random, Seed, Stream};
pub use scalar::Scalar;
pub use shape::{Dims, Extents, Integer, Shape};
pub use state::{Load, State, StateDict, StateDifference, StateEntry, StateError, StateReader, StateValues};
pub use tensor::{RaggedError, Tensor};
pub use transforms::{Arguments, NewGradient, hessian, hvp, jacobian, jvp, recompute, vjp};

/// What most programs use, in one line: `use autograd::prelude::*;`.
///
/// The element type is `f32`: `Tensor` is [`Tensor<f32>`](crate::Tensor), so that
/// `Tensor::zeros([2, 3])` says all there is to say. The generic types are at the root of the crate. A program in
/// `f64`, or generic in its element type, imports those, and an import by name wins over the prelude's:
///
/// ```
/// use autograd::prelude::*;
/// let x = Tensor::from([[1.0, 2.0], [3.0, 4.0]]).requires_grad(); // f32
/// let gradients = (&x * &x).sum().backward();
/// assert_eq!(gradients.get(&x).unwrap().to_vec(), [2.0, 4.0, 6.0, 8.0]);
///
/// fn double<T: autograd::Float>(x: &autograd::Tensor<T>) -> autograd::Tensor<T> {
///     x + x
/// }
/// assert_eq!(double(&Tensor::ones([1])).item(), 2.0);
/// ```
///
/// `nn::prelude` and `optim::prelude` have the layers and the optimizers.
pub mod prelude {
    pub use crate::{
        Float, Indices, Mask, Order, Random, Reduction, Stream, accuracy, draw, enable_grad, grad, no_grad, s,
        set_num_threads, with_threads,
    };

    /// A tensor of `f32`: see [`autograd::Tensor`](crate::Tensor), which is generic.
    pub type Tensor = crate::Tensor<f32>;
    /// A parameter of `f32`: see [`autograd::Param`](crate::Param), which is generic.
    pub type Param = crate::Param<f32>;
    /// Gradients of `f32`: see [`autograd::Gradients`](crate::Gradients), which is generic.
    pub type Gradients = crate::Gradients<f32>;
}

/// The essays. Every program in them is run as a test. Each essay uses those before it (in the sources they are in
/// `autograd/docs`; `links.md` there says where their links lead on these pages):
///
/// 1. [A tensor is three things](book::tensor)
/// 2. [The graph and the engine](book::engine)
/// 3. [The GEMM, step by step](book::gemm)
/// 4. [A convolution is a product](book::convolution)
/// 5. [Attention in blocks](book::attention)
/// 6. [One training step, timed](book::step)
/// 7. [Adding an op, a layer, an optimizer, a micro-kernel](book::adding)
///
/// In the sources, `kernels/gemm/microkernel.rs` has the innermost arithmetic of a matrix product, and
/// `ops/product/linear.rs` that of a linear layer.
pub mod book {
    #[doc = include_str!("../docs/links.md")]
    #[doc = include_str!("../docs/strides.md")]
    pub mod tensor {}

    #[doc = include_str!("../docs/links.md")]
    #[doc = include_str!("../docs/engine.md")]
    pub mod engine {}

    #[doc(inline)]
    pub use crate::kernels::gemm;

    #[doc = include_str!("../docs/links.md")]
    #[doc = include_str!("../docs/convolution.md")]
    pub mod convolution {}

    #[doc = include_str!("../docs/links.md")]
    #[doc = include_str!("../docs/attention.md")]
    pub mod attention {}

    #[doc = include_str!("../docs/links.md")]
    #[doc = include_str!("../docs/step.md")]
    pub mod step {}

    // Its programs use crates that depend on this one, so they are run as tests there.
    #[cfg_attr(not(doctest), doc = include_str!("../docs/links.md"))]
    #[cfg_attr(not(doctest), doc = include_str!("../docs/adding.md"))]
    pub mod adding {}
}
