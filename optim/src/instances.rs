//! Which generic code is compiled in this crate: see the file of the same name in the crate `autograd`.

/// Compiles the passes of a rule for both element types here, and not once more in each program that uses it. Its
/// `update` is marked `#[inline(never)]`.
macro_rules! instances {
    ($rule:ident) => {
        const _: () = {
            use std::sync::atomic::AtomicPtr;
            static _SINGLE: AtomicPtr<()> = AtomicPtr::new(<$rule as $crate::Rule<f32>>::update as *mut ());
            static _DOUBLE: AtomicPtr<()> = AtomicPtr::new(<$rule as $crate::Rule<f64>>::update as *mut ());
        };
    };
}
