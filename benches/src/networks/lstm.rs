//! A layer of LSTM cells over whole sequences.

use std::sync::Arc;

use nn::Module;
use nn::recurrent::{Lstm, Recurrence};

use super::start::{by_fan_in, centred_tensor, set_first_values};
use super::{Network, Step};
use crate::problem::{MULTIPLIERS, Problem};
use crate::record::Unit;

pub(super) static NETWORK: Network = Network {
    name: "lstm",
    about: "An LSTM 128→256, forward and backward; 32 sequences of 64 tokens",
    batch: 32,
    unit: Unit::Token,
    units: LENGTH,
    operations: (6 * 4 * HIDDEN * (INPUTS + HIDDEN)) as f64,
    step,
    inference: None,
};

const LENGTH: usize = 64;
const INPUTS: usize = 128;
const HIDDEN: usize = 256;

fn step(_: &Arc<Problem>, batch: usize) -> Step {
    let lstm: Lstm = Lstm::new(INPUTS, HIDDEN, Recurrence::default(), 0);
    set_first_values(&lstm.named_parameters(), by_fan_in);
    let [first, second] = MULTIPLIERS;
    let x = centred_tensor(&[LENGTH, batch, INPUTS], first);
    let seed = centred_tensor(&[LENGTH, batch, HIDDEN], second);
    Step::Block { x, seed, forward: Box::new(move |x, mode| lstm.forward(x, None, mode).0) }
}
