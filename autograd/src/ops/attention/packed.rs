//! Attention of a sequence to itself, from one array of queries, keys and values.

use super::fused::{kernel, stretched, with_log_sums};
use super::{Attention, gradients, weights};
use crate::error::shape_error;
use crate::float::Float;
use crate::graph::Backward;
use crate::kernels::attention::{Known, OutputStack, backward, forward, packed_layout};
use crate::layout::Layout;
use crate::op::{Op, Saved};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Attention of each head of X = [Q K V], with the results of the heads side by side. The gradients of the three are
/// written where they belong in dX.
#[derive(Debug)]
struct PackedAttention<T: Float> {
    x: Saved<T>,
    result: Saved<T>,
    /// The logarithm of the sum of each row's exponentials.
    log_sums: Saved<T>,
    heads: usize,
    options: Attention<T>,
}

impl<T: Float> Op<T> for PackedAttention<T> {
    fn name(&self) -> &'static str {
        "packed_attention"
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let (x, grad) = (ctx.get(&self.x), ctx.grad());
        if ctx.higher_order() {
            return ctx.propagate(0, || {
                let (operands, grad) = (heads_of(&x, self.heads), apart(&grad, self.heads));
                let gradients = gradients(operands.each_ref(), &self.options, &grad);
                let [query, key, value] = &gradients;
                Tensor::cat(&[joined(query), joined(key), joined(value)], -1)
            });
        }
        let (result, log_sums) = (ctx.get(&self.result), ctx.get(&self.log_sums));
        ctx.propagate(0, || self.gradient(&x, &result, &grad, log_sums.as_slice().expect("made dense")));
    }
}

impl<T: Float> PackedAttention<T> {
    /// The gradient of X.
    #[track_caller]
    fn gradient(&self, x: &Tensor<T>, result: &Tensor<T>, grad: &Tensor<T>, log_sums: &[T]) -> Tensor<T> {
        let extents = Extents::of(x, self.heads);
        let operands = extents.operands(x);
        let mask = extents.mask(x, &self.options);
        let (result, grad) = (extents.side_by_side(result), extents.side_by_side(grad));
        let known = Known { result: result.as_stack(), gradient: grad.as_stack(), log_sums };
        Tensor::build_named("attention_backward", x.shape().clone(), |out| {
            let outputs = OutputStack::packed(out, extents.all());
            backward(&kernel(&operands, mask.as_ref(), &self.options), &known, &outputs);
        })
    }
}

/// The extents of packed queries, keys and values `[..., length, 3 · heads · width]`.
#[derive(Clone, Copy)]
struct Extents {
    outer: usize,
    length: usize,
    heads: usize,
    width: usize,
}

impl Extents {
    fn of<T: Float>(x: &Tensor<T>, heads: usize) -> Self {
        let shape = x.shape();
        let outer = shape[..shape.rank() - 2].iter().product();
        Extents { outer, length: x.size(-2), heads, width: x.size(-1) / (3 * heads) }
    }

    fn all(self) -> [usize; 4] {
        [self.outer, self.length, self.heads, self.width]
    }

    /// Queries, keys and values of the heads, `[outer, heads, length, width]`, as constants.
    #[track_caller]
    fn operands<T: Float>(self, x: &Tensor<T>) -> [Tensor<T>; 3] {
        let x = x.dense();
        let operand = |part: usize| {
            let layout = packed_layout(self.all(), part);
            x.with_layout(Layout { offset: layout.offset + x.layout.offset, ..layout })
        };
        [operand(0), operand(1), operand(2)]
    }

    /// A tensor `[..., length, heads · width]` as the heads' matrices `[outer, heads, length, width]`, as a constant.
    #[track_caller]
    fn side_by_side<T: Float>(self, tensor: &Tensor<T>) -> Tensor<T> {
        let dense = tensor.dense();
        let layout = self.layout();
        dense.with_layout(Layout { offset: dense.layout.offset, ..layout })
    }

    fn layout(self) -> Layout {
        let memory = Shape::from([self.outer, self.length, self.heads, self.width]);
        Layout::contiguous(memory).permute(&[0, 2, 1, 3])
    }

    /// The shape of the scores of X, `[..., heads, length, length]`.
    fn scores<T: Float>(self, x: &Tensor<T>) -> Shape {
        let outer = &x.shape()[..x.rank() - 2];
        outer.iter().copied().chain([self.heads, self.length, self.length]).collect()
    }

    /// The mask, stretched to the scores.
    fn mask<T: Float>(self, x: &Tensor<T>, options: &Attention<T>) -> Option<Tensor<T>> {
        options.attn_mask.as_ref().map(|mask| stretched(mask, &self.scores(x)))
    }
}

/// `[..., L, H · E]` as `[..., H, L, E]`.
#[track_caller]
fn apart<T: Float>(x: &Tensor<T>, heads: usize) -> Tensor<T> {
    x.unflatten(-1, [heads, x.size(-1) / heads]).transpose(-2, -3)
}

/// `[..., H, L, E]` as `[..., L, H · E]`.
#[track_caller]
fn joined<T: Float>(heads: &Tensor<T>) -> Tensor<T> {
    heads.transpose(-2, -3).flatten(-2, -1)
}

/// Queries, keys and values of each head.
#[track_caller]
fn heads_of<T: Float>(x: &Tensor<T>, heads: usize) -> [Tensor<T>; 3] {
    let width = x.size(-1) / 3;
    // No closure: what it records would be attributed to this line.
    let [q, k, v] = [x.narrow(-1, 0, width), x.narrow(-1, width, width), x.narrow(-1, 2 * width, width)];
    [apart(&q, heads), apart(&k, heads), apart(&v, heads)]
}

/// # Attention: of a sequence to itself, from one array of queries, keys and values
impl<T: Float> Tensor<T> {
    /// Attention of a sequence to itself with several heads, `[..., L, 3 H E]` to `[..., L, H E]`: of each position
    /// this tensor holds the queries of all heads, then their keys, then their values. Y = [softmax(scale · Q₁ K₁ᵀ +
    /// mask) V₁, ..., softmax(scale · Q_H K_Hᵀ + mask) V_H]
    ///
    /// This is what
    /// [`torch.nn.MultiheadAttention`](https://docs.pytorch.org/docs/stable/generated/torch.nn.MultiheadAttention.html)
    /// computes between its two projections. It is the same as
    /// [`scaled_dot_product_attention`](Tensor::scaled_dot_product_attention) of the parts, with scores `[..., H, L,
    /// L]`, but nothing is copied, and the gradients of the three parts are written into one tensor.
    ///
    /// ```
    /// use autograd::{Attention, Tensor};
    /// let x: Tensor = Tensor::randn([5, 3 * 2 * 4], 0);
    /// let part = |index: usize| x.narrow(1, 8 * index, 8).unflatten(1, [2, 4]).transpose(0, 1);
    /// let y = part(0).scaled_dot_product_attention(&part(1), &part(2), &Attention::default());
    /// let same = x.packed_attention(2, &Attention::default());
    /// assert!(same.allclose(&y.transpose(0, 1).reshape([5, 8]), 1e-6, 1e-6, false));
    /// ```
    ///
    /// # Panics
    /// If the last extent is not a multiple of 3 `heads`, the mask does not fit, or a mask is given for causal
    /// attention, or the dropout is no probability.
    #[inline(never)]
    #[track_caller]
    pub fn packed_attention(&self, heads: usize, options: &Attention<T>) -> Tensor<T> {
        let op = "packed_attention";
        if self.rank() < 2 || heads == 0 || !self.size(-1).is_multiple_of(3 * heads) {
            let own = self.shape();
            shape_error(op, format_args!("the input has shape {own}: wanted [..., L, 3 · {heads} · E]"));
        }
        let extents = Extents::of(self, heads);
        let scores = extents.scores(self);
        options.check(op, &scores);
        if scores.contains(&0) || extents.width == 0 || !options.has_constant_mask() {
            let [q, k, v] = heads_of(self, heads);
            return joined(&weights(&q, &k, options).dropped.matmul(&v));
        }
        let (operands, mask) = (extents.operands(self), extents.mask(self, options));
        let shape = self.shape()[..self.rank() - 1].iter().copied().chain([heads * extents.width]).collect();
        let sums = Shape::from(&scores[..scores.rank() - 1]);
        let (result, log_sums) = with_log_sums(op, &sums, &shape, |out, log_sums| {
            let kernel = kernel(&operands, mask.as_ref(), options);
            forward(&kernel, &OutputStack::new(out, &extents.layout()), log_sums);
        });
        result.record(&[self], |result| PackedAttention {
            x: Saved::input(0, self),
            result: Saved::output(result),
            log_sums: Saved::aside(&log_sums),
            heads,
            options: options.clone(),
        })
    }
}

instances!(packed_attention);

#[cfg(test)]
mod tests {
    use crate::{Attention, Random, Tensor};

    fn causal() -> Attention<f64> {
        Attention { is_causal: true, ..Attention::default() }
    }

    /// With a mask that hides some scores, and dropout.
    fn hiding() -> Attention<f64> {
        let mask = Tensor::from_vec(vec![0.0, 0.5, f64::NEG_INFINITY, -1.0, 0.0, 0.0, 0.0, 0.3, 1.0], [3, 3]);
        Attention { attn_mask: Some(mask), dropout: Some((0.2, Random::new(1))), ..Attention::default() }
    }

    gradients!(packed_attention: |x| x.packed_attention(2, &Attention::default()), [2, 3, 12]; fixed);
    gradients!(packed_causal_attention: |x| x.packed_attention(1, &causal()), [4, 6]; fixed);
    gradients!(packed_attention_with_a_mask: |x| x.packed_attention(2, &hiding()), [2, 3, 12]; fixed);
    gradients!(
        packed_attention_with_a_tracked_mask: |x, m| {
            x.packed_attention(2, &Attention { attn_mask: Some(m.clone()), ..Attention::default() })
        },
        [2, 3, 12], [2, 1, 3]; fixed
    );

    #[test]
    fn nothing_is_computed_of_nothing() {
        let y = Tensor::<f32>::zeros([2, 0, 12]).packed_attention(2, &Attention::default());
        assert_eq!(*y.shape(), [2, 0, 4]);
        assert_eq!(*Tensor::<f32>::zeros([0, 5, 12]).packed_attention(2, &Attention::default()).shape(), [0, 5, 4]);
    }

    #[test]
    #[should_panic(expected = "packed_attention: the input has shape [5, 8]: wanted [..., L, 3 · 2 · E]")]
    fn the_parts_are_equally_wide() {
        Tensor::<f32>::zeros([5, 8]).packed_attention(2, &Attention::default());
    }
}
