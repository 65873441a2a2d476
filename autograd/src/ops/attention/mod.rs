//! Attention: weighted means of values. The weights say how well the keys fit a query.
//!
//! It is one operation that computes in blocks ([`kernels::attention`](crate::kernels::attention)); see [`fused`]. Its
//! second-order gradients, and those of a mask, come from the composition of operations that is here.

mod fused;
mod packed;

use crate::error::{argument_error, shape_error};
use crate::float::Float;
use crate::random::Random;
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
    /// The probability with which a weight is set to 0, as [`dropout`](Tensor::dropout) does it, and the random numbers
    /// that decide: those that follow in this stream.
    pub dropout: Option<(f64, Random)>,
}

impl<T: Float> Attention<T> {
    /// The factor of the scores of queries of a width.
    fn scale_of(&self, width: usize) -> T {
        T::from_f64(self.scale.unwrap_or_else(|| 1.0 / (width as f64).sqrt()))
    }

    /// Whether no gradient flows to a mask: then the operation can be fused.
    fn has_constant_mask(&self) -> bool {
        self.attn_mask.as_ref().is_none_or(|mask| !mask.is_tracked())
    }

    /// Panics unless the options fit each other and the scores' shape.
    #[track_caller]
    fn check(&self, op: &str, scores: &Shape) {
        if self.is_causal && self.attn_mask.is_some() {
            argument_error(op, "a mask is given for causal attention, which has its own");
        }
        if let Some((p, _)) = self.dropout.as_ref().filter(|(p, _)| !(0.0..=1.0).contains(p)) {
            argument_error(op, format_args!("{p} is no probability: wanted 0 to 1"));
        }
        if let Some(mask) = &self.attn_mask
            && scores.broadcast(mask.shape()).as_ref() != Some(scores)
        {
            let own = mask.shape();
            shape_error(op, format_args!("the mask has shape {own}, which does not broadcast to the scores' {scores}"));
        }
    }
}

/// # Attention
impl<T: Float> Tensor<T> {
    /// Attention of queries Q `[..., L, E]` to keys K `[..., S, E]` with values V `[..., S, W]`.
    /// Y = softmax(scale · Q Kᵀ + mask) V, `[..., L, W]`
    ///
    /// The same as
    /// [`torch.nn.functional.scaled_dot_product_attention`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.scaled_dot_product_attention.html)
    /// (Vaswani et al., [arXiv:1706.03762](https://arxiv.org/abs/1706.03762)). If all keys of a query are masked, the
    /// result is 0. With the weights P, the gradient G of Y and Δ, for each row of P, the sum of G Y: dV = Pᵀ G, dS = P
    /// (G Vᵀ - Δ), dQ = scale · dS K, dK = scale · dSᵀ Q
    ///
    /// The weights are never held as a whole: blocks of queries meet blocks of keys, and only the logarithm of each
    /// row's sum is kept for the gradients (see [`book::attention`](crate::book::attention)).
    ///
    /// ```
    /// use autograd::{Attention, Tensor};
    /// let x = Tensor::from_vec(vec![1.0, 3.0], [2, 1]);
    /// let options = Attention { is_causal: true, scale: Some(0.0), ..Attention::default() };
    /// assert_eq!(x.scaled_dot_product_attention(&x, &x, &options).to_vec(), [1.0, 2.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit, a mask is given for causal attention, or the dropout is no probability.
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
        let common = common.expect("checked");
        let scores: Shape = common.iter().copied().chain([self.size(-2), key.size(-2)]).collect();
        options.check(op, &scores);
        let is_empty = scores.contains(&0) || self.size(-1) == 0 || value.size(-1) == 0;
        if is_empty || !options.has_constant_mask() {
            return weights(self, key, options).dropped.matmul(value);
        }
        fused::attention(op, [self, key, value], &scores, options)
    }
}

/// The weights of a composition of operations.
struct Weights<T: Float> {
    weights: Tensor<T>,
    /// The same after dropout.
    dropped: Tensor<T>,
}

/// softmax(scale · Q Kᵀ + mask), as a composition of operations.
#[track_caller]
fn weights<T: Float>(query: &Tensor<T>, key: &Tensor<T>, options: &Attention<T>) -> Weights<T> {
    let scores = (query * options.scale_of(query.size(-1))).matmul(&key.transpose(-1, -2));
    let weights = match &options.attn_mask {
        None if options.is_causal => (scores + causal_mask(query.size(-2), key.size(-2))).softmax(-1),
        None => scores.softmax(-1),
        Some(mask) => masked_softmax(&(scores + mask)),
    };
    let dropped = dropped(&weights, options);
    Weights { weights, dropped }
}

/// The dropout of weights, or of their gradients.
#[track_caller]
fn dropped<T: Float>(weights: &Tensor<T>, options: &Attention<T>) -> Tensor<T> {
    match &options.dropout {
        Some((p, random)) => weights.dropout(*p, &mut random.clone()),
        None => weights.clone(),
    }
}

/// The gradients of queries, keys and values, as a composition of operations, which can be differentiated again.
#[track_caller]
fn gradients<T: Float>([q, k, v]: [&Tensor<T>; 3], options: &Attention<T>, grad: &Tensor<T>) -> [Tensor<T>; 3] {
    let Weights { weights, dropped: mean } = weights(q, k, options);
    let slopes = dropped(&grad.matmul(&v.transpose(-1, -2)), options);
    let slopes = &weights * (&slopes - (&weights * &slopes).sum_dim(-1, true)) * options.scale_of(q.size(-1));
    let (to_query, to_key) = (slopes.matmul(k), slopes.transpose(-1, -2).matmul(q));
    [to_query, to_key, mean.transpose(-1, -2).matmul(grad)]
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
    use super::weights;
    use crate::{Attention, Order, Random, Tensor, grad_with};

    fn causal() -> Attention<f64> {
        Attention { is_causal: true, scale: Some(0.7), ..Attention::default() }
    }

    fn masked(mask: &Tensor<f64>) -> Attention<f64> {
        Attention { attn_mask: Some(mask.clone()), ..Attention::default() }
    }

    /// A mask that hides a row and some other scores.
    fn constant_mask() -> Tensor<f64> {
        let hidden = |x: &f64| if *x > 0.5 { f64::NEG_INFINITY } else { *x };
        let mut values: Vec<f64> = Tensor::<f64>::randn([3, 5], 7).to_vec().iter().map(hidden).collect();
        values[5..10].fill(f64::NEG_INFINITY);
        Tensor::from_vec(values, [3, 5])
    }

    fn dropping() -> Attention<f64> {
        Attention { dropout: Some((0.3, Random::new(3))), ..Attention::default() }
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

    gradients!(
        attention_with_a_constant_mask: |q, k, v| q.scaled_dot_product_attention(k, v, &masked(&constant_mask())),
        [2, 3, 4], [2, 5, 4], [2, 5, 2]; fixed
    );
    gradients!(
        attention_with_dropout: |q, k, v| q.scaled_dot_product_attention(k, v, &dropping()),
        [2, 3, 4], [2, 5, 4], [2, 5, 2]; fixed
    );
    gradients!(
        attention_of_broadcast_stacks: |q, k, v| q.scaled_dot_product_attention(k, v, &Attention::default()),
        [2, 1, 3, 4], [3, 5, 4], [5, 2]; fixed
    );

    /// In blocks, the values are those of the composition, and so are the gradients of either order.
    #[test]
    fn in_blocks_it_is_the_composition() {
        let tensor = |length: usize, seed: u64| Tensor::<f64>::randn([2, 3, length, 8], seed).requires_grad();
        let (q, k, v) = (tensor(70, 1), tensor(45, 2), tensor(45, 3));
        let seed = Tensor::<f64>::randn([2, 3, 70, 8], 4);
        let mask = Tensor::<f64>::randn([3, 1, 45], 5);
        let dropping = Attention { is_causal: true, ..dropping() };
        for options in [Attention::default(), causal(), masked(&mask), dropping] {
            let fused = q.scaled_dot_product_attention(&k, &v, &options);
            let composed = weights(&q, &k, &options).dropped.matmul(&v);
            assert!(fused.allclose(&composed, 1e-12, 1e-12, false), "{options:?}");
            let leaves = [&q, &k, &v];
            let expected = grad_with(&composed, &leaves, &seed, Order::First);
            // The first order frees the graph.
            for order in [Order::Higher, Order::First] {
                for (found, expected) in grad_with(&fused, &leaves, &seed, order).iter().zip(&expected) {
                    assert!(found.allclose(expected, 1e-11, 1e-11, false), "{options:?}, {order:?}");
                }
            }
        }
    }

    #[test]
    fn the_heads_of_a_projection_are_read_and_written_without_a_copy() {
        let x = Tensor::<f32>::randn([2, 40, 24], 1);
        let heads = |x: &Tensor| x.unflatten(-1, [3, 8]).transpose(1, 2);
        let q = heads(&x);
        let y = q.scaled_dot_product_attention(&q, &q, &Attention::default());
        assert!(y.transpose(1, 2).is_contiguous(), "the result is in the order of the queries");
    }

    #[test]
    #[should_panic(expected = "scaled_dot_product_attention: 1.5 is no probability: wanted 0 to 1")]
    fn dropout_is_a_probability() {
        let x = Tensor::<f32>::zeros([2, 3]);
        let options = Attention { dropout: Some((1.5, Random::new(0))), ..Attention::default() };
        x.scaled_dot_product_attention(&x, &x, &options);
    }

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
    fn a_key_that_the_causal_order_hides_may_be_not_a_number() {
        for length in [3, 40] {
            let [q, k, v] = [1, 2, 3].map(|seed| Tensor::<f64>::randn([length, 4], seed));
            let mut keys = k.to_vec();
            keys[4 * (length - 1)..].fill(f64::NAN);
            let k = Tensor::from_vec(keys, [length, 4]);
            let found = q.scaled_dot_product_attention(&k, &v, &causal());
            let before = [&q, &k, &v].map(|tensor| tensor.narrow(0, 0, length - 1));
            let expected = before[0].scaled_dot_product_attention(&before[1], &before[2], &causal());
            assert!(found.narrow(0, 0, length - 1).allclose(&expected, 1e-12, 1e-12, false));
            assert!(found.to_vec()[4 * (length - 1)..].iter().all(|x| x.is_nan()));
        }
    }

    #[test]
    #[should_panic(expected = "scaled_dot_product_attention: shapes [2, 3], [2, 4] and [2, 3]: wanted [..., L, E]")]
    fn queries_are_as_wide_as_keys() {
        let x = Tensor::<f32>::zeros([2, 3]);
        x.scaled_dot_product_attention(&Tensor::zeros([2, 4]), &x, &Attention::default());
    }
}
