//! All steps of a long short-term memory.

use ndarray::{ArrayView2, ArrayViewMut2, Axis};

use super::lstm_gates::{composed_gates, elements};
use crate::error::shape_error;
use crate::float::Float;
use crate::graph::Backward;
use crate::kernels::gemm::prepacked::Prepacked;
use crate::kernels::gemm::{Epilogue, gemm};
use crate::kernels::lstm::{Step, forward};
use crate::kernels::parallel::{ELEMENTS_PER_TASK, for_each_chunk};
use crate::op::{Op, Saved};
use crate::ops::product::matmul::as_matrix;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Y = [h₁ ... h_L, c₁ ... c_L], `[2, L, N, H]`, of what the inputs add to the gates of each step, the states
/// before the first step, V and b
///
/// With G the gradients of the gates of all steps: dx = G, dV = Gᵀ [h₀ ... h_L₋₁], db = the sum of G's rows.
/// So the weight's gradient is one product, whose depth is all steps. Of higher orders, the gradients are those of
/// [`composed_steps`].
#[derive(Debug)]
struct LstmSteps<T: Float> {
    of_inputs: Saved<T>,
    hidden: Saved<T>,
    cell: Saved<T>,
    weight: Saved<T>,
    bias: Option<Saved<T>>,
    /// σ(i), σ(f), tanh(g) and σ(o) of all steps.
    activated: Saved<T>,
    states: Saved<T>,
}

impl<T: Float> Op<T> for LstmSteps<T> {
    fn name(&self) -> &'static str {
        "lstm_steps"
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let [hidden, cell, weight] = [&self.hidden, &self.cell, &self.weight].map(|saved| ctx.get(saved));
        if ctx.higher_order() {
            let (of_inputs, bias) = (ctx.get(&self.of_inputs), self.bias.as_ref().map(|bias| ctx.get(bias)));
            return ctx.go_on_through(|_| composed_steps(&of_inputs, [&hidden, &cell], &weight, bias.as_ref()));
        }
        let (states, activated) = (ctx.get(&self.states), ctx.get(&self.activated));
        let steps = Steps { hidden: &hidden.dense(), cell: &cell.dense(), weight: &weight };
        let (of_gates, of_first) = steps.backward(&ctx.grad().dense(), &activated, &states, ctx.needs(1));
        let [count, rows, gates] = *activated.shape().as_ref() else { unreachable!("steps, rows and gates") };
        let of_rows = of_gates.reshape([count * rows, gates]);
        ctx.propagate(1, || of_first.select(0, 0));
        ctx.propagate(2, || of_first.select(0, 1));
        ctx.propagate(3, || steps.weight_gradient(&of_rows, &states));
        if self.bias.is_some() {
            ctx.propagate(4, || of_rows.sum_dim(0, false));
        }
        ctx.propagate(0, || of_gates);
    }
}

/// The same by operations, each of which is differentiable.
#[track_caller]
fn composed_steps<T: Float>(
    of_inputs: &Tensor<T>,
    [hidden, cell]: [&Tensor<T>; 2],
    weight: &Tensor<T>,
    bias: Option<&Tensor<T>>,
) -> Tensor<T> {
    if of_inputs.shape()[0] == 0 {
        return Tensor::zeros([2, 0, hidden.shape()[0], hidden.shape()[1]]);
    }
    let (mut hidden, mut cell) = (hidden.clone(), cell.clone());
    let (mut hiddens, mut cells) = (Vec::new(), Vec::new());
    for of_input in of_inputs.unbind(0) {
        [hidden, cell] = composed_gates(&(of_input + hidden.linear(weight, bias)), &cell);
        hiddens.push(hidden.clone());
        cells.push(cell.clone());
    }
    Tensor::stack(&[Tensor::stack(&hiddens, 0), Tensor::stack(&cells, 0)], 0)
}

/// The states before the first step, dense, and the weight of the hidden state.
struct Steps<'a, T: Float> {
    hidden: &'a Tensor<T>,
    cell: &'a Tensor<T>,
    weight: &'a Tensor<T>,
}

impl<T: Float> Steps<'_, T> {
    /// Rows of a state, and their elements.
    fn extents(&self) -> [usize; 2] {
        [self.hidden.shape()[0], self.hidden.shape()[1]]
    }

    /// Writes the activated gates and the states of all steps, from what the inputs and the bias add to the gates.
    fn forward(&self, of_inputs: &[T], bias: Option<&[T]>, gates: &mut [T], states: &mut [T]) {
        let ([rows, size], length) = (self.extents(), self.hidden.numel());
        if length == 0 {
            return;
        }
        let weight = Prepacked::new(as_matrix(self.weight).reversed_axes());
        let (hiddens, cells) = states.split_at_mut(states.len() / 2);
        let (mut hidden, mut cell) = (elements(self.hidden), elements(self.cell));
        let states = hiddens.chunks_exact_mut(length).zip(cells.chunks_exact_mut(length));
        let gates = gates.chunks_exact_mut(4 * length).zip(of_inputs.chunks_exact(4 * length));
        for ((gates, of_input), (next_hidden, next_cell)) in gates.zip(states) {
            // Here and not for all steps at once, so that they are still in the cache.
            let chunk = (ELEMENTS_PER_TASK / (4 * size)).max(1) * 4 * size;
            for_each_chunk(gates, chunk, |start, gates| begin_gates(&of_input[start..], bias, 4 * size, gates));
            weight.add_product(rows, hidden, gates);
            forward(size, gates, cell, next_hidden, next_cell);
            (hidden, cell) = (next_hidden, next_cell);
        }
    }

    /// The gradients of the gates of all steps, and those of the states before the first step, `[2, N, H]`; without
    /// that of the hidden one, if it is not needed.
    fn backward(
        &self,
        grad: &Tensor<T>,
        activated: &Tensor<T>,
        states: &Tensor<T>,
        needs_hidden: bool,
    ) -> (Tensor<T>, Tensor<T>) {
        let ([rows, size], length, half) = (self.extents(), self.hidden.numel(), grad.numel() / 2);
        let (activated_gates, cells) = (elements(activated), &elements(states)[half..]);
        let weight = Prepacked::new(as_matrix(self.weight));
        // What the states after some steps get from elsewhere; what they get from the next step is added to it.
        let from_elsewhere = |steps: usize| {
            let grad = elements(grad);
            Tensor::build([2, rows, size], |out| match steps.checked_sub(1) {
                Some(step) => {
                    let parts = out.chunks_exact_mut(length.max(1)).zip(grad.chunks_exact(half.max(1)));
                    parts.for_each(|(out, grad)| out.copy_from_slice(&grad[step * length..][..length]));
                }
                None => out.fill(T::ZERO),
            })
        };
        let mut of_states = from_elsewhere(activated.shape()[0]);
        let of_gates = Tensor::build(activated.shape().clone(), |of_gates| {
            for (step, of_gates) in of_gates.chunks_exact_mut((4 * length).max(1)).enumerate().rev() {
                let (of_hidden, of_cell) = elements(&of_states).split_at(length);
                let mut of_before = from_elsewhere(step);
                let before = of_before.as_mut_slice().expect("just built");
                let (of_hidden_before, of_cell_before) = before.split_at_mut(length);
                let cell_before = if step == 0 { elements(self.cell) } else { &cells[(step - 1) * length..][..length] };
                let gates = &activated_gates[4 * step * length..][..4 * length];
                let own = Step { size, gates, before: cell_before, cell: &cells[step * length..][..length] };
                own.backward([of_hidden, of_cell], of_gates, of_cell_before);
                if step > 0 || needs_hidden {
                    weight.add_product(rows, of_gates, of_hidden_before);
                }
                of_states = of_before;
            }
        });
        (of_gates, of_states)
    }

    /// The product of all steps' gradients of the gates, `[L · N, 4 H]`, and the hidden states before them.
    fn weight_gradient(&self, of_gates: &Tensor<T>, states: &Tensor<T>) -> Tensor<T> {
        let ([rows, size], extents) = (self.extents(), (self.weight.shape()[0], self.weight.shape()[1]));
        let later = of_gates.shape()[0].saturating_sub(rows);
        let hiddens =
            ArrayView2::from_shape((later, size), &elements(states)[..later * size]).expect("all but the last");
        let first = of_gates.shape()[0] - later;
        let of_gates = as_matrix(of_gates);
        let (of_first, of_later) = of_gates.split_at(Axis(0), first);
        Tensor::build_named("matmul", self.weight.shape().clone(), |out| {
            let mut product = |a: ArrayView2<'_, T>, b, epilogue| {
                let out = ArrayViewMut2::from_shape(extents, &mut *out).expect("as long as the weight");
                gemm(a.reversed_axes(), b, out, epilogue);
            };
            product(of_later, hiddens, Epilogue::Store);
            if !of_first.is_empty() {
                product(of_first, as_matrix(self.hidden), Epilogue::Add);
            }
        })
    }
}

/// Writes rows of gates: what the inputs add to them, and the bias.
fn begin_gates<T: Float>(of_inputs: &[T], bias: Option<&[T]>, width: usize, gates: &mut [T]) {
    let of_inputs = &of_inputs[..gates.len()];
    let Some(bias) = bias else { return gates.copy_from_slice(of_inputs) };
    for (gates, of_inputs) in gates.chunks_exact_mut(width).zip(of_inputs.chunks_exact(width)) {
        gates.iter_mut().zip(of_inputs).zip(bias).for_each(|((gate, &of_input), &bias)| *gate = of_input + bias);
    }
}

/// # Recurrent cells
impl<T: Float> Tensor<T> {
    /// The hidden states and the cell states after each step of a long short-term memory, both `[L, N, H]`, from what
    /// the inputs of all steps add to the gates `i f g o`, `[L, N, 4 H]`, such as W x + b of a whole sequence.    gates
    /// x + V h + b, then c' = σ(f) c + σ(i) tanh(g), h' = σ(o) tanh(c')        dx = that of the formula, by the
    /// product rule
    ///
    /// The states before the first step are `[N, H]`, the weight V is `[4 H, H]`, the bias `[4 H]`. The same as a
    /// [`lstm_cell`](Tensor::lstm_cell) for each step, but faster: the weight is read as it is good for the product
    /// with few rows, and its gradient is a single product for all steps. One layer and one direction of
    /// [`torch.nn.LSTM`](https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTM.html).
    ///
    /// ```
    /// use autograd::Tensor;
    /// let (x, weight) = (Tensor::<f32>::randn([5, 2, 12], 0), Tensor::randn([12, 3], 1));
    /// let zero = Tensor::zeros([2, 3]);
    /// let (hidden, cell) = x.lstm_steps(&zero, &zero, &weight, None);
    /// assert_eq!((hidden.shape(), cell.shape()), (&[5, 2, 3].into(), &[5, 2, 3].into()));
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit each other.
    #[inline(never)]
    #[track_caller]
    pub fn lstm_steps(
        &self,
        hidden: &Tensor<T>,
        cell: &Tensor<T>,
        weight: &Tensor<T>,
        bias: Option<&Tensor<T>>,
    ) -> (Tensor<T>, Tensor<T>) {
        let [count, rows, size] = self.check_steps([hidden, cell], weight, bias);
        let [of_inputs, before, cells] = [self, hidden, cell].map(Tensor::dense);
        let of_bias = bias.map(Tensor::dense);
        let mut activated = None;
        let states = Tensor::build_for("lstm_steps", Shape::from([2, count, rows, size]), |states| {
            activated = Some(Tensor::build(self.shape().clone(), |gates| {
                let (steps, bias) = (Steps { hidden: &before, cell: &cells, weight }, of_bias.as_ref().map(elements));
                steps.forward(elements(&of_inputs), bias, gates, states);
            }));
        });
        let activated = activated.expect("made with the states");
        let operation = |states: &Tensor<T>| LstmSteps {
            of_inputs: Saved::input(0, self),
            hidden: Saved::input(1, hidden),
            cell: Saved::input(2, cell),
            weight: Saved::input(3, weight),
            bias: bias.map(|bias| Saved::input(4, bias)),
            activated: Saved::aside(&activated),
            states: Saved::output(states),
        };
        let states = match bias {
            Some(bias) => states.record(&[self, hidden, cell, weight, bias], operation),
            None => states.record(&[self, hidden, cell, weight], operation),
        };
        (states.select(0, 0), states.select(0, 1))
    }

    /// The extents L, N and H.
    #[track_caller]
    fn check_steps(&self, states: [&Tensor<T>; 2], weight: &Tensor<T>, bias: Option<&Tensor<T>>) -> [usize; 3] {
        let (own, [hidden, cell], weight) = (self.shape(), states.map(Tensor::shape), weight.shape());
        let size = if hidden.rank() == 2 { hidden[1] } else { 0 };
        let fits = own.rank() == 3
            && hidden[..] == [own[1], size]
            && cell == hidden
            && own[2] == 4 * size
            && weight[..] == [4 * size, size];
        if !fits {
            shape_error(
                "lstm_steps",
                format_args!(
                    "gates of shape {own}, states of {hidden} and {cell}, and a weight of {weight}: wanted \
                     [L, N, 4 H], [N, H] twice, and [4 H, H]"
                ),
            );
        }
        if let Some(bias) = bias.map(Tensor::shape).filter(|bias| bias[..] != [4 * size]) {
            shape_error("lstm_steps", format_args!("the bias has shape {bias}: wanted [{}]", 4 * size));
        }
        [own[0], own[1], size]
    }
}

instances!(lstm_steps);

#[cfg(test)]
mod tests {
    use crate::Tensor;

    gradients!(
        lstm_steps: |x, h, c, v, b| {
            let (hidden, cell) = x.lstm_steps(h, c, v, Some(b));
            hidden * cell
        },
        [3, 2, 8], [2, 2], [2, 2], [8, 2], [8]; fixed
    );
    gradients!(
        lstm_steps_without_bias: |x, h, c, v| x.lstm_steps(h, c, v, None).0,
        [2, 1, 4], [1, 1], [1, 1], [4, 1]; fixed
    );

    /// Of sizes with several tasks and tiles: states and gradients of the steps one by one, by operations.
    #[test]
    fn all_steps_are_the_steps_one_by_one() {
        let (count, rows, size) = (5, 33, 70);
        let tensor = |shape: &[usize], seed: u64| (Tensor::<f64>::randn(shape, seed) * 0.3).requires_grad();
        let (x, v, b) = (tensor(&[count, rows, 4 * size], 0), tensor(&[4 * size, size], 1), tensor(&[4 * size], 2));
        let (h, c) = (tensor(&[rows, size], 3), tensor(&[rows, size], 4));
        let [seed, of_cells] = [5, 6].map(|seed| Tensor::randn([count, rows, size], seed));
        let (hiddens, cells) = x.lstm_steps(&h, &c, &v, Some(&b));
        let one_by_one = super::composed_steps(&x, [&h, &c], &v, Some(&b));
        let is_close = |a: &Tensor<f64>, b: &Tensor<f64>| (a - b).abs().max().item() < 1e-11;
        assert!(is_close(&hiddens, &one_by_one.select(0, 0)) && is_close(&cells, &one_by_one.select(0, 1)));
        let found = (&hiddens * &seed + &cells * &of_cells).sum().backward();
        let wanted = (one_by_one * Tensor::stack(&[seed, of_cells], 0)).sum().backward();
        for input in [&x, &h, &c, &v, &b] {
            assert!(is_close(found.get(input).unwrap(), wanted.get(input).unwrap()), "{}", input.shape());
        }
    }

    #[test]
    fn no_steps_and_no_rows_have_no_states() {
        for (count, rows) in [(0, 2), (2, 0)] {
            let zero = |shape: &[usize]| Tensor::<f64>::zeros(shape).requires_grad();
            let (x, h, c, v) = (zero(&[count, rows, 12]), zero(&[rows, 3]), zero(&[rows, 3]), zero(&[12, 3]));
            let (hidden, cell) = x.lstm_steps(&h, &c, &v, None);
            assert_eq!((hidden.shape(), cell.shape()), (&[count, rows, 3].into(), &[count, rows, 3].into()));
            let gradients = (hidden.sum() + cell.sum()).backward();
            assert_eq!(gradients.get(&v).unwrap().to_vec(), [0.0; 36]);
            assert_eq!(gradients.get(&h).unwrap().shape(), &[rows, 3]);
        }
    }

    #[test]
    #[should_panic(
        expected = "lstm_steps: gates of shape [3, 2, 8], states of [2, 2] and [2, 2], and a weight of [8, 3]"
    )]
    fn a_weight_of_another_shape_is_refused() {
        let zero = Tensor::<f32>::zeros([2, 2]);
        let _ = Tensor::zeros([3, 2, 8]).lstm_steps(&zero, &zero, &Tensor::zeros([8, 3]), None);
    }
}
