//! The matrix product of vectors, matrices and batches of matrices.

use ndarray::{ArrayView2, ArrayViewMut2};

use crate::error::shape_error;
use crate::float::Float;
use crate::graph::Backward;
use crate::kernels::gemm::{Epilogue, gemm_batch};
use crate::kernels::skip_zeros::gemm_skipping_zeros;
use crate::layout::Layout;
use crate::op::{Op, Saved};
use crate::shape::Shape;
use crate::tensor::Tensor;
use crate::tensor::interchange::matrix;

/// Y = A B        dA = dY Bᵀ, dB = Aᵀ dY, for each matrix of a batch (the engine sums over broadcast dimensions)
#[derive(Debug)]
struct MatrixProduct<T: Float> {
    a: Saved<T>,
    b: Saved<T>,
}

impl<T: Float> Op<T> for MatrixProduct<T> {
    fn name(&self) -> &'static str {
        "matmul"
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let (grad, a, b) = (ctx.grad(), ctx.get(&self.a), ctx.get(&self.b));
        ctx.propagate(0, || product(&grad, &b.transpose(-1, -2)));
        ctx.propagate(1, || product(&a.transpose(-1, -2), &grad));
    }
}

/// The product of tensors with at least two dimensions, whose shapes have been checked.
#[track_caller]
fn product<T: Float>(a: &Tensor<T>, b: &Tensor<T>) -> Tensor<T> {
    let stack_of = |tensor: &Tensor<T>| Shape::from(&tensor.shape()[..tensor.rank() - 2]);
    let stack = stack_of(a).broadcast(&stack_of(b)).expect("checked by the caller");
    let shape: Shape = stack.iter().copied().chain([a.size(-2), b.size(-1)]).collect();
    Tensor::build_for("matmul", shape, |out| gemm_batch(&a.as_stack(), &b.as_stack(), out))
        .record(&[a, b], |_| MatrixProduct { a: Saved::input(0, a), b: Saved::input(1, b) })
}

/// The product of two matrices, of which the right one is data. It is faster if many columns of the data have zeros at
/// the same position.
///
/// It computes Yᵀ = Bᵀ Aᵀ, because the kernel skips zeros of the left operand.
#[track_caller]
pub(super) fn matmul_of_data<T: Float>(a: &Tensor<T>, b: &Tensor<T>) -> Tensor<T> {
    let (left, right) = (as_matrix(a), as_matrix(b));
    let extents = (left.nrows(), right.ncols());
    Tensor::build_for("matmul", Shape::from([extents.0, extents.1]), |out| {
        let out = ArrayViewMut2::from_shape(extents, out).expect("as long as the product");
        gemm_skipping_zeros(right.reversed_axes(), left.reversed_axes(), out.reversed_axes(), Epilogue::Store);
    })
    .record(&[a, b], |_| MatrixProduct { a: Saved::input(0, a), b: Saved::input(1, b) })
}

/// A tensor of two dimensions as a view for the kernels.
pub(in crate::ops) fn as_matrix<T: Float>(tensor: &Tensor<T>) -> ArrayView2<'_, T> {
    let Layout { shape, strides, offset } = &*tensor.layout;
    matrix(tensor.storage.as_slice(), *offset as isize, [shape[0], shape[1]], [strides[0], strides[1]])
}

/// # Products of matrices: the matrix product, of vectors, matrices and stacks of matrices
impl<T: Float> Tensor<T> {
    /// The matrix product.        dx = dy Bᵀ, dB = Aᵀ dy
    ///
    /// For two vectors it is the dot product; matrices `[m, k]` and `[k, n]` give `[m, n]`. A single vector is a row
    /// (left) or a column (right), whose extent 1 is dropped from the result. Tensors with more dimensions are batches
    /// of matrices, which are broadcast. Like
    /// [`torch.matmul`](https://docs.pytorch.org/docs/stable/generated/torch.matmul.html).
    ///
    /// ```
    /// use autograd::Tensor;
    /// let a = Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], [2, 2]);
    /// let x = Tensor::from_vec(vec![1.0, -1.0], [2]);
    /// assert_eq!(a.matmul(&x).to_vec(), [-1.0, -1.0]);
    /// assert_eq!(*Tensor::<f32>::ones([5, 1, 2, 3]).matmul(&Tensor::ones([4, 3, 6])).shape(), [5, 4, 2, 6]);
    /// ```
    ///
    /// # Panics
    /// If an operand is a single number, the inner extents differ, or the stacks do not broadcast.
    #[inline(never)]
    #[track_caller]
    pub fn matmul(&self, other: &Tensor<T>) -> Tensor<T> {
        let (a, b) = (self.shape(), other.shape());
        if a.rank() == 0 || b.rank() == 0 {
            shape_error("matmul", format_args!("shapes {a} and {b}: a single number is multiplied with *"));
        }
        let (inner, outer) = (a[a.rank() - 1], b[b.rank().saturating_sub(2)]);
        if inner != outer {
            let dim = if b.rank() == 1 { -1 } else { -2 };
            shape_error(
                "matmul",
                format_args!(
                    "shapes {a} and {b}: dimension -1 of the left is {inner}, dimension {dim} of the right {outer}"
                ),
            );
        }
        match (a.rank(), b.rank()) {
            (1, 1) => product(&self.unsqueeze(0), &other.unsqueeze(1)).reshape(()),
            (1, _) => self.unsqueeze(0).matmul(other).squeeze(-2),
            (_, 1) => self.matmul(&other.unsqueeze(1)).squeeze(-1),
            (2, 2) => product(self, other),
            // The same right matrix for the whole batch: one product with all rows.
            (_, 2) if self.numel() > 0 => {
                let shape: Shape = a[..a.rank() - 1].iter().copied().chain([b[1]]).collect();
                product(&self.flatten(0, -2), other).reshape(shape)
            }
            _ => {
                let stacks = [Shape::from(&a[..a.rank() - 2]), Shape::from(&b[..b.rank() - 2])];
                if stacks[0].broadcast(&stacks[1]).is_none() {
                    let [left, right] = stacks;
                    shape_error(
                        "matmul",
                        format_args!("shapes {a} and {b}: the stacks {left} and {right} do not broadcast"),
                    );
                }
                product(self, other)
            }
        }
    }
}

instances!(matmul);

#[cfg(test)]
mod tests {
    use crate::Tensor;

    gradients!(dot: |a, b| a.matmul(b), [4], [4]);
    gradients!(vector_matrix: |a, b| a.matmul(b), [4], [4, 5]);
    gradients!(matrix_vector: |a, b| a.matmul(b), [3, 4], [4]);
    gradients!(matrices: |a, b| a.matmul(b), [3, 4], [4, 5]);
    gradients!(stack_and_matrix: |a, b| a.matmul(b), [2, 3, 4], [4, 5]);
    gradients!(matrix_and_stack: |a, b| a.matmul(b), [3, 4], [2, 4, 5]);
    gradients!(stacks: |a, b| a.matmul(b), [2, 1, 3, 4], [6, 4, 5]; fixed);
    gradients!(vector_and_stack: |a, b| a.matmul(b), [4], [2, 4, 5]);
    gradients!(with_itself: |a| a.matmul(&a.t()), [3, 4]);

    #[test]
    #[should_panic(
        expected = "matmul: shapes [3, 4] and [3, 4]: dimension -1 of the left is 4, dimension -2 of the right 3"
    )]
    fn inner_extents_must_agree() {
        let a = Tensor::<f32>::ones([3, 4]);
        a.matmul(&a);
    }

    #[test]
    fn an_empty_inner_extent_sums_to_zero() {
        assert_eq!(Tensor::<f32>::ones([2, 0]).matmul(&Tensor::ones([0, 3])).to_vec(), [0.0; 6]);
    }
}
