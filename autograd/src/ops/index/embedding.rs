//! Rows of a table, for words and other things that are named by numbers.

use super::check_bounds;
use super::index_select::slices_at;
use crate::dimensions::pushed;
use crate::error::shape_error;
use crate::float::Float;
use crate::graph::Backward;
use crate::indices::Indices;
use crate::op::{Op, Saved};
use crate::ops::shape::reshaped;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// y = rows of x    dx: each row's gradient is added where it was taken from, but that of the padding row is dropped
#[derive(Debug)]
struct Embedding<T: Float> {
    index: Indices,
    /// 1 for each row that is taken, and 0 for the padding row.
    kept: Saved<T>,
    from: Shape,
}

impl<T: Float> Op<T> for Embedding<T> {
    fn name(&self) -> &'static str {
        "embedding"
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let (grad, kept) = (ctx.grad(), ctx.get(&self.kept));
        ctx.propagate(0, || slices_at(&grad.gate(&kept), 0, &self.index, &self.from));
    }
}

/// # Indexing: rows of a table, for words and other things that are named by numbers
impl<T: Float> Tensor<T> {
    /// For each index its row of this table `[rows, width]`: the index's shape and `width`.
    ///
    /// As
    /// [`torch.nn.functional.embedding`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.embedding.html).
    /// A row that is taken several times gets the sum of the gradients; row `padding_idx` (negative ones count from the
    /// end) gets none.
    ///
    /// ```
    /// use autograd::{Indices, Tensor};
    /// let table = Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], [2, 2]).requires_grad();
    /// let y = table.embedding(&Indices::from([1, 0, 1]), Some(0));
    /// assert_eq!(y.to_vec(), [3.0, 4.0, 1.0, 2.0, 3.0, 4.0]);
    /// assert_eq!(y.sum().backward().get(&table).unwrap().to_vec(), [0.0, 0.0, 2.0, 2.0]);
    /// ```
    ///
    /// # Panics
    /// If this is no matrix, or an index or `padding_idx` is no row.
    #[inline(never)]
    #[track_caller]
    pub fn embedding(&self, index: &Indices, padding_idx: Option<i64>) -> Tensor<T> {
        let own = self.shape();
        if own.rank() != 2 {
            shape_error("embedding", format_args!("the table has shape {own}: wanted [rows, width]"));
        }
        check_bounds("embedding", index, 0, own);
        let rows = own[0] as i64;
        let flat = index.reshape([index.numel()]);
        let shape: Shape = index.shape().iter().copied().chain([own[1]]).collect();
        let Some(padding) = padding_idx else { return reshaped(&self.index_select(0, flat), &shape) };
        if !(-rows..rows).contains(&padding) {
            shape_error("embedding", format_args!("padding_idx {padding} is no row of shape {own}"));
        }
        let padding = padding.rem_euclid(rows);
        let kept = pushed(flat.as_slice().iter().map(|&row| if row == padding { T::ZERO } else { T::ONE }));
        let kept = Tensor::from_vec(kept, [flat.numel(), 1]);
        let taken = self.detach().index_select(0, &flat);
        let taken = taken.record(&[self], |_| Embedding { index: flat, kept: Saved::aside(&kept), from: own.clone() });
        reshaped(&taken, &shape)
    }
}

instances!(embedding);

#[cfg(test)]
mod tests {
    use crate::{Indices, Tensor};

    gradients!(embedding: |x| x.embedding(&Indices::new(vec![0, 2, 2, 1], [2, 2]), None).powf(2.0), [3, 4]; fixed);
    // As the gradient of the padding row is dropped, it is not that of the values: row 0 is not asked for here.
    gradients!(embedding_padding: |x| x.embedding(&Indices::from([1, 2, 2]), Some(0)).powf(2.0), [3, 4]; fixed);

    #[test]
    fn the_padding_row_has_its_values_and_no_gradient_even_of_infinite_ones() {
        let table = Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], [2, 2]).requires_grad();
        let y = table.embedding(&Indices::from([1, 0]), Some(-1));
        assert_eq!(y.to_vec(), [3.0, 4.0, 1.0, 2.0]);
        let seed = Tensor::from_vec(vec![f32::INFINITY, f32::NAN, 5.0, 6.0], [2, 2]);
        assert_eq!(y.backward_with(&seed).get(&table).unwrap().to_vec(), [5.0, 6.0, 0.0, 0.0]);
    }

    #[test]
    #[should_panic(expected = "embedding: index 3 is not in dimension 0 of shape [3, 4]")]
    fn an_index_is_a_row() {
        Tensor::<f32>::zeros([3, 4]).embedding(&Indices::from([0, 3]), None);
    }
}
