//! Sine, cosine and tangent.

use super::{Fused, Keep, ONE, Rule};
use crate::float::Float;
use crate::kernels::map::{Formula, each_of};
use crate::scalar::Scalar;
use crate::tensor::{Tensor, mapped_rows};

/// The sine some quarter turns later. Rare are angles so large that they need more digits of π.
#[derive(Clone, Copy)]
struct Wave {
    quarters: u32,
}

impl<T: Scalar> Formula<T, 1> for Wave {
    const HAS_RARE: bool = true;

    #[inline(always)]
    fn common(&self, [x]: [T; 1]) -> T {
        x.wave(self.quarters)
    }

    #[inline(always)]
    fn is_rare(&self, [x]: [T; 1]) -> bool {
        x.is_far()
    }

    #[inline(always)]
    fn rare(&self, [x]: [T; 1]) -> T {
        x.wave_far(self.quarters)
    }
}

/// A gradient times a [`Wave`].
impl<T: Scalar> Formula<T, 2> for Wave {
    const HAS_RARE: bool = true;

    #[inline(always)]
    fn common(&self, [grad, x]: [T; 2]) -> T {
        grad * x.wave(self.quarters)
    }

    #[inline(always)]
    fn is_rare(&self, [_, x]: [T; 2]) -> bool {
        x.is_far()
    }

    #[inline(always)]
    fn rare(&self, [grad, x]: [T; 2]) -> T {
        grad * x.wave_far(self.quarters)
    }
}

/// The derivative of a wave is one a quarter turn later.
impl<T: Float> Fused<T, 1> for Wave {
    fn fused(&self, grad: &Tensor<T>, [x]: [&Tensor<T>; 1]) -> Tensor<T> {
        mapped_rows([grad, x], &each_of(*self))
    }
}

impl<T: Float> Rule<T, 1> for Wave {
    fn recorded(&self, grad: &Tensor<T>, [x]: [&Tensor<T>; 1]) -> Tensor<T> {
        if self.quarters == 1 { grad * x.cos() } else { -(grad * x.sin()) }
    }
}

#[derive(Clone, Copy)]
struct Tangent;

impl<T: Scalar> Formula<T, 1> for Tangent {
    const HAS_RARE: bool = true;

    #[inline(always)]
    fn common(&self, [x]: [T; 1]) -> T {
        x.wave(0) / x.wave(1)
    }

    #[inline(always)]
    fn is_rare(&self, [x]: [T; 1]) -> bool {
        x.is_far()
    }

    #[inline(always)]
    fn rare(&self, [x]: [T; 1]) -> T {
        x.wave_far(0) / x.wave_far(1)
    }
}

/// # Pointwise functions: trigonometric functions
impl<T: Float> Tensor<T> {
    /// Sine, of radians.        dy/dx = cos x
    ///
    /// As [`torch.sin`](https://docs.pytorch.org/docs/stable/generated/torch.sin.html). The angle may be as large as
    /// the type allows.
    #[inline(never)]
    #[track_caller]
    pub fn sin(&self) -> Tensor<T> {
        self.wave("sin", 0)
    }

    /// Cosine, of radians.        dy/dx = -sin x
    ///
    /// As [`torch.cos`](https://docs.pytorch.org/docs/stable/generated/torch.cos.html).
    #[inline(never)]
    #[track_caller]
    pub fn cos(&self) -> Tensor<T> {
        self.wave("cos", 1)
    }

    /// Tangent, of radians.    y = sin x / cos x        dy/dx = 1 + y²
    ///
    /// As [`torch.tan`](https://docs.pytorch.org/docs/stable/generated/torch.tan.html).
    #[inline(never)]
    #[track_caller]
    pub fn tan(&self) -> Tensor<T> {
        let values = mapped_rows([self], &each_of(Tangent));
        let derivative = derivative!(|g, y| g * (ONE + y * y));
        self.recorded_pointwise(values, "tan", derivative.keep, || derivative.rule())
    }

    #[track_caller]
    fn wave(&self, name: &'static str, quarters: u32) -> Tensor<T> {
        let values = mapped_rows([self], &each_of(Wave { quarters }));
        self.recorded_pointwise(values, name, [Keep::Input], || Box::new(Wave { quarters: quarters + 1 }))
    }
}

instances!(sin cos tan);

#[cfg(test)]
mod tests {
    gradients!(sin: |x| x.sin(), [3, 4]);
    gradients!(cos: |x| x.cos(), [3, 4]);
    gradients!(tan: |x| x.tanh().tan(), [3, 4]);
}
