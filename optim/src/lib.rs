//! Optimizers. Each is a scalar rule (one weight, one gradient, a little state) run over parameters by one driver.
//!
//! ```
//! use autograd::{Param, Tensor};
//! use optim::Adam;
//!
//! let weight = Param::new(Tensor::from_vec(vec![5.0, -3.0], [2]));
//! let mut adam = Adam::new([weight.clone()], 0.1);
//! for _ in 0..500 {
//!     let loss = weight.tensor().powf(2.0).sum();
//!     adam.step(&loss.backward());
//! }
//! assert!(weight.tensor().abs().max().item() < 1e-3);
//! ```

mod adam;
mod adamw;
mod optimizer;
mod sgd;

pub use adam::{Adam, AdamRule, AmsGrad, AmsGradRule};
pub use adamw::{AdamW, AdamWAmsGrad, AdamWAmsGradRule, AdamWRule};
pub use optimizer::{Driver, Optimizer, ParameterState, Rule, StateError};
pub use sgd::{Momentum, MomentumRule, Sgd, SgdRule};
