//! Constructors, with PyTorch's names.

use crate::error::mistake;
use crate::float::Float;
use crate::random::Seed;
use crate::shape::Shape;
use crate::tensor::Tensor;

impl<T: Float> Tensor<T> {
    /// A tensor of zeros.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::<f32>::zeros([2, 2]).to_vec(), [0.0; 4]);
    /// ```
    #[track_caller]
    pub fn zeros(shape: impl Into<Shape>) -> Self {
        Tensor::full(shape, T::ZERO)
    }

    /// A tensor of ones.
    #[track_caller]
    pub fn ones(shape: impl Into<Shape>) -> Self {
        Tensor::full(shape, T::ONE)
    }

    /// A tensor whose every element is `value`.
    #[track_caller]
    pub fn full(shape: impl Into<Shape>, value: T) -> Self {
        Tensor::build(shape.into(), |out| out.fill(value))
    }

    /// A single number: shape `[]`.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::scalar(2.5_f64).rank(), 0);
    /// ```
    pub fn scalar(value: T) -> Self {
        Tensor::full((), value)
    }

    /// A tensor of the given shape with these numbers in row-major order.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], [2, 2]);
    /// assert_eq!(x.t().to_vec(), [1.0, 3.0, 2.0, 4.0]);
    /// ```
    ///
    /// # Panics
    /// If the shape's elements are not as many as the numbers.
    #[track_caller]
    pub fn from_vec(numbers: Vec<T>, shape: impl Into<Shape>) -> Self {
        Tensor::from_slice(&numbers, shape)
    }

    /// As [`from_vec`](Tensor::from_vec), from numbers that stay where they are.
    ///
    /// # Panics
    /// If the shape's elements are not as many as the numbers.
    #[track_caller]
    pub fn from_slice(numbers: &[T], shape: impl Into<Shape>) -> Self {
        let shape = shape.into();
        if shape.numel() != numbers.len() {
            let expected = shape.numel();
            mistake(
                "from_vec",
                format_args!("shape {shape} has {expected} elements, but there are {} numbers", numbers.len()),
            );
        }
        Tensor::build(shape, |out| out.copy_from_slice(numbers))
    }

    /// The numbers `start`, `start + step`, ... below `end` (above it, if `step` is negative).
    ///
    /// As [`torch.arange`](https://docs.pytorch.org/docs/stable/generated/torch.arange.html): `end` is not reached.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::arange(0.0, 1.0, 0.25).to_vec(), [0.0, 0.25, 0.5, 0.75]);
    /// ```
    ///
    /// # Panics
    /// If `step` is 0, leads away from `end`, or a bound is not finite.
    #[track_caller]
    pub fn arange(start: T, end: T, step: T) -> Self {
        let (first, last, stride) = (start.to_f64(), end.to_f64(), step.to_f64());
        let count = ((last - first) / stride).ceil();
        if stride == 0.0 || !count.is_finite() || count < 0.0 {
            mistake("arange", format_args!("steps of {step} do not lead from {start} to {end}"));
        }
        Tensor::build(Shape::from([count as usize]), |out| {
            for (index, number) in out.iter_mut().enumerate() {
                *number = T::from_f64(first + index as f64 * stride);
            }
        })
    }

    /// `steps` numbers from `start` to `end`, both included, at equal distances.
    ///
    /// As [`torch.linspace`](https://docs.pytorch.org/docs/stable/generated/torch.linspace.html).
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::linspace(0.0, 1.0, 5).to_vec(), [0.0, 0.25, 0.5, 0.75, 1.0]);
    /// ```
    #[track_caller]
    pub fn linspace(start: T, end: T, steps: usize) -> Self {
        let (first, last) = (start.to_f64(), end.to_f64());
        let stride = (last - first) / (steps.saturating_sub(1)).max(1) as f64;
        Tensor::build(Shape::from([steps]), |out| {
            for (index, number) in out.iter_mut().enumerate() {
                // Counted from the nearer end, so that the last number is `end` itself.
                *number = if index < steps.div_ceil(2) {
                    T::from_f64(first + index as f64 * stride)
                } else {
                    T::from_f64(last - (steps - 1 - index) as f64 * stride)
                };
            }
        })
    }

    /// The `size` × `size` matrix with ones on its diagonal.
    #[track_caller]
    pub fn eye(size: usize) -> Self {
        Tensor::build(Shape::from([size, size]), |out| {
            out.fill(T::ZERO);
            out.iter_mut().step_by(size + 1).for_each(|number| *number = T::ONE);
        })
    }

    /// Random numbers in [0, 1), each equally likely. `seed` is a number, or a [`Random`](crate::Random) to go on drawing from.
    ///
    /// ```
    /// use autograd::{Random, Tensor};
    /// let x: Tensor = Tensor::rand([2, 3], 0);
    /// assert_eq!(x.to_vec(), Tensor::rand([2, 3], 0).to_vec());
    /// let mut random = Random::new(0);
    /// let first: Tensor = Tensor::rand([2], &mut random);
    /// let next: Tensor = Tensor::rand([2], &mut random);
    /// assert_ne!(first.to_vec(), next.to_vec());
    /// ```
    #[track_caller]
    pub fn rand(shape: impl Into<Shape>, seed: impl Seed) -> Self {
        Tensor::uniform(shape, T::ZERO, T::ONE, seed)
    }

    /// Random numbers in [low, high), each equally likely.
    #[track_caller]
    pub fn uniform(shape: impl Into<Shape>, low: T, high: T, seed: impl Seed) -> Self {
        Tensor::build(shape.into(), |out| seed.draw(|random| random.fill_uniform(out, low.to_f64(), high.to_f64())))
    }

    /// Normal random numbers of mean 0 and standard deviation 1. `seed` is a number, or a [`Random`](crate::Random) to go on drawing from.
    #[track_caller]
    pub fn randn(shape: impl Into<Shape>, seed: impl Seed) -> Self {
        Tensor::build(shape.into(), |out| seed.draw(|random| random.fill_normal(out)))
    }
}

#[cfg(test)]
mod tests {
    use crate::Tensor;

    #[test]
    fn ranges_end_where_pytorch_ends_them() {
        assert_eq!(Tensor::arange(0.0_f64, 5.0, 2.0).to_vec(), [0.0, 2.0, 4.0]);
        assert_eq!(Tensor::arange(3.0_f64, 0.0, -1.0).to_vec(), [3.0, 2.0, 1.0]);
        assert_eq!(Tensor::arange(1.0_f64, 1.0, 1.0).numel(), 0);
        assert_eq!(Tensor::linspace(3.0_f32, 3.5, 1).to_vec(), [3.0]);
        assert_eq!(Tensor::linspace(0.0_f32, 0.7, 8).to_vec()[7], 0.7);
        assert_eq!(Tensor::<f32>::linspace(0.0, 1.0, 0).numel(), 0);
        assert_eq!(Tensor::<f32>::eye(3).to_vec(), [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
        assert_eq!(*Tensor::<f32>::eye(0).shape(), [0, 0]);
    }

    #[test]
    #[should_panic(expected = "from_vec: shape [2, 2] has 4 elements, but there are 3 numbers")]
    fn numbers_must_fill_the_shape() {
        Tensor::from_vec(vec![1.0_f32, 2.0, 3.0], [2, 2]);
    }

    #[test]
    #[should_panic(expected = "arange: steps of -1 do not lead from 0 to 3")]
    fn a_range_must_lead_to_its_end() {
        Tensor::arange(0.0_f32, 3.0, -1.0);
    }
}
