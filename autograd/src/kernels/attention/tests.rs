//! Attention in blocks against its definition, on every kernel set, with blocks of all kinds.

use super::backward::{Known, backward_on};
use super::forward::forward_on;
use super::{Attention, Blocks, Dropout, OutputStack};
use crate::kernels::gemm::kernel_set::{Implementation, KernelSet, TileKernels, available, selected_tiles};
use crate::kernels::gemm::{GemmKernels, MatrixStack};
use crate::kernels::parallel::with_threads;
use crate::layout::Layout;
use crate::random::Random;
use crate::scalar::Scalar;
use crate::shape::Shape;

/// The extents of a problem, and its rules.
#[derive(Clone, Debug)]
struct Case {
    matrices: usize,
    queries: usize,
    keys: usize,
    widths: [usize; 2],
    is_causal: bool,
    has_mask: bool,
    dropout: f64,
}

fn cases() -> Vec<Case> {
    let case = |matrices, [queries, keys]: [usize; 2], widths, is_causal, has_mask, dropout| Case {
        matrices,
        queries,
        keys,
        widths,
        is_causal,
        has_mask,
        dropout,
    };
    vec![
        case(3, [5, 7], [4, 3], false, false, 0.0),
        case(2, [40, 40], [32, 32], true, false, 0.0),
        case(1, [70, 33], [9, 17], true, false, 0.25),
        case(2, [3, 65], [16, 1], true, false, 0.0),
        case(2, [33, 50], [8, 20], false, true, 0.0),
        case(1, [17, 130], [33, 40], false, true, 0.5),
        case(2, [1, 1], [1, 1], true, false, 0.0),
    ]
}

const SCALE: f64 = 0.37;

const BLOCKS: [Blocks; 3] = [
    Blocks { queries: 32, keys: 64, task: 64 },
    Blocks { queries: 8, keys: 16, task: 16 },
    Blocks { queries: 32, keys: 144, task: 256 },
];

fn values<T: Scalar>(count: usize, seed: usize) -> Vec<T> {
    let value = |index: usize| ((index * 7919 + seed * 104_729) % 1009) as f64 / 252.25 - 2.0;
    (0..count).map(|index| T::from_f64(value(index))).collect()
}

/// The operands: queries, keys, values, mask and the gradient of the result, each contiguous.
struct Operands<T> {
    layouts: [Layout; 5],
    values: [Vec<T>; 5],
}

impl<T: GemmKernels> Operands<T> {
    fn new(case: &Case) -> Self {
        let &Case { matrices, queries, keys, widths: [width, value_width], .. } = case;
        let extents = [[queries, width], [keys, width], [keys, value_width], [queries, keys], [queries, value_width]];
        let layouts = extents.map(|[rows, columns]| Layout::contiguous(Shape::from([matrices, rows, columns])));
        let mut values = [0, 1, 2, 3, 4].map(|index: usize| values(layouts[index].numel(), index));
        for (index, mask) in values[3].iter_mut().enumerate() {
            // The first row of each matrix sees nothing, and every third score is hidden.
            if index / keys % queries == 0 || index % 3 == 0 {
                *mask = T::NEG_INFINITY;
            }
        }
        Operands { layouts, values }
    }

    fn stack(&self, index: usize) -> MatrixStack<'_, T> {
        MatrixStack::new(&self.values[index], &self.layouts[index])
    }

    fn attention(&self, case: &Case) -> Attention<'_, T> {
        Attention {
            query: self.stack(0),
            key: self.stack(1),
            value: self.stack(2),
            mask: case.has_mask.then(|| self.stack(3)),
            is_causal: case.is_causal,
            scale: T::from_f64(SCALE),
            dropout: (case.dropout > 0.0).then(|| Dropout { random: Random::new(5), p: case.dropout }),
        }
    }

    /// The results, the logarithms of the sums, and the three gradients, as attention in blocks has them.
    fn compute(&self, case: &Case, kernels: Kernels<T>, blocks: &Blocks) -> [Vec<T>; 5] {
        let attention = self.attention(case);
        let fresh = |layout: &Layout| vec![T::NAN; layout.numel()];
        let (mut result, mut log_sums) = (fresh(&self.layouts[4]), vec![T::NAN; case.matrices * case.queries]);
        let out = OutputStack::new(&mut result, &self.layouts[4]);
        forward_on(kernels, &attention, blocks, &out, &mut log_sums);
        drop(out);
        let mut gradients = [0, 1, 2].map(|index: usize| fresh(&self.layouts[index]));
        let [q, k, v] = &mut gradients;
        let outputs = [(q, 0), (k, 1), (v, 2)].map(|(out, index)| OutputStack::new(out, &self.layouts[index]));
        let known =
            Known { result: MatrixStack::new(&result, &self.layouts[4]), gradient: self.stack(4), log_sums: &log_sums };
        backward_on(kernels, &attention, blocks, &known, &outputs);
        drop(outputs);
        let [q, k, v] = gradients;
        [result, log_sums, q, k, v]
    }

    /// The same by the definition, in `f64`.
    fn expected(&self, case: &Case) -> [Vec<f64>; 5] {
        let &Case { matrices, queries, keys, widths: [width, value_width], .. } = case;
        let values = self.values.each_ref().map(|values| values.iter().map(|x| x.to_f64()).collect::<Vec<_>>());
        let [query, key, value, _, gradient] = &values;
        let zeros = |columns: usize| vec![0.0; matrices * columns];
        let (mut result, mut log_sums) = (zeros(queries * value_width), zeros(queries));
        let [mut to_query, mut to_key, mut to_value] = [queries * width, keys * width, keys * value_width].map(zeros);
        for row in 0..matrices * queries {
            let first = row / queries * keys;
            let (weights, log_sum) = weights(case, &values, row);
            log_sums[row] = log_sum;
            let (q, g) = (&query[row * width..][..width], &gradient[row * value_width..][..value_width]);
            let slope = |j: usize| case.factor(row, j) * dot(g, &value[(first + j) * value_width..][..value_width]);
            let slopes: Vec<f64> = (0..keys).map(slope).collect();
            let mean = dot(&weights, &slopes);
            for j in 0..keys {
                let (weight, at) = (weights[j] * case.factor(row, j), first + j);
                for c in 0..value_width {
                    result[row * value_width + c] += weight * value[at * value_width + c];
                    to_value[at * value_width + c] += weight * g[c];
                }
                let slope = SCALE * weights[j] * (slopes[j] - mean);
                for c in 0..width {
                    to_query[row * width + c] += slope * key[at * width + c];
                    to_key[at * width + c] += slope * q[c];
                }
            }
        }
        [result, log_sums, to_query, to_key, to_value]
    }
}

/// The weights of a row before dropout, and the logarithm of their sum.
fn weights(case: &Case, [query, key, _, mask, _]: &[Vec<f64>; 5], row: usize) -> (Vec<f64>, f64) {
    let &Case { queries, keys, widths: [width, _], .. } = case;
    let score = |j: usize| {
        let k = &key[(row / queries * keys + j) * width..][..width];
        let hidden = case.is_causal && j > row % queries;
        let added = if case.has_mask { mask[row * keys + j] } else { 0.0 };
        if hidden { f64::NEG_INFINITY } else { SCALE * dot(&query[row * width..][..width], k) + added }
    };
    let scores: Vec<f64> = (0..keys).map(score).collect();
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if largest == f64::NEG_INFINITY {
        return (vec![0.0; keys], f64::INFINITY);
    }
    let log_sum = largest + scores.iter().map(|score| (score - largest).exp()).sum::<f64>().ln();
    (scores.iter().map(|score| (score - log_sum).exp()).collect(), log_sum)
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

impl Case {
    /// By what dropout multiplies a weight.
    fn factor(&self, row: usize, key: usize) -> f64 {
        let bits = Random::new(5).ahead((row * self.keys + key) as u64) >> 11;
        let is_dropped = (bits as f64 / (1_u64 << 53) as f64) < self.dropout;
        if is_dropped { 0.0 } else { 1.0 / (1.0 - self.dropout) }
    }
}

type Kernels<T> = (&'static KernelSet<T>, &'static TileKernels<T>);

fn agrees_on_every_kernel_set<T: GemmKernels>(tolerance: f64) {
    for case in cases() {
        let operands = Operands::<T>::new(&case);
        let expected = operands.expected(&case);
        for set in available::<T>() {
            let tiles = match &set.implementation {
                Implementation::Tiles(kernels) => kernels,
                Implementation::Foreign(_) => selected_tiles(),
            };
            for blocks in BLOCKS {
                let found = with_threads(1, || operands.compute(&case, (set, tiles), &blocks));
                let same = with_threads(3, || operands.compute(&case, (set, tiles), &blocks));
                let bits = |all: &[Vec<T>; 5]| all.each_ref().map(|x| x.iter().map(|x| x.to_f64().to_bits()).collect());
                let [one, three]: [[Vec<u64>; 5]; 2] = [bits(&found), bits(&same)];
                assert_eq!(one, three, "{case:?} on {}: threads", set.name());
                for (part, (found, expected)) in found.iter().zip(&expected).enumerate() {
                    for (index, (found, &expected)) in found.iter().zip(expected).enumerate() {
                        let found = found.to_f64();
                        let is_close = (found - expected).abs() <= tolerance * expected.abs().max(1.0);
                        assert!(
                            is_close || found == expected,
                            "{case:?}, {blocks:?} on {}: part {part}, element {index} is {found}, not {expected}",
                            set.name()
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn singles_are_those_of_the_definition() {
    agrees_on_every_kernel_set::<f32>(2e-4);
}

#[test]
fn doubles_are_those_of_the_definition() {
    agrees_on_every_kernel_set::<f64>(1e-11);
}

#[test]
fn packed_queries_keys_and_values_are_read_and_written_in_place() {
    let extents = [2, 40, 3, 8];
    let packed: Vec<f64> = values(2 * 40 * 3 * 3 * 8, 0);
    let parts = [0, 1, 2].map(|part| super::packed_layout(extents, part));
    let [query, key, value] = parts.each_ref().map(|layout| MatrixStack::new(&packed, layout));
    let attention = Attention { query, key, value, mask: None, is_causal: true, scale: 0.5, dropout: None };
    let layout = Layout::contiguous(Shape::from([2, 3, 40, 8]));
    let gradient: Vec<f64> = values(layout.numel(), 1);
    let run = |attention: &Attention<'_, f64>, into: &mut dyn FnMut(&Attention<'_, f64>, &Known<'_, f64>)| {
        let (mut result, mut log_sums) = (vec![f64::NAN; layout.numel()], vec![f64::NAN; 2 * 3 * 40]);
        super::forward(attention, &OutputStack::new(&mut result, &layout), &mut log_sums);
        let known = Known {
            result: MatrixStack::new(&result, &layout),
            gradient: MatrixStack::new(&gradient, &layout),
            log_sums: &log_sums,
        };
        into(attention, &known);
    };
    let mut found = vec![f64::NAN; packed.len()];
    run(&attention, &mut |attention, known| {
        super::backward(attention, known, &OutputStack::packed(&mut found, extents));
    });
    // The same from contiguous copies.
    let gathered = parts.each_ref().map(|layout| {
        let at = |index| packed[crate::kernels::gemm::batch::offset_of(layout, index) as usize];
        (0..layout.numel()).map(at).collect::<Vec<f64>>()
    });
    let [query, key, value] = gathered.each_ref().map(|values| MatrixStack::new(values, &layout));
    let copied = Attention { query, key, value, ..attention.clone() };
    let mut expected = [(); 3].map(|()| vec![f64::NAN; layout.numel()]);
    run(&copied, &mut |attention, known| {
        let outputs = expected.each_mut().map(|out| OutputStack::new(out, &layout));
        super::backward(attention, known, &outputs);
    });
    for (part, expected) in parts.iter().zip(&expected) {
        let at = |index| found[crate::kernels::gemm::batch::offset_of(part, index) as usize];
        assert!((0..part.numel()).map(at).eq(expected.iter().copied()));
    }
}
