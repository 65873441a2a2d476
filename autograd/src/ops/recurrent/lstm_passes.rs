//! The passes through all steps of a long short-term memory: forward, and back.

use ndarray::{ArrayView2, ArrayViewMut2, Axis};

use super::lstm_gates::elements;
use crate::float::Float;
use crate::kernels::gemm::prepacked::Prepacked;
use crate::kernels::gemm::{Epilogue, gemm};
use crate::kernels::lstm::{Step, forward};
use crate::kernels::parallel::{ELEMENTS_PER_TASK, On, for_each_item, num_threads};
use crate::ops::product::matmul::as_matrix;
use crate::storage::Storage;
use crate::tensor::Tensor;

/// The states before the first step, dense, and the weight of the hidden state.
pub(super) struct Steps<'a, T: Float> {
    pub(super) hidden: &'a Tensor<T>,
    pub(super) cell: &'a Tensor<T>,
    pub(super) weight: &'a Tensor<T>,
}

/// Rows that a thread takes through all steps, at least: for fewer the weight would be read too often.
const ROWS_OF_A_THREAD: usize = 8;

/// Some rows of all steps: the index of the first one, and for each step their elements in `N` arrays.
struct Rows<'a, T, const N: usize> {
    first: usize,
    steps: Vec<[&'a mut [T]; N]>,
}

impl<T: Float> Steps<'_, T> {
    /// Rows of a state, and their elements.
    fn extents(&self) -> [usize; 2] {
        [self.hidden.shape()[0], self.hidden.shape()[1]]
    }

    /// How many rows are taken through all steps by themselves, and by whom.
    ///
    /// No row needs another one, so each thread gets a share of them, and there is no fork in a step. Of few rows all
    /// threads share each step instead. Either way, the bits are the same.
    fn share(&self) -> (usize, On) {
        let (rows, threads) = (self.extents()[0], num_threads());
        let share = rows.div_ceil(threads);
        if threads > 1 && share >= ROWS_OF_A_THREAD { (share, On::ThisThread) } else { (rows, On::Threads) }
    }

    /// Cuts arrays of all steps, of so many elements a row, into shares of rows.
    fn rows_of<'b, const N: usize>(&self, share: usize, arrays: [(&'b mut [T], usize); N]) -> Vec<Rows<'b, T, N>> {
        let rows = self.extents()[0];
        let rows_of = |part| Rows { first: part * share, steps: Vec::new() };
        let mut parts: Vec<Rows<'b, T, N>> = (0..rows.div_ceil(share)).map(rows_of).collect();
        for (index, (array, width)) in arrays.into_iter().enumerate() {
            for (step, array) in array.chunks_exact_mut(rows * width).enumerate() {
                for (part, array) in parts.iter_mut().zip(array.chunks_mut(share * width)) {
                    if index == 0 {
                        part.steps.push(std::array::from_fn(|_| Default::default()));
                    }
                    part.steps[step][index] = array;
                }
            }
        }
        parts
    }

    /// Writes the activated gates and the states of all steps, from what the inputs and the bias add to the gates.
    pub(super) fn forward(&self, of_inputs: &[T], bias: Option<&[T]>, gates: &mut [T], states: &mut [T]) {
        let ([rows, size], (share, on)) = (self.extents(), self.share());
        if rows * size == 0 {
            return;
        }
        let weight = Prepacked::new(as_matrix(self.weight).reversed_axes());
        let (hiddens, cells) = states.split_at_mut(states.len() / 2);
        let parts = self.rows_of(share, [(gates, 4 * size), (hiddens, size), (cells, size)]);
        for_each_item(parts, |Rows { first, steps }| {
            let own = |state| &elements(state)[first * size..(first + share).min(rows) * size];
            let (mut hidden, mut cell) = (own(self.hidden), own(self.cell));
            for (step, [gates, next_hidden, next_cell]) in steps.into_iter().enumerate() {
                // Here and not for all steps at once, so that they are still in the cache.
                let chunk = (ELEMENTS_PER_TASK / (4 * size)).max(1) * 4 * size;
                let of_inputs = &of_inputs[(step * rows + first) * 4 * size..][..gates.len()];
                let chunks = gates.chunks_mut(chunk).zip(of_inputs.chunks(chunk));
                on.for_each_item(chunks, |(gates, of_inputs)| begin_gates(of_inputs, bias, 4 * size, gates));
                weight.add_product(on, hidden.len() / size, hidden, gates);
                forward(on, size, gates, cell, [&mut *next_hidden, &mut *next_cell]);
                (hidden, cell) = (next_hidden, next_cell);
            }
        });
    }

    /// The gradients of the gates of all steps, and those of the states before the first step, `[2, N, H]`; without
    /// that of the hidden one, if it is not needed.
    pub(super) fn backward(
        &self,
        grad: &Tensor<T>,
        activated: &Tensor<T>,
        states: &Tensor<T>,
        needs_hidden: bool,
    ) -> (Tensor<T>, Tensor<T>) {
        let ([rows, size], (share, on)) = (self.extents(), self.share());
        let mut of_gates = None;
        let of_first = Tensor::build([2, rows, size], |of_first| {
            of_gates = Some(Tensor::build(activated.shape().clone(), |of_gates| {
                if rows * size == 0 {
                    return;
                }
                let weight = Prepacked::new(as_matrix(self.weight));
                let [grad, activated, states] = [grad, activated, states].map(elements);
                let pass = BackwardPass { steps: self, weight, on, grad, activated, states, needs_hidden };
                let (of_hidden, of_cell) = of_first.split_at_mut(rows * size);
                let of_first = of_hidden.chunks_mut(share * size).zip(of_cell.chunks_mut(share * size));
                let parts = self.rows_of(share, [(of_gates, 4 * size)]).into_iter().zip(of_first);
                for_each_item(parts, |(of_gates, (of_hidden, of_cell))| pass.run(of_gates, [of_hidden, of_cell]));
            }));
        });
        (of_gates.expect("made with the first states'"), of_first)
    }

    /// The product of all steps' gradients of the gates, `[L · N, 4 H]`, and the hidden states before them.
    pub(super) fn weight_gradient(&self, of_gates: &Tensor<T>, states: &Tensor<T>) -> Tensor<T> {
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

/// What the gradients of all steps are computed from.
struct BackwardPass<'a, T: Float> {
    steps: &'a Steps<'a, T>,
    weight: Prepacked<T>,
    on: On,
    /// Of the states after each step, `[2, L, N, H]`, as are the states.
    grad: &'a [T],
    activated: &'a [T],
    states: &'a [T],
    needs_hidden: bool,
}

impl<T: Float> BackwardPass<'_, T> {
    /// Writes the gradients of some rows of the gates, and of the states before the first step.
    fn run(&self, Rows { first, steps }: Rows<'_, T, 1>, of_first: [&mut [T]; 2]) {
        let ([rows, size], half, own) = (self.steps.extents(), self.grad.len() / 2, of_first[0].len());
        let mut of_states = self.elsewhere(steps.len(), first, own);
        for (step, [of_gates]) in steps.into_iter().enumerate().rev() {
            // What the states before the step get from elsewhere; what they get from the step is added to it.
            let mut of_before = self.elsewhere(step, first, own);
            let (of_hidden, of_cell) = of_states.as_slice().split_at(own);
            let before = of_before.get_mut().expect("just built");
            let (of_hidden_before, of_cell_before) = before.split_at_mut(own);
            let (at, cells) = ((step * rows + first) * size, &self.states[half..]);
            let before = match step.checked_sub(1) {
                Some(step) => &cells[(step * rows + first) * size..][..own],
                None => &elements(self.steps.cell)[first * size..][..own],
            };
            let own_step =
                Step { size, gates: &self.activated[4 * at..][..4 * own], before, cell: &cells[at..][..own] };
            own_step.backward(self.on, [of_hidden, of_cell], of_gates, of_cell_before);
            if step > 0 || self.needs_hidden {
                self.weight.add_product(self.on, own / size, of_gates, of_hidden_before);
            }
            of_states = of_before;
        }
        let (of_hidden, of_cell) = of_states.as_slice().split_at(own);
        of_first.into_iter().zip([of_hidden, of_cell]).for_each(|(out, found)| out.copy_from_slice(found));
    }

    /// What the states of some rows after so many steps get from elsewhere than from the next step: first the hidden
    /// ones, `own` elements, then the cells.
    fn elsewhere(&self, steps: usize, first: usize, own: usize) -> Storage<T> {
        let [rows, size] = self.steps.extents();
        Storage::build(2 * own, |out| match steps.checked_sub(1) {
            Some(step) => {
                let parts = out.chunks_exact_mut(own).zip(self.grad.chunks_exact(self.grad.len() / 2));
                parts.for_each(|(out, grad)| out.copy_from_slice(&grad[(step * rows + first) * size..][..own]));
            }
            None => out.fill(T::ZERO),
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
