//! The gates of a long short-term memory.

use crate::float::Float;
use crate::graph::Backward;
use crate::kernels::lstm::{Step, forward};
use crate::kernels::parallel::On;
use crate::op::{Op, Saved};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Y = [h', c'] of four gates `i f g o`, `[..., 4 H]`, and a cell state c
///
/// The fused gradient is that of the formula; of higher orders, that of [`composed_gates`].
#[derive(Debug)]
struct LstmGates<T: Float> {
    gates: Saved<T>,
    cell: Saved<T>,
    /// σ(i), σ(f), tanh(g) and σ(o).
    activated: Saved<T>,
    states: Saved<T>,
}

impl<T: Float> Op<T> for LstmGates<T> {
    fn name(&self) -> &'static str {
        "lstm_gates"
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let cell = ctx.get(&self.cell);
        if ctx.higher_order() {
            let gates = ctx.get(&self.gates);
            return ctx.go_on_through(|_| Tensor::stack(&composed_gates(&gates, &cell), 0));
        }
        let [grad, states, before, activated] =
            [ctx.grad(), ctx.get(&self.states), cell, ctx.get(&self.activated)].map(|x| x.dense());
        let (of_hidden, of_cell) = elements(&grad).split_at(before.numel());
        let after = &elements(&states)[before.numel()..];
        let size = before.shape()[before.rank() - 1];
        let step = Step { size, gates: elements(&activated), before: elements(&before), cell: after };
        let mut of_gates = None;
        let of_before = Tensor::build(before.shape().clone(), |of_before| {
            of_before.fill(T::ZERO);
            of_gates = Some(Tensor::build(activated.shape().clone(), |of_gates| {
                step.backward(On::Threads, [of_hidden, of_cell], of_gates, of_before);
            }));
        });
        ctx.propagate(0, || of_gates.expect("made with that of the cell state"));
        ctx.propagate(1, || of_before);
    }
}

/// The same by operations, each of which is differentiable: h' and c'.
#[track_caller]
pub(super) fn composed_gates<T: Float>(gates: &Tensor<T>, cell: &Tensor<T>) -> [Tensor<T>; 2] {
    let gates = gates.chunk(4, -1);
    let cell = gates[1].sigmoid() * cell + gates[0].sigmoid() * gates[2].tanh();
    [gates[3].sigmoid() * cell.tanh(), cell]
}

pub(super) fn elements<T: Float>(dense: &Tensor<T>) -> &[T] {
    dense.as_slice().expect("dense")
}

/// # Recurrent cells
impl<T: Float> Tensor<T> {
    /// What the four gates `i f g o`, side by side in `[..., 4 H]`, make of the cell state `[..., H]`: the next hidden
    /// state and cell state, as in [`lstm_cell`](Tensor::lstm_cell), whose products may thus be computed for all steps
    /// at once.    c' = σ(f) c + σ(i) tanh(g), h' = σ(o) tanh(c')        dx = that of the formula, by the product
    /// rule
    ///
    /// A part of [`torch.nn.LSTMCell`](https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTMCell.html).
    ///
    /// # Panics
    /// If the shapes do not fit each other.
    #[inline(never)]
    #[track_caller]
    pub fn lstm_gates(&self, cell: &Tensor<T>) -> (Tensor<T>, Tensor<T>) {
        self.check_gates("lstm_gates", 4, cell);
        let before = cell.dense();
        let mut activated = None;
        let shape: Shape = [2].into_iter().chain(cell.shape().iter().copied()).collect();
        let states = Tensor::build_for("lstm_gates", shape, |states| {
            let (hidden, next) = states.split_at_mut(before.numel());
            activated = Some(Tensor::build(self.shape().clone(), |gates| {
                gates.copy_from_slice(elements(&self.dense()));
                forward(On::Threads, cell.shape()[cell.rank() - 1], gates, elements(&before), [hidden, next]);
            }));
        });
        let activated = activated.expect("made with the states");
        let states = states.record(&[self, cell], |states| LstmGates {
            gates: Saved::input(0, self),
            cell: Saved::input(1, cell),
            activated: Saved::aside(&activated),
            states: Saved::output(states),
        });
        (states.select(0, 0), states.select(0, 1))
    }
}

instances!(lstm_gates);

#[cfg(test)]
mod tests {
    gradients!(
        lstm_gates: |x, c| {
            let (hidden, cell) = x.lstm_gates(c);
            hidden * cell
        },
        [3, 8], [3, 2]; fixed
    );
    gradients!(
        lstm_gates_of_a_vector: |x, c| {
            let (hidden, cell) = x.lstm_gates(c);
            hidden * cell
        },
        [8], [2]; fixed
    );
}
