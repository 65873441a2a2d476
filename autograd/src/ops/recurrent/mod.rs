//! One step of a recurrent network, and all steps of a long short-term memory.

mod lstm_gates;
mod lstm_passes;
mod lstm_steps;

use crate::error::shape_error;
use crate::float::Float;
use crate::tensor::Tensor;

/// The weights of a recurrent cell, as PyTorch's layers have them: of the input `[gates · H, I]` and of the hidden
/// state `[gates · H, H]`, and their biases `[gates · H]`.
#[derive(Clone, Copy, Debug)]
pub struct CellWeights<'a, T: Float = f32> {
    /// Of the input: `weight_ih`.
    pub input: &'a Tensor<T>,
    /// Of the hidden state: `weight_hh`.
    pub hidden: &'a Tensor<T>,
    /// Beside the input's weight: `bias_ih`.
    pub input_bias: Option<&'a Tensor<T>>,
    /// Beside the hidden state's weight: `bias_hh`.
    pub hidden_bias: Option<&'a Tensor<T>>,
}

/// # Recurrent cells
impl<T: Float> Tensor<T> {
    /// One step of a plain recurrent cell: the next hidden state.    h' = tanh(W x + b + V h + c), or the rectifier
    /// in place of tanh        dx = Wᵀ dz, dh = Vᵀ dz
    ///
    /// The input is `[N, I]` or `[I]`, the hidden state `[N, H]` or `[H]`; one gate. As
    /// [`torch.nn.RNNCell`](https://docs.pytorch.org/docs/stable/generated/torch.nn.RNNCell.html) with the
    /// nonlinearity tanh, or relu if `is_relu`.
    ///
    /// ```
    /// use autograd::{CellWeights, Tensor};
    /// let (w, v) = (Tensor::from([[1.0, 2.0]]), Tensor::from([[0.5]]));
    /// let weights = CellWeights { input: &w, hidden: &v, input_bias: None, hidden_bias: None };
    /// let hidden = Tensor::from([1.0, 1.0]).rnn_cell(&Tensor::from([2.0]), weights, true);
    /// assert_eq!(hidden.to_vec(), [4.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit each other.
    #[inline(never)]
    #[track_caller]
    pub fn rnn_cell(&self, hidden: &Tensor<T>, weights: CellWeights<'_, T>, is_relu: bool) -> Tensor<T> {
        let [of_input, of_hidden] = self.gates("rnn_cell", hidden, weights, 1);
        let sum = of_input + of_hidden;
        if is_relu { sum.relu() } else { sum.tanh() }
    }

    /// One step of a long short-term memory (Hochreiter and Schmidhuber, 1997): the next hidden state and cell
    /// state.    c' = σ(f) c + σ(i) tanh(g), h' = σ(o) tanh(c')        dx = that of the formula, by the product rule
    ///
    /// The input is `[N, I]` or `[I]`, the states are `[N, H]` or `[H]`. Of the four gates `i f g o` each is a sum W x
    /// + b + V h + c. As [`torch.nn.LSTMCell`](https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTMCell.html).
    ///
    /// # Panics
    /// If the shapes do not fit each other.
    #[inline(never)]
    #[track_caller]
    pub fn lstm_cell(
        &self,
        hidden: &Tensor<T>,
        cell: &Tensor<T>,
        weights: CellWeights<'_, T>,
    ) -> (Tensor<T>, Tensor<T>) {
        let [of_input, of_hidden] = self.gates("lstm_cell", hidden, weights, 4);
        if cell.shape() != hidden.shape() {
            let (hidden, cell) = (hidden.shape(), cell.shape());
            shape_error("lstm_cell", format_args!("the hidden state has shape {hidden}, the cell state {cell}"));
        }
        (of_input + of_hidden).lstm_gates(cell)
    }

    /// One step of a gated recurrent unit (Cho and others, [arXiv:1406.1078](https://arxiv.org/abs/1406.1078)): the
    /// next hidden state.    n = tanh(x_n + σ(r) h_n), h' = (1 - σ(z)) n + σ(z) h        dx = that of the formula,
    /// by the product rule
    ///
    /// The input is `[N, I]` or `[I]`, the hidden state `[N, H]` or `[H]`. There are three gates `r z n`, each of a
    /// part W x + b of the input and a part V h + c of the hidden state, which are added for r and z. As
    /// [`torch.nn.GRUCell`](https://docs.pytorch.org/docs/stable/generated/torch.nn.GRUCell.html).
    ///
    /// # Panics
    /// If the shapes do not fit each other.
    #[inline(never)]
    #[track_caller]
    pub fn gru_cell(&self, hidden: &Tensor<T>, weights: CellWeights<'_, T>) -> Tensor<T> {
        let [of_input, of_hidden] = self.gates("gru_cell", hidden, weights, 3);
        of_input.gru_gates(&of_hidden, hidden)
    }

    /// What the three gates `r z n`, of which this is the input's part and `of_hidden` the hidden state's, both
    /// `[..., 3 H]`, make of the hidden state `[..., H]`: the next one, as in [`gru_cell`](Tensor::gru_cell).    n =
    /// tanh(x_n + σ(r) h_n), h' = (1 - σ(z)) n + σ(z) h        dx = that of the formula, by the product rule
    ///
    /// A part of [`torch.nn.GRUCell`](https://docs.pytorch.org/docs/stable/generated/torch.nn.GRUCell.html).
    ///
    /// # Panics
    /// If the shapes do not fit each other.
    #[inline(never)]
    #[track_caller]
    pub fn gru_gates(&self, of_hidden: &Tensor<T>, hidden: &Tensor<T>) -> Tensor<T> {
        self.check_gates("gru_gates", 3, hidden);
        of_hidden.check_gates("gru_gates", 3, hidden);
        let (of_input, of_hidden) = (self.chunk(3, -1), of_hidden.chunk(3, -1));
        let reset = (&of_input[0] + &of_hidden[0]).sigmoid();
        let update = (&of_input[1] + &of_hidden[1]).sigmoid();
        let new = (&of_input[2] + reset * &of_hidden[2]).tanh();
        &new + update * (hidden - &new)
    }

    #[track_caller]
    fn check_gates(&self, op: &str, count: usize, state: &Tensor<T>) {
        let (own, other) = (self.shape(), state.shape());
        let leads = |shape: &[usize]| shape.len().saturating_sub(1);
        let fits = own.rank() > 0
            && own.rank() == other.rank()
            && own[..leads(own)] == other[..leads(other)]
            && own[leads(own)] == count * other[leads(other)];
        if !fits {
            let wanted = format_args!("wanted [..., {count} H] and [..., H]");
            shape_error(op, format_args!("gates of shape {own} and a state of {other}: {wanted}"));
        }
    }

    /// What input and hidden state add to each gate.
    #[track_caller]
    fn gates(&self, op: &str, hidden: &Tensor<T>, weights: CellWeights<'_, T>, count: usize) -> [Tensor<T>; 2] {
        let (own, state) = (self.shape(), hidden.shape());
        let (of_input, of_hidden) = (weights.input.shape(), weights.hidden.shape());
        let fits = (1..=2).contains(&own.rank())
            && state.rank() == own.rank()
            && own[..own.rank() - 1] == state[..own.rank() - 1]
            && {
                let (inputs, size) = (own[own.rank() - 1], state[state.rank() - 1]);
                of_input[..] == [count * size, inputs] && of_hidden[..] == [count * size, size]
            };
        if !fits {
            shape_error(
                op,
                format_args!(
                    "an input of shape {own}, a hidden state of {state}, and weights of {of_input} and {of_hidden}: \
                     wanted [N, I], [N, H], [{count} H, I] and [{count} H, H]"
                ),
            );
        }
        [self.linear(weights.input, weights.input_bias), hidden.linear(weights.hidden, weights.hidden_bias)]
    }
}

instances!(rnn_cell lstm_cell gru_cell gru_gates);

#[cfg(test)]
mod tests {
    use super::CellWeights;
    use crate::Tensor;

    fn plain<'a>(input: &'a Tensor<f64>, hidden: &'a Tensor<f64>) -> CellWeights<'a, f64> {
        CellWeights { input, hidden, input_bias: None, hidden_bias: None }
    }

    fn biased<'a>([input, hidden, bias, other]: [&'a Tensor<f64>; 4]) -> CellWeights<'a, f64> {
        CellWeights { input, hidden, input_bias: Some(bias), hidden_bias: Some(other) }
    }

    gradients!(rnn_cell: |x, h, w, v| x.rnn_cell(h, plain(w, v), false), [3, 4], [3, 2], [2, 4], [2, 2]; fixed);
    gradients!(
        rnn_cell_relu: |x, h, w, v, b, c| x.rnn_cell(h, biased([w, v, b, c]), true),
        [4], [2], [2, 4], [2, 2], [2], [2]; fixed
    );
    gradients!(gru_gates: |x, h, s| x.gru_gates(h, s), [3, 6], [3, 6], [3, 2]; fixed);
    gradients!(
        lstm_cell: |x, h, s, w, v, b, c| {
            let (hidden, cell) = x.lstm_cell(h, s, biased([w, v, b, c]));
            hidden * cell
        },
        [2, 3], [2, 2], [2, 2], [8, 3], [8, 2], [8], [8]; fixed
    );
    gradients!(
        gru_cell: |x, h, w, v, b, c| x.gru_cell(h, biased([w, v, b, c])),
        [2, 3], [2, 2], [6, 3], [6, 2], [6], [6]; fixed
    );

    /// Against the formulas, with numbers.
    #[test]
    fn cells_compute_their_formulas() {
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        let column = |values: &[f64]| Tensor::from_slice(values, [values.len(), 1]);
        let (x, h, c) = (0.5, -0.3, 0.8);
        let [xs, hs, cs] = [x, h, c].map(|value| Tensor::from([value]));
        let (w, v) = (column(&[0.1, -0.2, 0.3, 0.7]), column(&[0.5, 0.4, -0.6, 0.2]));
        let gate = |i: usize| w.to_vec()[i] * x + v.to_vec()[i] * h;
        let cell = sigmoid(gate(1)) * c + sigmoid(gate(0)) * gate(2).tanh();
        let (hidden, found) = xs.lstm_cell(&hs, &cs, plain(&w, &v));
        assert!((found.item() - cell).abs() < 1e-15 && (hidden.item() - sigmoid(gate(3)) * cell.tanh()).abs() < 1e-15);
        let (w, v) = (w.narrow(0, 0, 3), v.narrow(0, 0, 3));
        let new = (w.to_vec()[2] * x + sigmoid(gate(0)) * (v.to_vec()[2] * h)).tanh();
        let expected = (1.0 - sigmoid(gate(1))) * new + sigmoid(gate(1)) * h;
        assert!((xs.gru_cell(&hs, plain(&w, &v)).item() - expected).abs() < 1e-15);
    }
}
