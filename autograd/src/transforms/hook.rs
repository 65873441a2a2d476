//! A closure that is called with the gradient of a tensor.

use std::fmt;
use std::panic::Location;

use crate::error::shape_error;
use crate::float::Float;
use crate::graph::Backward;
use crate::lock::none_is_held;
use crate::op::Op;
use crate::tensor::Tensor;

/// What a hook returns: nothing, a gradient to go on with, or one or the other.
pub trait NewGradient<T: Float>: sealed::NewGradient<T> {}
impl<T: Float, G: sealed::NewGradient<T>> NewGradient<T> for G {}

mod sealed {
    use super::{Float, Tensor};

    pub trait NewGradient<T: Float> {
        fn into_gradient(self) -> Option<Tensor<T>>;
    }

    impl<T: Float> NewGradient<T> for () {
        fn into_gradient(self) -> Option<Tensor<T>> {
            None
        }
    }

    impl<T: Float> NewGradient<T> for Tensor<T> {
        fn into_gradient(self) -> Option<Tensor<T>> {
            Some(self)
        }
    }

    impl<T: Float> NewGradient<T> for Option<Tensor<T>> {
        fn into_gradient(self) -> Option<Tensor<T>> {
            self
        }
    }
}

type Hook<T> = Box<dyn Fn(&Tensor<T>) -> Option<Tensor<T>> + Send + Sync>;

/// y = x        dx = what the hook makes of dy
struct OnGradient<T: Float> {
    hook: Hook<T>,
    line: &'static Location<'static>,
}

impl<T: Float> fmt::Debug for OnGradient<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "on_gradient at {}", self.line)
    }
}

impl<T: Float> Op<T> for OnGradient<T> {
    fn name(&self) -> &'static str {
        "on_gradient"
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        debug_assert!(none_is_held(), "on_gradient: a lock is held");
        let grad = ctx.grad();
        let new = (self.hook)(&grad).unwrap_or_else(|| grad.clone());
        if new.shape() != grad.shape() {
            let (old, new, line) = (grad.shape(), new.shape(), self.line);
            shape_error(
                "on_gradient",
                format_args!("the hook of {line} made a gradient of shape {new} of one of shape {old}"),
            );
        }
        ctx.propagate(0, || new);
    }
}

/// # Gradients: hooks
impl<T: Float> Tensor<T> {
    /// This tensor, with a hook between it and what is computed from the result: when backward has the whole gradient
    /// of the result, it calls `hook` with it, and goes on to this tensor with what the hook returns, or with the same
    /// gradient if it returns nothing.
    ///
    /// For looking at a gradient, clipping it, or stopping it, at a leaf as well as in the middle of a computation. As
    /// [`torch.Tensor.register_hook`](https://docs.pytorch.org/docs/stable/generated/torch.Tensor.register_hook.html);
    /// but tensors are immutable, so the hook belongs to the result and sees what flows through it. The gradient of
    /// the result is the one that the hook is called with, that of this tensor the one that it returns.
    ///
    /// The hook runs once for each backward that needs this tensor's gradient, on the thread of backward, while no
    /// lock is held: it may use tensors, fork, and wait. With [`Order::Higher`](crate::Order) the gradient that it
    /// gets is tracked and what it computes is differentiated. Of a tensor that is not tracked the result is the
    /// tensor itself: there is no gradient to call the hook with.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::from_vec(vec![1.0, 2.0], [2]).requires_grad();
    /// let seen = x.on_gradient(|gradient| println!("{gradient}"));
    /// let halved = seen.on_gradient(|gradient| gradient * 0.5);
    /// let gradients = (&halved * &halved).sum().backward();
    /// assert_eq!(gradients.get(&x).unwrap().to_vec(), [1.0, 2.0]);
    /// ```
    ///
    /// # Panics
    /// In backward, if the hook returns a gradient of another shape.
    #[track_caller]
    pub fn on_gradient<G: NewGradient<T>>(&self, hook: impl Fn(&Tensor<T>) -> G + Send + Sync + 'static) -> Tensor<T> {
        let line = Location::caller();
        let hook: Hook<T> = Box::new(move |gradient| hook(gradient).into_gradient());
        self.detach().record(&[self], |_| OnGradient { hook, line })
    }
}
