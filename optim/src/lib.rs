//! Optimizers for the parameters of the crate `autograd`: from gradients to the next weights.
//!
//! Each is a scalar [`Rule`] (one weight, its gradient, a little state), run over all parameters by one [`Driver`],
//! which does it in a single vectorised pass. Gradients are values that a step gets as an argument, so there is nothing
//! to set to zero. As an example, the minimum of a quadratic function:
//!
//! ```
//! use autograd::{Param, Tensor};
//! use optim::schedule::{LinearLR, Schedule};
//! use optim::{Adam, Optimizer};
//!
//! let point = Param::new(Tensor::from_vec(vec![5.0, -3.0], [2]));
//! let mut adam = Adam::new([point.clone()], 0.1);
//! let schedule = LinearLR::new(1.0, 0.0, 500);
//! for step in 0..500 {
//!     adam.scale_learning_rate(schedule.factor(step));
//!     let loss = point.tensor().powf(2.0).sum();
//!     adam.step(&loss.backward());
//! }
//! assert!(point.tensor().abs().max().item() < 1e-3);
//! ```
//!
//! # What is in it
//!
//! With the gradient g, the learning rate lr, and PyTorch's defaults and details:
//!
//! | optimizer | formula | state | from |
//! |---|---|---|---|
//! | [`Sgd`] | w ← w - lr · g | none | [`torch.optim.SGD`](https://docs.pytorch.org/docs/stable/generated/torch.optim.SGD.html) |
//! | ... with `momentum` | b ← momentum · b + g; w ← w - lr · b | b | the same; Nesterov's form: Sutskever et al., 2013 |
//! | [`Adam`] | w ← w - lr · m̂ / (√v̂ + ε): means of g and g², corrected for their start | m, v | Kingma and Ba, 2015; [`torch.optim.Adam`](https://docs.pytorch.org/docs/stable/generated/torch.optim.Adam.html) |
//! | [`AdamW`] | as Adam, and w ← w (1 - lr · weight_decay) | m, v | Loshchilov and Hutter, 2019; [`torch.optim.AdamW`](https://docs.pytorch.org/docs/stable/generated/torch.optim.AdamW.html) |
//! | [`Lamb`] | as Adam, with steps in proportion to the norm of the parameter | m, v | You et al., 2020 |
//! | ... with `amsgrad` | as these, with the largest v so far | m, v, largest v | Reddi, Kale and Kumar, 2018 |
//!
//! The full formulas are at the rules: [`SgdRule`], [`AdamRule`], [`AdamWRule`], [`LambRule`].
//!
//! Parameters with settings of their own are a [`group`](Driver::group). The [`schedule`]s change the learning rates of
//! all groups.
//!
//! [`Optimizer`] is what a training loop, a schedule or a checkpoint needs of any of them: to step, to change the
//! learning rate, to read the state and to restore it by name. A step costs memory only the first time, when the state
//! is made, and its bits do not depend on the number of threads.
//!
//! # More than one process
//!
//! [`parallel`] computes a step's gradients on several threads, processes or machines, with the same bits for any number of them.
//!
//! # An optimizer of your own
//!
//! is a [`Rule`]: the formula for one element, as the example on its page. The essay *Adding an op, a layer, an
//! optimizer, a micro-kernel* in autograd's book ([`autograd::book::adding`]) writes one and tests it.

mod adam;
mod adamw;
mod driver;
mod lamb;
mod moments;
mod optimizer;
pub mod parallel;
mod parameter;
mod rule;
pub mod schedule;
mod settings;
mod sgd;
mod slot;
mod tiny;

pub use adam::{Adam, AdamRule};
pub use adamw::{AdamW, AdamWRule};
pub use driver::Driver;
pub use lamb::{Lamb, LambRule};
pub use moments::{HasMoments, Moments};
pub use optimizer::{Optimizer, ParameterState, StateError};
pub use parameter::IntoParameter;
pub use rule::{Pass, Rule, Updated};
pub use sgd::{Sgd, SgdRule};
