//! Tensors whose elements are a formula of those of others.

use std::sync::Arc;

use crate::float::Float;
use crate::kernels::map::{RowBody, View, each, map_contiguous, map_rows};
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
    if are_dense(operands) {
        return map_dense(operands, body);
    }
    let first = operands[0];
    let views = views(operands);
    Tensor::build_in(first.row_major(), |out| map_rows(views, first.shape(), out, body))
}

/// Whether all operands are dense, row-major and of one shape, as [`map_dense`] takes them.
#[inline(always)]
pub(crate) fn are_dense<T: Float, const OPERANDS: usize>(operands: [&Tensor<T>; OPERANDS]) -> bool {
    let layout = &operands[0].layout;
    layout.is_row_major() && operands[1..].iter().all(|other| other.layout.is_ordered_as(layout))
}

/// As [`mapped_rows`], where the operands [`are_dense`].
#[inline(always)]
#[track_caller]
pub(crate) fn map_dense<T: Float, const OPERANDS: usize>(
    operands: [&Tensor<T>; OPERANDS],
    body: &dyn RowBody<T, OPERANDS>,
) -> Tensor<T> {
    let views = views(operands);
    Tensor::build_inlined(Arc::clone(&operands[0].layout), |out| map_contiguous(views, out, body))
}

/// The operands as views. (`operands.map` is not always inlined.)
#[inline(always)]
fn views<T: Float, const OPERANDS: usize>(operands: [&Tensor<T>; OPERANDS]) -> [View<'_, T>; OPERANDS] {
    let mut views = [operands[0].as_view(); OPERANDS];
    for (view, operand) in views.iter_mut().zip(operands) {
        *view = operand.as_view();
    }
    views
}
