//! A table of vectors, and vectors for positions.

use autograd::{Float, Indices, Param, Seed, Shape, Tensor};

use crate::layer::Layer;
use crate::mode::Mode;
use crate::tree::python_float;

/// For each index a row of a table that is learnt: indices of any shape give that shape and `embedding_dim`.
///
/// The table `weight` is `[num_embeddings, embedding_dim]` and starts normal, with deviation 1. Settings, names and
/// start are those of [`torch.nn.Embedding`](https://docs.pytorch.org/docs/stable/generated/torch.nn.Embedding.html);
/// the operation is [`Tensor::embedding`].
///
/// ```
/// use autograd::Indices;
/// use nn::{Embedding, Mode};
/// let layer: Embedding = Embedding::new(10, 3, 0).padding_idx(0);
/// let y = layer.forward(&Indices::new(vec![1, 2, 0, 2], [2, 2]), Mode::Eval);
/// assert_eq!(*y.shape(), [2, 2, 3]);
/// assert_eq!(y.to_vec()[6..9], [0.0; 3]);
/// ```
#[derive(Clone, Debug)]
pub struct Embedding<T: Float = f32> {
    /// The table, `[num_embeddings, embedding_dim]`.
    pub weight: Param<T>,
    padding_idx: Option<i64>,
    max_norm: Option<f64>,
    norm_type: f64,
}

impl<T: Float> Embedding<T> {
    /// A table of so many rows of so many elements.
    ///
    /// # Panics
    /// If the table has more elements than any memory holds.
    #[track_caller]
    pub fn new(num_embeddings: usize, embedding_dim: usize, seed: impl Seed) -> Self {
        Embedding::with_weight(Param::new(Tensor::randn([num_embeddings, embedding_dim], seed)))
    }

    /// With a table that is there already: another layer's (tied weights), or one that was learnt elsewhere.
    ///
    /// # Panics
    /// If it is not a matrix.
    #[track_caller]
    pub fn with_weight(weight: Param<T>) -> Self {
        let shape = weight.tensor().shape().clone();
        assert!(shape.rank() == 2, "Embedding: the table has shape {shape}: wanted [rows, width]");
        Embedding { weight, padding_idx: None, max_norm: None, norm_type: 2.0 }
    }

    /// The row that stands for no word at all: it starts as zeros and gets no gradient. Negative ones count from the
    /// end.
    ///
    /// # Panics
    /// If there is no such row.
    #[track_caller]
    pub fn padding_idx(self, row: i64) -> Self {
        let shape = self.weight.tensor().shape().clone();
        let rows = shape[0] as i64;
        assert!((-rows..rows).contains(&row), "Embedding: padding_idx {row} is no row of shape {shape}");
        let row = row.rem_euclid(rows);
        self.weight.update(|table| table[row as usize * shape[1]..][..shape[1]].fill(T::ZERO));
        Embedding { padding_idx: Some(row), ..self }
    }

    /// The largest norm that a row may have when it is taken. In training a longer one is shortened in the table;
    /// outside of it what is taken is shortened, and the table stays.
    pub fn max_norm(self, max_norm: f64) -> Self {
        Embedding { max_norm: Some(max_norm), ..self }
    }

    /// The degree of the norm that `max_norm` is about; 2 by default.
    pub fn norm_type(self, norm_type: f64) -> Self {
        Embedding { norm_type, ..self }
    }

    /// The rows at these indices.
    ///
    /// # Panics
    /// If an index is no row.
    #[track_caller]
    pub fn forward(&self, index: &Indices, mode: Mode<'_>) -> Tensor<T> {
        let Some(max_norm) = self.max_norm else {
            return self.weight.tensor().embedding(index, self.padding_idx);
        };
        if mode.is_training() {
            self.shorten(index, max_norm);
            return self.weight.tensor().embedding(index, self.padding_idx);
        }
        let taken = self.weight.tensor().embedding(index, self.padding_idx);
        let factors: Vec<T> =
            taken.to_vec().chunks(taken.size(-1).max(1)).map(|row| self.factor(row, max_norm)).collect();
        let shape: Shape = index.shape().iter().copied().chain([1]).collect();
        if taken.numel() == 0 { taken } else { &taken * Tensor::from_vec(factors, shape) }
    }

    /// What makes a row as short as it may be: 1 if it is.
    fn factor(&self, row: &[T], max_norm: f64) -> T {
        let powers = row.iter().map(|value| value.to_f64().abs());
        let norm = if self.norm_type.is_infinite() {
            powers.fold(0.0, f64::max)
        } else {
            powers.map(|value| value.powf(self.norm_type)).sum::<f64>().powf(self.norm_type.recip())
        };
        if norm > max_norm { T::from_f64(max_norm / (norm + 1e-7)) } else { T::ONE }
    }

    /// Shortens the rows at these indices in the table.
    fn shorten(&self, index: &Indices, max_norm: f64) {
        let table = self.weight.tensor();
        let (values, width) = (table.to_vec(), table.size(1));
        let mut factors: Vec<(usize, T)> = Vec::new();
        for &row in index.as_slice() {
            let Some(elements) = values.get(row as usize * width..).and_then(|rest| rest.get(..width)) else {
                continue;
            };
            let factor = self.factor(elements, max_norm);
            if factor != T::ONE {
                factors.push((row as usize, factor));
            }
        }
        factors.sort_unstable_by_key(|&(row, _)| row);
        factors.dedup_by_key(|&mut (row, _)| row);
        if factors.is_empty() {
            return;
        }
        self.weight.update(|table| {
            for (row, factor) in factors {
                table[row * width..][..width].iter_mut().for_each(|value| *value *= factor);
            }
        });
    }
}

crate::module!(Embedding<T> { weight }, |layer| {
    let table = layer.weight.tensor();
    let mut settings = format!("{}, {}", table.size(0), table.size(1));
    if let Some(row) = layer.padding_idx {
        settings += &format!(", padding_idx={row}");
    }
    if let Some(max_norm) = layer.max_norm {
        settings += &format!(", max_norm={}", python_float(max_norm));
    }
    if layer.norm_type != 2.0 {
        settings += &format!(", norm_type={}", python_float(layer.norm_type));
    }
    settings
});

/// sin(p / 10000²ⁱᐟᵈ) at element 2i and cos of the same at 2i + 1, for positions p in 0..length: `[length, width]`
/// (Vaswani et al., *Attention is all you need*, 2017).
///
/// ```
/// let table = nn::sinusoidal_positions::<f32>(8, 4);
/// assert_eq!(table.to_vec()[..4], [0.0, 1.0, 0.0, 1.0]);
/// ```
pub fn sinusoidal_positions<T: Float>(length: usize, width: usize) -> Tensor<T> {
    let element = |position: usize, index: usize| {
        let angle = position as f64 / 10000_f64.powf((index - index % 2) as f64 / width as f64);
        if index.is_multiple_of(2) { angle.sin() } else { angle.cos() }
    };
    let elements = (0..length).flat_map(|position| (0..width).map(move |index| T::from_f64(element(position, index))));
    Tensor::from_vec(elements.collect(), [length, width])
}

/// Adds to each vector of a sequence what says where it stands: [`sinusoidal_positions`]. Inputs `[..., L, width]` with
/// L up to the length; nothing is learnt.
#[derive(Clone, Debug)]
pub struct SinusoidalPositions<T: Float = f32> {
    table: Tensor<T>,
}

impl<T: Float> SinusoidalPositions<T> {
    /// For sequences of up to `length` vectors of `width` elements.
    pub fn new(length: usize, width: usize) -> Self {
        SinusoidalPositions { table: sinusoidal_positions(length, width) }
    }
}

crate::module!(SinusoidalPositions<T> {}, |layer| format!("{}, {}", layer.table.size(0), layer.table.size(1)));

impl<T: Float> Layer<T> for SinusoidalPositions<T> {
    /// # Panics
    /// If the input's vectors are of another width, or the sequence is too long.
    #[track_caller]
    fn forward(&self, x: &Tensor<T>, _: Mode<'_>) -> Tensor<T> {
        let [length, width] = [self.table.size(0), self.table.size(1)];
        let fits = x.rank() >= 2 && x.size(-1) == width && x.size(-2) <= length;
        assert!(fits, "SinusoidalPositions: the input has shape {}: wanted [..., up to {length}, {width}]", x.shape());
        x + self.table.narrow(0, 0, x.size(-2))
    }
}

#[cfg(test)]
mod tests {
    use autograd::Stream;

    use super::*;

    fn layer() -> Embedding<f64> {
        let table = Tensor::from_vec(vec![3.0, 4.0, 0.6, 0.8, 30.0, 40.0], [3, 2]);
        Embedding::with_weight(Param::new(table)).max_norm(1.0)
    }

    #[test]
    fn long_rows_are_shortened_in_the_table_when_they_are_trained() {
        let index = Indices::from([0, 1, 0]);
        let (layer, stream) = (layer(), Stream::new(0));
        let before = layer.weight.tensor().to_vec();
        let used = layer.forward(&index, Mode::Eval);
        assert_eq!(layer.weight.tensor().to_vec(), before);
        let trained = layer.forward(&index, Mode::Train(&stream));
        assert!((&used - &trained).abs().max().item() < 1e-15);
        let table = layer.weight.tensor().to_vec();
        assert!((table[0] - 0.6).abs() < 1e-6 && table[2..] == before[2..], "{table:?}");
        // The gradient is that of the table's values, shortened or not.
        assert_eq!(trained.sum().backward().of(&layer.weight).unwrap().to_vec(), [2.0, 2.0, 1.0, 1.0, 0.0, 0.0]);
        assert_eq!(layer.to_string(), "Embedding(3, 2, max_norm=1.0)");
    }

    #[test]
    fn the_padding_row_is_zeros_and_gets_no_gradient() {
        let layer = Embedding::<f64>::new(4, 2, 0).padding_idx(-1);
        let y = layer.forward(&Indices::from([3, 0]), Mode::Eval);
        assert_eq!(y.to_vec()[..2], [0.0; 2]);
        assert_eq!(y.sum().backward().of(&layer.weight).unwrap().to_vec(), [1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(layer.to_string(), "Embedding(4, 2, padding_idx=3)");
    }

    #[test]
    fn positions_are_those_of_the_paper() {
        let table = sinusoidal_positions::<f64>(5, 6);
        let wanted = (3.0 / 10000_f64.powf(4.0 / 6.0)).cos();
        assert!((table.to_vec()[3 * 6 + 5] - wanted).abs() < 1e-15);
        let x = Tensor::randn([2, 4, 6], 0);
        let y = SinusoidalPositions::new(5, 6).forward(&x, Mode::Eval);
        let added = (y - x).select(0, 1);
        assert!((added - table.narrow(0, 0, 4)).abs().max().item() < 1e-15);
    }
}
