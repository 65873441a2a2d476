//! Floor 3: the operations, in folders by family. The formula, forward, backward and test of an operation are in one
//! place.
//!
//! Most are declared by their kind: [`pointwise`] (a formula for each element and its derivative), [`binary`] (the same
//! for two broadcast tensors), [`linear_map`] (a map and its adjoint), or as a composition of other operations.

// In the order in which the page of `Tensor` shows the methods, as its index of methods does. (rustfmt sorts within a
// paragraph.)
#[macro_use]
pub(crate) mod pointwise;
pub(crate) mod binary;
pub(crate) mod compare;

pub(crate) mod reduce;
pub(crate) mod shape;

pub(crate) mod index;
pub(crate) mod linear_map;
pub(crate) mod product;

pub(crate) mod conv;
pub(crate) mod pool;

pub(crate) mod norm;

pub(crate) mod attention;
pub(crate) mod recurrent;

mod dropout;
pub(crate) mod loss;
