//! The gates of a long short-term memory, and their gradients, in one pass each.

use super::parallel::{ELEMENTS_PER_TASK, for_each_chunk, for_each_item};
use super::vectorize::{Kernel, vectorized};
use crate::scalar::Scalar;

/// Elements of the state that a task takes: each has five exponentials, and takes as long as eight of a simple pass.
const STATES_PER_TASK: usize = ELEMENTS_PER_TASK / 8;

/// Rows `i f g o` of four gates, `[rows, 4 · size]`, and the cell state before them, `[rows, size]`.
#[derive(Clone, Copy)]
pub(crate) struct LstmGates<'a, T> {
    pub(crate) gates: &'a [T],
    pub(crate) cell: &'a [T],
    pub(crate) size: usize,
}

impl<T: Scalar> LstmGates<'_, T> {
    /// Rows of a task.
    fn rows(self) -> usize {
        (STATES_PER_TASK / self.size).max(1)
    }

    /// The rows from `first` on, so many.
    fn part(self, first: usize, rows: usize) -> Self {
        let Self { gates, cell, size } = self;
        Self { gates: &gates[4 * first * size..][..4 * rows * size], cell: &cell[first * size..][..rows * size], size }
    }

    /// Writes the rows `[h', c']`, each of `size`, to `out`: c' = σ(f) c + σ(i) tanh(g), h' = σ(o) tanh(c').
    pub(crate) fn forward(self, out: &mut [T]) {
        if out.is_empty() {
            return;
        }
        let width = 2 * self.size;
        for_each_chunk(out, self.rows() * width, |start, out| {
            vectorized(Forward { own: self.part(start / width, out.len() / width), out });
        });
    }

    /// Writes the gradients of gates and cell state, from the rows `[h', c']` and their gradients.
    pub(crate) fn backward(self, states: &[T], grads: &[T], of_gates: &mut [T], of_cell: &mut [T]) {
        if of_cell.is_empty() {
            return;
        }
        let (rows, size) = (self.rows(), self.size);
        let outputs = of_gates.chunks_mut(rows * 4 * size).zip(of_cell.chunks_mut(rows * size));
        for_each_item(outputs.enumerate().collect(), |(task, (of_gates, of_cell))| {
            let own = self.part(task * rows, of_cell.len() / size);
            let [states, grads] = [states, grads].map(|values| &values[task * rows * 2 * size..][..2 * of_cell.len()]);
            vectorized(Backward { own, states, grads, of_gates, of_cell });
        });
    }
}

/// The four gates of a row.
#[inline(always)]
fn four<T>(row: &[T], size: usize) -> [&[T]; 4] {
    let ([i, f], [g, o]) = (two(&row[..2 * size], size), two(&row[2 * size..], size));
    [i, f, g, o]
}

/// Both halves of a row.
#[inline(always)]
fn two<T>(row: &[T], size: usize) -> [&[T]; 2] {
    [&row[..size], &row[size..][..size]]
}

struct Forward<'a, T> {
    own: LstmGates<'a, T>,
    out: &'a mut [T],
}

impl<T: Scalar> Kernel for Forward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Forward { own: LstmGates { gates, cell, size }, out } = self;
        let rows = gates.chunks_exact(4 * size).zip(cell.chunks_exact(size)).zip(out.chunks_exact_mut(2 * size));
        for ((gates, cell), out) in rows {
            let [i, f, g, o] = four(gates, size);
            let (hidden, next) = out.split_at_mut(size);
            for index in 0..size {
                next[index] = f[index].sigmoid() * cell[index] + i[index].sigmoid() * g[index].tanh();
            }
            for index in 0..size {
                hidden[index] = o[index].sigmoid() * next[index].tanh();
            }
        }
    }
}

struct Backward<'a, T> {
    own: LstmGates<'a, T>,
    states: &'a [T],
    grads: &'a [T],
    of_gates: &'a mut [T],
    of_cell: &'a mut [T],
}

impl<T: Scalar> Kernel for Backward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Backward { own: LstmGates { gates, cell, size }, states, grads, of_gates, of_cell } = self;
        let inputs = gates.chunks_exact(4 * size).zip(cell.chunks_exact(size));
        let outputs = of_gates.chunks_exact_mut(4 * size).zip(of_cell.chunks_exact_mut(size));
        let states = states.chunks_exact(2 * size).zip(grads.chunks_exact(2 * size));
        for (((gates, cell), (states, grads)), (of_gates, of_cell)) in inputs.zip(states).zip(outputs) {
            let ([i, f, g, o], [_, next]) = (four(gates, size), two(states, size));
            let [of_hidden, of_next] = two(grads, size);
            let (of_first, of_second) = of_gates.split_at_mut(2 * size);
            let (of_new, of_output) = of_second.split_at_mut(size);
            output_gradients([o, next, of_hidden, of_next], of_output, of_cell);
            let (of_input, of_forget) = of_first.split_at_mut(size);
            input_gradients([i, f, g, cell], of_input, of_forget, of_new, of_cell);
        }
    }
}

// Both are functions because the compiler knows of a function's arguments, but not of parts of one slice, that they do
// not overlap, and vectorises only then.

/// Writes the gradient of the gate `o`, and to `of_cell` what c' gets on both ways.
#[inline(always)]
fn output_gradients<T: Scalar>([o, next, of_hidden, of_next]: [&[T]; 4], of_output: &mut [T], of_cell: &mut [T]) {
    let size = o.len();
    let [next, of_hidden, of_next] = [next, of_hidden, of_next].map(|values| &values[..size]);
    let (of_output, of_cell) = (&mut of_output[..size], &mut of_cell[..size]);
    for index in 0..size {
        let (output, tanh) = (o[index].sigmoid(), next[index].tanh());
        of_output[index] = of_hidden[index] * tanh * (output * (T::ONE - output));
        of_cell[index] = of_next[index] + of_hidden[index] * output * (T::ONE - tanh * tanh);
    }
}

/// Writes the gradients of the gates `i f g`, and that of c in place of that of c'.
#[inline(always)]
fn input_gradients<T: Scalar>(
    [i, f, g, cell]: [&[T]; 4],
    of_input: &mut [T],
    of_forget: &mut [T],
    of_new: &mut [T],
    of_cell: &mut [T],
) {
    let size = i.len();
    let [f, g, cell] = [f, g, cell].map(|values| &values[..size]);
    let (of_input, of_forget) = (&mut of_input[..size], &mut of_forget[..size]);
    let (of_new, of_cell) = (&mut of_new[..size], &mut of_cell[..size]);
    for index in 0..size {
        let (input, forget, new) = (i[index].sigmoid(), f[index].sigmoid(), g[index].tanh());
        let of_next = of_cell[index];
        of_input[index] = of_next * new * (input * (T::ONE - input));
        of_forget[index] = of_next * cell[index] * (forget * (T::ONE - forget));
        of_new[index] = of_next * input * (T::ONE - new * new);
        of_cell[index] = of_next * forget;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::parallel::with_threads;
    use crate::kernels::simd::isa::Isa;
    use crate::kernels::vectorize::vectorized_for;

    fn samples(count: usize, factor: usize) -> Vec<f64> {
        (0..count).map(|i| ((i * factor) % 101) as f64 / 25.0 - 2.0).collect()
    }

    fn sigmoid(x: f64) -> f64 {
        1.0 / (1.0 + (-x).exp())
    }

    fn is_close(found: &[f64], wanted: &[f64]) -> bool {
        found.len() == wanted.len() && found.iter().zip(wanted).all(|(found, wanted)| (found - wanted).abs() < 1e-13)
    }

    /// States and gradients element by element, by the formulas.
    fn oracle(own: LstmGates<'_, f64>, grads: &[f64]) -> [Vec<f64>; 3] {
        let LstmGates { gates, cell, size } = own;
        let mut states = vec![0.0; 2 * cell.len()];
        let (mut of_gates, mut of_cell) = (vec![0.0; gates.len()], vec![0.0; cell.len()]);
        for (at, &before) in cell.iter().enumerate() {
            let (row, index) = (at / size, at % size);
            let gate = |which: usize| 4 * row * size + which * size + index;
            let (hidden_at, next_at) = (2 * row * size + index, 2 * row * size + size + index);
            let [i, f, o] = [0, 1, 3].map(|which| sigmoid(gates[gate(which)]));
            let g = gates[gate(2)].tanh();
            let next = f * before + i * g;
            (states[hidden_at], states[next_at]) = (o * next.tanh(), next);
            let of_next = grads[next_at] + grads[hidden_at] * o * (1.0 - next.tanh().powi(2));
            of_gates[gate(0)] = of_next * g * i * (1.0 - i);
            of_gates[gate(1)] = of_next * before * f * (1.0 - f);
            of_gates[gate(2)] = of_next * i * (1.0 - g * g);
            of_gates[gate(3)] = grads[hidden_at] * next.tanh() * o * (1.0 - o);
            of_cell[at] = of_next * f;
        }
        [states, of_gates, of_cell]
    }

    #[test]
    fn gates_and_gradients_are_their_formulas_on_every_instruction_set_and_number_of_threads() {
        for (rows, size) in [(0, 3), (1, 1), (3, 7), (2, 16), (5, 33), (40, 256)] {
            let (gates, cell, grads) =
                (samples(4 * rows * size, 7), samples(rows * size, 13), samples(2 * rows * size, 29));
            let own = LstmGates { gates: &gates, cell: &cell, size };
            let [states, of_gates, of_cell] = oracle(own, &grads);
            let empty = || [2, 4, 1].map(|width| vec![f64::NAN; width * rows * size]);
            for &isa in Isa::available() {
                let [mut out, mut gates_out, mut cell_out] = empty();
                vectorized_for(isa, Forward { own, out: &mut out });
                assert!(is_close(&out, &states), "{rows}×{size}, {}", isa.name());
                let (of_gates_out, of_cell_out) = (&mut gates_out[..], &mut cell_out[..]);
                let kernel =
                    Backward { own, states: &out, grads: &grads, of_gates: of_gates_out, of_cell: of_cell_out };
                vectorized_for(isa, kernel);
                assert!(is_close(&gates_out, &of_gates) && is_close(&cell_out, &of_cell), "{}", isa.name());
            }
            let run = |threads| {
                let [mut out, mut of_gates, mut of_cell] = empty();
                with_threads(threads, || {
                    own.forward(&mut out);
                    own.backward(&out, &grads, &mut of_gates, &mut of_cell);
                });
                [out, of_gates, of_cell]
            };
            let one = run(1);
            assert!(is_close(&one[0], &states) && is_close(&one[1], &of_gates) && is_close(&one[2], &of_cell));
            assert!(one == run(3), "{rows}×{size}");
        }
    }
}
