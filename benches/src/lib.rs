//! Benchmarks of the Gradus engine: what its programs share. `benches/README.md` shows how to use them.
//!
//! - [`peak`]: what this machine reaches at best, measured; [`disturbance`]: whether other processes disturb;
//! - [`measure`]: contenders are timed by turns; [`verdict`]: a difference inside the noise decides nothing;
//! - [`record`]: what a run keeps; [`table`], [`chart`], [`page`]: how it is shown; [`comparison`]: two runs, what
//!   changed;
//! - [`shapes`], [`operands`], [`products`], [`yours`]: matrix products to measure, what they should be, and who
//!   computes them;
//! - [`problem`], [`networks`], [`task`]: a perceptron that learns the digits, other networks, and other work;
//!   [`benchmark`], [`ours`], [`peers`], [`hand_fused`]: who does it, and how they are compared;
//! - [`roofline`], [`counters`]: where the time of a training step goes, and what limits it;
//! - [`ladder`]: a matrix product made fast, a file for each step, for reading;
//! - [`commands`]: the commands of the program.

pub mod aligned;
pub mod benchmark;
pub mod chart;
pub mod checkout;
pub mod commands;
pub mod comparison;
pub mod counters;
pub mod disturbance;
pub mod hand_fused;
pub mod ladder;
pub mod measure;
pub mod networks;
pub mod operands;
pub mod ours;
pub mod page;
pub mod peak;
pub mod peers;
pub mod problem;
pub mod products;
pub mod record;
pub mod roofline;
pub mod shapes;
pub mod table;
pub mod task;
pub mod verdict;
pub mod versions;
pub mod yours;
