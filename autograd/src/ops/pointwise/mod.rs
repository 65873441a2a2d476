//! Operations on each element by itself.
//!
//! Such an operation is a line: its name, its formula and its derivative. The derivative is an expression of the
//! output's gradient `g` and of what it uses: the input `x`, the output `y`, or both. It is written once and compiled
//! twice: over scalars, for one fused pass, and over tensors, where the gradient is itself to be differentiated. What
//! an expression uses is what is saved for it.
//!
//! ```text
//! self.pointwise("tanh", |x| x.tanh(), derivative!(|g, y| g * (ONE - y * y)))
//! ```
//!
//! The operation's name in the file's line `instances!(...)` has it compiled here, for both element types.
//!
//! A derivative that chooses between cases is written over scalars alone, with `piecewise!`: it must be linear in `g`,
//! and the choice must be constant around almost every point.

use std::fmt;
use std::ops::{Add, Sub};
use std::sync::Arc;

use crate::float::Float;
use crate::graph::Backward;
use crate::kernels::map::each;
use crate::op::{Op, Saved};
use crate::ops::linear_map::LinearMap;
use crate::tensor::{Reasons, Tensor, mapped_rows};

/// What a derivative uses beside the output's gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    Input,
    /// The second input of a binary operation.
    SecondInput,
    Output,
}

/// A derivative over scalars and over tensors, of the gradient and `KEPT` values.
pub(crate) struct Derivative<S, D, const KEPT: usize> {
    keep: [Keep; KEPT],
    scalar: S,
    tensor: D,
}

impl<S, D, const KEPT: usize> Derivative<S, D, KEPT> {
    pub(crate) fn new(keep: [Keep; KEPT], scalar: S, tensor: D) -> Self {
        Derivative { keep, scalar, tensor }
    }

    /// What the graph keeps of it.
    pub(crate) fn rule<T: Float>(self) -> Box<dyn Rule<T, KEPT>>
    where
        Readings<S, D>: Rule<T, KEPT> + 'static,
    {
        Box::new(Readings { scalar: Scalars(self.scalar), tensor: self.tensor })
    }
}

/// `x` is the input, `y` the output; `a` and `b` are the inputs of a binary operation.
macro_rules! keep {
    (a) => {
        $crate::ops::pointwise::Keep::Input
    };
    (b) => {
        $crate::ops::pointwise::Keep::SecondInput
    };
    (x) => {
        $crate::ops::pointwise::Keep::Input
    };
    (y) => {
        $crate::ops::pointwise::Keep::Output
    };
}

/// A smooth derivative: the same expression over scalars and over tensors.
macro_rules! derivative {
    (|$grad:ident, $($kept:ident),+| $expression:expr) => {
        $crate::ops::pointwise::Derivative::new(
            [$(keep!($kept)),+],
            move |$grad: T, [$($kept),+]: [T; _]| -> T { $expression },
            move |$grad: &Tensor<T>, [$($kept),+]: [&Tensor<T>; _]| -> Tensor<T> { $expression },
        )
    };
}

/// A derivative that chooses: an expression over scalars, linear in the gradient.
macro_rules! piecewise {
    (|$grad:ident, $($kept:ident),+| $expression:expr) => {{
        let scalar = move |$grad: T, [$($kept),+]: [T; _]| -> T { $expression };
        let tensor = move |grad: &Tensor<T>, kept: [&Tensor<T>; _]| $crate::ops::pointwise::chosen(grad, kept, scalar);
        $crate::ops::pointwise::Derivative::new([$(keep!($kept)),+], scalar, tensor)
    }};
}

// Below the macros that they use.
mod activation;
mod clamp;
mod elementary;
mod inverse;
mod piecewise;
mod power;
mod rounding;
mod waves;

pub(crate) use activation::Activation;
pub(crate) use rounding::ThroughF64;

/// The derivative of what is constant wherever it has one.
#[allow(clippy::type_complexity)]
pub(crate) fn flat<T: Float>() -> Derivative<fn(T, [T; 0]) -> T, fn(&Tensor<T>, [&Tensor<T>; 0]) -> Tensor<T>, 0> {
    Derivative::new([], |_, []| T::ZERO, |grad, []| Tensor::zeros(grad.shape()))
}

/// 1 in expressions that are compiled over scalars and over tensors.
pub(crate) struct One;
/// See [`One`].
pub(crate) const ONE: One = One;

impl<T: Float> Add<T> for One {
    type Output = T;
    #[inline(always)]
    fn add(self, x: T) -> T {
        T::ONE + x
    }
}

impl<T: Float> Sub<T> for One {
    type Output = T;
    #[inline(always)]
    fn sub(self, x: T) -> T {
        T::ONE - x
    }
}

impl<T: Float> Add<&Tensor<T>> for One {
    type Output = Tensor<T>;
    fn add(self, x: &Tensor<T>) -> Tensor<T> {
        x + T::ONE
    }
}

impl<T: Float> Add<Tensor<T>> for One {
    type Output = Tensor<T>;
    fn add(self, x: Tensor<T>) -> Tensor<T> {
        x + T::ONE
    }
}

impl<T: Float> Sub<&Tensor<T>> for One {
    type Output = Tensor<T>;
    fn sub(self, x: &Tensor<T>) -> Tensor<T> {
        -x + T::ONE
    }
}

impl<T: Float> Sub<Tensor<T>> for One {
    type Output = Tensor<T>;
    fn sub(self, x: Tensor<T>) -> Tensor<T> {
        -x + T::ONE
    }
}

/// A derivative over scalars, applied to whole tensors.
pub(crate) trait Fused<T: Float, const KEPT: usize>: Send + Sync {
    /// The derivative at each element of the gradient and of the kept values, which are broadcast to its shape, in
    /// one pass. A constant.
    fn fused(&self, grad: &Tensor<T>, kept: [&Tensor<T>; KEPT]) -> Tensor<T>;
}

/// The function of a derivative over scalars.
pub(crate) struct Scalars<S>(S);

macro_rules! fused {
    ($count:literal: $($kept:ident)*) => {
        impl<T: Float, S: Fn(T, [T; $count]) -> T + Copy + Send + Sync> Fused<T, $count> for Scalars<S> {
            fn fused(&self, grad: &Tensor<T>, [$($kept),*]: [&Tensor<T>; $count]) -> Tensor<T> {
                let rule = self.0;
                mapped_rows([grad, $($kept),*], &each(move |[grad, $($kept),*]| rule(grad, [$($kept),*])))
            }
        }
    };
}
fused!(0:);
fused!(1: a);
fused!(2: a b);

/// `rule` of each element of the gradient and of the kept values, recorded. It must be linear in the gradient.
#[track_caller]
pub(crate) fn chosen<T: Float, S, const KEPT: usize>(grad: &Tensor<T>, kept: [&Tensor<T>; KEPT], rule: S) -> Tensor<T>
where
    Scalars<S>: Fused<T, KEPT> + 'static,
{
    choose(grad, kept, Arc::new(Scalars(rule)))
}

/// Apart from [`chosen`], as it does not know the rule.
#[inline(never)]
#[track_caller]
fn choose<T: Float, const KEPT: usize>(
    grad: &Tensor<T>,
    kept: [&Tensor<T>; KEPT],
    rule: Arc<dyn Fused<T, KEPT>>,
) -> Tensor<T> {
    Choice { kept: kept.map(Tensor::detach), rule }.of(grad)
}

/// y = x, or a multiple of it, or 0, as the kept values have it        its own adjoint
#[derive(Clone)]
struct Choice<T: Float, const KEPT: usize> {
    kept: [Tensor<T>; KEPT],
    rule: Arc<dyn Fused<T, KEPT>>,
}

impl<T: Float, const KEPT: usize> fmt::Debug for Choice<T, KEPT> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("choice")
    }
}

impl<T: Float, const KEPT: usize> LinearMap<T> for Choice<T, KEPT> {
    const NAME: &'static str = "choose";
    const ADJOINT: &'static str = "choose";

    #[track_caller]
    fn map(&self, x: &Tensor<T>) -> Tensor<T> {
        self.rule.fused(x, self.kept.each_ref())
    }

    #[track_caller]
    fn adjoint(&self, y: &Tensor<T>) -> Tensor<T> {
        self.map(y)
    }
}

/// A derivative as the graph keeps it: behind a pointer, so that what surrounds it there is compiled once, and not
/// once more for each operation.
pub(crate) trait Rule<T: Float, const KEPT: usize>: Fused<T, KEPT> {
    /// The derivative by operations, recorded.
    fn recorded(&self, grad: &Tensor<T>, kept: [&Tensor<T>; KEPT]) -> Tensor<T>;
}

/// The two readings of a derivative.
pub(crate) struct Readings<S, D> {
    scalar: Scalars<S>,
    tensor: D,
}

impl<T: Float, S, D: Send + Sync, const KEPT: usize> Fused<T, KEPT> for Readings<S, D>
where
    Scalars<S>: Fused<T, KEPT>,
{
    fn fused(&self, grad: &Tensor<T>, kept: [&Tensor<T>; KEPT]) -> Tensor<T> {
        self.scalar.fused(grad, kept)
    }
}

impl<T: Float, S, D, const KEPT: usize> Rule<T, KEPT> for Readings<S, D>
where
    Scalars<S>: Fused<T, KEPT>,
    D: Fn(&Tensor<T>, [&Tensor<T>; KEPT]) -> Tensor<T> + Send + Sync,
{
    fn recorded(&self, grad: &Tensor<T>, kept: [&Tensor<T>; KEPT]) -> Tensor<T> {
        (self.tensor)(grad, kept)
    }
}

/// A pointwise operation in the graph.
struct Pointwise<T: Float, const KEPT: usize> {
    name: &'static str,
    kept: [Saved<T>; KEPT],
    rule: Box<dyn Rule<T, KEPT>>,
}

impl<T: Float, const KEPT: usize> fmt::Debug for Pointwise<T, KEPT> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:?}", self.name, self.kept)
    }
}

impl<T: Float, const KEPT: usize> Op<T> for Pointwise<T, KEPT> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let (grad, kept) = (ctx.grad(), self.kept.each_ref().map(|kept| ctx.get(kept)));
        let is_higher = ctx.higher_order();
        ctx.propagate(0, || match is_higher {
            true => self.rule.recorded(&grad, kept.each_ref()),
            false => self.rule.fused(&grad, kept.each_ref()),
        });
    }
}

impl<T: Float> Tensor<T> {
    /// Applies `formula` to each element.
    #[inline(never)]
    #[track_caller]
    pub(crate) fn pointwise<S, D, const KEPT: usize>(
        &self,
        name: &'static str,
        formula: impl Fn(T) -> T + Copy + Sync,
        derivative: Derivative<S, D, KEPT>,
    ) -> Tensor<T>
    where
        S: Copy,
        Scalars<S>: Fused<T, KEPT> + 'static,
        D: Fn(&Tensor<T>, [&Tensor<T>; KEPT]) -> Tensor<T> + Copy + Send + Sync + 'static,
    {
        let values = self.mapped(formula);
        match Reasons::of(&[self]) {
            Some(reasons) => values.record_pointwise(reasons, name, self, derivative.keep, derivative.rule()),
            None => values,
        }
    }

    /// `values`, which were computed from this tensor by other means than a closure, recorded.
    #[track_caller]
    pub(crate) fn recorded_pointwise(
        &self,
        values: Tensor<T>,
        name: &'static str,
        keep: [Keep; 1],
        rule: impl FnOnce() -> Box<dyn Rule<T, 1>>,
    ) -> Tensor<T> {
        match Reasons::of(&[self]) {
            Some(reasons) => values.record_pointwise(reasons, name, self, keep, rule()),
            None => values,
        }
    }

    #[inline(never)]
    #[track_caller]
    fn record_pointwise<const KEPT: usize>(
        self,
        reasons: Reasons,
        name: &'static str,
        input: &Tensor<T>,
        keep: [Keep; KEPT],
        rule: Box<dyn Rule<T, KEPT>>,
    ) -> Tensor<T> {
        self.record_for(reasons, &[input], |y| {
            let kept = keep.map(|keep| match keep {
                Keep::Input | Keep::SecondInput => Saved::input(0, input),
                Keep::Output => Saved::output(y),
            });
            Pointwise { name, kept, rule }
        })
    }
}
