//! Layers of recurrent cells over whole sequences.

use autograd::{Float, Seed, Tensor};

use super::cell::{Cell, GruCell, LstmCell, RnnCell, RnnReluCell, State, settings_of};
use crate::mode::Mode;
use crate::module::{Member, Module};

/// The options of a recurrent layer, with PyTorch's names and defaults.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recurrence {
    /// How many layers lie above each other; each takes the outputs of the one below.
    pub num_layers: usize,
    /// Whether there are biases.
    pub bias: bool,
    /// Whether sequences are `[N, L, in]` rather than `[L, N, in]`.
    pub batch_first: bool,
    /// In training, the probability with which an output of each layer but the last is dropped.
    pub dropout: f64,
    /// Whether a second cell of each layer goes through the sequence from its end; outputs of both are side by side.
    pub bidirectional: bool,
}

impl Default for Recurrence {
    fn default() -> Self {
        Recurrence { num_layers: 1, bias: true, batch_first: false, dropout: 0.0, bidirectional: false }
    }
}

/// A recurrent network of one or several layers of cells.
///
/// Its sequences are `[L, N, in]` (or `[N, L, in]`, as the options have it; or `[L, in]`, one sequence without a
/// batch), its outputs `[L, N, D · hidden]` and its states `[num_layers · D, N, hidden]`, D being the number of
/// directions. Names and start of the parameters are PyTorch's: `weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0`,
/// `bias_hh_l0`, and `weight_ih_l0_reverse` and so on for the other direction.
///
/// As [`torch.nn.LSTM`](https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTM.html),
/// [`GRU`](https://docs.pytorch.org/docs/stable/generated/torch.nn.GRU.html) and
/// [`RNN`](https://docs.pytorch.org/docs/stable/generated/torch.nn.RNN.html), without projections of the state
/// (`proj_size`) and packed sequences.
///
/// ```
/// use autograd::Tensor;
/// use nn::{Mode, recurrent::{Lstm, Recurrence}};
///
/// let options = Recurrence { batch_first: true, num_layers: 2, ..Recurrence::default() };
/// let lstm: Lstm = Lstm::new(8, 16, options, 0);
/// let (outputs, (h, c)) = lstm.forward(&Tensor::ones([3, 5, 8]), None, Mode::Eval);
/// assert_eq!((outputs.shape(), h.shape()), (&[3, 5, 16].into(), &[2, 3, 16].into()));
/// // On from there.
/// let (_, _) = lstm.forward(&Tensor::ones([3, 5, 8]), Some(&(h, c)), Mode::Eval);
/// ```
#[derive(Clone, Debug)]
pub struct Recurrent<C> {
    /// The cells: of each layer the one that goes forward, and the one that goes backward if there is one.
    pub cells: Vec<C>,
    options: Recurrence,
}

/// A recurrent network of [`RnnCell`]s.
pub type Rnn<T = f32> = Recurrent<RnnCell<T>>;
/// A recurrent network of [`RnnReluCell`]s.
pub type RnnRelu<T = f32> = Recurrent<RnnReluCell<T>>;
/// A recurrent network of [`GruCell`]s.
pub type Gru<T = f32> = Recurrent<GruCell<T>>;
/// A recurrent network of [`LstmCell`]s.
pub type Lstm<T = f32> = Recurrent<LstmCell<T>>;

impl<C> Recurrent<C> {
    /// A network from `inputs` to `hidden` elements.
    ///
    /// # Panics
    /// If there is no layer, or `dropout` is no probability.
    #[track_caller]
    pub fn new<T: Float>(inputs: usize, hidden: usize, options: Recurrence, seed: impl Seed) -> Self
    where
        C: Cell<T>,
    {
        let Recurrence { num_layers, bias, dropout, bidirectional, .. } = options;
        assert!(num_layers > 0, "{}: num_layers is 0: wanted one at least", C::LAYER);
        assert!((0.0..=1.0).contains(&dropout), "{}: dropout {dropout} is no probability: wanted 0 to 1", C::LAYER);
        let directions = 1 + usize::from(bidirectional);
        seed.draw(|random| {
            let cell = |index: usize| {
                let inputs = if index < directions { inputs } else { directions * hidden };
                C::new(inputs, hidden, bias, &mut *random)
            };
            Recurrent { cells: (0..num_layers * directions).map(cell).collect(), options }
        })
    }

    fn directions(&self) -> usize {
        1 + usize::from(self.options.bidirectional)
    }

    /// The outputs of the last layer at each step, and the states of all layers after the last step; without states
    /// before the first step, those are zero.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn forward<T: Float>(&self, x: &Tensor<T>, state: Option<&C::State>, mode: Mode<'_>) -> (Tensor<T>, C::State)
    where
        C: Cell<T>,
    {
        let kind = C::LAYER;
        let inputs = self.cells[0].weights().inputs();
        if x.rank() == 2 {
            // One sequence without a batch.
            let batch_dim = if self.options.batch_first { 0 } else { 1 };
            let state = state.map(|state| of_parts(state, |part| part.unsqueeze(1)));
            let (outputs, state) = self.forward(&x.unsqueeze(batch_dim), state.as_ref(), mode);
            return (outputs.squeeze(batch_dim), of_parts(&state, |part| part.squeeze(1)));
        }
        let wanted = if self.options.batch_first { "[N, L" } else { "[L, N" };
        assert!(
            x.rank() == 3 && x.size(2) == inputs,
            "{kind}: the input has shape {}: wanted {wanted}, {inputs}]",
            x.shape()
        );
        let mut sequence = if self.options.batch_first { x.transpose(0, 1) } else { x.clone() };
        let states = self.states(state, sequence.size(1));
        let (layers, mut last) = (self.cells.chunks(self.directions()), Vec::new());
        for (layer, (cells, states)) in layers.zip(states.chunks(self.directions())).enumerate() {
            if let Some(stream) = mode.stream().filter(|_| layer > 0 && self.options.dropout > 0.0) {
                sequence = sequence.dropout(self.options.dropout, stream);
            }
            let mut outputs = Vec::new();
            for (direction, (cell, state)) in cells.iter().zip(states).enumerate() {
                let (output, state) = run(cell, &sequence, state.clone(), direction == 1);
                outputs.push(output);
                last.push(state);
            }
            sequence = if outputs.len() == 1 { outputs.remove(0) } else { Tensor::cat(&outputs, 2) };
        }
        let outputs = if self.options.batch_first { sequence.transpose(0, 1) } else { sequence };
        let stacked = |part: usize| {
            let parts: Vec<Tensor<T>> = last.iter().map(|state| state.parts()[part].clone()).collect();
            Tensor::stack(&parts, 0)
        };
        (outputs, C::State::from_parts((0..C::State::PARTS).map(stacked).collect()))
    }

    /// The state of each cell before the first step.
    #[track_caller]
    fn states<T: Float>(&self, state: Option<&C::State>, rows: usize) -> Vec<C::State>
    where
        C: Cell<T>,
    {
        let (cells, hidden) = (self.cells.len(), self.cells[0].weights().hidden());
        let Some(state) = state else {
            let zero = Tensor::zeros([rows, hidden]);
            return vec![C::State::from_parts(vec![zero; C::State::PARTS]); cells];
        };
        for part in state.parts() {
            assert!(
                part.shape()[..] == [cells, rows, hidden],
                "{}: the state has shape {}: wanted [{cells}, {rows}, {hidden}]",
                C::LAYER,
                part.shape()
            );
        }
        (0..cells as isize).map(|cell| of_parts(state, |part| part.select(0, cell))).collect()
    }
}

/// A state of other parts.
fn of_parts<T: Float, S: State<T>>(state: &S, change: impl Fn(&Tensor<T>) -> Tensor<T>) -> S {
    S::from_parts(state.parts().into_iter().map(change).collect())
}

/// A cell's outputs over a sequence `[L, N, in]`, as `[L, N, hidden]`, and its state after the last step.
#[track_caller]
fn run<T: Float, C: Cell<T>>(cell: &C, sequence: &Tensor<T>, state: C::State, backward: bool) -> (Tensor<T>, C::State) {
    if sequence.size(0) == 0 {
        return (Tensor::zeros([0, sequence.size(1), cell.weights().hidden()]), state);
    }
    // The inputs' share of all steps in one product.
    let of_inputs = cell.weights().of_input(sequence);
    if !backward {
        return cell.advance_all(&of_inputs, &state);
    }
    let (outputs, state) = cell.advance_all(&of_inputs.flip([0]), &state);
    (outputs.flip([0]), state)
}

impl<T: Float, C: Cell<T>> Module<T> for Recurrent<C> {
    fn kind(&self) -> &'static str {
        C::LAYER
    }

    fn settings(&self) -> String {
        let Recurrence { num_layers, bias, batch_first, dropout, bidirectional } = self.options;
        let flags =
            [("bias", bias, true), ("batch_first", batch_first, false), ("bidirectional", bidirectional, false)];
        let weights = self.cells[0].weights();
        settings_of([weights.inputs(), weights.hidden()], num_layers, &flags, dropout)
    }

    fn members(&self, f: &mut dyn FnMut(&str, Member<'_, T>)) {
        for (index, cell) in self.cells.iter().enumerate() {
            let layer = index / self.directions();
            let direction = if index % self.directions() == 1 { "_reverse" } else { "" };
            cell.weights().visit(&format!("_l{layer}{direction}"), f);
        }
    }
}

macro_rules! display {
    ($($cell:ident),+) => {$(
        impl<T: Float> std::fmt::Display for Recurrent<$cell<T>> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&Module::<T>::tree(self))
            }
        }
    )+};
}

display!(RnnCell, RnnReluCell, GruCell, LstmCell);

#[cfg(test)]
mod tests {
    use autograd::{Stream, Tensor};

    use super::*;

    fn options() -> Recurrence {
        Recurrence::default()
    }

    #[test]
    fn names_and_shapes_are_those_of_pytorch() {
        let gru: Gru = Gru::new(3, 5, Recurrence { num_layers: 2, bidirectional: true, ..options() }, 0);
        let named: Vec<String> = gru
            .named_parameters()
            .into_iter()
            .map(|(name, param)| format!("{name} {}", param.tensor().shape()))
            .collect();
        assert_eq!(named[..4], ["weight_ih_l0 [15, 3]", "weight_hh_l0 [15, 5]", "bias_ih_l0 [15]", "bias_hh_l0 [15]"]);
        assert_eq!(named[4], "weight_ih_l0_reverse [15, 3]");
        assert_eq!(named[8], "weight_ih_l1 [15, 10]");
        assert_eq!(named.len(), 16);
        assert_eq!(gru.to_string(), "GRU(3, 5, num_layers=2, bidirectional=True)");
    }

    #[test]
    fn a_layer_is_its_cell_step_by_step() {
        let lstm: Lstm<f64> = Lstm::new(3, 4, options(), 0);
        let x = Tensor::randn([5, 2, 3], 1);
        let (outputs, (h, c)) = lstm.forward(&x, None, Mode::Eval);
        // Whatever the order is in which bias, input and state are added.
        let is_close = |a: &Tensor<f64>, b: &Tensor<f64>| (a - b).abs().max().item() < 1e-14;
        let mut state = None;
        for step in 0..5 {
            state = Some(lstm.cells[0].step(&x.select(0, step), state.as_ref()));
            assert!(is_close(&outputs.select(0, step), &state.as_ref().unwrap().0));
        }
        let state = state.unwrap();
        assert!(is_close(&h.select(0, 0), &state.0) && is_close(&c.select(0, 0), &state.1));
    }

    #[test]
    fn the_other_direction_is_the_reversed_sequence() {
        let rnn: Rnn = Rnn::new(3, 4, Recurrence { bidirectional: true, ..options() }, 0);
        let x = Tensor::randn([5, 2, 3], 1);
        let (outputs, h) = rnn.forward(&x, None, Mode::Eval);
        let one = Recurrent { cells: vec![rnn.cells[1].clone()], options: options() };
        let (reversed, last) = one.forward(&x.flip([0]), None, Mode::Eval);
        assert_eq!(outputs.narrow(2, 4, 4).to_vec(), reversed.flip([0]).to_vec());
        assert_eq!(h.select(0, 1).to_vec(), last.select(0, 0).to_vec());
    }

    #[test]
    fn the_order_of_the_dimensions_does_not_change_the_values_and_a_batch_may_be_missing() {
        let gru: Gru = Gru::new(3, 4, options(), 0);
        let first = Recurrent { cells: gru.cells.clone(), options: Recurrence { batch_first: true, ..options() } };
        let x = Tensor::randn([5, 2, 3], 1);
        let (outputs, h) = gru.forward(&x, None, Mode::Eval);
        let (same, same_h) = first.forward(&x.transpose(0, 1), None, Mode::Eval);
        assert_eq!((outputs.transpose(0, 1).to_vec(), h.to_vec()), (same.to_vec(), same_h.to_vec()));
        let (single, h) = gru.forward(&x.select(1, 1), None, Mode::Eval);
        assert_eq!((single.shape(), h.shape()), (&[5, 4].into(), &[1, 4].into()));
        for (a, b) in single.to_vec().into_iter().zip(outputs.select(1, 1).to_vec()) {
            assert!((a - b).abs() < 1e-6);
        }
    }

    #[test]
    fn dropout_lies_between_layers_and_only_in_training() {
        let both = Recurrence { num_layers: 2, dropout: 0.5, ..options() };
        let rnn: Rnn = Rnn::new(3, 8, both, 0);
        let (x, stream) = (Tensor::randn([5, 2, 3], 1), Stream::new(0));
        let run = |mode: Mode<'_>| rnn.forward(&x, None, mode).0.to_vec();
        assert_eq!(run(Mode::Eval), run(Mode::Eval));
        assert_ne!(run(Mode::Train(&stream)), run(Mode::Train(&stream)));
        let single: Rnn = Rnn::new(3, 8, Recurrence { dropout: 0.5, ..options() }, 0);
        let of_one = |mode: Mode<'_>| single.forward(&x, None, mode).0.to_vec();
        assert_eq!(of_one(Mode::Train(&stream)), of_one(Mode::Eval));
    }

    #[test]
    fn gradients_reach_each_parameter_through_all_steps() {
        let options = Recurrence { num_layers: 2, bidirectional: true, ..options() };
        let lstm: Lstm<f64> = Lstm::new(2, 3, options, 0);
        let x = Tensor::randn([4, 2, 2], 1).requires_grad();
        let gradients = lstm.forward(&x, None, Mode::Eval).0.square().sum().backward();
        for (name, param) in lstm.named_parameters() {
            assert!(gradients.of(&param).unwrap().abs().max().item() > 0.0, "{name}");
        }
        let of_first = gradients.get(&x).unwrap().select(0, 0);
        assert!(of_first.abs().max().item() > 0.0);
    }

    #[test]
    #[should_panic(expected = "LSTM: the state has shape [2, 2, 4]: wanted [1, 2, 4]")]
    fn a_state_of_another_shape_is_refused() {
        let lstm: Lstm = Lstm::new(3, 4, options(), 0);
        let state = (Tensor::zeros([2, 2, 4]), Tensor::zeros([2, 2, 4]));
        let _ = lstm.forward(&Tensor::zeros([5, 2, 3]), Some(&state), Mode::Eval);
    }
}
