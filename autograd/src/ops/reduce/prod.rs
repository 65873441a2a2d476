//! Products.

use super::cumprod::running_products;
use super::reduced_shapes;
use crate::error::dimension;
use crate::float::Float;
use crate::graph::Backward;
use crate::graph::broadcast::reduce_to;
use crate::op::{Op, Saved};
use crate::ops::shape::{padded_along, reshaped};
use crate::tensor::Tensor;

/// y = Π x along a dimension, which is kept
/// dx_i = dy Π_{j≠i} x_j: y / x, or if there are zeros the product of the elements before and after x_i
#[derive(Debug)]
struct Product<T: Float> {
    x: Saved<T>,
    y: Saved<T>,
    dim: usize,
}

impl<T: Float> Op<T> for Product<T> {
    fn name(&self) -> &'static str {
        "prod"
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let (grad, x, y) = (ctx.grad(), ctx.get(&self.x), ctx.get(&self.y));
        ctx.propagate(0, || {
            let has_zeros = x.dense().as_slice().expect("dense").contains(&T::ZERO);
            if x.numel() == 0 {
                return grad.expand(x.shape());
            }
            grad * if has_zeros { products_of_others(&x, self.dim) } else { y / x }
        });
    }
}

/// Π_{j≠i} x_j at each i of a dimension that has elements.
#[track_caller]
fn products_of_others<T: Float>(x: &Tensor<T>, dim: usize) -> Tensor<T> {
    let before = |x: &Tensor<T>| padded_along(&running_products(x, dim), dim, [1, -1], T::ONE);
    let flipped = |x: &Tensor<T>| x.flip(dim as isize);
    before(x) * flipped(&before(&flipped(x)))
}

/// # Reductions and cumulative sums: products
impl<T: Float> Tensor<T> {
    /// The product of all elements: shape `[]`; 1 if there are none.
    ///
    /// As [`torch.prod`](https://docs.pytorch.org/docs/stable/generated/torch.prod.html). The gradient of an element
    /// is the product of the others, also where some are 0.
    #[inline(never)]
    #[track_caller]
    pub fn prod(&self) -> Tensor<T> {
        self.reshape([-1]).prod_dim(0, false)
    }

    /// The products along one dimension, which is dropped, or kept with extent 1 if `keepdim`; 1 along an extent of 0.
    ///    dy/dx_i = the product of the other elements
    ///
    /// Like [`torch.prod`](https://docs.pytorch.org/docs/stable/generated/torch.prod.html) with a dimension.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::from_vec(vec![1.0, 2.0, 3.0, 0.0, 4.0, 5.0], [2, 3]).requires_grad();
    /// let products = x.prod_dim(1, false);
    /// assert_eq!(products.to_vec(), [6.0, 0.0]);
    /// assert_eq!(products.sum().backward().get(&x).unwrap().to_vec(), [6.0, 3.0, 2.0, 20.0, 0.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If there is no such dimension.
    #[inline(never)]
    #[track_caller]
    pub fn prod_dim(&self, dim: isize, keepdim: bool) -> Tensor<T> {
        let dim = dimension("prod_dim", dim, self.rank());
        if self.rank() == 0 {
            return self.clone();
        }
        let (kept, dropped) = reduced_shapes(self.shape(), &[dim]);
        let product = reduce_to(self, &kept, T::ONE, |a, b| a * b).record(&[self], |y| Product {
            x: Saved::input(0, self),
            y: Saved::output(y),
            dim,
        });
        if keepdim { product } else { reshaped(&product, &dropped) }
    }
}

instances!(prod prod_dim);

#[cfg(test)]
mod tests {
    use crate::Tensor;
    use crate::check::{gradcheck, gradgradcheck};

    gradients!(prod: |x| x.prod(), [2, 3]; fixed);
    gradients!(prod_dim: |x| x.prod_dim(1, false), [2, 3, 4]);
    gradients!(prod_dim_kept: |x| x.prod_dim(-1, true), [3, 4]);

    /// Factors with no zero, one, two, and only zeros.
    #[test]
    fn gradients_are_right_where_factors_are_zero() {
        let factors = vec![1.5, 2.0, -3.0, 0.5, 0.0, 2.0, 0.0, 0.7, 0.0, 0.0, 0.0, 0.0];
        let x = [Tensor::<f64>::from_vec(factors, [4, 3])];
        gradcheck(|x| x[0].prod_dim(1, false), &x).unwrap();
        gradgradcheck(|x| x[0].prod_dim(1, false), &x).unwrap();
        gradcheck(|x| x[0].cumprod(1), &x).unwrap();
        gradgradcheck(|x| x[0].cumprod(1), &x).unwrap();
    }

    #[test]
    fn the_product_of_nothing_is_one() {
        assert_eq!(Tensor::<f32>::zeros([0, 2]).prod_dim(0, false).to_vec(), [1.0; 2]);
        assert_eq!(Tensor::<f32>::zeros([0, 2]).prod().item(), 1.0);
    }
}
