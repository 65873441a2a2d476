//! Recurrent networks: cells, which take one step of a sequence, and layers of them, which take the whole.

mod cell;
mod layers;

pub use cell::{Cell, CellWeights, GruCell, LstmCell, RnnCell, RnnReluCell, State};
pub use layers::{Gru, Lstm, Recurrence, Recurrent, Rnn, RnnRelu};
