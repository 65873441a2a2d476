//! A layer of a transformer's encoder.

use autograd::{Float, Random, Seed, Tensor};

use crate::attention::{AttentionMask, MultiheadAttention};
use crate::dropout::Dropout;
use crate::key_value_cache::KeyValueCache;
use crate::layer::Layer;
use crate::linear::Linear;
use crate::mode::Mode;
use crate::norm::LayerNorm;

/// The settings of a [`TransformerEncoderLayer`], with PyTorch's names and defaults.
#[derive(Clone, Copy, Debug)]
pub struct TransformerOptions {
    /// The width of the feed-forward part.
    pub dim_feedforward: usize,
    /// The probability with which an element is dropped in training.
    pub dropout: f64,
    /// What lies between the two maps of the feed-forward part.
    pub activation: FeedForwardActivation,
    /// Whether the norms come before attention and feed-forward part rather than after them.
    pub norm_first: bool,
}

/// The activations of a [`TransformerEncoderLayer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedForwardActivation {
    /// max(x, 0)
    ReLU,
    /// The Gaussian error linear unit.
    Gelu,
    /// The same by the formula with tanh.
    GeluTanh,
}

impl Default for TransformerOptions {
    fn default() -> Self {
        TransformerOptions {
            dim_feedforward: 2048,
            dropout: 0.1,
            activation: FeedForwardActivation::ReLU,
            norm_first: false,
        }
    }
}

/// Attention to itself and a feed-forward part, each added to its input and normalized:
///
/// x = norm1(x + attention(x)),  y = norm2(x + linear2(activation(linear1(x))))
///
/// or, with `norm_first`, x + attention(norm1(x)) and so on. Inputs and outputs are `[N, L, E]` (or `[L, E]`). Names and
/// start of the parameters are those of
/// [`torch.nn.TransformerEncoderLayer`](https://docs.pytorch.org/docs/stable/generated/torch.nn.TransformerEncoderLayer.html)
/// with `batch_first=True`.
///
/// ```
/// use autograd::Tensor;
/// use nn::{AttentionMask, Mode, TransformerEncoderLayer, TransformerOptions};
/// let options = TransformerOptions { dim_feedforward: 32, norm_first: true, ..TransformerOptions::default() };
/// let layer: TransformerEncoderLayer = TransformerEncoderLayer::new(8, 2, options, 0);
/// let y = layer.forward_masked(&Tensor::randn([3, 5, 8], 1), &AttentionMask::causal(), Mode::Eval);
/// assert_eq!(y.shape(), &[3, 5, 8]);
/// ```
#[derive(Clone, Debug)]
pub struct TransformerEncoderLayer<T: Float = f32> {
    /// The attention.
    pub self_attn: MultiheadAttention<T>,
    /// The first map of the feed-forward part.
    pub linear1: Linear<T>,
    /// The second map.
    pub linear2: Linear<T>,
    /// The norm of the attention.
    pub norm1: LayerNorm<T>,
    /// The norm of the feed-forward part.
    pub norm2: LayerNorm<T>,
    dropout: Dropout,
    activation: FeedForwardActivation,
    norm_first: bool,
}

crate::module!(TransformerEncoderLayer<T> { self_attn, linear1, linear2, norm1, norm2 });

impl<T: Float> TransformerEncoderLayer<T> {
    /// A layer of `d_model` elements and `nhead` heads.
    ///
    /// # Panics
    /// If `d_model` is not a multiple of `nhead`.
    #[track_caller]
    pub fn new(d_model: usize, nhead: usize, options: TransformerOptions, seed: impl Seed) -> Self {
        let TransformerOptions { dim_feedforward, dropout, activation, norm_first } = options;
        // Outside of `draw`, so that a panic shows the caller's line.
        let mut start = Random::new(0);
        seed.draw(|random| start = random.stream(random.position()));
        TransformerEncoderLayer {
            self_attn: MultiheadAttention::new(d_model, nhead, &mut start).dropout(dropout),
            linear1: Linear::new(d_model, dim_feedforward, &mut start),
            linear2: Linear::new(dim_feedforward, d_model, &mut start),
            norm1: LayerNorm::new([d_model]),
            norm2: LayerNorm::new([d_model]),
            dropout: Dropout::new(dropout),
            activation,
            norm_first,
        }
    }

    /// The output where attention is masked.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn forward_masked(&self, x: &Tensor<T>, mask: &AttentionMask<T>, mode: Mode<'_>) -> Tensor<T> {
        self.around(x, mode, |x| self.dropout.forward(&self.self_attn.forward(x, x, x, mask, mode), mode))
    }

    /// The output for positions that follow those in the cache, with the values that they have in a whole sequence with
    /// [`AttentionMask::causal`]; see [`MultiheadAttention::forward_cached`]. Nothing is dropped.
    ///
    /// # Panics
    /// If the input is not `[N, L, E]`, or N is not that of the cache.
    #[track_caller]
    pub fn forward_cached(&self, x: &Tensor<T>, cache: &mut KeyValueCache<T>) -> Tensor<T> {
        self.around(x, Mode::Eval, |x| self.self_attn.forward_cached(x, cache))
    }

    /// The layer around its attention.
    #[track_caller]
    fn around(&self, x: &Tensor<T>, mode: Mode<'_>, attend: impl FnOnce(&Tensor<T>) -> Tensor<T>) -> Tensor<T> {
        if self.norm_first {
            let x = x + attend(&self.norm1.forward(x, mode));
            return &x + self.feed_forward(&self.norm2.forward(&x, mode), mode);
        }
        let x = self.norm1.forward(&(x + attend(x)), mode);
        self.norm2.forward(&(&x + self.feed_forward(&x, mode)), mode)
    }

    #[track_caller]
    fn feed_forward(&self, x: &Tensor<T>, mode: Mode<'_>) -> Tensor<T> {
        let inner = match self.activation {
            FeedForwardActivation::ReLU => self.linear1.forward_relu(x),
            FeedForwardActivation::Gelu => self.linear1.forward(x, mode).gelu(),
            FeedForwardActivation::GeluTanh => self.linear1.forward(x, mode).gelu_tanh(),
        };
        self.dropout.forward(&self.linear2.forward(&self.dropout.forward(&inner, mode), mode), mode)
    }
}

impl<T: Float> Layer<T> for TransformerEncoderLayer<T> {
    #[track_caller]
    fn forward(&self, x: &Tensor<T>, mode: Mode<'_>) -> Tensor<T> {
        self.forward_masked(x, &AttentionMask::none(), mode)
    }
}

#[cfg(test)]
mod tests {
    use autograd::Stream;

    use super::*;
    use crate::module::Module;

    fn layer(norm_first: bool) -> TransformerEncoderLayer<f64> {
        let activation = FeedForwardActivation::Gelu;
        let options =
            TransformerOptions { dim_feedforward: 16, norm_first, activation, ..TransformerOptions::default() };
        TransformerEncoderLayer::new(8, 2, options, 0)
    }

    #[test]
    fn names_are_those_of_pytorch() {
        let names: Vec<String> = layer(false).named_parameters().into_iter().map(|(name, _)| name).collect();
        let expected = "self_attn.in_proj_weight self_attn.in_proj_bias self_attn.out_proj.weight \
            self_attn.out_proj.bias linear1.weight linear1.bias linear2.weight linear2.bias norm1.weight norm1.bias \
            norm2.weight norm2.bias";
        assert_eq!(names, expected.split_whitespace().collect::<Vec<_>>());
    }

    #[test]
    fn with_a_cache_the_values_are_those_of_the_whole_sequence() {
        for norm_first in [false, true] {
            let (layer, x) = (layer(norm_first), Tensor::randn([2, 6, 8], 1));
            let whole = layer.forward_masked(&x, &AttentionMask::causal(), Mode::Eval);
            let mut cache = KeyValueCache::new();
            let parts = [(0, 3), (3, 1), (4, 2)]
                .map(|(start, length)| layer.forward_cached(&x.narrow(1, start, length), &mut cache));
            assert!(Tensor::cat(&parts, 1).allclose(&whole, 1e-12, 1e-12, false));
        }
    }

    #[test]
    fn gradients_reach_each_parameter_with_either_order_of_the_norms() {
        for norm_first in [false, true] {
            let layer = layer(norm_first);
            let stream = Stream::new(0);
            let x = Tensor::randn([2, 3, 8], 1);
            let y = layer.forward(&x, Mode::Train(&stream));
            let gradients = (y * Tensor::randn([2, 3, 8], 2)).sum().backward();
            for (name, param) in layer.named_parameters() {
                assert!(gradients.of(&param).unwrap().abs().max().item() > 0.0, "{name}");
            }
        }
    }

    #[test]
    fn with_the_norm_last_the_output_has_mean_0_and_variance_1() {
        let y = layer(false).forward(&Tensor::randn([2, 3, 8], 1), Mode::Eval);
        assert!(y.mean_dim(-1, false).abs().max().item() < 1e-9);
        let squares = y.square().mean_dim(-1, false);
        assert!((squares - 1.0).abs().max().item() < 1e-3);
    }
}
