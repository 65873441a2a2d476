//! The arguments of a function that is to be differentiated or recomputed: one tensor, so many, or any number.

use crate::float::Float;
use crate::tensor::Tensor;

/// What a function is called with: one tensor, an array of them, or a slice.
///
/// | arguments | the closure takes | for each argument |
/// |---|---|---|
/// | `&x` | a `Tensor` | a `Tensor` |
/// | `[&a, &b]` | `[Tensor; 2]`, as in `\|[a, b]\| ...` | `[Tensor; 2]` |
/// | `&tensors[..]` | a `Vec<Tensor>` | a `Vec<Tensor>` |
pub trait Arguments<T: Float>: sealed::Arguments<T> {}
impl<T: Float, A: sealed::Arguments<T>> Arguments<T> for A {}

pub(super) mod sealed {
    use super::{Float, Tensor};

    pub trait Arguments<T: Float> {
        /// Something for each argument.
        type Each<V>;

        /// The arguments.
        fn tensors(&self) -> Vec<Tensor<T>>;

        /// As many values as there are arguments.
        fn each<V>(values: Vec<V>) -> Self::Each<V>;
    }
}

impl<T: Float> sealed::Arguments<T> for &Tensor<T> {
    type Each<V> = V;

    fn tensors(&self) -> Vec<Tensor<T>> {
        vec![Tensor::clone(self)]
    }

    fn each<V>(mut values: Vec<V>) -> V {
        values.pop().expect("one argument")
    }
}

impl<T: Float, const COUNT: usize> sealed::Arguments<T> for [&Tensor<T>; COUNT] {
    type Each<V> = [V; COUNT];

    fn tensors(&self) -> Vec<Tensor<T>> {
        self.iter().map(|&tensor| tensor.clone()).collect()
    }

    fn each<V>(values: Vec<V>) -> [V; COUNT] {
        let mut values = values.into_iter();
        std::array::from_fn(|_| values.next().expect("as many as arguments"))
    }
}

impl<T: Float> sealed::Arguments<T> for &[Tensor<T>] {
    type Each<V> = Vec<V>;

    fn tensors(&self) -> Vec<Tensor<T>> {
        self.to_vec()
    }

    fn each<V>(values: Vec<V>) -> Vec<V> {
        values
    }
}
