//! Which generic functions are compiled in this crate, and not once more in each program that calls them.
//!
//! A generic function is compiled by the crate that calls it, for the types that it is called with. Tensors have just
//! two element types, so most of this crate can be compiled here. Two things together do that:
//!
//! - `#[inline(never)]`: the compiler takes such a function from another crate's library, if it is there, also when
//!   it optimises. What the function calls comes with it.
//! - `instances!`: it refers to the functions for both element types, so that they are there.
//!
//! So an operation that is named in a line `instances!(...)` of its file costs a program that calls it no more than
//! the call. `tests/instances.rs` finds the operations that are not named.

/// Compiles methods of `Tensor` for both element types: `instances!(exp ln)`; those of another type:
/// `instances!(Param: tensor set)`; functions: `instances!(fn grad)`. Of a method that has other parameters too than
/// the element type, it takes a call: `instances!(|x| x.clamp(T::ZERO, T::ONE))`.
macro_rules! instances {
    (fn $($function:ident)+) => {
        $(
            const _: () = {
                $crate::instances::compiled!($function::<f32>, $function::<f64>);
            };
        )+
    };
    ($($method:ident)+) => {
        $(
            const _: () = {
                $crate::instances::compiled!($crate::Tensor::<f32>::$method, $crate::Tensor::<f64>::$method);
            };
        )+
    };
    ($type:ident: $($method:ident)+) => {
        $(
            const _: () = {
                $crate::instances::compiled!($type::<f32>::$method, $type::<f64>::$method);
            };
        )+
    };
    (|$x:ident| $($call:expr),+ $(,)?) => {
        $(
            const _: () = {
                #[allow(dead_code, clippy::eq_op)]
                fn call<T: $crate::Float>($x: &$crate::Tensor<T>) {
                    let _ = $call;
                }
                $crate::instances::compiled!(call::<f32>, call::<f64>);
            };
        )+
    };
}

/// A static refers to the functions, and a static is compiled whether or not it is used.
macro_rules! compiled {
    ($single:expr, $double:expr) => {
        static _SINGLE: std::sync::atomic::AtomicPtr<()> = std::sync::atomic::AtomicPtr::new($single as *mut ());
        static _DOUBLE: std::sync::atomic::AtomicPtr<()> = std::sync::atomic::AtomicPtr::new($double as *mut ());
    };
}

pub(crate) use compiled;
