//! The demo: a multilayer perceptron or a convolutional network that learns to classify handwritten digits.
//!
//! - [`idx`] reads files of the IDX format, plain or compressed, and checks everything that their headers claim;
//! - [`dataset`] is a whole data set, embedded or from a folder; its images stay bytes in memory;
//! - [`labels`] are the names of its classes, [`weights`] finds trained weights in files and in checkpoints;
//! - [`file_kind`] recognizes files of the wrong kind, [`finite`] finds weights that are NaN or infinite;
//! - [`model`] has the networks, [`recipe`] how it is trained, [`train`] the training loop and its observers,
//!   [`console`] the output on the terminal, [`environment`] the processor, the version and the date;
//! - [`checkpoint`] saves and restores a run, [`interrupt`] handles Ctrl-C, [`report`] writes a page about a run;
//! - [`picture`] converts a user's picture into a digit of 28 × 28 pixels, [`classifier`] predicts its class with a
//!   trained network, [`explanation`] finds the pixels that spoke for it, [`serve`] does both on a web page;
//! - [`cli`] is the command line, [`commands`] has a file for each command, [`failure`] is the error of a command,
//!   [`locale`] decides between Unicode and ASCII output.

pub mod checkpoint;
pub mod classifier;
pub mod cli;
pub mod commands;
pub mod console;
pub mod dataset;
pub mod environment;
pub mod explanation;
pub mod failure;
pub mod file_kind;
pub mod finite;
pub mod idx;
pub mod interrupt;
pub mod labels;
pub mod locale;
pub mod model;
pub mod picture;

pub mod recipe;
pub mod report;
pub mod serve;
pub mod train;
pub mod weights;
