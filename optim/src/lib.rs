//! Optimizers for the parameters of the crate `autograd`: from gradients to the next weights.
//!
//! Each is a scalar [`Rule`] (one weight, its gradient, a little state), run over all parameters by one [`Driver`],
//! which does it in a single vectorised pass. Gradients are values that a step gets as an argument, so there is nothing
//! to set to zero. As an example, the minimum of a quadratic function:
//!
//! ```
//! use autograd::prelude::*;
//! use optim::prelude::*;
//! use optim::schedule::LinearLR;
//!
//! let point = Param::new(Tensor::from([5.0, -3.0]));
//! let mut adam = Adam::new([point.clone()], 0.1);
//! let schedule = LinearLR::new(1.0, 0.0, 500);
//! for step in 0..500 {
//!     adam.follow(&schedule, step);
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
//! | [`Sgd`] | w ← w - lr · g | none | [`torch.optim.SGD`] |
//! | ... with `momentum` | b ← momentum · b + g; w ← w - lr · b | b | the same; Nesterov: Sutskever et al., 2013 |
//! | [`Adam`] | w ← w - lr · m̂ / (√v̂ + ε): means of g and g² | m, v | Kingma and Ba, 2015; [`torch.optim.Adam`] |
//! | [`AdamW`] | as Adam; w ← w (1 - lr · weight_decay) | m, v | Loshchilov and Hutter, 2019; [`torch.optim.AdamW`] |
//! | [`Lamb`] | as Adam, with steps in proportion to the norm of the parameter | m, v | You et al., 2020 |
//! | ... with `amsgrad` | as these, with the largest v so far | m, v, largest v | Reddi, Kale and Kumar, 2018 |
//! | [`Adamax`] | as Adam, with the largest \|g\|, slowly forgotten, in place of √v̂ | m, u | [`torch.optim.Adamax`] |
//! | [`NAdam`] | as Adam, with Nesterov's momentum | m, v, Π | [`torch.optim.NAdam`] |
//! | [`RAdam`] | as Adam, with plain steps along m̂ until v is known well enough | m, v | [`torch.optim.RAdam`] |
//! | [`RMSprop`] | w ← w - lr · g / (√v + ε); `centered`: the variance in place of v | v | [`torch.optim.RMSprop`] |
//! | [`Adagrad`] | w ← w - lr · g / (√(Σ g²) + ε) | Σ g² | [`torch.optim.Adagrad`] |
//! | [`Adadelta`] | w ← w - lr · g · √(u + ε) / √(v + ε); u: mean square of steps | v, u | [`torch.optim.Adadelta`] |
//! | [`Rprop`] | w ← w - d · sign g: d grows while the sign stays, else shrinks | d, last g | [`torch.optim.Rprop`] |
//! | [`Asgd`] | w ← w - η · g, with a falling η, and the average weight | η, μ, average | [`torch.optim.ASGD`] |
//! | [`Lion`] | w ← w - lr · sign(a mean of g) | m | Chen et al., 2023 |
//! | [`Lbfgs`] | w ← w - t H g: H from the last gradients, t from a line search | differences | [`torch.optim.LBFGS`] |
//!
//! The full formulas are at the rules: [`SgdRule`], [`AdamRule`] and so on. `maximize(true)` turns each of them uphill.
//!
//! Parameters with settings of their own are a [`group`](Driver::group). The [`schedule`]s change the learning rates of
//! all groups.
//!
//! [`clip_grad_norm`] and [`clip_grad_value`] cut gradients to a size before a step; [`AveragedWeights`] keeps an
//! average of the weights over the steps.
//!
//! An optimizer, a plateau and an average are [`State`](autograd::State)s: `nn::checkpoint::save_run` writes them, with
//! the model and the random numbers, into one file, from which the run goes on bit for bit.
//!
//! [`Optimizer`] is what a training loop, a schedule or a checkpoint needs of any of them: to step, to change the
//! learning rate, to read the state and to restore it by name. A step costs memory only the first time, when the state
//! is made, and its bits do not depend on the number of threads.
//!
//! # More than one process
//!
//! [`parallel`] computes a step's gradients on several threads, processes or machines, with the same bits for any
//! number of them.
//!
//! # An optimizer of your own
//!
//! is a [`Rule`]: the formula for one element, as the example on its page. The essay *Adding an op, a layer, an
//! optimizer, a micro-kernel* in autograd's book ([`autograd::book::adding`]) writes one and tests it.
//!
//! [`torch.optim.SGD`]: https://docs.pytorch.org/docs/stable/generated/torch.optim.SGD.html
//! [`torch.optim.Adam`]: https://docs.pytorch.org/docs/stable/generated/torch.optim.Adam.html
//! [`torch.optim.AdamW`]: https://docs.pytorch.org/docs/stable/generated/torch.optim.AdamW.html
//! [`torch.optim.Adamax`]: https://docs.pytorch.org/docs/stable/generated/torch.optim.Adamax.html
//! [`torch.optim.NAdam`]: https://docs.pytorch.org/docs/stable/generated/torch.optim.NAdam.html
//! [`torch.optim.RAdam`]: https://docs.pytorch.org/docs/stable/generated/torch.optim.RAdam.html
//! [`torch.optim.RMSprop`]: https://docs.pytorch.org/docs/stable/generated/torch.optim.RMSprop.html
//! [`torch.optim.Adagrad`]: https://docs.pytorch.org/docs/stable/generated/torch.optim.Adagrad.html
//! [`torch.optim.Adadelta`]: https://docs.pytorch.org/docs/stable/generated/torch.optim.Adadelta.html
//! [`torch.optim.Rprop`]: https://docs.pytorch.org/docs/stable/generated/torch.optim.Rprop.html
//! [`torch.optim.ASGD`]: https://docs.pytorch.org/docs/stable/generated/torch.optim.ASGD.html
//! [`torch.optim.LBFGS`]: https://docs.pytorch.org/docs/stable/generated/torch.optim.LBFGS.html

#[macro_use]
mod instances;

mod adadelta;
mod adagrad;
mod adam;
mod adamax;
mod adamw;
mod asgd;
mod averaged;
mod clip;
mod driver;
mod driver_state;
mod lamb;
mod lbfgs;
mod lion;
mod moments;
mod nadam;
mod optimizer;
pub mod parallel;
mod parameter;
mod radam;
#[cfg(test)]
mod reference;
mod rmsprop;
mod rprop;
mod rule;
pub mod schedule;
mod settings;
mod sgd;
mod slot;
mod tiny;

/// What most training loops use, in one line: `use optim::prelude::*;`. An optimizer's element type is that of its
/// parameters.
///
/// ```
/// use autograd::prelude::*;
/// use optim::prelude::*;
/// let point = Param::new(Tensor::from([5.0, -3.0]));
/// let mut adam = Adam::new([&point], 0.1);
/// adam.step(&(&point * &point).sum().backward());
/// assert!(point.tensor().max().item() < 5.0);
/// ```
pub mod prelude {
    pub use crate::schedule::{self, Schedule};
    pub use crate::{
        Adadelta, Adagrad, Adam, AdamW, Adamax, Asgd, AveragedWeights, Lamb, Lbfgs, Lion, NAdam, Optimizer, RAdam,
        RMSprop, Rprop, Sgd, clip_grad_norm, clip_grad_value,
    };
}

pub use adadelta::{Adadelta, AdadeltaRule};
pub use adagrad::{Adagrad, AdagradRule};
pub use adam::{Adam, AdamRule};
pub use adamax::{Adamax, AdamaxRule};
pub use adamw::{AdamW, AdamWRule};
pub use asgd::{Asgd, AsgdRule};
pub use averaged::AveragedWeights;
pub use clip::{ClipGradNorm, NonFiniteNorm, clip_grad_norm, clip_grad_value};
pub use driver::Driver;
pub use lamb::{Lamb, LambRule};
pub use lbfgs::{Lbfgs, LineSearch};
pub use lion::{Lion, LionRule};
pub use moments::{HasAmsgrad, HasMoments, Moments};
pub use nadam::{NAdam, NAdamRule};
pub use optimizer::{Optimizer, ParameterState};
pub use parameter::IntoParameter;
pub use radam::{RAdam, RAdamRule};
pub use rmsprop::{RMSprop, RMSpropRule};
pub use rprop::{Rprop, RpropRule};
pub use rule::{Pass, Rule, Updated};
pub use sgd::{Sgd, SgdRule};
