//! What a layer of attention keeps when a sequence comes in parts.

use autograd::{Float, Tensor};

/// What hides the new keys that come after a new query, of which there are `queries`, after `before` others.
pub(crate) fn later_keys<T: Float>(queries: usize, before: usize) -> Tensor<T> {
    Tensor::build([queries, before + queries], |out| {
        for (query, row) in out.chunks_exact_mut(before + queries).enumerate() {
            row[..=before + query].fill(T::ZERO);
            row[before + query + 1..].fill(T::NEG_INFINITY);
        }
    })
}

/// The keys and values of the positions that a layer has seen, for
/// [`forward_cached`](crate::MultiheadAttention::forward_cached): each layer has its own.
#[derive(Clone, Debug)]
pub struct KeyValueCache<T: Float = f32> {
    /// Keys and values, `[N, heads, S, E / heads]`.
    seen: Option<(Tensor<T>, Tensor<T>)>,
}

impl<T: Float> Default for KeyValueCache<T> {
    fn default() -> Self {
        KeyValueCache::new()
    }
}

impl<T: Float> KeyValueCache<T> {
    /// A cache of no positions.
    pub fn new() -> Self {
        KeyValueCache { seen: None }
    }

    /// The number of positions.
    pub fn len(&self) -> usize {
        self.seen.as_ref().map_or(0, |(key, _)| key.size(2))
    }

    /// Whether there are no positions.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds keys and values, and returns all of them.
    #[track_caller]
    pub(crate) fn append(&mut self, key: Tensor<T>, value: Tensor<T>) -> (Tensor<T>, Tensor<T>) {
        let all = match self.seen.take() {
            None => (key, value),
            Some((old, old_value)) => {
                let [own, other] = [old.size(0), key.size(0)];
                assert!(own == other, "MultiheadAttention: {other} sequences with a cache of {own}");
                (Tensor::cat(&[old, key], 2), Tensor::cat(&[old_value, value], 2))
            }
        };
        self.seen = Some(all.clone());
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_query_sees_what_was_before_and_itself() {
        let hidden = f32::NEG_INFINITY;
        assert_eq!(later_keys::<f32>(2, 1).to_vec(), [0.0, 0.0, hidden, 0.0, 0.0, 0.0]);
    }

    #[test]
    #[should_panic(expected = "MultiheadAttention: 1 sequences with a cache of 2")]
    fn a_cache_is_of_as_many_sequences() {
        let mut cache = KeyValueCache::<f32>::new();
        for rows in [2, 1] {
            let new = || Tensor::zeros([rows, 3, 1, 6]);
            cache.append(new(), new());
        }
    }
}
