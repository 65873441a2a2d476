//! Tensors whose elements are a formula of those of others.

use std::sync::Arc;

use crate::float::Float;
use crate::kernels::map::{RowBody, each, map_contiguous, map_rows};
use crate::tensor::Tensor;

impl<T: Float> Tensor<T> {
    /// `formula` of each element. A constant.
    #[inline]
    #[track_caller]
    pub(crate) fn mapped(&self, formula: impl Fn(T) -> T + Copy + Sync) -> Tensor<T> {
        mapped_rows([self], &each(|[x]| formula(x)))
    }
}

/// What `body` computes of the rows of the operands, which are broadcast to the shape of the first one. A constant.
///
/// It does not know the formula, so it is compiled once and not once more for each.
#[inline(never)]
#[track_caller]
pub(crate) fn mapped_rows<T: Float, const OPERANDS: usize>(
    operands: [&Tensor<T>; OPERANDS],
    body: &dyn RowBody<T, OPERANDS>,
) -> Tensor<T> {
    map_inlined(operands, body)
}

/// As [`mapped_rows`], for what is not inlined itself.
#[inline(always)]
#[track_caller]
pub(crate) fn map_inlined<T: Float, const OPERANDS: usize>(
    operands: [&Tensor<T>; OPERANDS],
    body: &dyn RowBody<T, OPERANDS>,
) -> Tensor<T> {
    let first = operands[0];
    // Not `operands.map`, which is not always inlined.
    let mut views = [first.as_view(); OPERANDS];
    for (view, operand) in views.iter_mut().zip(operands) {
        *view = operand.as_view();
    }
    let is_like_first = |other: &&Tensor<T>| other.layout.is_ordered_as(&first.layout);
    if first.layout.is_row_major() && operands[1..].iter().all(is_like_first) {
        return Tensor::build_inlined(Arc::clone(&first.layout), |out| map_contiguous(views, out, body));
    }
    Tensor::build_in(first.row_major(), |out| map_rows(views, first.shape(), out, body))
}
