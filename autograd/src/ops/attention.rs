//! Attention: weighted means of values. The weights say how well the keys fit a query.

use crate::error::{argument_error, shape_error};
use crate::float::Float;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// The options of [`Tensor::scaled_dot_product_attention`], with PyTorch's names and defaults.
#[derive(Clone, Debug, Default)]
pub struct Attention<T: Float = f32> {
    /// A mask that is added to the scores, broadcast to `[..., L, S]`: -∞ for keys that a query must ignore.
    pub attn_mask: Option<Tensor<T>>,
    /// Whether query i uses only the keys up to i.
    pub is_causal: bool,
    /// The factor of the scores; the default is 1/√E for queries of width E.
    pub scale: Option<f64>,
}

/// # Attention
impl<T: Float> Tensor<T> {
    /// Attention of queries Q `[..., L, E]` to keys K `[..., S, E]` with values V `[..., S, W]`.
    /// Y = softmax(scale · Q Kᵀ + mask) V, `[..., L, W]`
    ///
    /// The same as
    /// [`torch.nn.functional.scaled_dot_product_attention`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.scaled_dot_product_attention.html)
    /// (Vaswani et al., [arXiv:1706.03762](https://arxiv.org/abs/1706.03762)). If all keys of a query are masked, the
    /// result is 0. The derivatives are those of the product and of [`softmax`](Tensor::softmax).
    ///
    /// ```
    /// use autograd::{Attention, Tensor};
    /// let x = Tensor::from_vec(vec![1.0, 3.0], [2, 1]);
    /// let options = Attention { is_causal: true, scale: Some(0.0), ..Attention::default() };
    /// assert_eq!(x.scaled_dot_product_attention(&x, &x, &options).to_vec(), [1.0, 2.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit, or a mask is given for causal attention.
    #[inline(never)]
    #[track_caller]
    pub fn scaled_dot_product_attention(
        &self,
        key: &Tensor<T>,
        value: &Tensor<T>,
        options: &Attention<T>,
    ) -> Tensor<T> {
        let op = "scaled_dot_product_attention";
        let shapes = [self.shape(), key.shape(), value.shape()];
        let fit = shapes.iter().all(|shape| shape.rank() >= 2)
            && self.size(-1) == key.size(-1)
            && key.size(-2) == value.size(-2);
        let stack = |shape: &Shape| Shape::from(shape.get(..shape.rank().saturating_sub(2)).unwrap_or_default());
        let common = stack(shapes[0]).broadcast(&stack(shapes[1])).and_then(|both| both.broadcast(&stack(shapes[2])));
        if !fit || common.is_none() {
            let [q, k, v] = shapes;
            shape_error(op, format_args!("shapes {q}, {k} and {v}: wanted [..., L, E], [..., S, E] and [..., S, W]"));
        }
        if options.is_causal && options.attn_mask.is_some() {
            argument_error(op, "a mask is given for causal attention, which has its own");
        }
        let scale = options.scale.unwrap_or_else(|| 1.0 / (self.size(-1) as f64).sqrt());
        let scores = (self * T::from_f64(scale)).matmul(&key.transpose(-1, -2));
        let weights = match &options.attn_mask {
            None if options.is_causal => (scores + causal_mask(self.size(-2), key.size(-2))).softmax(-1),
            None => scores.softmax(-1),
            Some(mask) => {
                if scores.shape().broadcast(mask.shape()).as_ref() != Some(scores.shape()) {
                    let (own, other) = (mask.shape(), scores.shape());
                    shape_error(
                        op,
                        format_args!("the mask has shape {own}, which does not broadcast to the scores' {other}"),
                    );
                }
                masked_softmax(&(scores + mask))
            }
        };
        weights.matmul(value)
    }
}

/// -∞ above the diagonal, 0 elsewhere.
#[track_caller]
fn causal_mask<T: Float>(queries: usize, keys: usize) -> Tensor<T> {
    Tensor::build(Shape::from([queries, keys]), |out| {
        for (query, row) in out.chunks_exact_mut(keys.max(1)).enumerate() {
            let seen = keys.min(query + 1);
            row[..seen].fill(T::ZERO);
            row[seen..].fill(T::NEG_INFINITY);
        }
    })
}

/// The softmax along the last dimension; 0 in rows that are all -∞, where softmax would be NaN. No gradient flows to
/// such rows.
#[track_caller]
fn masked_softmax<T: Float>(scores: &Tensor<T>) -> Tensor<T> {
    if scores.numel() == 0 {
        return scores.softmax(-1);
    }
    // 1 for rows with an element that is not -∞, also if it is NaN.
    let is_hidden = |x: T| if x == T::NEG_INFINITY { T::ZERO } else { T::ONE };
    let largest = scores.detach().amax(-1, true);
    let seen = largest.pointwise("is_seen", is_hidden, crate::ops::pointwise::flat()).expand(scores.shape());
    scores.gate(&seen).softmax(-1).gate(&seen)
}

instances!(scaled_dot_product_attention);

#[cfg(test)]
mod tests {
    use crate::{Attention, Tensor};

    fn causal() -> Attention<f64> {
        Attention { is_causal: true, scale: Some(0.7), ..Attention::default() }
    }

    fn masked(mask: &Tensor<f64>) -> Attention<f64> {
        Attention { attn_mask: Some(mask.clone()), ..Attention::default() }
    }

    gradients!(
        attention: |q, k, v| q.scaled_dot_product_attention(k, v, &Attention::default()),
        [2, 2, 3], [2, 3, 3], [2, 3, 2]; fixed
    );
    gradients!(
        causal_attention: |q, k, v| q.scaled_dot_product_attention(k, v, &causal()),
        [3, 4], [3, 4], [3, 2]; fixed
    );
    gradients!(
        masked_attention: |q, k, v, m| q.scaled_dot_product_attention(k, v, &masked(m)),
        [2, 2, 3], [2, 3, 3], [2, 3, 2], [2, 3]; fixed
    );

    #[test]
    fn a_query_without_unmasked_keys_has_the_result_0_and_no_gradient() {
        let q = Tensor::<f64>::randn([2, 3], 0).requires_grad();
        let (k, v) = (Tensor::<f64>::randn([2, 3], 1), Tensor::<f64>::randn([2, 3], 2));
        let mut mask = vec![0.0; 4];
        mask[..2].fill(f64::NEG_INFINITY);
        let y = q.scaled_dot_product_attention(&k, &v, &masked(&Tensor::from_vec(mask, [2, 2])));
        assert_eq!(y.to_vec()[..3], [0.0; 3]);
        let gradient = y.sum().backward().get(&q).unwrap().to_vec();
        assert!(gradient[..3] == [0.0; 3] && gradient[3] != 0.0 && gradient.iter().all(|slope| slope.is_finite()));
    }

    #[test]
    #[should_panic(expected = "scaled_dot_product_attention: shapes [2, 3], [2, 4] and [2, 3]: wanted [..., L, E]")]
    fn queries_are_as_wide_as_keys() {
        let x = Tensor::<f32>::zeros([2, 3]);
        x.scaled_dot_product_attention(&Tensor::zeros([2, 4]), &x, &Attention::default());
    }
}
