//! Layers, losses and weights in files: networks out of the tensors of the crate `autograd`.
//!
//! A [`Module`] is a value that owns its parameters and has a name for each of them. A [`Layer`] is a module from a
//! tensor to a tensor. A network is a layer made of layers, so there is nothing else to learn. Here is one, and a step
//! of its training; the optimizer is the crate `optim`'s:
//!
//! ```
//! use autograd::prelude::*;
//! use nn::prelude::*;
//! use optim::prelude::*;
//!
//! let random = Stream::new(0);
//! let model = Sequential::new()
//!     .named("fc1", Linear::new(4, 16, &random))
//!     .named("relu", ReLU)
//!     .named("fc2", Linear::new(16, 3, &random));
//! let names: Vec<String> = model.named_parameters().into_iter().map(|(name, _)| name).collect();
//! assert_eq!(names, ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"]);
//!
//! let images = Tensor::randn([8, 4], 1);
//! let labels = Indices::from([0, 1, 2, 0, 1, 2, 0, 1]);
//! let criterion = CrossEntropyLoss::new();
//! let mut adam = Adam::new(model.parameters(), 0.01);
//! let mut step = || {
//!     let scores = model.forward(&images, Mode::Train(&random)); // [8, 3]
//!     let loss = criterion.forward(&scores, &labels); // []
//!     let value = loss.item();
//!     adam.step(&loss.backward()); // which takes the loss, and frees its graph
//!     value
//! };
//! let first = step();
//! let last = (0..100).map(|_| step()).last().unwrap();
//! assert!(last < first / 2.0, "from {first} to {last}");
//! ```
//!
//! # What is in it
//!
//! Names, settings, parameter names, shapes and starts are those of PyTorch's `torch.nn`, to whose page each one's page
//! links. N is the batch, C a channel, L a length, H and W are rows and columns.
//!
//! | layers | shapes | what |
//! |---|---|---|
//! | [`Linear`], [`Bilinear`] | `[..., in]` → `[..., out]` | x Wᵀ + b; x₁ᵀ W x₂ + b |
//! | [`Conv1d`], [`Conv2d`] | `[N, C, L]`, `[N, C, H, W]` | convolutions |
//! | [`ConvTranspose1d`], [`ConvTranspose2d`] | as above | their adjoints |
//! | [`MaxPool1d`], [`MaxPool2d`], [`AvgPool1d`], [`AvgPool2d`] | as above | one value for each window |
//! | [`AdaptiveAvgPool1d`], [`AdaptiveAvgPool2d`], [`Upsample`] | as above | to a given size |
//! | [`AdaptiveMaxPool1d`], [`AdaptiveMaxPool2d`] | as above | the largest of so many windows |
//! | [`BatchNorm1d`], [`BatchNorm2d`] | `[N, C, ...]` | channels normalized over the batch |
//! | [`InstanceNorm1d`], [`InstanceNorm2d`], [`GroupNorm`] | `[N, C, ...]` | channels of one example |
//! | [`LayerNorm`], [`RmsNorm`] | `[..., D]` | the last dimensions of one example |
//! | [`Embedding`] | indices `[...]` → `[..., D]` | rows of a table |
//! | [`SinusoidalPositions`] | `[..., L, D]` | a vector added for each position |
//! | [`Rnn`], [`Gru`], [`Lstm`] | `[L, N, in]` → `[L, N, hidden]` | recurrent networks; cells: [`recurrent`] |
//! | [`MultiheadAttention`] | `[N, L, E]` → `[N, L, E]` | means of values, weighted by keys and queries |
//! | [`TransformerEncoderLayer`] | `[N, L, E]` → `[N, L, E]` | attention and a feed-forward part, with their norms |
//! | [`Dropout`], [`Dropout2d`] | any; `[N, C, H, W]` | elements or channels dropped at random |
//! | [`Flatten`], [`Unflatten`], [`Identity`] | any | dimensions merged or split; nothing |
//! | [`Sequential`], [`Residual`], [`layer`](layer()) | those of what is in it | layers in a row; x + f(x); a closure |
//! | [`ReLU`], [`LeakyReLU`], [`PReLU`], [`RReLU`], [`ReLU6`], [`ELU`], [`SELU`], [`CELU`] | any | activations |
//! | [`GELU`], [`SiLU`], [`Mish`], [`Hardswish`], [`Softplus`], [`Softsign`] | any | smooth ones |
//! | [`Sigmoid`], [`LogSigmoid`], [`Hardsigmoid`], [`Tanh`], [`Hardtanh`] | any | bounded ones |
//! | [`Tanhshrink`], [`Hardshrink`], [`Softshrink`], [`Threshold`] | any | with a gap |
//! | [`Softmax`], [`LogSoftmax`], [`GLU`] | any | along a dimension |
//!
//! | losses | of |
//! |---|---|
//! | [`CrossEntropyLoss`], [`NLLLoss`] | scores `[N, C, ...]`, labels `[N, ...]` or probabilities |
//! | [`BCELoss`], [`BCEWithLogitsLoss`] | probabilities or scores of yes and no |
//! | [`MSELoss`], [`L1Loss`], [`SmoothL1Loss`], [`HuberLoss`] | values and targets of one shape |
//! | [`KLDivLoss`] | logarithms of probabilities, probabilities |
//! | [`CosineEmbeddingLoss`], [`TripletMarginLoss`] | vectors `[N, D]` |
//! | [`MarginRankingLoss`], [`HingeLoss`], [`HingeEmbeddingLoss`] | scores or distances, targets of 1 and -1 |
//!
//! - [`prelude`]: what most networks use, in one line.
//! - [`init`]: how weights start. Layers do it themselves, as PyTorch's do, from a seed or a
//!   [`Random`](autograd::Random).
//! - [`checkpoint`]: weights in safetensors files, which PyTorch reads and writes too.
//! - [`mod@file`]: files that are written whole or not at all, which weights are.
//! - [`Mode`]: whether a network is being trained or used, and where its random numbers come from. It is an argument of
//!   each forward, not a flag that one forgets.
//! - [`data`]: batches of a data set.
//! - [`metrics`]: accuracy, a confusion matrix, precision, recall and F1.
//! - [`summary`](summary()): a model as a table. `println!("{model}")` prints its tree of modules.
//!
//! # A layer of your own
//!
//! is a struct with its [`Param`](autograd::Param)s and layers, a line of [`module!`] and a `forward`; a closure
//! becomes one by [`layer`](layer()). The essay *Adding an op, a layer, an optimizer, a micro-kernel*
//! ([`autograd::book::adding`]) builds one step by step. Programs to run and to change are in `nn/examples`.

mod activation;
mod attention;
mod batch_norm;
mod bilinear;
pub mod checkpoint;
mod conv;
mod conv_transpose;
pub mod data;
mod dropout;
mod embedding;
mod extents;
pub mod field;
pub mod file;
mod flatten;
pub mod init;
mod instance_norm;
mod key_value_cache;
mod layer;
mod linear;
mod loss;
pub mod metrics;
mod mode;
mod module;
mod norm;
#[cfg(feature = "npy")]
pub mod npy;
mod pool;
pub mod prelude;
pub mod recurrent;
mod residual;
mod sequential;
mod stateless;
mod summary;
mod transformer;
mod tree;
mod upsample;

pub use activation::{
    CELU, ELU, GELU, GLU, Hardshrink, Hardsigmoid, Hardswish, Hardtanh, LeakyReLU, LogSigmoid, LogSoftmax, Mish, PReLU,
    RReLU, ReLU, ReLU6, SELU, SiLU, Sigmoid, Softmax, Softplus, Softshrink, Softsign, Tanh, Tanhshrink, Threshold,
};
pub use attention::{AttentionMask, MultiheadAttention};
#[doc(hidden)]
pub use autograd::Float;
pub use batch_norm::{BatchNorm1d, BatchNorm2d};
pub use bilinear::Bilinear;
pub use conv::{Conv1d, Conv2d};
pub use conv_transpose::{ConvTranspose1d, ConvTranspose2d};
pub use dropout::{Dropout, Dropout2d};
pub use embedding::{Embedding, SinusoidalPositions, sinusoidal_positions};
pub use extents::PerDimension;
pub use field::Field;
#[doc(hidden)]
pub use field::short_name;
pub use flatten::{Flatten, Identity, Unflatten};
pub use instance_norm::{InstanceNorm1d, InstanceNorm2d};
pub use key_value_cache::KeyValueCache;
pub use layer::{Function, Layer, layer};
pub use linear::Linear;
pub use loss::{
    BCELoss, BCEWithLogitsLoss, CosineEmbeddingLoss, CrossEntropyLoss, HingeEmbeddingLoss, HingeLoss, HuberLoss,
    KLDivLoss, L1Loss, MSELoss, MarginRankingLoss, NLLLoss, SmoothL1Loss, TripletMarginLoss,
};
pub use mode::{Branch, Mode};
pub use module::{Member, Module};
pub use norm::{GroupNorm, LayerNorm, RmsNorm};
pub use pool::{
    AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveMaxPool1d, AdaptiveMaxPool2d, AvgPool1d, AvgPool2d, MaxPool1d,
    MaxPool2d,
};
pub use recurrent::{Gru, GruCell, Lstm, LstmCell, Recurrence, Rnn, RnnCell};
pub use residual::Residual;
pub use sequential::Sequential;
pub use summary::{Summary, SummaryRow, parameter_summary, summary};
pub use transformer::{FeedForwardActivation, TransformerEncoderLayer, TransformerOptions};
pub use upsample::Upsample;

/// The programs in the README and in the parts of the book that need more than the engine, run as tests: all three
/// libraries are in reach here.
#[cfg(doctest)]
mod programs {
    #[doc = include_str!("../../README.md")]
    struct Readme;
    #[doc = include_str!("../../autograd/docs/adding.md")]
    struct Adding;
    #[doc = include_str!("../../docs/library.md")]
    struct Library;
    #[doc = include_str!("../../docs/pytorch.md")]
    struct PyTorch;
}
