//! The demo: a perceptron that learns to read digits.
//!
//! - [`idx`] reads files of the IDX format, plain or compressed, and believes nothing that they claim;
//! - [`dataset`] is a whole data set, embedded or from a folder, whose images stay bytes in memory;
//! - [`labels`] are the names of its classes, [`weights`] finds trained weights in files and in checkpoints;
//! - [`file_kind`] says what a file is that is not what it should be, [`finite`] which weights are of no use;
//! - [`model`] is the network, [`recipe`] how it is trained, [`train`] the loop and the seam for those who watch it,
//!   [`console`] what a person sees;
//! - [`checkpoint`] is a run on disk, [`interrupt`] Ctrl-C, [`report`] the page that tells how a run went;
//! - [`picture`] makes digits of people's pictures, [`reading`] has a trained network read them, [`serve`] shows it
//!   on a page;
//! - [`cli`] is the command line, [`commands`] has a file for each command, [`failure`] says what went wrong,
//!   [`locale`] in which characters.

pub mod checkpoint;
pub mod cli;
pub mod commands;
pub mod console;
pub mod dataset;
pub mod failure;
pub mod file_kind;
pub mod finite;
pub mod idx;
pub mod interrupt;
pub mod labels;
pub mod locale;
pub mod model;
pub mod picture;
pub mod reading;
pub mod recipe;
pub mod report;
pub mod serve;
pub mod train;
pub mod weights;
