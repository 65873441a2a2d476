//! Triangles of matrices.

use crate::error::shape_error;
use crate::float::Float;
use crate::ops::linear_map::LinearMap;
use crate::tensor::Tensor;

/// y = x on and below (or on and above) a diagonal of each matrix, 0 elsewhere        its own adjoint
#[derive(Clone, Debug)]
struct Triangle {
    is_lower: bool,
    diagonal: isize,
}

impl<T: Float> LinearMap<T> for Triangle {
    const NAME: &'static str = "triangle";
    const ADJOINT: &'static str = "triangle";

    #[track_caller]
    fn map(&self, x: &Tensor<T>) -> Tensor<T> {
        let [rows, columns] = [x.size(-2), x.size(-1)];
        let dense = x.dense();
        let elements = dense.as_slice().expect("dense");
        Tensor::build(x.shape(), |out| {
            out.fill(T::ZERO);
            for (index, (out, row)) in
                out.chunks_exact_mut(columns.max(1)).zip(elements.chunks_exact(columns.max(1))).enumerate()
            {
                // The columns up to the diagonal: with it for the lower triangle, without it for the upper one.
                let diagonal = ((index % rows) as isize).saturating_add(self.diagonal);
                let end = diagonal.saturating_add(isize::from(self.is_lower)).clamp(0, columns as isize) as usize;
                let kept = if self.is_lower { 0..end } else { end..columns };
                out[kept.clone()].copy_from_slice(&row[kept]);
            }
        })
    }

    #[track_caller]
    fn adjoint(&self, y: &Tensor<T>) -> Tensor<T> {
        self.map(y)
    }
}

/// # Shape: triangles of matrices
impl<T: Float> Tensor<T> {
    /// The lower triangle of each matrix, on and below the diagonal `[i, i + diagonal]`; the other elements are 0,
    /// and so are their gradients.
    ///
    /// Like [`torch.tril`](https://docs.pytorch.org/docs/stable/generated/torch.tril.html).
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::<f32>::ones([2, 2]).tril(0).to_vec(), [1.0, 0.0, 1.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If there are less than two dimensions.
    #[inline(never)]
    #[track_caller]
    pub fn tril(&self, diagonal: isize) -> Tensor<T> {
        self.triangle("tril", true, diagonal)
    }

    /// The upper triangle of each matrix, on and above the diagonal `[i, i + diagonal]`; the other elements are 0,
    /// and so are their gradients.
    ///
    /// Like [`torch.triu`](https://docs.pytorch.org/docs/stable/generated/torch.triu.html).
    ///
    /// # Panics
    /// If there are less than two dimensions.
    #[inline(never)]
    #[track_caller]
    pub fn triu(&self, diagonal: isize) -> Tensor<T> {
        self.triangle("triu", false, diagonal)
    }

    #[track_caller]
    fn triangle(&self, op: &str, is_lower: bool, diagonal: isize) -> Tensor<T> {
        if self.rank() < 2 {
            shape_error(op, format_args!("shape {} has less than two dimensions", self.shape()));
        }
        Triangle { is_lower, diagonal }.of(self)
    }
}

instances!(tril triu);

#[cfg(test)]
mod tests {
    use crate::Tensor;

    gradients!(tril: |x| x.tril(-1).powf(2.0), [2, 3, 4]);
    gradients!(triu: |x| x.triu(1).powf(2.0), [3, 4]);

    #[test]
    fn what_is_cut_away_is_zero_whatever_it_was() {
        let x = Tensor::full([2, 3], f32::NAN).tril(isize::MIN);
        assert_eq!(x.to_vec(), [0.0; 6]);
        assert!(Tensor::full([2, 3], f32::NAN).triu(-2).to_vec().iter().all(|x| x.is_nan()));
        let lower = Tensor::<f32>::ones([2, 3]).tril(1).to_vec();
        assert_eq!(lower, [1.0, 1.0, 0.0, 1.0, 1.0, 1.0]);
    }
}
