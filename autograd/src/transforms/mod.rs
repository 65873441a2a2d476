//! Floor 3: what takes a function and makes another one of it: its products with Jacobians, its Jacobian and Hessian,
//! or itself with less memory.
//!
//! [`arguments`] says what such a function takes, [`products`] and [`matrices`] differentiate it, [`recompute`] does
//! not keep its values, and [`hook`] calls a closure with the gradient of a tensor.

mod arguments;
mod hook;
mod matrices;
mod products;
mod recompute;

pub use arguments::Arguments;
pub use hook::NewGradient;
pub use matrices::{hessian, jacobian};
pub use products::{hvp, jvp, vjp};
pub use recompute::recompute;
