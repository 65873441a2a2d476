//! Benchmarks of the Gradus engine: what its programs share.
//!
//! - [`peak`]: what this machine can do at best, measured;
//! - [`measure`]: contestants take turns, and a difference inside the noise is a tie;
//! - [`neighbours`]: whether anybody disturbed;
//! - [`table`], [`chart`], [`json`]: what comes out;
//! - [`shapes`], [`operands`], [`products`]: matrix products to measure, what they should be, and who computes them;
//! - [`problem`]: a perceptron that learns the digits; [`contest`], [`ours`], [`peers`], [`limit`]: who trains it, and how they are compared;
//! - [`ladder`]: a matrix product made fast, a step a file, for reading;
//! - [`commands`]: one file for each command of the program.

pub mod aligned;
pub mod chart;
pub mod commands;
pub mod contest;
pub mod json;
pub mod ladder;
pub mod limit;
pub mod measure;
pub mod neighbours;
pub mod operands;
pub mod ours;
pub mod peak;
pub mod peers;
pub mod problem;
pub mod products;
pub mod shapes;
pub mod table;
