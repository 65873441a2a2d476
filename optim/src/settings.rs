//! Checks of settings, and what several rules compute alike.

use autograd::Float;

/// A setting that must be finite and not negative.
#[track_caller]
pub(crate) fn not_negative(name: &str, value: f64) -> f64 {
    assert!(value >= 0.0 && value.is_finite(), "optimizer: a {name} of {value} is not a number from 0 on");
    value
}

/// A setting that must lie in [0, 1).
#[track_caller]
pub(crate) fn fraction(name: &str, value: f64) -> f64 {
    assert!((0.0..1.0).contains(&value), "optimizer: a {name} of {value} is not in [0, 1)");
    value
}

/// A gradient, or a step's direction, plus `weight_decay` times the weight. Without a decay it stays as it is, as in
/// PyTorch: 0 times an infinite weight would be NaN. (The decay is the same for all weights of a step, so that the
/// compiler makes two loops of one.)
#[inline(always)]
pub(crate) fn decayed<T: Float>(gradient: T, weight: T, weight_decay: T) -> T {
    if weight_decay == T::ZERO { gradient } else { gradient + weight_decay * weight }
}

/// Builders of optimizers for the settings that several rules have: fields of the rule with the same names.
macro_rules! builders {
    ($rule:ty: $($setting:ident),+) => {
        impl<T: autograd::Float> $crate::driver::Driver<T, $rule> {
            $($crate::settings::builder!($setting);)+
        }
    };
}

macro_rules! builder {
    (betas) => {
        /// How slowly the running means of the gradient and of its size forget, each in [0, 1).
        ///
        /// # Panics
        /// If one is not.
        #[track_caller]
        pub fn betas(self, first: f64, second: f64) -> Self {
            use $crate::settings::fraction;
            let betas = (fraction("beta", first), fraction("beta", second));
            self.with(|rule| rule.betas = betas)
        }
    };
    (eps) => {
        /// What is added to a divisor, so that it is not 0: where, the formula says.
        ///
        /// # Panics
        /// If it is negative or not finite.
        #[track_caller]
        pub fn eps(self, eps: f64) -> Self {
            let eps = $crate::settings::not_negative("eps", eps);
            self.with(|rule| rule.eps = eps)
        }
    };
    (weight_decay) => {
        /// Adds so many times the weight to its gradient, if the formula does not say otherwise.
        ///
        /// # Panics
        /// If it is negative or not finite.
        #[track_caller]
        pub fn weight_decay(self, weight_decay: f64) -> Self {
            let weight_decay = $crate::settings::not_negative("weight decay", weight_decay);
            self.with(|rule| rule.weight_decay = weight_decay)
        }
    };
    (decoupled_weight_decay) => {
        /// Whether the weight decay acts on the weight itself, as in [`AdamW`](crate::AdamW), and not on its gradient.
        #[track_caller]
        pub fn decoupled_weight_decay(self, decoupled: bool) -> Self {
            self.with(|rule| rule.decoupled_weight_decay = decoupled)
        }
    };
    (momentum) => {
        /// Steps along a decaying sum of what the steps would be without it.
        ///
        /// # Panics
        /// If it is negative or not finite.
        #[track_caller]
        pub fn momentum(self, momentum: f64) -> Self {
            let momentum = $crate::settings::not_negative("momentum", momentum);
            self.with(|rule| rule.momentum = momentum)
        }
    };
}

/// The two methods of a [`Rule`](crate::Rule) by which schedules change a momentum: this field of the rule is it.
macro_rules! momentum_is {
    ($($field:tt).+) => {
        fn momentum(&self) -> Option<f64> {
            Some(self.$($field).+)
        }

        fn set_momentum(&mut self, momentum: f64) {
            self.$($field).+ = momentum;
        }
    };
}

pub(crate) use {builder, builders, momentum_is};

/// How the weights of a step decay: by way of their gradients, or by themselves.
#[derive(Clone, Copy)]
pub(crate) struct Decay<T> {
    by_gradient: T,
    kept: T,
}

impl<T: Float> Decay<T> {
    pub(crate) fn new(weight_decay: f64, decoupled: bool, learning_rate: f64) -> Self {
        if decoupled {
            let kept = T::ONE - T::from_f64(learning_rate) * T::from_f64(weight_decay);
            Decay { by_gradient: T::ZERO, kept }
        } else {
            Decay { by_gradient: T::from_f64(weight_decay), kept: T::ONE }
        }
    }

    /// The weight and the gradient from which the formula goes on.
    #[inline(always)]
    pub(crate) fn apply(&self, weight: T, gradient: T) -> (T, T) {
        (weight * self.kept, decayed(gradient, weight, self.by_gradient))
    }
}
