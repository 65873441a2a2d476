//! Constructors, with PyTorch's names.

use crate::arithmetic::Arithmetic;
use crate::error::{argument_error, shape_error};
use crate::float::Float;
use crate::kernels::parallel::fill;
use crate::random::{Random, Seed};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// # Creation
impl<T: Float> Tensor<T> {
    /// A tensor of zeros.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::<f32>::zeros([2, 2]).to_vec(), [0.0; 4]);
    /// ```
    #[track_caller]
    pub fn zeros(shape: impl Into<Shape>) -> Self {
        Tensor::filled("zeros", shape.into(), T::ZERO)
    }

    /// A tensor of ones.
    #[track_caller]
    pub fn ones(shape: impl Into<Shape>) -> Self {
        Tensor::filled("ones", shape.into(), T::ONE)
    }

    /// Ones of this tensor's shape, with its layout if that is row-major: a seed for the walk back.
    #[inline(never)]
    pub(crate) fn ones_like(&self) -> Self {
        Tensor::build_in(self.row_major(), |out| fill(out, T::ONE))
    }

    /// A tensor whose every element is `value`.
    #[track_caller]
    pub fn full(shape: impl Into<Shape>, value: T) -> Self {
        Tensor::filled("full", shape.into(), value)
    }

    #[inline(never)]
    #[track_caller]
    fn filled(op: &str, shape: Shape, value: T) -> Self {
        Tensor::build_for(op, shape, |out| fill(out, value))
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

    /// A tensor of the given shape with these values in row-major order.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], [2, 2]);
    /// assert_eq!(x.t().to_vec(), [1.0, 3.0, 2.0, 4.0]);
    /// ```
    ///
    /// # Panics
    /// If the shape's elements are not as many as the values.
    #[track_caller]
    pub fn from_vec(values: Vec<T>, shape: impl Into<Shape>) -> Self {
        Tensor::from_slice(&values, shape)
    }

    /// As [`from_vec`](Tensor::from_vec), from values that stay where they are.
    ///
    /// # Panics
    /// If the shape's elements are not as many as the values.
    #[track_caller]
    pub fn from_slice(values: &[T], shape: impl Into<Shape>) -> Self {
        Tensor::copied(values, shape.into())
    }

    #[inline(never)]
    #[track_caller]
    fn copied(values: &[T], shape: Shape) -> Self {
        let expected = shape.numel_for("from_vec");
        if expected != values.len() {
            shape_error(
                "from_vec",
                format_args!("shape {shape} has {expected} elements, but there are {} numbers", values.len()),
            );
        }
        Tensor::build_for("from_vec", shape, |out| out.copy_from_slice(values))
    }

    /// The numbers `start`, `start + step`, ... below `end` (above it, if `step` is negative).
    ///
    /// As [`torch.arange`](https://docs.pytorch.org/docs/stable/generated/torch.arange.html): `end` is not reached.
    /// PyTorch counts the elements in `f64`, from the literals of the program: so an `f32` of up to six digits stands
    /// for the decimal that it is printed as, 0.1 for one tenth.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::arange(0.0, 1.0, 0.25).to_vec(), [0.0, 0.25, 0.5, 0.75]);
    /// assert_eq!(Tensor::arange(0.0_f32, 0.3, 0.1).numel(), 3);
    /// ```
    ///
    /// # Panics
    /// If `step` is 0, leads away from `end`, a bound or `step` is not finite, or no memory holds so many elements.
    #[inline(never)]
    #[track_caller]
    pub fn arange(start: T, end: T, step: T) -> Self {
        let written = [as_written(start), as_written(end), as_written(step)];
        let number = |i: usize| written[i].unwrap_or([start, end, step][i].to_f64());
        let (first, last, stride) = (number(0), number(1), number(2));
        let leads = (stride > 0.0 && last >= first) || (stride < 0.0 && last <= first);
        if !leads || !(last - first).is_finite() || !stride.is_finite() {
            argument_error("arange", format_args!("steps of {step} do not lead from {start} to {end}"));
        }
        let steps = (last - first) / stride;
        // An `f32` with more digits was computed, and rounded then: a 61st goes 61 times into 1, though its `f32` is
        // less than that.
        let is_whole = written.contains(&None) && (steps - steps.round()).abs() <= steps * T::EPSILON.to_f64();
        let count = if is_whole { steps.round() } else { steps.ceil() };
        // Too large a count becomes the largest `usize`, which is refused as an extent.
        Tensor::build_for("arange", Shape::from([count as usize]), |out| {
            for (index, number) in out.iter_mut().enumerate() {
                *number = T::from_f64(first + index as f64 * stride);
            }
        })
    }

    /// A constant of so many values as the shape has elements.
    #[track_caller]
    pub(crate) fn of_values(values: impl Iterator<Item = T>, shape: impl Into<Shape>) -> Self {
        Tensor::build(shape, |out| out.iter_mut().zip(values).for_each(|(out, value)| *out = value))
    }

    /// `steps` numbers from `start` to `end`, both included, at equal distances.
    ///
    /// As [`torch.linspace`](https://docs.pytorch.org/docs/stable/generated/torch.linspace.html).
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::linspace(0.0, 1.0, 5).to_vec(), [0.0, 0.25, 0.5, 0.75, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If no memory holds so many elements.
    #[inline(never)]
    #[track_caller]
    pub fn linspace(start: T, end: T, steps: usize) -> Self {
        let (first, last) = (start.to_f64(), end.to_f64());
        let stride = (last - first) / (steps.saturating_sub(1)).max(1) as f64;
        Tensor::build_for("linspace", Shape::from([steps]), |out| {
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
    ///
    /// # Panics
    /// If no memory holds so many elements.
    #[inline(never)]
    #[track_caller]
    pub fn eye(size: usize) -> Self {
        Tensor::build_for("eye", Shape::from([size, size]), |out| {
            out.fill(T::ZERO);
            out.iter_mut().step_by(size + 1).for_each(|number| *number = T::ONE);
        })
    }

    /// Random numbers in [0, 1), each equally likely. `seed` is a number, or a [`Random`](crate::Random) to go on
    /// drawing from.
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
        Tensor::drawn("rand", shape.into(), seed, |random, out| random.fill_uniform(out, 0.0, 1.0))
    }

    /// Random numbers in [low, high), each equally likely; `low` if they are equal.
    ///
    /// # Panics
    /// If `low` is larger than `high`, or the distance between them is not finite.
    #[track_caller]
    pub fn uniform(shape: impl Into<Shape>, low: T, high: T, seed: impl Seed) -> Self {
        if !(low <= high && (high - low).is_finite()) {
            argument_error(
                "uniform",
                format_args!("from {low} to {high} is no interval: low ≤ high is wanted, and finite"),
            );
        }
        let (low, high) = (low.to_f64(), high.to_f64());
        Tensor::drawn("uniform", shape.into(), seed, |random, out| random.fill_uniform(out, low, high))
    }

    /// Normal random numbers of mean 0 and standard deviation 1. `seed` is a number, or a [`Random`](crate::Random) to
    /// go on drawing from.
    #[track_caller]
    pub fn randn(shape: impl Into<Shape>, seed: impl Seed) -> Self {
        Tensor::drawn("randn", shape.into(), seed, |random, out| random.fill_normal(out))
    }

    #[track_caller]
    fn drawn(op: &str, shape: Shape, seed: impl Seed, fill: impl FnOnce(&mut Random, &mut [T])) -> Self {
        Tensor::build_for(op, shape, |out| seed.draw(|random| fill(random, out)))
    }
}

/// The decimal that the number is printed as; `None` for an `f32` with more than the six digits that every decimal
/// keeps in it: nobody wrote that.
fn as_written<T: Float>(number: T) -> Option<f64> {
    let text = format!("{number:e}");
    let digits = text.split('e').next().unwrap_or_default().chars().filter(char::is_ascii_digit).count();
    if digits <= f32::DIGITS as usize || T::NAME == f64::NAME { text.parse().ok() } else { None }
}

instances!(filled copied arange linspace eye);
instances!(
    |x| Tensor::<T>::rand(x.shape(), 0),
    Tensor::<T>::uniform(x.shape(), T::ZERO, T::ONE, 0),
    Tensor::<T>::randn(x.shape(), 0)
);

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

    /// Start, end and step as they are written in a program, for both types.
    macro_rules! counts {
        ($([$start:literal, $end:literal, $step:literal])*) => {
            [$(([$start as f64, $end, $step], Tensor::arange($start as f32, $end, $step).numel())),*]
        };
    }

    #[test]
    fn a_range_of_f32_has_as_many_elements_as_its_literals_say() {
        for ([start, end, step], count) in counts!(
            [0.0, 0.3, 0.1] [0.0, 0.6, 0.2] [0.0, 0.7, 0.1] [0.0, 1.0, 0.1] [0.0, 1.0, 0.05] [0.0, 3.0, 0.01]
            [0.0, 0.15, 0.05] [0.0, 1.0, 1e-3] [0.0, 0.007, 1e-3] [1.0, 1.3, 0.1] [1.0, 2.0, 0.1] [-0.3, 0.3, 0.1]
            [0.3, 0.0, -0.1] [1.3, 1.0, -0.1] [2.0, -2.0, -0.05] [0.5, 0.0, -1e-3] [100.1, 100.4, 0.1] [5.0, 5.0, 0.1]
            [1e-3, 1e-2, 1e-3] [0.0, 1e6, 1e5] [0.0, 0.333333, 0.111111]
        ) {
            assert_eq!(count, ((end - start) / step).ceil() as usize, "from {start} to {end} by {step}");
        }
        assert_eq!(Tensor::arange(0.0_f32, 0.3, 0.1).to_vec(), [0.0, 0.1, 0.2]);
        // Ends at each multiple of each step, as decimals.
        for (step, digits) in [("0.1", 1), ("0.2", 1), ("0.05", 2), ("0.01", 2), ("0.001", 3)] {
            for (start, sign) in [("0", ""), ("1", ""), ("-0.3", ""), ("2.5", "-")] {
                for multiple in 0..300 {
                    let step = format!("{sign}{step}");
                    let number = |text: &str| text.parse::<f64>().unwrap();
                    let end =
                        format!("{:.digits$}", number(start) + f64::from(multiple) * number(&step), digits = digits);
                    let expected = ((number(&end) - number(start)) / number(&step)).ceil() as usize;
                    let [first, last, by] = [start, &end, &step].map(|text| text.parse::<f32>().unwrap());
                    assert_eq!(Tensor::arange(first, last, by).numel(), expected, "from {start} to {end} by {step}");
                }
            }
        }
    }

    #[test]
    fn a_range_by_a_computed_step_has_as_many_elements_as_steps() {
        let mut literals = 0;
        for parts in 1_u16..2000 {
            let (single, double) = (1.0 / f32::from(parts), 1.0 / f64::from(parts));
            // Of the doubles some have one more, as in PyTorch: 49 times a 49th is less than 1.
            let expected = (1.0 / double).ceil() as usize;
            assert_eq!(Tensor::arange(0.0, 1.0, double).numel(), expected, "by 1/{parts}");
            // A 101st is printed as 0.00990099, so it is taken for that literal, of which 1 has 102. That is one in
            // forty.
            let literal = super::as_written(single).map(|step| (1.0 / step).ceil() as usize);
            literals += usize::from(literal.is_some_and(|count| count != usize::from(parts)));
            let expected = literal.unwrap_or(usize::from(parts));
            assert_eq!(Tensor::arange(0.0, 1.0, single).numel(), expected, "by 1/{parts}");
        }
        assert!(literals < 50, "{literals} of 2000 computed steps are taken for literals and counted wrongly");
    }

    #[test]
    fn equal_bounds_are_an_interval_of_one_number() {
        assert_eq!(Tensor::uniform([3], 2.5_f32, 2.5, 0).to_vec(), [2.5; 3]);
    }

    /// What the refusal of a tensor says, and in which file it says that it was made.
    fn refusal(make: impl FnOnce() -> Tensor) -> String {
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(make));
        *caught.expect_err("a tensor was made").downcast::<String>().unwrap()
    }

    #[test]
    fn arguments_that_mean_nothing_are_refused() {
        let (nan, infinity) = (f32::NAN, f32::INFINITY);
        for (low, high) in [(1.0, 0.0), (nan, 1.0), (0.0, nan), (0.0, infinity), (-infinity, 0.0), (f32::MIN, f32::MAX)]
        {
            assert!(refusal(|| Tensor::uniform([2], low, high, 0)).starts_with("uniform: from "), "{low} to {high}");
        }
        for [start, end, step] in [
            [0.0, 1.0, 0.0],
            [0.0, 1.0, -0.0],
            [0.5, 0.0, 1.0],
            [0.0, 0.5, -1.0],
            [0.0, 1.0, nan],
            [nan, 1.0, 1.0],
            [0.0, infinity, 1.0],
            [-infinity, 0.0, 1.0],
            [0.0, 1.0, infinity],
        ] {
            let sentence = refusal(|| Tensor::arange(start, end, step));
            assert!(sentence.contains("do not lead from"), "{start} to {end} by {step}: {sentence}");
        }
    }

    #[test]
    fn sizes_beyond_all_memory_are_refused_by_name() {
        const SIDE: usize = 1 << 32;
        let makers: [(&str, &dyn Fn() -> Tensor); 9] = [
            ("zeros", &|| Tensor::zeros([SIDE, SIDE])),
            ("ones", &|| Tensor::ones([SIDE, SIDE])),
            ("full", &|| Tensor::full([SIDE, SIDE], 1.0)),
            ("from_vec", &|| Tensor::from_vec(vec![], [SIDE, SIDE])),
            ("eye", &|| Tensor::eye(SIDE)),
            ("rand", &|| Tensor::rand([SIDE, SIDE], 0)),
            ("uniform", &|| Tensor::uniform([SIDE, SIDE], 0.0, 1.0, 0)),
            ("randn", &|| Tensor::randn([SIDE, SIDE], 0)),
            ("tensor", &|| Tensor::build([SIDE, SIDE], |_| ())),
        ];
        for (name, make) in makers {
            let shape = "shape [4294967296, 4294967296] has more elements than any memory holds";
            assert_eq!(refusal(make), format!("{name}: {shape}"));
        }
        let count = (1_usize << 62).to_string();
        let bytes = (1_u128 << 64).to_string();
        let sentence = format!("the system has no memory for {count} elements of f32, {bytes} bytes");
        assert_eq!(refusal(|| Tensor::zeros(1 << 62)), format!("zeros: shape [{count}]: {sentence}"));
        assert_eq!(refusal(|| Tensor::linspace(0.0, 1.0, 1 << 62)), format!("linspace: shape [{count}]: {sentence}"));
        assert!(
            refusal(|| Tensor::arange(0.0, 1e30, 1.0)).starts_with("arange: shape [18446744073709551615] has more")
        );
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
