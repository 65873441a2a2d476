//! Norms over all parameters, summed in fixed chunks along a fixed tree.

use std::ops::Range;

use autograd::Float;

use super::layout::{CHUNK, Layout};

/// Of a vector's elements in `piece`, the sums of squares of each chunk of the weights, in `f64`. `values` are those of
/// the piece.
///
/// A chunk is in one piece or in another, never in two.
pub(crate) fn chunk_sums<T: Float>(layout: &Layout<T>, piece: &Range<usize>, values: &[T]) -> Vec<f64> {
    let chunks = layout.weights().iter().flat_map(|member| member.chunks());
    let own = chunks.filter(|chunk| piece.start <= chunk.start && chunk.end <= piece.end);
    own.map(|chunk| squares(&values[chunk.start - piece.start..chunk.end - piece.start])).collect()
}

/// How many chunks of the weights lie in a piece.
pub(crate) fn chunk_count<T: Float>(layout: &Layout<T>, piece: &Range<usize>) -> usize {
    let chunks = layout.weights().iter().flat_map(|member| member.chunks());
    chunks.filter(|chunk| piece.start <= chunk.start && chunk.end <= piece.end).count()
}

/// The norm whose square is the sum of these sums.
pub(crate) fn norm_of(sums: &[f64]) -> f64 {
    in_pairs(sums, &|sum| sum).sqrt()
}

fn squares<T: Float>(values: &[T]) -> f64 {
    debug_assert!(values.len() <= CHUNK);
    in_pairs(values, &|value: T| value.to_f64() * value.to_f64())
}

/// A sum in pairs, whose error grows with the logarithm of the count.
fn in_pairs<V: Copy>(values: &[V], read: &impl Fn(V) -> f64) -> f64 {
    const DIRECTLY: usize = 32;
    if values.len() <= DIRECTLY {
        return values.iter().map(|&value| read(value)).sum();
    }
    let (left, right) = values.split_at(values.len() / 2);
    in_pairs(left, read) + in_pairs(right, read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parallel::layout::Cut;
    use autograd::{Param, Tensor};

    #[test]
    fn the_norm_is_exact_and_its_bits_do_not_depend_on_the_pieces() {
        let param = |length: usize| Param::<f32>::new(Tensor::zeros([length]));
        let layout = Layout::new([("a", param(5000)), ("b", Param::buffer(Tensor::zeros([7]))), ("c", param(30))]);
        let values: Vec<f32> = (0..layout.length).map(|i| (i * 37 % 101) as f32 - 50.0).collect();
        let norms = (1..9).flat_map(|ranks| [Cut::Chunks, Cut::Parameters].map(|cut| layout.pieces(ranks, cut)));
        let norms = norms.map(|pieces| {
            let sums: Vec<f64> =
                pieces.iter().flat_map(|piece| chunk_sums(&layout, piece, &values[piece.clone()])).collect();
            assert_eq!(sums.len(), pieces.iter().map(|piece| chunk_count(&layout, piece)).sum::<usize>());
            norm_of(&sums)
        });
        let norms: Vec<f64> = norms.collect();
        let exact: f64 = values[..5030].iter().map(|&value| f64::from(value).powi(2)).sum();
        assert!((norms[0] - exact.sqrt()).abs() < 1e-9 && norms.iter().all(|norm| *norm == norms[0]), "{norms:?}");
    }
}
