//! The momentum of a cycle, which goes down while the learning rate goes up.

/// Builders of a schedule for its field `momenta`, the least and the largest momentum, if it changes it at all.
macro_rules! builders_of_momenta {
    ($schedule:ident) => {
        impl $schedule {
            /// The least and the largest momentum: PyTorch's `base_momentum` and `max_momentum`.
            ///
            /// # Panics
            /// If one is not in [0, 1).
            #[track_caller]
            pub fn momentum_between(mut self, least: f64, largest: f64) -> Self {
                use $crate::settings::fraction;
                self.momenta = Some((fraction("momentum", least), fraction("momentum", largest)));
                self
            }

            /// Leaves the momentum alone: PyTorch's `cycle_momentum=False`, for optimizers without one.
            pub fn without_momentum(mut self) -> Self {
                self.momenta = None;
                self
            }
        }
    };
}

pub(crate) use builders_of_momenta;
