//! Attention with several heads.

use autograd::{Attention, Float, Mask, Param, Seed, Tensor};

use crate::init;
use crate::key_value_cache::{KeyValueCache, later_keys};
use crate::linear::Linear;
use crate::mode::Mode;

/// What a query must not look at.
#[derive(Clone, Debug)]
pub struct AttentionMask<T: Float = f32> {
    /// What is added to the scores, broadcast to `[N, heads, L, S]`: -∞ where a query must not look. PyTorch's
    /// `attn_mask`; of `[N · heads, L, S]`, as it may be there, make `[N, heads, L, S]`.
    pub scores: Option<Tensor<T>>,
    /// `[N, S]`: true for keys that are padding. PyTorch's `key_padding_mask`.
    pub padding: Option<Mask>,
    /// Whether a query sees only the keys up to its own position.
    pub is_causal: bool,
}

impl<T: Float> AttentionMask<T> {
    /// Every query looks at every key.
    pub fn none() -> Self {
        AttentionMask { scores: None, padding: None, is_causal: false }
    }

    /// A query looks at the keys up to its own position.
    pub fn causal() -> Self {
        AttentionMask { is_causal: true, ..AttentionMask::none() }
    }

    /// No query looks at a key that the mask `[N, S]` calls padding.
    pub fn padding(mask: Mask) -> Self {
        AttentionMask { padding: Some(mask), ..AttentionMask::none() }
    }

    /// What is added to the scores of `[rows, heads, queries, keys]`; nothing, if every query looks at every key.
    #[track_caller]
    fn added(&self, rows: usize, queries: usize, keys: usize) -> Option<Tensor<T>> {
        let hidden = |mask: Mask| Tensor::zeros(mask.shape().clone()).masked_fill(&mask, T::NEG_INFINITY);
        let padding = self.padding.as_ref().map(|mask| {
            let found = mask.shape();
            assert!(
                found[..] == [rows, keys],
                "MultiheadAttention: the padding mask has shape {found}: wanted [{rows}, {keys}]"
            );
            hidden(mask.reshape([rows, 1, 1, keys]))
        });
        let later = self.is_causal.then(|| {
            let after = |index: usize| index % keys > index / keys;
            hidden(Mask::new((0..queries * keys).map(after).collect::<Vec<bool>>(), [queries, keys]))
        });
        [self.scores.clone(), padding, later].into_iter().flatten().reduce(|sum, mask| sum + mask)
    }
}

/// Attention with several heads: each looks with its own queries at its own keys, and the means of the values of all
/// heads are mapped back.    y = W_out [head_1 ... head_H] + b_out
///
/// Queries are `[N, L, E]`, keys and values `[N, S, E]` (or without N), as with PyTorch's `batch_first=True`, which is
/// the only order here. Names, shapes and start of the parameters are those of
/// [`torch.nn.MultiheadAttention`](https://docs.pytorch.org/docs/stable/generated/torch.nn.MultiheadAttention.html):
/// `in_proj_weight` `[3 E, E]`, `in_proj_bias` `[3 E]`, `out_proj.weight`, `out_proj.bias`. Its `kdim`, `vdim`,
/// `add_bias_kv` and `add_zero_attn` are not here. See Vaswani et al.,
/// [arXiv:1706.03762](https://arxiv.org/abs/1706.03762).
///
/// ```
/// use autograd::Tensor;
/// use nn::{AttentionMask, Mode, MultiheadAttention};
/// let attention: MultiheadAttention = MultiheadAttention::new(8, 2, 0);
/// let x = Tensor::randn([3, 5, 8], 1);
/// let y = attention.forward(&x, &x, &x, &AttentionMask::causal(), Mode::Eval);
/// assert_eq!(y.shape(), &[3, 5, 8]);
/// ```
#[derive(Clone, Debug)]
pub struct MultiheadAttention<T: Float = f32> {
    /// The weights of queries, keys and values, one below the other: `[3 E, E]`.
    pub in_proj_weight: Param<T>,
    /// Their biases, `[3 E]`.
    pub in_proj_bias: Option<Param<T>>,
    /// The map of the heads' results, `[E, E]`.
    pub out_proj: Linear<T>,
    num_heads: usize,
    dropout: f64,
}

crate::module!(MultiheadAttention<T> { in_proj_weight, in_proj_bias, out_proj });

impl<T: Float> MultiheadAttention<T> {
    /// `num_heads` heads that share `embed_dim` elements, with biases.
    ///
    /// # Panics
    /// If `embed_dim` is not a multiple of `num_heads`.
    #[track_caller]
    pub fn new(embed_dim: usize, num_heads: usize, seed: impl Seed) -> Self {
        assert!(
            num_heads > 0 && embed_dim.is_multiple_of(num_heads),
            "MultiheadAttention: {embed_dim} elements cannot be shared by {num_heads} heads: wanted a multiple"
        );
        seed.draw(|random| {
            let in_proj_weight = Param::new(init::xavier_uniform([3 * embed_dim, embed_dim], 1.0, &mut *random));
            let out_proj = Linear::new(embed_dim, embed_dim, &mut *random);
            let zeros = |count: usize| Param::new(Tensor::zeros([count]));
            let out_proj = Linear { bias: Some(zeros(embed_dim)), ..out_proj };
            let in_proj_bias = Some(zeros(3 * embed_dim));
            MultiheadAttention { in_proj_weight, in_proj_bias, out_proj, num_heads, dropout: 0.0 }
        })
    }

    /// The same without biases.
    pub fn without_bias(mut self) -> Self {
        self.in_proj_bias = None;
        self.out_proj.bias = None;
        self
    }

    /// In training, each weight of the attention is 0 with this probability.
    ///
    /// # Panics
    /// If `p` is no probability.
    #[track_caller]
    pub fn dropout(mut self, p: f64) -> Self {
        assert!((0.0..=1.0).contains(&p), "MultiheadAttention: {p} is no probability: wanted 0 to 1");
        self.dropout = p;
        self
    }

    /// The result for each query.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn forward(
        &self,
        query: &Tensor<T>,
        key: &Tensor<T>,
        value: &Tensor<T>,
        mask: &AttentionMask<T>,
        mode: Mode<'_>,
    ) -> Tensor<T> {
        let dropout = mode.stream().filter(|_| self.dropout > 0.0).map(|stream| (self.dropout, stream.next_call()));
        let inputs = [query, key, value];
        let [queries, keys] = [query, key].map(|x| if x.rank() < 2 { 0 } else { x.size(-2) });
        let options = |rows: usize| {
            let is_causal = mask.is_causal && mask.scores.is_none() && mask.padding.is_none() && queries == keys;
            let attn_mask = if is_causal { None } else { mask.added(rows, queries, keys) };
            Attention { attn_mask, is_causal, dropout, ..Attention::default() }
        };
        if is_one(inputs) {
            // One product for all three, whose result the attention reads in place.
            self.check(inputs);
            let x = if query.rank() == 2 { query.unsqueeze(0) } else { query.clone() };
            let projected = x.linear(&self.in_proj_weight.tensor(), self.bias().as_ref());
            let options = options(x.size(0));
            return self.projected(&projected.packed_attention(self.num_heads, &options), query.rank());
        }
        let [q, k, v] = self.heads(inputs);
        let options = options(q.size(0));
        self.joined(&q.scaled_dot_product_attention(&k, &v, &options), query.rank())
    }

    /// The result for positions that follow those in the cache, to which their keys and values are added: position i
    /// sees all positions in the cache, and the new ones up to i. So a sequence can be given in parts, a position at a
    /// time in the end, with the results that it has as a whole with [`AttentionMask::causal`]. Nothing is dropped.
    ///
    /// ```
    /// use autograd::Tensor;
    /// use nn::{AttentionMask, KeyValueCache, Mode, MultiheadAttention};
    /// let attention: MultiheadAttention<f64> = MultiheadAttention::new(8, 2, 0);
    /// let x = Tensor::randn([1, 5, 8], 1);
    /// let whole = attention.forward(&x, &x, &x, &AttentionMask::causal(), Mode::Eval);
    /// let mut cache = KeyValueCache::new();
    /// let start = attention.forward_cached(&x.narrow(1, 0, 4), &mut cache);
    /// let next = attention.forward_cached(&x.narrow(1, 4, 1), &mut cache);
    /// assert!(Tensor::cat(&[start, next], 1).allclose(&whole, 1e-12, 1e-12, false));
    /// ```
    ///
    /// # Panics
    /// If the input is not `[N, L, E]`, or N is not that of the cache.
    #[track_caller]
    pub fn forward_cached(&self, x: &Tensor<T>, cache: &mut KeyValueCache<T>) -> Tensor<T> {
        self.check([x, x, x]);
        assert!(x.rank() == 3, "MultiheadAttention: the shape is {}: wanted [N, L, E] with a cache", x.shape());
        let [q, k, v] = self.heads([x, x, x]);
        let before = cache.len();
        let (k, v) = cache.append(k, v);
        let attn_mask = (before > 0 && q.size(2) > 1).then(|| later_keys(q.size(2), before));
        let options = Attention { attn_mask, is_causal: before == 0, ..Attention::default() };
        self.joined(&q.scaled_dot_product_attention(&k, &v, &options), 3)
    }

    /// The result for each query, and with which weights each head looked at the keys: `[N, heads, L, S]`. Their mean
    /// over the heads is what PyTorch returns unless `average_attn_weights` is false.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn forward_with_weights(
        &self,
        query: &Tensor<T>,
        key: &Tensor<T>,
        value: &Tensor<T>,
        mask: &AttentionMask<T>,
        mode: Mode<'_>,
    ) -> (Tensor<T>, Tensor<T>) {
        let [q, k, v] = self.heads([query, key, value]);
        let scale = T::from_f64(1.0 / (q.size(3) as f64).sqrt());
        let mut scores = (q * scale).matmul(&k.transpose(-1, -2));
        if let Some(mask) = mask.added(scores.size(0), scores.size(2), scores.size(3)) {
            scores = scores + mask;
        }
        let mut weights = scores.softmax(-1);
        if let Some(stream) = mode.stream().filter(|_| self.dropout > 0.0) {
            weights = weights.dropout(self.dropout, stream);
        }
        let joined = self.joined(&weights.matmul(&v), query.rank());
        (joined, if query.rank() == 2 { weights.squeeze(0) } else { weights })
    }

    fn bias(&self) -> Option<Tensor<T>> {
        self.in_proj_bias.as_ref().map(Param::tensor)
    }

    /// Panics unless the inputs fit.
    #[track_caller]
    fn check(&self, inputs: [&Tensor<T>; 3]) {
        let width = self.in_proj_weight.tensor().size(1);
        let [query, key, value] = inputs.map(Tensor::shape);
        let fits = query.rank() == key.rank()
            && (2..=3).contains(&query.rank())
            && inputs.iter().all(|input| input.size(-1) == width)
            && key[..key.rank() - 1] == value[..value.rank() - 1]
            && (query.rank() == 2 || query[0] == key[0]);
        assert!(
            fits,
            "MultiheadAttention: the shapes are {query}, {key} and {value}: wanted [N, L, {width}], [N, S, {width}] \
             and [N, S, {width}]"
        );
    }

    /// Queries, keys and values of each head: `[N, heads, L or S, E / heads]`.
    #[track_caller]
    fn heads(&self, inputs: [&Tensor<T>; 3]) -> [Tensor<T>; 3] {
        self.check(inputs);
        let (weight, bias) = (self.in_proj_weight.tensor(), self.bias());
        let width = weight.size(1);
        let projected: Vec<Tensor<T>> = if is_one(inputs) {
            // One product for all three.
            inputs[0].linear(&weight, bias.as_ref()).chunk(3, -1)
        } else {
            let (weights, biases) = (weight.chunk(3, 0), bias.map(|bias| bias.chunk(3, 0)));
            let bias = |index: usize| biases.as_ref().map(|biases| &biases[index]);
            (0..3).map(|index| inputs[index].linear(&weights[index], bias(index))).collect()
        };
        let of_heads = |x: &Tensor<T>| {
            let x = if x.rank() == 2 { x.unsqueeze(0) } else { x.clone() };
            x.unflatten(-1, [self.num_heads, width / self.num_heads]).transpose(1, 2)
        };
        [0, 1, 2].map(|index: usize| of_heads(&projected[index]))
    }

    /// The heads' results `[N, heads, L, E / heads]` side by side, mapped.
    #[track_caller]
    fn joined(&self, heads: &Tensor<T>, rank: usize) -> Tensor<T> {
        self.projected(&heads.transpose(1, 2).flatten(2, 3), rank)
    }

    /// The results of the heads side by side, `[N, L, E]`, mapped.
    #[track_caller]
    fn projected(&self, y: &Tensor<T>, rank: usize) -> Tensor<T> {
        let bias = self.out_proj.bias.as_ref().map(Param::tensor);
        let y = y.linear(&self.out_proj.weight.tensor(), bias.as_ref());
        if rank == 2 { y.squeeze(0) } else { y }
    }
}

/// Whether queries, keys and values are of one sequence.
fn is_one<T: Float>(inputs: [&Tensor<T>; 3]) -> bool {
    std::ptr::eq(inputs[0], inputs[1]) && std::ptr::eq(inputs[1], inputs[2])
}

#[cfg(test)]
mod tests {
    use autograd::Stream;

    use super::*;
    use crate::module::Module;

    fn attention() -> MultiheadAttention<f64> {
        MultiheadAttention::new(6, 3, 0)
    }

    fn assert_close(a: &Tensor<f64>, b: &Tensor<f64>) {
        assert!(a.allclose(b, 1e-12, 1e-12, true), "{a:?} and {b:?}");
    }

    #[test]
    fn names_and_shapes_are_those_of_pytorch() {
        let named: Vec<String> = attention()
            .named_parameters()
            .into_iter()
            .map(|(name, param)| format!("{name} {}", param.tensor().shape()))
            .collect();
        let expected = ["in_proj_weight [18, 6]", "in_proj_bias [18]", "out_proj.weight [6, 6]", "out_proj.bias [6]"];
        assert_eq!(named, expected);
        assert_eq!(attention().without_bias().named_parameters().len(), 2);
    }

    #[test]
    fn with_and_without_weights_the_result_is_the_same() {
        let (x, memory) = (Tensor::randn([2, 4, 6], 1), Tensor::randn([2, 5, 6], 2));
        let padding = Mask::new([[false, false, true, true, true], [false; 5]].concat(), [2, 5]);
        for mask in [AttentionMask::none(), AttentionMask::causal(), AttentionMask::padding(padding)] {
            let y = attention().forward(&x, &memory, &memory, &mask, Mode::Eval);
            let (same, weights) = attention().forward_with_weights(&x, &memory, &memory, &mask, Mode::Eval);
            assert_close(&y, &same);
            assert_close(&weights.sum_dim(-1, false), &Tensor::ones([2, 3, 4]));
        }
    }

    #[test]
    fn a_causal_query_does_not_see_what_follows_it() {
        let x = Tensor::randn([1, 5, 6], 1);
        let all = attention().forward(&x, &x, &x, &AttentionMask::causal(), Mode::Eval);
        let some = x.narrow(1, 0, 3);
        let part = attention().forward(&some, &some, &some, &AttentionMask::causal(), Mode::Eval);
        assert_close(&all.narrow(1, 0, 3), &part);
    }

    #[test]
    fn a_batch_may_be_missing() {
        let x = Tensor::randn([5, 6], 1);
        let batch = x.unsqueeze(0);
        let y = attention().forward(&x, &x, &x, &AttentionMask::none(), Mode::Eval);
        let same = attention().forward(&batch, &batch, &batch, &AttentionMask::none(), Mode::Eval);
        assert_close(&y, &same.squeeze(0));
    }

    #[test]
    fn parts_of_a_sequence_with_a_cache_have_the_results_of_the_whole() {
        let x = Tensor::randn([2, 7, 6], 1);
        let whole = attention().forward(&x, &x, &x, &AttentionMask::causal(), Mode::Eval);
        for lengths in [vec![7], vec![1; 7], vec![3, 1, 3], vec![2, 5]] {
            let (mut cache, mut start, mut parts) = (KeyValueCache::new(), 0, Vec::new());
            assert!(cache.is_empty());
            for length in lengths {
                parts.push(attention().forward_cached(&x.narrow(1, start, length), &mut cache));
                start += length;
                assert_eq!(cache.len(), start);
            }
            assert_close(&Tensor::cat(&parts, 1), &whole);
        }
    }

    /// The same random numbers decide in blocks and where the weights are returned.
    #[test]
    fn with_and_without_weights_the_same_ones_are_dropped() {
        let (x, memory) = (Tensor::randn([2, 4, 6], 1), Tensor::randn([2, 5, 6], 2));
        let dropping = attention().dropout(0.5);
        for key in [&x, &memory] {
            let (stream, again) = (Stream::new(3), Stream::new(3));
            let none = AttentionMask::none();
            let y = dropping.forward(&x, key, key, &none, Mode::Train(&stream));
            let (same, _) = dropping.forward_with_weights(&x, key, key, &none, Mode::Train(&again));
            assert_close(&y, &same);
        }
    }

    #[test]
    fn weights_are_dropped_in_training_only() {
        let (x, stream) = (Tensor::randn([2, 4, 6], 1), Stream::new(0));
        let dropping = attention().dropout(0.5);
        let run = |mode: Mode<'_>| dropping.forward(&x, &x, &x, &AttentionMask::none(), mode).to_vec();
        assert_eq!(run(Mode::Eval), run(Mode::Eval));
        assert_ne!(run(Mode::Train(&stream)), run(Mode::Train(&stream)));
    }

    #[test]
    #[should_panic(expected = "the shapes are [2, 4, 6], [2, 5, 6] and [2, 4, 6]: wanted [N, L, 6], [N, S, 6] and")]
    fn keys_and_values_are_of_one_length() {
        let (x, key) = (Tensor::zeros([2, 4, 6]), Tensor::zeros([2, 5, 6]));
        let _ = attention().forward(&x, &key, &x, &AttentionMask::none(), Mode::Eval);
    }

    #[test]
    #[should_panic(expected = "the padding mask has shape [4, 2]: wanted [2, 4]")]
    fn a_padding_mask_of_another_shape_is_refused() {
        let x = Tensor::zeros([2, 4, 6]);
        let mask = AttentionMask::padding(Mask::new(vec![false; 8], [4, 2]));
        let _ = attention().forward(&x, &x, &x, &mask, Mode::Eval);
    }
}
