//! Cells of recurrent networks: from the input of a step and the state before it to the state after it.

use autograd::{Float, Param, Seed, Tensor};

use crate::init;
use crate::module::{Member, Module};
use crate::tree::python_bool;

/// What a recurrent network knows of the steps before: a tensor `[N, hidden]`, or two of them.
pub trait State<T: Float>: Clone {
    /// The tensors that it consists of, the output first.
    fn parts(&self) -> Vec<&Tensor<T>>;

    /// The state of such tensors.
    ///
    /// # Panics
    /// If there are more or fewer of them than [`parts`](State::parts) gives.
    fn from_parts(parts: Vec<Tensor<T>>) -> Self;

    /// How many tensors there are.
    const PARTS: usize;

    /// The output of the step: the first part.
    fn output(&self) -> &Tensor<T> {
        self.parts()[0]
    }
}

impl<T: Float> State<T> for Tensor<T> {
    const PARTS: usize = 1;

    fn parts(&self) -> Vec<&Tensor<T>> {
        vec![self]
    }

    fn from_parts(parts: Vec<Tensor<T>>) -> Self {
        let [h] = parts.try_into().unwrap_or_else(|_| panic!("a state of one tensor is made of one tensor"));
        h
    }
}

impl<T: Float> State<T> for (Tensor<T>, Tensor<T>) {
    const PARTS: usize = 2;

    fn parts(&self) -> Vec<&Tensor<T>> {
        vec![&self.0, &self.1]
    }

    fn from_parts(parts: Vec<Tensor<T>>) -> Self {
        parts.try_into().map(|[h, c]: [Tensor<T>; 2]| (h, c)).unwrap_or_else(|_| panic!("a state of two tensors"))
    }
}

/// The weights of a cell with G gates: `[G · hidden, in]` and `[G · hidden, hidden]`, and two biases `[G · hidden]`.
#[derive(Clone, Debug)]
pub struct CellWeights<T: Float = f32> {
    /// The weight of the input, `[G · hidden, in]`.
    pub weight_ih: Param<T>,
    /// The weight of the state, `[G · hidden, hidden]`.
    pub weight_hh: Param<T>,
    /// The bias of the input, `[G · hidden]`.
    pub bias_ih: Option<Param<T>>,
    /// The bias of the state, `[G · hidden]`.
    pub bias_hh: Option<Param<T>>,
}

impl<T: Float> CellWeights<T> {
    /// Weights that are uniform in ±1/√hidden, as PyTorch's are.
    #[track_caller]
    fn new(gates: usize, inputs: usize, hidden: usize, bias: bool, seed: impl Seed) -> Self {
        let bound = T::from_f64(init::reciprocal_root(hidden));
        seed.draw(|random| {
            let mut uniform = |shape: &[usize]| Param::new(Tensor::uniform(shape, -bound, bound, &mut *random));
            let (weight_ih, weight_hh) = (uniform(&[gates * hidden, inputs]), uniform(&[gates * hidden, hidden]));
            let mut bias_of = || bias.then(|| uniform(&[gates * hidden]));
            CellWeights { weight_ih, weight_hh, bias_ih: bias_of(), bias_hh: bias_of() }
        })
    }

    /// Elements of a state.
    pub fn hidden(&self) -> usize {
        self.weight_hh.tensor().size(1)
    }

    /// Elements of an input.
    pub fn inputs(&self) -> usize {
        self.weight_ih.tensor().size(1)
    }

    /// x W_ihᵀ + b_ih for inputs `[..., in]`.
    #[track_caller]
    pub fn of_input(&self, x: &Tensor<T>) -> Tensor<T> {
        x.linear(&self.weight_ih.tensor(), self.bias_ih.as_ref().map(Param::tensor).as_ref())
    }

    /// h W_hhᵀ + b_hh for states `[N, hidden]`.
    #[track_caller]
    fn of_state(&self, h: &Tensor<T>) -> Tensor<T> {
        h.linear(&self.weight_hh.tensor(), self.bias_hh.as_ref().map(Param::tensor).as_ref())
    }

    /// Calls `f` with each parameter; `suffix` follows its name.
    pub(super) fn visit(&self, suffix: &str, f: &mut dyn FnMut(&str, Member<'_, T>)) {
        f(&format!("weight_ih{suffix}"), Member::Param(&self.weight_ih));
        f(&format!("weight_hh{suffix}"), Member::Param(&self.weight_hh));
        for (name, bias) in [("bias_ih", &self.bias_ih), ("bias_hh", &self.bias_hh)] {
            if let Some(bias) = bias {
                f(&format!("{name}{suffix}"), Member::Param(bias));
            }
        }
    }
}

/// One step of a recurrent network.
pub trait Cell<T: Float = f32>: Module<T> + Sized {
    /// What is handed from step to step.
    type State: State<T>;

    /// PyTorch's name of a layer of such cells.
    const LAYER: &'static str;

    /// A cell from `inputs` to `hidden` elements, with or without biases.
    #[track_caller]
    fn new(inputs: usize, hidden: usize, bias: bool, seed: impl Seed) -> Self;

    /// The weights.
    fn weights(&self) -> &CellWeights<T>;

    /// The state after a step, from [`CellWeights::of_input`] of its input and the state before it.
    fn advance(&self, of_input: &Tensor<T>, state: &Self::State) -> Self::State;

    /// The outputs of all steps of a sequence, `[L, N, hidden]`, and the state after the last one, from
    /// [`CellWeights::of_input`] of the whole sequence and the state before it: [`advance`](Cell::advance) step by
    /// step, unless a cell has something faster.
    ///
    /// # Panics
    /// If there is no step.
    #[track_caller]
    fn advance_all(&self, of_inputs: &Tensor<T>, state: &Self::State) -> (Tensor<T>, Self::State) {
        let (mut state, mut outputs) = (state.clone(), Vec::new());
        for of_input in of_inputs.unbind(0) {
            state = self.advance(&of_input, &state);
            outputs.push(state.output().clone());
        }
        (Tensor::stack(&outputs, 0), state)
    }

    /// The state after a step with the input `[N, in]`; without a state before it, that is zero.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    fn step(&self, x: &Tensor<T>, state: Option<&Self::State>) -> Self::State {
        let weights = self.weights();
        let (inputs, hidden) = (weights.inputs(), weights.hidden());
        let kind = self.kind();
        assert!(
            x.rank() == 2 && x.size(1) == inputs,
            "{kind}: the input has shape {}: wanted [N, {inputs}]",
            x.shape()
        );
        let rows = x.size(0);
        for part in state.iter().flat_map(|state| state.parts()) {
            assert!(
                part.shape()[..] == [rows, hidden],
                "{kind}: the state has shape {}: wanted [{rows}, {hidden}]",
                part.shape()
            );
        }
        let zero = || Self::State::from_parts(vec![Tensor::zeros([rows, hidden]); Self::State::PARTS]);
        self.advance(&weights.of_input(x), &state.cloned().unwrap_or_else(zero))
    }
}

/// Declares a cell: its name, how many gates it has, its state, the name of its layer, and its step.
macro_rules! cell {
    (
        $(#[$attribute:meta])*
        $name:ident as $kind:literal, $layer:literal, $gates:literal gates, $state:ty, $settings:literal,
        |$cell:ident, $x:ident, $before:ident| $step:expr $(, all steps: $all:expr)?
    ) => {
        $(#[$attribute])*
        #[derive(Clone, Debug)]
        pub struct $name<T: Float = f32>(CellWeights<T>);

        impl<T: Float> Module<T> for $name<T> {
            fn kind(&self) -> &'static str {
                $kind
            }

            fn settings(&self) -> String {
                let (inputs, hidden) = (self.0.inputs(), self.0.hidden());
                let bias = if self.0.bias_ih.is_some() { "" } else { ", bias=False" };
                format!("{inputs}, {hidden}{bias}{}", $settings)
            }

            fn members(&self, f: &mut dyn FnMut(&str, Member<'_, T>)) {
                self.0.visit("", f);
            }
        }

        impl<T: Float> std::fmt::Display for $name<T> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.tree())
            }
        }

        impl<T: Float> Cell<T> for $name<T> {
            type State = $state;
            const LAYER: &'static str = $layer;

            #[track_caller]
            fn new(inputs: usize, hidden: usize, bias: bool, seed: impl Seed) -> Self {
                $name(CellWeights::new($gates, inputs, hidden, bias, seed))
            }

            fn weights(&self) -> &CellWeights<T> {
                &self.0
            }

            fn advance(&self, $x: &Tensor<T>, $before: &Self::State) -> Self::State {
                let $cell = &self.0;
                $step
            }

            $(
                #[track_caller]
                fn advance_all(&self, $x: &Tensor<T>, $before: &Self::State) -> (Tensor<T>, Self::State) {
                    let $cell = &self.0;
                    $all
                }
            )?
        }
    };
}

cell!(
    /// h' = tanh(W_ih x + b_ih + W_hh h + b_hh)
    ///
    /// As [`torch.nn.RNNCell`](https://docs.pytorch.org/docs/stable/generated/torch.nn.RNNCell.html).
    ///
    /// ```
    /// use autograd::Tensor;
    /// use nn::recurrent::{Cell, RnnCell};
    /// let cell: RnnCell = RnnCell::new(3, 4, true, 0);
    /// let h = cell.step(&Tensor::ones([2, 3]), None);
    /// assert_eq!(cell.step(&Tensor::ones([2, 3]), Some(&h)).shape(), &[2, 4]);
    /// ```
    RnnCell as "RNNCell", "RNN", 1 gates, Tensor<T>, "", |cell, x, h| (x + cell.of_state(h)).tanh()
);

cell!(
    /// h' = max(W_ih x + b_ih + W_hh h + b_hh, 0)
    ///
    /// As [`torch.nn.RNNCell`](https://docs.pytorch.org/docs/stable/generated/torch.nn.RNNCell.html) with the
    /// nonlinearity `relu`.
    RnnReluCell as "RNNCell", "RNN", 1 gates, Tensor<T>, ", nonlinearity=relu",
    |cell, x, h| (x + cell.of_state(h)).relu()
);

cell!(
    /// A gated recurrent unit.    h' = (1 - z) n + z h
    ///
    /// The gates are r and z, the logistic function of W_ih x + b_ih + W_hh h + b_hh each, and n = tanh(W_ih x + b_ih +
    /// r (W_hh h + b_hh)); the rows of the weights are those of r, z and n. As
    /// [`torch.nn.GRUCell`](https://docs.pytorch.org/docs/stable/generated/torch.nn.GRUCell.html).
    GruCell as "GRUCell", "GRU", 3 gates, Tensor<T>, "",
    |cell, x, h| {
        x.gru_gates(&cell.of_state(h), h)
    }
);

cell!(
    /// Long short-term memory.    c' = f c + i g,    h' = o tanh c'
    ///
    /// The gates i, f and o are the logistic function of W_ih x + b_ih + W_hh h + b_hh each, g its hyperbolic tangent;
    /// the rows of the weights are those of i, f, g and o. The state is the pair of h and c. As
    /// [`torch.nn.LSTMCell`](https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTMCell.html).
    LstmCell as "LSTMCell", "LSTM", 4 gates, (Tensor<T>, Tensor<T>), "",
    |cell, x, before| {
        let (h, c) = before;
        (x + cell.of_state(h)).lstm_gates(c)
    },
    all steps: {
        let ((h, c), bias) = (before, cell.bias_hh.as_ref().map(Param::tensor));
        let (hidden, cells) = x.lstm_steps(h, c, &cell.weight_hh.tensor(), bias.as_ref());
        let last = [&hidden, &cells].map(|states| states.select(0, -1));
        let [h, c] = last;
        (hidden, (h, c))
    }
);

/// The settings that a layer of recurrent cells prints.
pub(super) fn settings_of(weights: [usize; 2], layers: usize, flags: &[(&str, bool, bool)], dropout: f64) -> String {
    let mut settings = format!("{}, {}", weights[0], weights[1]);
    if layers != 1 {
        settings += &format!(", num_layers={layers}");
    }
    for &(name, value, default) in flags {
        if value != default {
            settings += &format!(", {name}={}", python_bool(value));
        }
    }
    if dropout != 0.0 {
        settings += &format!(", dropout={}", crate::tree::python_float(dropout));
    }
    settings
}
