//! The gates of a long short-term memory, and their gradients, in one pass each.

use super::parallel::{ELEMENTS_PER_TASK, On};
use super::vectorize::{Kernel, vectorized};
use crate::scalar::Scalar;

/// Elements of the state that a task takes: each has five exponentials, and takes as long as eight of a simple pass.
const STATES_PER_TASK: usize = ELEMENTS_PER_TASK / 8;

/// Elements of a task's rows.
fn states_per_task(size: usize) -> usize {
    (STATES_PER_TASK / size.max(1)).max(1) * size.max(1)
}

/// Cuts slices into those of each task: of the given width in states.
fn parts<T, const N: usize>(slices: [&[T]; N], task: usize, states: usize, count: usize) -> [&[T]; N] {
    slices.map(|slice| &slice[task * states..][..count])
}

/// What follows the sums of the gates in a step: σ(i), σ(f), tanh(g) and σ(o) in their place, and the next states,
/// c' = σ(f) c + σ(i) tanh(g) and h' = σ(o) tanh(c').
///
/// The gates are rows `i f g o`, `[rows, 4 · size]`, the states rows of `size` elements.
pub(crate) fn forward<T: Scalar>(on: On, size: usize, gates: &mut [T], before: &[T], [hidden, cell]: [&mut [T]; 2]) {
    let states = states_per_task(size);
    let outputs = hidden.chunks_mut(states).zip(cell.chunks_mut(states));
    let items = gates.chunks_mut(4 * states).zip(outputs).enumerate();
    on.for_each_item(items, |(task, (gates, (hidden, cell)))| {
        let [before] = parts([before], task, states, cell.len());
        vectorized(Forward { size, gates, before, hidden, cell });
    });
}

/// A step, after its [`forward`].
#[derive(Clone, Copy)]
pub(crate) struct Step<'a, T> {
    pub(crate) size: usize,
    /// The gates as `forward` left them.
    pub(crate) gates: &'a [T],
    /// The cell states before and after the step.
    pub(crate) before: &'a [T],
    pub(crate) cell: &'a [T],
}

impl<T: Scalar> Step<'_, T> {
    /// Writes the gradient of the gates, and adds that of the cell state before, from the gradients of h' and c'.
    pub(crate) fn backward(self, on: On, grads: [&[T]; 2], of_gates: &mut [T], of_before: &mut [T]) {
        let (size, states) = (self.size, states_per_task(self.size));
        let outputs = of_gates.chunks_mut(4 * states).zip(of_before.chunks_mut(states));
        on.for_each_item(outputs.enumerate(), |(task, (of_gates, of_before))| {
            let [gates] = parts([self.gates], task, 4 * states, of_gates.len());
            let [before, cell] = parts([self.before, self.cell], task, states, of_before.len());
            let grads = parts(grads, task, states, of_before.len());
            vectorized(Backward { step: Step { size, gates, before, cell }, grads, of_gates, of_before });
        });
    }
}

/// Both halves of a row.
#[inline(always)]
fn halves<T>(row: &mut [T]) -> [&mut [T]; 2] {
    let (first, second) = row.split_at_mut(row.len() / 2);
    [first, second]
}

struct Forward<'a, T> {
    size: usize,
    gates: &'a mut [T],
    before: &'a [T],
    hidden: &'a mut [T],
    cell: &'a mut [T],
}

impl<T: Scalar> Kernel for Forward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Forward { size, gates, before, hidden, cell } = self;
        let states = before.chunks_exact(size).zip(hidden.chunks_exact_mut(size).zip(cell.chunks_exact_mut(size)));
        for (gates, (before, (hidden, cell))) in gates.chunks_exact_mut(4 * size).zip(states) {
            let [of_input, of_output] = halves(gates);
            let ([i, f], [g, o]) = (halves(of_input), halves(of_output));
            next_cell(i, f, g, before, cell);
            next_hidden(o, cell, hidden);
        }
    }
}

// These are functions because the compiler knows of a function's arguments, but not of parts of one slice, that they do
// not overlap, and vectorises only then.

#[inline(always)]
fn next_cell<T: Scalar>(i: &mut [T], f: &mut [T], g: &mut [T], before: &[T], cell: &mut [T]) {
    let size = cell.len();
    let (i, f, g, before) = (&mut i[..size], &mut f[..size], &mut g[..size], &before[..size]);
    for index in 0..size {
        let (input, forget, new) = (i[index].sigmoid(), f[index].sigmoid(), g[index].tanh());
        cell[index] = forget * before[index] + input * new;
        (i[index], f[index], g[index]) = (input, forget, new);
    }
}

#[inline(always)]
fn next_hidden<T: Scalar>(o: &mut [T], cell: &[T], hidden: &mut [T]) {
    let size = hidden.len();
    let (o, cell) = (&mut o[..size], &cell[..size]);
    for index in 0..size {
        o[index] = o[index].sigmoid();
        hidden[index] = o[index] * cell[index].tanh();
    }
}

struct Backward<'a, T> {
    step: Step<'a, T>,
    grads: [&'a [T]; 2],
    of_gates: &'a mut [T],
    of_before: &'a mut [T],
}

impl<T: Scalar> Kernel for Backward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Backward { step: Step { size, gates, before, cell }, grads: [of_hidden, of_cell], of_gates, of_before } =
            self;
        for (row, of_gates) in of_gates.chunks_exact_mut(4 * size).enumerate() {
            let gate = |which: usize| &gates[(4 * row + which) * size..][..size];
            let states = [before, cell, of_hidden, of_cell].map(|rows| &rows[row * size..][..size]);
            let of_before = &mut of_before[row * size..][..size];
            let [of_first, of_second] = halves(of_gates);
            let ([of_i, of_f], [of_g, of_o]) = (halves(of_first), halves(of_second));
            output_gradients(gate(3), states, of_o, of_g);
            input_gradients([gate(0), gate(1), gate(2), states[0]], of_i, of_f, of_g, of_before);
        }
    }
}

/// Writes the gradient of the gate `o`, and what c' gets on both ways.
#[inline(always)]
fn output_gradients<T: Scalar>(
    o: &[T],
    [_, cell, of_hidden, of_cell]: [&[T]; 4],
    of_output: &mut [T],
    of_next: &mut [T],
) {
    let size = o.len();
    let [cell, of_hidden, of_cell] = [cell, of_hidden, of_cell].map(|values| &values[..size]);
    let (of_output, of_next) = (&mut of_output[..size], &mut of_next[..size]);
    for index in 0..size {
        let (output, tanh) = (o[index], cell[index].tanh());
        of_output[index] = of_hidden[index] * tanh * (output * (T::ONE - output));
        of_next[index] = of_cell[index] + of_hidden[index] * output * (T::ONE - tanh * tanh);
    }
}

/// Writes the gradients of the gates `i f g`, that of g in place of that of c', and adds that of c.
#[inline(always)]
fn input_gradients<T: Scalar>(
    [i, f, g, before]: [&[T]; 4],
    of_input: &mut [T],
    of_forget: &mut [T],
    of_new: &mut [T],
    of_before: &mut [T],
) {
    let size = i.len();
    let [f, g, before] = [f, g, before].map(|values| &values[..size]);
    let (of_input, of_forget) = (&mut of_input[..size], &mut of_forget[..size]);
    let (of_new, of_before) = (&mut of_new[..size], &mut of_before[..size]);
    for index in 0..size {
        let (input, forget, new, of_next) = (i[index], f[index], g[index], of_new[index]);
        of_input[index] = of_next * new * (input * (T::ONE - input));
        of_forget[index] = of_next * before[index] * (forget * (T::ONE - forget));
        of_new[index] = of_next * input * (T::ONE - new * new);
        of_before[index] += of_next * forget;
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

    fn is_close(found: &[f64], wanted: &[f64]) -> bool {
        found.len() == wanted.len() && found.iter().zip(wanted).all(|(found, wanted)| (found - wanted).abs() < 1e-13)
    }

    /// What a step is computed from: the gates' sums, the cell state, the gradients of both states.
    struct Case {
        size: usize,
        gates: Vec<f64>,
        before: Vec<f64>,
        grads: [Vec<f64>; 2],
    }

    impl Case {
        fn new(rows: usize, size: usize) -> Self {
            let states = |factor| samples(rows * size, factor);
            Case { size, gates: samples(4 * rows * size, 7), before: states(13), grads: [states(29), states(31)] }
        }

        /// The states and the gradients, element by element, by the formulas; what the gradient of c is added to is 1.
        fn oracle(&self) -> [Vec<f64>; 4] {
            let zeros = vec![0.0; self.before.len()];
            let [mut hidden, mut cell, mut of_before] = [zeros.clone(), zeros.clone(), zeros];
            let mut of_gates = vec![0.0; self.gates.len()];
            for (at, &before) in self.before.iter().enumerate() {
                let gate = |which: usize| at / self.size * 4 * self.size + which * self.size + at % self.size;
                let [i, f, o] = [0, 1, 3].map(|which| 1.0 / (1.0 + (-self.gates[gate(which)]).exp()));
                let g = self.gates[gate(2)].tanh();
                cell[at] = f * before + i * g;
                hidden[at] = o * cell[at].tanh();
                let of_hidden = self.grads[0][at];
                let of_next = self.grads[1][at] + of_hidden * o * (1.0 - cell[at].tanh().powi(2));
                of_gates[gate(0)] = of_next * g * i * (1.0 - i);
                of_gates[gate(1)] = of_next * before * f * (1.0 - f);
                of_gates[gate(2)] = of_next * i * (1.0 - g * g);
                of_gates[gate(3)] = of_hidden * cell[at].tanh() * o * (1.0 - o);
                of_before[at] = 1.0 + of_next * f;
            }
            [hidden, cell, of_gates, of_before]
        }

        fn grads(&self) -> [&[f64]; 2] {
            [&self.grads[0], &self.grads[1]]
        }

        /// All results, of the kernels of an instruction set.
        fn on(&self, isa: Isa) -> [Vec<f64>; 4] {
            let (mut gates, [mut hidden, mut cell, mut of_gates, mut of_before]) = (self.gates.clone(), self.empty());
            let (size, before) = (self.size, &self.before[..]);
            let (out, next) = (&mut hidden[..], &mut cell[..]);
            vectorized_for(isa, Forward { size, gates: &mut gates, before, hidden: out, cell: next });
            let step = Step { size, gates: &gates, before, cell: &cell };
            let (of_gates_out, of_before_out) = (&mut of_gates[..], &mut of_before[..]);
            let grads = self.grads();
            vectorized_for(isa, Backward { step, grads, of_gates: of_gates_out, of_before: of_before_out });
            [hidden, cell, of_gates, of_before]
        }

        /// The same, on some threads.
        fn on_threads(&self, threads: usize) -> [Vec<f64>; 4] {
            let (mut gates, [mut hidden, mut cell, mut of_gates, mut of_before]) = (self.gates.clone(), self.empty());
            with_threads(threads, || {
                forward(On::Threads, self.size, &mut gates, &self.before, [&mut hidden, &mut cell]);
                let step = Step { size: self.size, gates: &gates, before: &self.before, cell: &cell };
                step.backward(On::Threads, self.grads(), &mut of_gates, &mut of_before);
            });
            [hidden, cell, of_gates, of_before]
        }

        fn empty(&self) -> [Vec<f64>; 4] {
            let states = vec![f64::NAN; self.before.len()];
            [states.clone(), states.clone(), vec![f64::NAN; self.gates.len()], vec![1.0; states.len()]]
        }
    }

    #[test]
    fn gates_and_gradients_are_their_formulas_on_every_instruction_set_and_number_of_threads() {
        for (rows, size) in [(0, 3), (1, 1), (3, 7), (2, 16), (5, 33), (40, 256)] {
            let case = Case::new(rows, size);
            let wanted = case.oracle();
            let fits = |found: &[Vec<f64>; 4]| found.iter().zip(&wanted).all(|(found, wanted)| is_close(found, wanted));
            for &isa in Isa::available() {
                assert!(fits(&case.on(isa)), "{rows}×{size}, {}", isa.name());
            }
            let one = case.on_threads(1);
            assert!(fits(&one) && one == case.on_threads(3), "{rows}×{size}");
        }
    }
}
