//! The demo: a perceptron that learns to read digits.
//!
//! - [`idx`] reads files of the IDX format, plain or compressed, and believes nothing that they claim;
//! - [`dataset`] is a whole data set, embedded or from a folder, whose images stay bytes in memory;
//! - [`model`] is the network, [`train`] the loop and the seam for those who watch it, [`console`] what a person sees;
//! - [`picture`] makes digits of people's pictures, [`reading`] has a trained network read them;
//! - [`cli`] is the command line, [`commands`] has a file for each command, [`failure`] says what went wrong.

pub mod cli;
pub mod commands;
pub mod console;
pub mod dataset;
pub mod failure;
pub mod idx;
pub mod model;
pub mod picture;
pub mod reading;
pub mod train;
