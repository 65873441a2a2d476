//! The demo: a perceptron that learns to read digits.
//!
//! - [`idx`] reads files of the IDX format, plain or compressed, and believes nothing that they claim;
//! - [`dataset`] is a whole data set, embedded or from a folder, whose images stay bytes in memory;
//! - [`model`] is the network, [`train`] the loop, [`cli`] the command line.

pub mod cli;
pub mod dataset;
pub mod idx;
pub mod model;
pub mod report;
pub mod train;
