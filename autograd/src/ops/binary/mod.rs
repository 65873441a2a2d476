//! Operations on two tensors, element by element, which are stretched to a common shape.
//!
//! Such an operation is declared by its formula and by a derivative for each operand: an expression of the output's gradient `g` and of both operands, `a` and `b`,
//! as in [`pointwise`](super::pointwise). The engine sums the gradient of an operand that was stretched. The four arithmetic ones are written out, as they
//! save less than both operands.

mod arithmetic;
mod division;
mod extreme;
mod operand;
mod power;

use std::fmt;

use crate::float::Float;
use crate::graph::{Backward, broadcast};
use crate::op::{Op, Saved};
use crate::ops::pointwise::{Derivative, Fused};
use crate::tensor::Tensor;

pub use operand::Operand;

/// A binary operation in the graph, with a derivative for each operand.
struct Binary<T: Float, A, DA, B, DB> {
    name: &'static str,
    operands: [Saved<T>; 2],
    to_a: (A, DA),
    to_b: (B, DB),
}

impl<T: Float, A, DA, B, DB> fmt::Debug for Binary<T, A, DA, B, DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:?}", self.name, self.operands)
    }
}

/// A derivative over scalars.
pub(crate) trait Slope<T>: Fn(T, [T; 2]) -> T + Copy + Send + Sync + 'static {}
impl<T, F: Fn(T, [T; 2]) -> T + Copy + Send + Sync + 'static> Slope<T> for F {}

/// The same over tensors.
pub(crate) trait TensorSlope<T: Float>:
    Fn(&Tensor<T>, [&Tensor<T>; 2]) -> Tensor<T> + Send + Sync + 'static
{
}
impl<T: Float, F: Fn(&Tensor<T>, [&Tensor<T>; 2]) -> Tensor<T> + Send + Sync + 'static> TensorSlope<T> for F {}

impl<T, A, DA, B, DB> Op<T> for Binary<T, A, DA, B, DB>
where
    T: Float,
    A: Slope<T>,
    DA: TensorSlope<T>,
    B: Slope<T>,
    DB: TensorSlope<T>,
{
    fn name(&self) -> &'static str {
        self.name
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let (grad, [a, b]) = (ctx.grad(), self.operands.each_ref().map(|operand| ctx.get(operand)));
        let operands = [&a, &b];
        if ctx.higher_order() {
            ctx.propagate(0, || (self.to_a.1)(&grad, operands));
            ctx.propagate(1, || (self.to_b.1)(&grad, operands));
        } else {
            ctx.propagate(0, || grad.fused(operands, self.to_a.0));
            ctx.propagate(1, || grad.fused(operands, self.to_b.0));
        }
    }
}

impl<T: Float> Tensor<T> {
    /// Applies `formula` to each pair of elements.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub(crate) fn binary<A: Slope<T>, DA: TensorSlope<T>, B: Slope<T>, DB: TensorSlope<T>>(
        &self,
        name: &'static str,
        other: &Tensor<T>,
        formula: impl Fn(T, T) -> T + Copy + Sync,
        to_a: Derivative<A, DA, 2>,
        to_b: Derivative<B, DB, 2>,
    ) -> Tensor<T> {
        broadcast::combine(name, self, other, formula).record(&[self, other], |_| Binary {
            name,
            operands: [Saved::input(0, self), Saved::input(1, other)],
            to_a: (to_a.scalar, to_a.tensor),
            to_b: (to_b.scalar, to_b.tensor),
        })
    }
}
