//! Operations on two tensors, element by element, which are stretched to a common shape.
//!
//! Such an operation is declared by its formula and by a derivative for each operand: an expression of the output's
//! gradient `g` and of both operands, `a` and `b`, as in [`pointwise`](super::pointwise). The engine sums the gradient
//! of an operand that was stretched. The four arithmetic ones are written out, as they save less than both operands.

mod arithmetic;
mod division;
mod extreme;
mod operand;
mod parameters;
mod power;

use std::fmt;

use crate::float::Float;
use crate::graph::{Backward, broadcast};
use crate::op::{Op, Saved};
use crate::ops::pointwise::{Derivative, Rule};
use crate::tensor::{Reasons, Tensor};

pub use operand::Operand;

/// A derivative over scalars.
pub(crate) trait Slope<T>: Fn(T, [T; 2]) -> T + Copy + Send + Sync + 'static {}
impl<T, F: Fn(T, [T; 2]) -> T + Copy + Send + Sync + 'static> Slope<T> for F {}

/// The same over tensors.
pub(crate) trait TensorSlope<T: Float>:
    Fn(&Tensor<T>, [&Tensor<T>; 2]) -> Tensor<T> + Send + Sync + 'static
{
}
impl<T: Float, F: Fn(&Tensor<T>, [&Tensor<T>; 2]) -> Tensor<T> + Send + Sync + 'static> TensorSlope<T> for F {}

/// A binary operation in the graph, with a derivative for each operand.
struct Binary<T: Float> {
    name: &'static str,
    operands: [Saved<T>; 2],
    rules: [Box<dyn Rule<T, 2>>; 2],
}

impl<T: Float> fmt::Debug for Binary<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:?}", self.name, self.operands)
    }
}

impl<T: Float> Op<T> for Binary<T> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let (grad, a, b) = (ctx.grad(), ctx.get(&self.operands[0]), ctx.get(&self.operands[1]));
        let is_higher = ctx.higher_order();
        for (operand, rule) in self.rules.iter().enumerate() {
            ctx.propagate(operand, || match is_higher {
                true => rule.recorded(&grad, [&a, &b]),
                false => rule.fused(&grad, [&a, &b]),
            });
        }
    }
}

impl<T: Float> Tensor<T> {
    /// Applies `formula` to each pair of elements.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[inline(never)]
    #[track_caller]
    pub(crate) fn binary<A: Slope<T>, DA: TensorSlope<T>, B: Slope<T>, DB: TensorSlope<T>>(
        &self,
        name: &'static str,
        other: &Tensor<T>,
        formula: impl Fn(T, T) -> T + Copy + Sync,
        to_a: Derivative<A, DA, 2>,
        to_b: Derivative<B, DB, 2>,
    ) -> Tensor<T> {
        let values = broadcast::combine(name, self, other, formula);
        match Reasons::of(&[self, other]) {
            Some(reasons) => values.record_binary(reasons, name, [self, other], [to_a.rule(), to_b.rule()]),
            None => values,
        }
    }

    #[inline(never)]
    #[track_caller]
    fn record_binary(
        self,
        reasons: Reasons,
        name: &'static str,
        inputs: [&Tensor<T>; 2],
        rules: [Box<dyn Rule<T, 2>>; 2],
    ) -> Tensor<T> {
        self.record_for(reasons, &inputs, |_| Binary {
            name,
            operands: [Saved::input(0, inputs[0]), Saved::input(1, inputs[1])],
            rules,
        })
    }
}
