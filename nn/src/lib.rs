//! Layers, losses and checkpoints.
//!
//! A layer is a value that owns its parameters and implements [`Module`]; a network is a layer made of layers.
//!
//! ```
//! use autograd::{Indices, Random, Tensor};
//! use nn::{CrossEntropyLoss, Linear, Mode, Module, ReLU, Sequential};
//!
//! let mut random = Random::new(0);
//! let model: Sequential = Sequential::new()
//!     .named("fc1", Linear::new(4, 16, &mut random))
//!     .named("relu", ReLU)
//!     .named("fc2", Linear::new(16, 3, &mut random));
//! let scores = model.forward(&Tensor::randn([8, 4], 1), Mode::Train);
//! let loss = CrossEntropyLoss::default().forward(&scores, &Indices::from([0, 1, 2, 0, 1, 2, 0, 1]));
//! let gradients = loss.backward();
//! assert_eq!(gradients.len(), 4);
//! let names: Vec<String> = model.named_parameters().into_iter().map(|(name, _)| name).collect();
//! assert_eq!(names, ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"]);
//! ```

mod activation;
pub mod checkpoint;
pub mod init;
mod linear;
mod loss;
mod module;
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
