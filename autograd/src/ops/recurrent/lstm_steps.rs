//! All steps of a long short-term memory.

use super::lstm_gates::{composed_gates, elements};
use super::lstm_passes::Steps;
use crate::error::shape_error;
use crate::float::Float;
use crate::graph::Backward;
use crate::op::{Op, Saved};
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
    use crate::{Tensor, with_threads};

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

    /// Of 33 rows two threads have a share each, eight share the steps.
    #[test]
    fn the_bits_do_not_depend_on_who_computes_which_rows() {
        let (count, rows, size) = (4, 33, 40);
        let tensor = |shape: &[usize], seed: u64| Tensor::<f32>::randn(shape, seed).requires_grad();
        let (x, v, b) = (tensor(&[count, rows, 4 * size], 0), tensor(&[4 * size, size], 1), tensor(&[4 * size], 2));
        let (h, c) = (tensor(&[rows, size], 3), tensor(&[rows, size], 4));
        let run = |threads| {
            with_threads(threads, || {
                let (hiddens, cells) = x.lstm_steps(&h, &c, &v, Some(&b));
                let found = (&hiddens * &cells).sum().backward();
                let gradients = [&x, &h, &c, &v, &b].map(|input| found.get(input).unwrap().to_vec());
                (hiddens.to_vec(), cells.to_vec(), gradients)
            })
        };
        let one = run(1);
        assert!([2, 3, 8].into_iter().all(|threads| run(threads) == one));
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
