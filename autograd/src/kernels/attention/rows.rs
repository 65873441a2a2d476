//! The passes over the rows of a block, between its products.

use std::ops::Add;

use super::GROUP;
use super::visible::{Groups, Visible};
use crate::kernels::gemm::product::{Operand, Target};
use crate::kernels::vectorize::Kernel;
use crate::scalar::Scalar;

/// What is known of a row's softmax after some of its keys.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowState<T> {
    /// The largest score.
    pub(super) largest: T,
    /// The sum of exp(score - largest).
    pub(super) sum: T,
    /// By what the result of the keys before the last block is to be multiplied.
    pub(super) correction: T,
}

impl<T: Scalar> RowState<T> {
    pub(super) fn new() -> Self {
        RowState { largest: T::NEG_INFINITY, sum: T::ZERO, correction: T::ONE }
    }
}

/// The largest scores of the lanes of a row, or NaN.
#[inline(always)]
fn largest_of<T: Scalar>(groups: Groups, row: &mut [T], count: usize) -> [T; GROUP] {
    let mut lanes = [T::NEG_INFINITY; GROUP];
    let (whole, edge) = groups.split(row, count);
    for group in whole {
        keep_larger(&mut lanes, group);
    }
    // What scores are at most: +∞ in visible lanes, -∞ in hidden ones. (The compiler makes branches of a choice here.)
    let mut limits = [T::INFINITY; 2 * GROUP];
    limits[GROUP..].fill(T::NEG_INFINITY);
    for (group, visible) in edge {
        let mut limited = [T::ZERO; GROUP];
        for (limited, (&x, &limit)) in limited.iter_mut().zip(group.iter().zip(&limits[GROUP - visible..])) {
            // In this order, a NaN of a hidden lane is hidden, too. A visible one becomes +∞, and its weight NaN.
            *limited = if x < limit { x } else { limit };
        }
        keep_larger(&mut lanes, &limited);
    }
    lanes
}

/// In each lane, the larger of two values, or NaN if one is.
#[inline(always)]
fn keep_larger<T: Scalar>(lanes: &mut [T; GROUP], others: &[T; GROUP]) {
    for (lane, &x) in lanes.iter_mut().zip(others) {
        *lane = lane.maximum(x);
    }
}

/// exp(x) for the lanes of a group that are visible, and 0 for the others, for x ≤ 0.
#[inline(always)]
fn weights_of<T: Scalar>(group: &mut [T; GROUP], visible: usize, exponent: impl Fn(T) -> T) {
    for (lane, x) in group.iter_mut().enumerate() {
        let is_hidden = lane as u32 >= visible as u32;
        let weight = (if is_hidden { T::ZERO } else { exponent(*x) }).exp_of_negative();
        *x = if is_hidden { T::ZERO } else { weight };
    }
}

/// Adds a group to the sums of the lanes.
#[inline(always)]
fn add_lanes<T: Scalar>(lanes: &mut [T; GROUP], group: &[T; GROUP]) {
    for (lane, &x) in lanes.iter_mut().zip(group) {
        *lane += x;
    }
}

/// Rows that are gone through together: to make one value of the lanes of a row takes as long as the exponentials of a
/// short row, unless those of several rows are made at the same time.
const ROWS: usize = 8;

/// The lanes of each row as one value, in pairs.
#[inline(always)]
fn folded<T: Scalar>(rows: &[[T; GROUP]; ROWS], operation: impl Fn(T, T) -> T) -> [T; ROWS] {
    let mut results = [T::ZERO; ROWS];
    for (&lanes, result) in rows.iter().zip(&mut results) {
        let (mut lanes, mut half) = (lanes, GROUP / 2);
        while half > 0 {
            for lane in 0..half {
                lanes[lane] = operation(lanes[lane], lanes[lane + half]);
            }
            half /= 2;
        }
        *result = lanes[0];
    }
    results
}

/// Scores become exponentials, relative to the largest score so far.
pub(super) struct Exponentials<'a, T> {
    pub(super) visible: &'a Visible<T>,
    pub(super) scores: &'a mut [T],
    pub(super) stride: usize,
    pub(super) states: &'a mut [RowState<T>],
}

impl<T: Scalar> Kernel for Exponentials<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let chunks = self.scores.chunks_mut(ROWS * self.stride).zip(self.states.chunks_mut(ROWS));
        for (index, (scores, states)) in chunks.enumerate() {
            exponentials_of_rows(self.visible, scores, self.stride, states, index * ROWS);
        }
    }
}

/// The exponentials of some rows, those from `first` on.
#[inline(always)]
fn exponentials_of_rows<T: Scalar>(
    visible: &Visible<T>,
    scores: &mut [T],
    stride: usize,
    states: &mut [RowState<T>],
    first: usize,
) {
    let groups = visible.groups();
    let mut lanes = [[T::NEG_INFINITY; GROUP]; ROWS];
    for (row, (scores, lanes)) in scores.chunks_exact_mut(stride).zip(&mut lanes).enumerate() {
        let count = visible.prepare(first + row, scores);
        *lanes = largest_of(groups, scores, count);
    }
    let mut shifts = folded(&lanes, T::maximum);
    for (shift, state) in shifts.iter_mut().zip(states.iter_mut()) {
        let largest = state.largest.maximum(*shift);
        // Where all keys are hidden by a mask, all exponentials shall be 0. Without a mask, scores of -∞ are NaN.
        let is_hidden = visible.has_mask() && largest == T::NEG_INFINITY;
        *shift = if is_hidden { T::ZERO } else { largest };
        let is_first = state.largest == T::NEG_INFINITY;
        state.correction = if is_first { T::ZERO } else { (state.largest - *shift).exp_of_negative() };
        state.largest = largest;
    }
    for (row, (scores, lanes)) in scores.chunks_exact_mut(stride).zip(&mut lanes).enumerate() {
        let count = visible.count_of_row(first + row);
        *lanes = weights_of_row(groups, scores, count, shifts[row]);
        visible.drop_weights(first + row, &mut scores[..count]);
    }
    for (sum, state) in folded(&lanes, Add::add).into_iter().zip(states) {
        state.sum = state.sum * state.correction + sum;
    }
}

/// The exponentials of a row, relative to a score, and the sums of their lanes.
#[inline(always)]
fn weights_of_row<T: Scalar>(groups: Groups, row: &mut [T], count: usize, shift: T) -> [T; GROUP] {
    let mut sums = [T::ZERO; GROUP];
    let (whole, edge) = groups.split(row, count);
    for group in whole {
        weights_of(group, GROUP, |score| score - shift);
        add_lanes(&mut sums, group);
    }
    for (group, visible) in edge {
        weights_of(group, visible, |score| score - shift);
        add_lanes(&mut sums, group);
    }
    sums
}

/// Multiplies each row of a matrix by its factor.
pub(super) struct ScaleRows<T, F> {
    target: Target<T>,
    rows: usize,
    columns: usize,
    factor: F,
}

impl<T: Scalar, F: FnMut(usize) -> T> ScaleRows<T, F> {
    /// # Safety
    /// The matrix may be read and written, nobody else uses it, and its columns are adjacent.
    pub(super) unsafe fn new(target: Target<T>, [rows, columns]: [usize; 2], factor: F) -> Self {
        ScaleRows { target, rows, columns, factor }
    }
}

impl<T: Scalar, F: FnMut(usize) -> T> Kernel for ScaleRows<T, F> {
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        for row in 0..self.rows {
            let factor = (self.factor)(row);
            // SAFETY: by the contract of `new`.
            let row = unsafe { std::slice::from_raw_parts_mut(self.target.at(row, 0), self.columns) };
            for x in row {
                *x *= factor;
            }
        }
    }
}

/// The factor that makes a mean of a sum of values, and the logarithm of the sum of exponentials, of each row.
pub(super) struct Finish<'a, T> {
    pub(super) states: &'a mut [RowState<T>],
    pub(super) log_sums: &'a mut [T],
    pub(super) has_mask: bool,
}

impl<T: Scalar> Kernel for Finish<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (state, log_sum) in self.states.iter_mut().zip(self.log_sums) {
            // All keys are hidden: the result is 0, and so is each exp(score - ∞).
            let is_hidden = self.has_mask && state.sum == T::ZERO;
            let sum = state.largest + state.sum.ln();
            *log_sum = if is_hidden { T::INFINITY } else { sum };
            state.correction = if is_hidden { T::ZERO } else { state.sum.recip() };
        }
    }
}

/// Copies the rows of a matrix, multiplied by a factor, to adjacent rows.
pub(super) struct CopyScaled<'a, T> {
    source: Operand<T>,
    columns: usize,
    factor: T,
    out: &'a mut [T],
}

impl<'a, T> CopyScaled<'a, T> {
    /// # Safety
    /// The matrix may be read; its columns are adjacent, and it has as many elements as `out`.
    pub(super) unsafe fn new(source: Operand<T>, columns: usize, factor: T, out: &'a mut [T]) -> Self {
        CopyScaled { source, columns, factor, out }
    }
}

impl<T: Scalar> Kernel for CopyScaled<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (row, out) in self.out.chunks_exact_mut(self.columns.max(1)).enumerate() {
            // SAFETY: by the contract of `new`.
            let source = unsafe { std::slice::from_raw_parts(self.source.at(row, 0), self.columns) };
            for (out, &x) in out.iter_mut().zip(source) {
                *out = x * self.factor;
            }
        }
    }
}

/// The dot product of each row of one matrix with the same row of another.
pub(super) struct RowDots<'a, T> {
    operands: [Operand<T>; 2],
    columns: usize,
    out: &'a mut [T],
}

impl<'a, T> RowDots<'a, T> {
    /// # Safety
    /// The matrices may be read; their columns are adjacent, and they have as many rows as `out`.
    pub(super) unsafe fn new(operands: [Operand<T>; 2], columns: usize, out: &'a mut [T]) -> Self {
        RowDots { operands, columns, out }
    }
}

impl<T: Scalar> Kernel for RowDots<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (index, out) in self.out.chunks_mut(ROWS).enumerate() {
            let mut lanes = [[T::ZERO; GROUP]; ROWS];
            for (row, lanes) in lanes.iter_mut().take(out.len()).enumerate() {
                let row = index * ROWS + row;
                // SAFETY: by the contract of `new`.
                let slice =
                    |operand: Operand<T>| unsafe { std::slice::from_raw_parts(operand.at(row, 0), self.columns) };
                *lanes = dots_of_lanes([slice(self.operands[0]), slice(self.operands[1])]);
            }
            for (out, dot) in out.iter_mut().zip(folded(&lanes, Add::add)) {
                *out = dot;
            }
        }
    }
}

/// The dot product of two rows, lane by lane.
#[inline(always)]
fn dots_of_lanes<T: Scalar>([a, b]: [&[T]; 2]) -> [T; GROUP] {
    let mut lanes = [T::ZERO; GROUP];
    let ((groups, rest), (others, other_rest)) = (a.as_chunks::<GROUP>(), b.as_chunks::<GROUP>());
    for (a, b) in groups.iter().zip(others) {
        for (lane, (&a, &b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
            *lane += a * b;
        }
    }
    for (lane, (&a, &b)) in lanes.iter_mut().zip(rest.iter().zip(other_rest)) {
        *lane += a * b;
    }
    lanes
}

/// From scores and the gradients of the weights: the weights, and the gradients of the scores.
///
/// With the weights w = exp(s - log sum), their gradients dw and Δ = Σ w dw:  ds = w (dw - Δ) · scale
pub(super) struct ScoreGradients<'a, T> {
    pub(super) visible: &'a Visible<T>,
    pub(super) scores: &'a mut [T],
    pub(super) weight_gradients: &'a mut [T],
    pub(super) stride: usize,
    pub(super) log_sums: &'a [T],
    /// Δ of each row.
    pub(super) means: &'a [T],
    pub(super) scale: T,
}

impl<T: Scalar> Kernel for ScoreGradients<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { visible, scores, weight_gradients, stride, log_sums, means, scale } = self;
        let rows = scores.chunks_exact_mut(stride).zip(weight_gradients.chunks_exact_mut(stride));
        let groups = visible.groups();
        for (row, ((scores, gradients), (&log_sum, &mean))) in rows.zip(log_sums.iter().zip(means)).enumerate() {
            let count = visible.prepare(row, scores);
            if visible.drops() {
                visible.drop_weights(row, &mut gradients[..count]);
            }
            // By rounding, a score may be above the logarithm of the sum.
            let exponent = |score: T| if score > log_sum { T::ZERO } else { score - log_sum };
            let (whole, edge) = groups.split(scores, count);
            let (whole_gradients, edge_gradients) = groups.split(gradients, count);
            for (group, slopes) in whole.iter_mut().zip(whole_gradients) {
                weights_of(group, GROUP, exponent);
                slopes_of(slopes, group, GROUP, mean, scale);
            }
            for ((group, visible), (slopes, _)) in edge.zip(edge_gradients) {
                weights_of(group, visible, exponent);
                slopes_of(slopes, group, visible, mean, scale);
            }
            visible.drop_weights(row, &mut scores[..count]);
        }
    }
}

/// w (dw - Δ) · scale for the lanes of a group that are visible, and 0 for the others.
#[inline(always)]
fn slopes_of<T: Scalar>(slopes: &mut [T; GROUP], weights: &[T; GROUP], visible: usize, mean: T, scale: T) {
    // Copies: the compiler does not know that the two groups do not overlap.
    let (weights, mut own) = (*weights, *slopes);
    for (lane, (slope, weight)) in own.iter_mut().zip(weights).enumerate() {
        let of_score = weight * (*slope - mean) * scale;
        *slope = if (lane as u32) < visible as u32 { of_score } else { T::ZERO };
    }
    *slopes = own;
}
