//! Products of vectors and matrices under separate names, which check the numbers of dimensions.

use super::named;
use crate::error::shape_error;
use crate::float::Float;
use crate::tensor::Tensor;

/// Panics if the operands do not have the operation's numbers of dimensions.
#[track_caller]
fn check_ranks<T: Float, const COUNT: usize>(op: &str, operands: [&Tensor<T>; COUNT], ranks: [usize; COUNT]) {
    for (operand, rank) in operands.iter().zip(ranks) {
        if operand.rank() != rank {
            let shapes = named(&Tensor::shapes(&operands));
            shape_error(op, format_args!("shapes {shapes}: wanted {ranks:?} dimensions"));
        }
    }
}

/// Checks that the sum of products is over as many elements of both.
#[track_caller]
fn check_inner<T: Float>(op: &str, a: &Tensor<T>, b: &Tensor<T>) {
    let (left, right) = (a.size(-1), b.size(if b.rank() == 1 { 0 } else { -2 }));
    if left != right {
        let (a, b) = (a.shape(), b.shape());
        shape_error(op, format_args!("shapes {a} and {b}: the inner extents are {left} and {right}"));
    }
}

/// # Products of matrices: products of vectors and matrices by their own names, which check the numbers of dimensions
impl<T: Float> Tensor<T> {
    /// The products of each element of a vector with each of another.    y_ij = a_i b_j        dx = dy b, db = dyᵀ a
    ///
    /// Like [`torch.outer`](https://docs.pytorch.org/docs/stable/generated/torch.outer.html).
    ///
    /// # Panics
    /// If an operand is no vector.
    #[inline(never)]
    #[track_caller]
    pub fn outer(&self, other: &Tensor<T>) -> Tensor<T> {
        check_ranks("outer", [self, other], [1, 1]);
        self.unsqueeze(1) * other.unsqueeze(0)
    }

    /// The dot product of two vectors.    y = Σ a_i b_i        dy/da = b, dy/db = a
    ///
    /// Like [`torch.dot`](https://docs.pytorch.org/docs/stable/generated/torch.dot.html).
    ///
    /// # Panics
    /// If an operand is no vector, or their lengths differ.
    #[inline(never)]
    #[track_caller]
    pub fn dot(&self, other: &Tensor<T>) -> Tensor<T> {
        check_ranks("dot", [self, other], [1, 1]);
        check_inner("dot", self, other);
        self.matmul(other)
    }

    /// The product of a matrix and a vector.        dx = dy bᵀ, db = Aᵀ dy
    ///
    /// Like [`torch.mv`](https://docs.pytorch.org/docs/stable/generated/torch.mv.html).
    ///
    /// # Panics
    /// If this is no matrix, the other no vector, or the inner extents differ.
    #[inline(never)]
    #[track_caller]
    pub fn mv(&self, vector: &Tensor<T>) -> Tensor<T> {
        check_ranks("mv", [self, vector], [2, 1]);
        check_inner("mv", self, vector);
        self.matmul(vector)
    }

    /// The products of matrices of two stacks of as many: `[b, m, k]` and `[b, k, n]` give `[b, m, n]`.
    ///    dx = dy Bᵀ, dB = Aᵀ dy
    ///
    /// Like [`torch.bmm`](https://docs.pytorch.org/docs/stable/generated/torch.bmm.html); [`matmul`](Tensor::matmul)
    /// broadcasts.
    ///
    /// # Panics
    /// If an operand is no stack of matrices, the stacks differ in number, or the inner extents differ.
    #[inline(never)]
    #[track_caller]
    pub fn bmm(&self, other: &Tensor<T>) -> Tensor<T> {
        check_ranks("bmm", [self, other], [3, 3]);
        if self.shape()[0] != other.shape()[0] {
            shape_error(
                "bmm",
                format_args!("shapes {} and {}: the stacks differ in number", self.shape(), other.shape()),
            );
        }
        check_inner("bmm", self, other);
        self.matmul(other)
    }

    /// A matrix product added to this tensor, which is broadcast.    y = beta x + alpha A B
    ///    dx = beta dy, dA = alpha dy Bᵀ, dB = alpha Aᵀ dy
    ///
    /// Like [`torch.addmm`](https://docs.pytorch.org/docs/stable/generated/torch.addmm.html), whose `beta` and `alpha`
    /// are 1 by default. For `beta` 0 the values of this tensor are ignored, also NaN.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let (a, b) = (Tensor::from_vec(vec![1.0, 2.0], [1, 2]), Tensor::from_vec(vec![3.0, 4.0], [2, 1]));
    /// assert_eq!(Tensor::from_vec(vec![10.0], [1]).addmm(&a, &b, 0.5, 2.0).item(), 27.0);
    /// ```
    ///
    /// # Panics
    /// If `a` or `b` is no matrix, their inner extents differ, or this tensor does not stretch to the product's shape.
    #[inline(never)]
    #[track_caller]
    pub fn addmm(&self, a: &Tensor<T>, b: &Tensor<T>, beta: T, alpha: T) -> Tensor<T> {
        check_ranks("addmm", [a, b], [2, 2]);
        self.added_product("addmm", a.matmul(b), beta, alpha)
    }

    /// As [`addmm`](Tensor::addmm), for each matrix of two stacks.
    ///    dx = beta dy, dA = alpha dy Bᵀ, dB = alpha Aᵀ dy
    ///
    /// Like [`torch.baddbmm`](https://docs.pytorch.org/docs/stable/generated/torch.baddbmm.html).
    ///
    /// # Panics
    /// If `a` or `b` is no stack of matrices, the stacks differ in number, the inner extents differ, or this tensor
    /// does not stretch to the product's shape.
    #[inline(never)]
    #[track_caller]
    pub fn baddbmm(&self, a: &Tensor<T>, b: &Tensor<T>, beta: T, alpha: T) -> Tensor<T> {
        self.added_product("baddbmm", a.bmm(b), beta, alpha)
    }

    #[track_caller]
    fn added_product(&self, op: &str, product: Tensor<T>, beta: T, alpha: T) -> Tensor<T> {
        if self.layout.expand(product.shape()).is_none() {
            let (own, wanted) = (self.shape(), product.shape());
            shape_error(op, format_args!("shape {own} does not stretch to the product's {wanted}"));
        }
        let product = if alpha == T::ONE { product } else { product * alpha };
        match beta {
            _ if beta == T::ZERO => product,
            _ if beta == T::ONE => self + product,
            _ => self * beta + product,
        }
    }
}

instances!(outer dot mv bmm addmm baddbmm);

#[cfg(test)]
mod tests {
    use crate::Tensor;

    gradients!(outer: |a, b| a.outer(b), [3], [4]);
    gradients!(dot: |a, b| a.dot(b), [3], [3]);
    gradients!(mv: |a, b| a.mv(b), [3, 4], [4]);
    gradients!(bmm: |a, b| a.bmm(b), [2, 3, 4], [2, 4, 5]);
    gradients!(addmm: |x, a, b| x.addmm(a, b, 0.5, 2.0), [5], [3, 4], [4, 5]);
    gradients!(baddbmm: |x, a, b| x.baddbmm(a, b, 1.0, -1.0), [3, 5], [2, 3, 4], [2, 4, 5]);

    #[test]
    fn what_is_taken_zero_times_does_not_matter() {
        let one = Tensor::from_vec(vec![1.0_f32], [1, 1]);
        assert_eq!(Tensor::scalar(f32::NAN).addmm(&one, &one, 0.0, 3.0).item(), 3.0);
    }

    #[test]
    #[should_panic(expected = "outer: shapes [2, 2] and [2]: wanted [1, 1] dimensions")]
    fn a_matrix_has_no_outer_product() {
        Tensor::<f32>::ones([2, 2]).outer(&Tensor::ones([2]));
    }

    #[test]
    #[should_panic(expected = "addmm: shape [3] does not stretch to the product's [2, 2]")]
    fn what_is_added_fits_the_product() {
        Tensor::<f32>::ones([3]).addmm(&Tensor::ones([2, 2]), &Tensor::ones([2, 2]), 1.0, 1.0);
    }
}
