//! How a layer without parameters is declared: its settings as they are printed, and its forward.

/// `stateless!(Name, |layer| settings, |layer, x, mode| output)`, for all element types `T`.
macro_rules! stateless {
    ($name:ident, |$layer:ident| $settings:expr, |$self:ident, $x:ident, $mode:pat_param| $forward:expr) => {
        impl<T: autograd::Float> $crate::Module<T> for $name {
            fn kind(&self) -> &'static str {
                stringify!($name)
            }

            fn settings(&self) -> String {
                let $layer = self;
                $settings
            }

            fn members(&self, _: &mut dyn FnMut(&str, $crate::Member<'_, T>)) {}
        }

        impl<T: autograd::Float> $crate::Layer<T> for $name {
            /// # Panics
            /// As the operation does, if the input's shape does not fit.
            #[track_caller]
            fn forward(&self, $x: &autograd::Tensor<T>, $mode: $crate::Mode<'_>) -> autograd::Tensor<T> {
                let $self = self;
                $forward
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(&$crate::Module::<f32>::tree(self))
            }
        }
    };
}

pub(crate) use stateless;
