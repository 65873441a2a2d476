//! The parameters as one long vector, and how it is cut into the pieces that ranks own.

use std::ops::Range;

use autograd::{Float, Gradients, Param, ParamKind, Tensor};

use crate::parameter::IntoParameter;

/// Elements of a parameter whose squares are summed in one go: pieces are cut between such chunks, so that no sum
/// depends on the ranks.
pub(crate) const CHUNK: usize = 1024;

/// A parameter or buffer, and where its elements are in the vector.
#[derive(Clone, Debug)]
pub(crate) struct Member<T: Float> {
    pub(crate) name: String,
    pub(crate) param: Param<T>,
    pub(crate) range: Range<usize>,
}

impl<T: Float> Member<T> {
    pub(crate) fn is_buffer(&self) -> bool {
        self.param.kind() == ParamKind::Buffer
    }

    /// Calls `read` with those of its elements that are in this range of the vector.
    pub(crate) fn read<R>(&self, range: &Range<usize>, read: impl FnOnce(&[T]) -> R) -> R {
        let own = range.start - self.range.start..range.end - self.range.start;
        with_elements(&self.param.tensor(), |values| read(&values[own]))
    }

    /// The chunks of the member, as ranges in the vector.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = Range<usize>> + use<T> {
        let Range { start, end } = self.range;
        (start..end).step_by(CHUNK).map(move |start| start..end.min(start + CHUNK))
    }
}

/// All parameters, one after the other: those with gradients, and behind them the buffers.
#[derive(Clone, Debug)]
pub(crate) struct Layout<T: Float> {
    pub(crate) members: Vec<Member<T>>,
    /// How many of the members are not buffers.
    pub(crate) weights: usize,
    pub(crate) length: usize,
}

/// Where pieces may be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Between chunks.
    Chunks,
    /// Only between parameters.
    Parameters,
}

impl<T: Float> Layout<T> {
    /// Of a parameter that comes twice, the second one is left out.
    pub(crate) fn new<P: IntoParameter<T>>(parameters: impl IntoIterator<Item = P>) -> Self {
        let mut named: Vec<(String, Param<T>)> = Vec::new();
        for parameter in parameters {
            let (name, param) = parameter.into_parameter();
            if !named.iter().any(|(_, known)| known.is(&param)) {
                named.push((name.unwrap_or_else(|| named.len().to_string()), param));
            }
        }
        // A stable sort: each kind keeps its order.
        named.sort_by_key(|(_, param)| param.kind() == ParamKind::Buffer);
        let weights = named.iter().filter(|(_, param)| param.kind() != ParamKind::Buffer).count();
        let mut length = 0;
        let member = |(name, param): (String, Param<T>)| {
            let start = length;
            length += param.tensor().numel();
            Member { name, param, range: start..length }
        };
        let members = named.into_iter().map(member).collect();
        Layout { members, weights, length }
    }

    pub(crate) fn weights(&self) -> &[Member<T>] {
        &self.members[..self.weights]
    }

    pub(crate) fn buffers(&self) -> &[Member<T>] {
        &self.members[self.weights..]
    }

    /// The pieces of as many ranks: about equally long ranges that make up the vector.
    pub(crate) fn pieces(&self, ranks: usize, cut: Cut) -> Vec<Range<usize>> {
        let starts = self.members.iter().flat_map(|member| {
            let chunks = member.chunks().map(|chunk| chunk.start).filter(move |_| cut == Cut::Chunks);
            [member.range.start].into_iter().chain(chunks)
        });
        let mut starts = starts.chain([self.length]).peekable();
        let (mut last, mut pieces) = (0, Vec::new());
        for rank in 0..ranks {
            let wanted = (rank + 1) * self.length / ranks;
            while starts.peek().is_some_and(|&start| start < wanted) {
                starts.next();
            }
            let end = starts.peek().copied().unwrap_or(self.length);
            pieces.push(last..end);
            last = end;
        }
        pieces
    }

    /// The gradients in the vector, of the weights that have one.
    pub(crate) fn gradients(&self, values: &[T], is_present: &[bool]) -> Gradients<T> {
        let mut gradients = Gradients::default();
        for (member, _) in self.weights().iter().zip(is_present).filter(|(_, is_present)| **is_present) {
            let shape = member.param.tensor().shape().clone();
            gradients.set(&member.param, Tensor::from_slice(&values[member.range.clone()], shape));
        }
        gradients
    }
}

/// Calls `read` with the elements of a tensor in row-major order.
pub(crate) fn with_elements<T: Float, R>(tensor: &Tensor<T>, read: impl FnOnce(&[T]) -> R) -> R {
    let contiguous = tensor.contiguous();
    let view = contiguous.as_array();
    read(view.as_slice().expect("a contiguous tensor is a slice"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_make_up_the_vector_and_respect_the_cuts() {
        let param = |length: usize| Param::<f32>::new(Tensor::zeros([length]));
        let layout = Layout::new([("a", param(3000)), ("b", Param::buffer(Tensor::zeros([2]))), ("c", param(10))]);
        assert_eq!(layout.members.iter().map(|member| member.name.as_str()).collect::<Vec<_>>(), ["a", "c", "b"]);
        assert_eq!(layout.pieces(2, Cut::Chunks), [0..2048, 2048..3012]);
        assert_eq!(layout.pieces(2, Cut::Parameters), [0..3000, 3000..3012]);
        for (ranks, cut) in (1..9).flat_map(|ranks| [(ranks, Cut::Chunks), (ranks, Cut::Parameters)]) {
            let pieces = layout.pieces(ranks, cut);
            assert_eq!((pieces.len(), pieces[0].start, pieces[ranks - 1].end), (ranks, 0, 3012));
            assert!(pieces.windows(2).all(|pair| pair[0].end == pair[1].start));
            let is_cut = |at: usize| layout.members.iter().any(|m| m.range.start == at || at == m.range.end);
            assert!(cut == Cut::Chunks || pieces.iter().all(|piece| is_cut(piece.end)));
        }
    }
}
