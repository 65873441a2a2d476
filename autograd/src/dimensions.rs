//! A value for each dimension, stored without an allocation up to four dimensions.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::{Deref, DerefMut};

const INLINE: usize = 4;

/// The items of an iterator, pushed one by one. (To collect them is compiled into half a dozen functions for each type
/// of iterator, which is worth it for many items only.)
pub(crate) fn pushed<E>(items: impl Iterator<Item = E>) -> Vec<E> {
    let mut all = Vec::with_capacity(items.size_hint().0);
    for item in items {
        all.push(item);
    }
    all
}

/// Extents or strides. Every operation copies some, so a copy must cost a few instructions: up to four are moved as one
/// piece.
#[derive(Clone)]
pub(crate) enum Dimensions<N> {
    Few { rank: u8, values: [N; INLINE] },
    Many(Vec<N>),
}

impl<N: Copy + Default> Dimensions<N> {
    /// The same value for each of `rank` dimensions.
    #[inline]
    pub(crate) fn all(value: N, rank: usize) -> Self {
        if rank <= INLINE {
            Dimensions::Few { rank: rank as u8, values: [value; INLINE] }
        } else {
            Dimensions::Many(vec![value; rank])
        }
    }

    pub(crate) fn insert(&mut self, position: usize, value: N) {
        let (before, after) = self.split_at(position);
        *self = before.iter().copied().chain([value]).chain(after.iter().copied()).collect();
    }

    pub(crate) fn remove(&mut self, position: usize) -> N {
        let removed = self[position];
        *self = self.iter().enumerate().filter(|&(own, _)| own != position).map(|(_, &value)| value).collect();
        removed
    }
}

impl<N> Deref for Dimensions<N> {
    type Target = [N];
    #[inline]
    fn deref(&self) -> &[N] {
        match self {
            Dimensions::Few { rank, values } => &values[..usize::from(*rank)],
            Dimensions::Many(values) => values,
        }
    }
}

impl<N> DerefMut for Dimensions<N> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [N] {
        match self {
            Dimensions::Few { rank, values } => &mut values[..usize::from(*rank)],
            Dimensions::Many(values) => values,
        }
    }
}

impl<N: Copy + Default> From<&[N]> for Dimensions<N> {
    #[inline]
    fn from(slice: &[N]) -> Self {
        let mut all = Dimensions::all(N::default(), slice.len());
        all.iter_mut().zip(slice).for_each(|(own, &value)| *own = value);
        all
    }
}

impl<N: Copy + Default> FromIterator<N> for Dimensions<N> {
    fn from_iter<I: IntoIterator<Item = N>>(iterator: I) -> Self {
        let mut iterator = iterator.into_iter();
        let mut values = [N::default(); INLINE];
        for rank in 0..INLINE {
            match iterator.next() {
                Some(value) => values[rank] = value,
                None => return Dimensions::Few { rank: rank as u8, values },
            }
        }
        let Some(next) = iterator.next() else {
            return Dimensions::Few { rank: INLINE as u8, values };
        };
        Dimensions::Many(many(values, next, iterator))
    }
}

/// More values than are stored inline. (A call, so that what stores few is small. Pushed, as what collects a chain is a
/// dozen functions for each type of iterator.)
#[cold]
#[inline(never)]
fn many<N: Copy>(first: [N; INLINE], next: N, rest: impl Iterator<Item = N>) -> Vec<N> {
    let mut all = Vec::with_capacity(2 * INLINE);
    all.extend_from_slice(&first);
    all.push(next);
    for value in rest {
        all.push(value);
    }
    all
}

impl<N: Copy + Default> Default for Dimensions<N> {
    fn default() -> Self {
        Dimensions::all(N::default(), 0)
    }
}

impl<N: PartialEq> PartialEq for Dimensions<N> {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        // Comparing slices would call memcmp, and a loop that ends early has a branch for each value: both are slow for
        // so few values.
        if let (Dimensions::Few { rank, values }, Dimensions::Few { rank: other_rank, values: others }) = (self, other)
        {
            let mut is_same = rank == other_rank;
            for position in 0..INLINE {
                is_same &= (position >= usize::from(*rank)) | (values[position] == others[position]);
            }
            return is_same;
        }
        **self == **other
    }
}

impl<N: Eq> Eq for Dimensions<N> {}

impl<N: Hash> Hash for Dimensions<N> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl<N: fmt::Debug> fmt::Debug for Dimensions<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_and_many_behave_as_a_vector_does() {
        for rank in 0..8 {
            let values: Vec<usize> = (1..=rank).collect();
            let own: Dimensions<usize> = values.iter().copied().collect();
            assert_eq!(*own, *values);
            assert_eq!(Dimensions::from(&values[..]), own);
            assert_eq!(*Dimensions::all(7, rank), *vec![7; rank]);
            for position in 0..=rank {
                let (mut longer, mut expected) = (own.clone(), values.clone());
                longer.insert(position, 9);
                expected.insert(position, 9);
                assert_eq!(*longer, *expected);
                assert_ne!(longer, own);
                assert_eq!(longer.remove(position), 9);
                assert_eq!(longer, own);
            }
        }
    }
}
