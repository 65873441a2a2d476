//! Operations that are linear in their only input: each is declared as a map together with its adjoint.
//!
//! For y = A x the gradient is Aᵀ dy, which does not depend on x, and the gradient of that is A again. So such an
//! operation saves no values, and its gradients of any order are the two functions of [`LinearMap`]: for `slice` the
//! adjoint writes the slice into zeros, for `gather` it is `scatter_add`, for `flip` it is `flip` itself.

use std::fmt::{self, Debug};

use crate::float::Float;
use crate::graph::Backward;
use crate::op::Op;
use crate::tensor::{Reasons, Tensor};

/// y = A x        dx = Aᵀ dy
pub(crate) trait LinearMap<T: Float>: Clone + Debug + Send + Sync + 'static {
    /// The operation's name.
    const NAME: &'static str;
    /// The name of its gradient.
    const ADJOINT: &'static str;

    /// A x, as a constant.
    #[track_caller]
    fn map(&self, x: &Tensor<T>) -> Tensor<T>;

    /// Aᵀ y, as a constant.
    #[track_caller]
    fn adjoint(&self, y: &Tensor<T>) -> Tensor<T>;

    /// Adds Aᵀ y to `sum` in place and returns `true`, or does nothing and returns `false`. For maps that read a small
    /// part of x: of many such parts each would else make an array as large as x, and add it.
    fn add_adjoint(&self, _y: &Tensor<T>, _sum: &mut Tensor<T>) -> bool {
        false
    }

    /// A x, recorded.
    #[inline]
    #[track_caller]
    fn of(self, x: &Tensor<T>) -> Tensor<T> {
        Recorded { map: self, side: Side::Map }.of(x)
    }

    /// A x, which was computed by other means, recorded; `map` is called if it is tracked.
    #[track_caller]
    fn record(map: impl FnOnce() -> Self, x: &Tensor<T>, y: Tensor<T>) -> Tensor<T> {
        match Reasons::of(&[x]) {
            Some(reasons) => y.record_for(reasons, &[x], |_| Recorded { map: map(), side: Side::Map }),
            None => y,
        }
    }

    /// Aᵀ y, recorded.
    #[inline]
    #[track_caller]
    fn adjoint_of(self, y: &Tensor<T>) -> Tensor<T> {
        Recorded { map: self, side: Side::Adjoint }.of(y)
    }
}

/// A linear map or its adjoint in the graph. One type for both, as much is compiled for each type of a node.
struct Recorded<M> {
    map: M,
    side: Side,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Map,
    Adjoint,
}

impl<M> Recorded<M> {
    /// What it makes of a tensor, recorded.
    #[inline(never)]
    #[track_caller]
    fn of<T: Float>(self, input: &Tensor<T>) -> Tensor<T>
    where
        M: LinearMap<T>,
    {
        let output = match self.side {
            Side::Map => self.map.map(input),
            Side::Adjoint => self.map.adjoint(input),
        };
        match Reasons::of(&[input]) {
            Some(reasons) => output.record_for(reasons, &[input], |_| self),
            None => output,
        }
    }
}

impl<T: Float, M: LinearMap<T>> Op<T> for Recorded<M> {
    fn name(&self) -> &'static str {
        match self.side {
            Side::Map => M::NAME,
            Side::Adjoint => M::ADJOINT,
        }
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let grad = ctx.grad();
        let other = match self.side {
            Side::Map => Side::Adjoint,
            Side::Adjoint => Side::Map,
        };
        let add = |sum: &mut Tensor<T>| self.side == Side::Map && self.map.add_adjoint(&grad, sum);
        ctx.propagate_into(0, add, || Recorded { map: self.map.clone(), side: other }.of(&grad));
    }
}

impl<M: Debug> Debug for Recorded<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.side {
            Side::Map => self.map.fmt(f),
            Side::Adjoint => write!(f, "adjoint of {:?}", self.map),
        }
    }
}
