//! Losses.

pub(crate) mod cross_entropy;
