//! Operations that are linear in their only input: each is declared as a map together with its adjoint.
//!
//! For y = A x the gradient is Aᵀ dy, which does not depend on x, and the gradient of that is A again. So such an
//! operation saves no values, and its gradients of any order are the two functions of [`LinearMap`]: for `slice` the
//! adjoint writes the slice into zeros, for `gather` it is `scatter_add`, for `flip` it is `flip` itself.

use std::fmt::{self, Debug};

use crate::float::Float;
use crate::graph::Backward;
use crate::op::Op;
use crate::tensor::Tensor;

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
    #[inline(never)]
    #[track_caller]
    fn of(self, x: &Tensor<T>) -> Tensor<T> {
        self.map(x).record(&[x], |_| Forward(self))
    }

    /// A x, which was computed by other means, recorded; `map` is called if it is tracked.
    #[track_caller]
    fn record(map: impl FnOnce() -> Self, x: &Tensor<T>, y: Tensor<T>) -> Tensor<T> {
        y.record(&[x], |_| Forward(map()))
    }

    /// Aᵀ y, recorded.
    #[inline(never)]
    #[track_caller]
    fn adjoint_of(self, y: &Tensor<T>) -> Tensor<T> {
        self.adjoint(y).record(&[y], |_| Adjoint(self))
    }
}

/// A linear map in the graph.
struct Forward<M>(M);
/// The adjoint of a linear map in the graph.
struct Adjoint<M>(M);

impl<T: Float, M: LinearMap<T>> Op<T> for Forward<M> {
    fn name(&self) -> &'static str {
        M::NAME
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let grad = ctx.grad();
        ctx.propagate_into(0, |sum| self.0.add_adjoint(&grad, sum), || self.0.clone().adjoint_of(&grad));
    }
}

impl<T: Float, M: LinearMap<T>> Op<T> for Adjoint<M> {
    fn name(&self) -> &'static str {
        M::ADJOINT
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let grad = ctx.grad();
        ctx.propagate(0, || self.0.clone().of(&grad));
    }
}

impl<M: Debug> Debug for Forward<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<M: Debug> Debug for Adjoint<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "adjoint of {:?}", self.0)
    }
}
