//! Optimizers for the parameters of the crate `autograd`: from gradients to the next weights.
//!
//! Each is a scalar [`Rule`] (one weight, its gradient, a little state), run over all parameters by one [`Driver`], which does it in a single vectorised pass. Gradients are
//! values that a step is handed, so there is nothing to set to zero. Here is a valley, and the way down:
//!
//! ```
//! use autograd::{Param, Tensor};
//! use optim::{Adam, Optimizer};
//!
//! let place = Param::new(Tensor::from_vec(vec![5.0, -3.0], [2]));
//! let mut adam = Adam::new([place.clone()], 0.1);
//! for step in 0..500 {
//!     // A schedule is a function that is asked before each step: here, a straight fall to zero.
//!     adam.set_learning_rate(0.1 * (1.0 - f64::from(step) / 500.0));
//!     let height = place.tensor().powf(2.0).sum();
//!     adam.step(&height.backward());
//! }
//! assert!(place.tensor().abs().max().item() < 1e-3);
//! ```
//!
//! # What is in it
//!
//! With the gradient g, the learning rate lr, and PyTorch's defaults and details:
//!
//! | optimizer | formula | state | from |
//! |---|---|---|---|
//! | [`Sgd`] | w ← w - lr · g | none | [`torch.optim.SGD`](https://docs.pytorch.org/docs/stable/generated/torch.optim.SGD.html) |
//! | [`Momentum`], by [`Sgd::momentum`] | b ← momentum · b + g; w ← w - lr · b | b | the same; Nesterov's form: Sutskever et al., 2013 |
//! | [`Adam`] | w ← w - lr · m̂ / (√v̂ + ε): means of g and g², corrected for their start | m, v | Kingma and Ba, 2015; [`torch.optim.Adam`](https://docs.pytorch.org/docs/stable/generated/torch.optim.Adam.html) |
//! | [`AdamW`] | as Adam, and w ← w (1 - lr · weight_decay) | m, v | Loshchilov and Hutter, 2019; [`torch.optim.AdamW`](https://docs.pytorch.org/docs/stable/generated/torch.optim.AdamW.html) |
//! | [`AmsGrad`], [`AdamWAmsGrad`], by `amsgrad()` | as these, with the largest v so far | m, v, largest v | Reddi, Kale and Kumar, 2018 |
//!
//! The full formulas stand at the rules: [`SgdRule`], [`MomentumRule`], [`AdamRule`], [`AdamWRule`], [`AmsGradRule`], [`AdamWAmsGradRule`].
//!
//! [`Optimizer`] is what a training loop, a schedule or a checkpoint needs of any of them: to step, to change the learning rate, to read the state and to put it back. A
//! step costs memory only the first time, when the state is made, and its bits do not depend on the number of threads.
//!
//! # An optimizer of your own
//!
//! is a [`Rule`]: the formula for one number, as the example on its page. The essay *Adding an op, a layer, an optimizer, a micro-kernel* in autograd's book
//! ([`autograd::book::adding`]) writes one and tests it.

mod adam;
mod adamw;
mod optimizer;
mod sgd;
mod tiny;

pub use adam::{Adam, AdamRule, AmsGrad, AmsGradRule};
pub use adamw::{AdamW, AdamWAmsGrad, AdamWAmsGradRule, AdamWRule};
pub use optimizer::{Driver, Optimizer, ParameterState, Rule, StateError};
pub use sgd::{Momentum, MomentumRule, Sgd, SgdRule};
