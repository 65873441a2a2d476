//! Layers, losses and weights in files: networks out of the tensors of the crate `autograd`.
//!
//! A layer is a value that owns its parameters and implements [`Module`]: from an input to an output, and a name for each parameter. A network is a layer made of
//! layers, so there is nothing else to learn. Here is one, and a step of its training; the optimizer is the crate `optim`'s:
//!
//! ```
//! use autograd::{Indices, Random, Tensor};
//! use nn::{CrossEntropyLoss, Linear, Mode, Module, ReLU, Sequential};
//! use optim::Adam;
//!
//! let mut random = Random::new(0);
//! let model: Sequential = Sequential::new()
//!     .named("fc1", Linear::new(4, 16, &mut random))
//!     .named("relu", ReLU)
//!     .named("fc2", Linear::new(16, 3, &mut random));
//! let names: Vec<String> = model.named_parameters().into_iter().map(|(name, _)| name).collect();
//! assert_eq!(names, ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"]);
//!
//! let images = Tensor::randn([8, 4], 1);
//! let labels = Indices::from([0, 1, 2, 0, 1, 2, 0, 1]);
//! let criterion = CrossEntropyLoss::new();
//! let mut adam = Adam::new(model.parameters(), 0.01);
//! let mut step = || {
//!     let scores = model.forward(&images, Mode::Train); // [8, 3]
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
//! | layer | shapes | formula | from |
//! |---|---|---|---|
//! | [`Linear`] | `[..., in]` → `[..., out]` | x Wᵀ + b | [`torch.nn.Linear`](https://docs.pytorch.org/docs/stable/generated/torch.nn.Linear.html) |
//! | [`ReLU`] | any | max(x, 0) | [`torch.nn.ReLU`](https://docs.pytorch.org/docs/stable/generated/torch.nn.ReLU.html) |
//! | [`Tanh`] | any | tanh x | [`torch.nn.Tanh`](https://docs.pytorch.org/docs/stable/generated/torch.nn.Tanh.html) |
//! | [`Sigmoid`] | any | 1 / (1 + e⁻ˣ) | [`torch.nn.Sigmoid`](https://docs.pytorch.org/docs/stable/generated/torch.nn.Sigmoid.html) |
//! | [`Flatten`] | `[N, ...]` → `[N, product]` | | [`torch.nn.Flatten`](https://docs.pytorch.org/docs/stable/generated/torch.nn.Flatten.html) |
//! | [`Sequential`] | those of its layers | one after another | [`torch.nn.Sequential`](https://docs.pytorch.org/docs/stable/generated/torch.nn.Sequential.html) |
//!
//! | loss | shapes | formula | from |
//! |---|---|---|---|
//! | [`CrossEntropyLoss`] | scores `[N, C, ...]`, labels `[N, ...]` → `[]` | mean of ln Σ eˢ - s at the label | [`torch.nn.CrossEntropyLoss`](https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html) |
//!
//! Whatever has no file here is a method of [`Tensor`](autograd::Tensor), such as `gelu` or `softmax`: an operation without parameters needs no layer.
//!
//! - [`init`]: how weights start. Layers do it themselves, as PyTorch's do, from a seed or a [`Random`](autograd::Random).
//! - [`checkpoint`]: weights in safetensors files, which PyTorch reads and writes too.
//! - [`mod@file`]: files that are written whole or not at all, which weights are.
//! - [`Mode`]: whether a network is being trained or used. It is an argument of each forward, not a flag that one forgets.
//!
//! # A layer of your own
//!
//! is a struct with its [`Param`](autograd::Param)s and the two methods that [`Module`]'s page shows; the essay *Adding an op, a layer, an optimizer, a micro-kernel*
//! ([`autograd::book::adding`]) builds one step by step. Programs to run and to change are in `nn/examples`.

mod activation;
pub mod checkpoint;
pub mod file;
pub mod init;
mod linear;
mod loss;
mod module;
#[cfg(feature = "npy")]
pub mod npy;
mod sequential;

pub use activation::{Flatten, ReLU, Sigmoid, Tanh};
pub use linear::Linear;
pub use loss::CrossEntropyLoss;
pub use module::{Mode, Module};
pub use sequential::Sequential;

/// The programs in the README and in the parts of the book that need more than the engine, run as tests: all three libraries are in reach here.
#[cfg(doctest)]
mod programs {
    #[doc = include_str!("../../README.md")]
    struct Readme;
    #[doc = include_str!("../../autograd/docs/adding.md")]
    struct Adding;
    #[doc = include_str!("../../docs/pytorch.md")]
    struct PyTorch;
}
