//! Signals and images resampled to other extents.

use crate::error::shape_error;
use crate::float::Float;
use crate::indices::Indices;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// How [`Tensor::interpolate`] makes values between the elements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Interpolation {
    /// The nearest element towards the beginning: PyTorch's `"nearest"`.
    #[default]
    Nearest,
    /// Linear between the two neighbours in each dimension: PyTorch's `"linear"` and `"bilinear"`.
    Linear {
        /// Whether the centres of the outermost elements stay where they are, instead of the outermost elements' edges.
        align_corners: bool,
    },
}

/// The positions between which an output lies, and how far it is from the first: PyTorch's rules.
fn neighbours(position: usize, [from, to]: [usize; 2], scale: f64, align_corners: bool) -> ([usize; 2], f64) {
    let source = if align_corners {
        let step = if to > 1 { (from - 1) as f64 / (to - 1) as f64 } else { 0.0 };
        step * position as f64
    } else {
        (scale * (position as f64 + 0.5) - 0.5).max(0.0)
    };
    let first = (source as usize).min(from - 1);
    ([first, (first + 1).min(from - 1)], (source - first as f64).clamp(0.0, 1.0))
}

fn all_neighbours([from, to]: [usize; 2], scale: f64, align_corners: bool) -> Vec<([usize; 2], f64)> {
    (0..to).map(|position| neighbours(position, [from, to], scale, align_corners)).collect()
}

fn nth_neighbours(all: &[([usize; 2], f64)], which: usize) -> Indices {
    all.iter().map(|(both, _)| both[which]).collect()
}

/// The nearest elements of the outputs.
fn nearest([from, to]: [usize; 2], scale: f64) -> Indices {
    // In f32, as PyTorch does it for all types: another rounding takes another element.
    let source = |position: usize| ((position as f32 * scale as f32).floor() as usize).min(from - 1);
    (0..to).map(source).collect()
}

/// One dimension resampled to `to` elements, where an output's step is `scale` elements of the input.
#[track_caller]
fn resampled<T: Float>(x: &Tensor<T>, dim: usize, to: usize, scale: f64, mode: Interpolation) -> Tensor<T> {
    let from = x.shape()[dim];
    match mode {
        Interpolation::Nearest => x.index_select(dim as isize, nearest([from, to], scale)),
        Interpolation::Linear { align_corners } => {
            let all = all_neighbours([from, to], scale, align_corners);
            let of = |which: usize| nth_neighbours(&all, which);
            let mut along = Shape::from(vec![1; x.rank()]);
            along.set(dim, to);
            let share = |weight: &dyn Fn(f64) -> f64| {
                Tensor::of_values(all.iter().map(|&(_, share)| T::from_f64(weight(share))), &along)
            };
            // Not in a closure, which would hide the caller's line.
            let (first, second) = (x.index_select(dim as isize, of(0)), x.index_select(dim as isize, of(1)));
            first * share(&|share| 1.0 - share) + second * share(&|share| share)
        }
    }
}

/// The last dimensions resampled, each to an extent with a step.
#[inline(never)]
#[track_caller]
fn resampled_all<T: Float>(op: &str, x: &Tensor<T>, to: &[(usize, f64)], mode: Interpolation) -> Tensor<T> {
    let shape = x.shape();
    if to.is_empty() || shape.rank() != to.len() + 2 {
        let message =
            format_args!("{} extents for shape {shape}: wanted one for each dimension behind [N, C]", to.len());
        shape_error(op, message);
    }
    if let Some(dim) = (2..shape.rank()).find(|&dim| shape[dim] == 0 || to[dim - 2].0 == 0) {
        let message = format_args!("dimension {dim} of shape {shape} to {} elements: wanted 1 at least", to[dim - 2].0);
        shape_error(op, message);
    }
    let mut x = x.clone();
    for (dim, &(to, scale)) in to.iter().enumerate() {
        x = resampled(&x, dim + 2, to, scale, mode);
    }
    x
}

/// # Shapes: other extents, with values in between
impl<T: Float> Tensor<T> {
    /// Signals `[N, C, L]` or images `[N, C, H, W]` resampled to other extents of the last dimensions.    y_i =
    /// x_⌊s i⌋, or (1 - λ) x_j + λ x_j+1 with j + λ = s (i + ½) - ½, where s is the old extent divided by the new one
    ///        dx_k = the sum of each dy_i times its share of x_k
    ///
    /// As
    /// [`torch.nn.functional.interpolate`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.interpolate.html)
    /// with a `size`. Linear in x; the gradient is added to where the values come from.
    ///
    /// ```
    /// use autograd::{Interpolation, Tensor};
    /// let x = Tensor::from_vec(vec![1.0, 3.0], [1, 1, 2]);
    /// assert_eq!(x.interpolate([4], Interpolation::Nearest).to_vec(), [1.0, 1.0, 3.0, 3.0]);
    /// let linear = |align_corners| x.interpolate([3], Interpolation::Linear { align_corners }).to_vec();
    /// assert_eq!(linear(true), [1.0, 2.0, 3.0]);
    /// ```
    ///
    /// # Panics
    /// If there is not one extent for each dimension behind the second, or an old or new extent is 0.
    #[track_caller]
    pub fn interpolate(&self, size: impl AsRef<[usize]>, mode: Interpolation) -> Tensor<T> {
        let own = self.shape().get(2..).unwrap_or_default();
        let step = |(dim, &to): (usize, &usize)| (to, own.get(dim).map_or(1.0, |&from| from as f64 / to as f64));
        let to: Vec<(usize, f64)> = size.as_ref().iter().enumerate().map(step).collect();
        resampled_all("interpolate", self, &to, mode)
    }

    /// As [`interpolate`](Tensor::interpolate), to so many times the old extents, rounded down. The step is 1 / factor,
    /// as in PyTorch, also where that is not the quotient of the extents.        dx = as there
    ///
    /// As
    /// [`torch.nn.functional.interpolate`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.interpolate.html)
    /// with a `scale_factor`.
    ///
    /// ```
    /// use autograd::{Interpolation, Tensor};
    /// let x = Tensor::from_vec(vec![1.0, 2.0, 3.0], [1, 1, 3]);
    /// assert_eq!(x.interpolate_by(&[1.5], Interpolation::Nearest).to_vec(), [1.0, 1.0, 2.0, 3.0]);
    /// ```
    ///
    /// # Panics
    /// If there is not one factor for each dimension behind the second, or an old or new extent is 0.
    #[track_caller]
    pub fn interpolate_by(&self, scale_factors: &[f64], mode: Interpolation) -> Tensor<T> {
        let own = self.shape().get(2..).unwrap_or_default();
        let step = |(dim, &factor): (usize, &f64)| {
            ((own.get(dim).map_or(1.0, |&from| from as f64) * factor).floor() as usize, factor.recip())
        };
        let to: Vec<(usize, f64)> = scale_factors.iter().enumerate().map(step).collect();
        resampled_all("interpolate_by", self, &to, mode)
    }
}

instances!(fn resampled_all);

#[cfg(test)]
mod tests {
    use super::Interpolation;
    use crate::Tensor;

    gradients!(interpolate: |x| x.interpolate([3, 5], Interpolation::Nearest).powf(2.0), [1, 2, 2, 3]; fixed);
    gradients!(
        interpolate_linear: |x| x.interpolate([5, 2], Interpolation::Linear { align_corners: false }).powf(2.0),
        [1, 2, 3, 4]; fixed
    );
    gradients!(
        interpolate_by: |x| x.interpolate_by(&[1.7], Interpolation::Linear { align_corners: true }).powf(2.0),
        [2, 1, 3]; fixed
    );

    #[test]
    fn values_between_are_those_of_the_rules() {
        let x = Tensor::from_vec(vec![0.0, 10.0, 20.0], [1, 1, 3]);
        let linear = |to: usize, align_corners| x.interpolate([to], Interpolation::Linear { align_corners }).to_vec();
        // Steps of a half: sources -0.25 (as 0), 0.25, 0.75, ...
        assert_eq!(linear(6, false), [0.0, 2.5, 7.5, 12.5, 17.5, 20.0]);
        assert_eq!(linear(5, true), [0.0, 5.0, 10.0, 15.0, 20.0]);
        assert_eq!(linear(1, true), [0.0]);
        assert_eq!(linear(1, false), [10.0]);
        assert_eq!(x.interpolate([2], Interpolation::Nearest).to_vec(), [0.0, 10.0]);
    }

    #[test]
    fn rows_and_columns_are_resampled_alike() {
        let x = Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], [1, 1, 2, 2]);
        let y = x.interpolate([3, 3], Interpolation::Linear { align_corners: true });
        assert_eq!(y.to_vec(), [1.0, 1.5, 2.0, 2.0, 2.5, 3.0, 3.0, 3.5, 4.0]);
    }

    #[test]
    #[should_panic(expected = "interpolate: 1 extents for shape [1, 2, 3, 4]: wanted one for each dimension behind")]
    fn each_dimension_has_an_extent() {
        Tensor::<f32>::zeros([1, 2, 3, 4]).interpolate([2], Interpolation::Nearest);
    }

    #[test]
    #[should_panic(expected = "interpolate: dimension 2 of shape [1, 1, 0] to 4 elements: wanted 1 at least")]
    fn nothing_has_no_values_between() {
        Tensor::<f32>::zeros([1, 1, 0]).interpolate([4], Interpolation::Nearest);
    }
}
