//! A number for each dimension, without an allocation up to four.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::{Deref, DerefMut};

const INLINE: usize = 4;

/// Extents or strides. Every operation copies some, so a copy must cost a few instructions: up to four are moved as one
/// piece.
#[derive(Clone)]
pub(crate) enum Dimensions<N> {
    Few { rank: u8, numbers: [N; INLINE] },
    Many(Vec<N>),
}

impl<N: Copy + Default> Dimensions<N> {
    /// The same number for each of `rank` dimensions.
    #[inline]
    pub(crate) fn all(number: N, rank: usize) -> Self {
        if rank <= INLINE {
            Dimensions::Few { rank: rank as u8, numbers: [number; INLINE] }
        } else {
            Dimensions::Many(vec![number; rank])
        }
    }

    pub(crate) fn insert(&mut self, position: usize, number: N) {
        let (before, after) = self.split_at(position);
        *self = before.iter().copied().chain([number]).chain(after.iter().copied()).collect();
    }

    pub(crate) fn remove(&mut self, position: usize) -> N {
        let removed = self[position];
        *self = self.iter().enumerate().filter(|&(own, _)| own != position).map(|(_, &number)| number).collect();
        removed
    }
}

impl<N> Deref for Dimensions<N> {
    type Target = [N];
    #[inline]
    fn deref(&self) -> &[N] {
        match self {
            Dimensions::Few { rank, numbers } => &numbers[..usize::from(*rank)],
            Dimensions::Many(numbers) => numbers,
        }
    }
}

impl<N> DerefMut for Dimensions<N> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [N] {
        match self {
            Dimensions::Few { rank, numbers } => &mut numbers[..usize::from(*rank)],
            Dimensions::Many(numbers) => numbers,
        }
    }
}

impl<N: Copy + Default> From<&[N]> for Dimensions<N> {
    #[inline]
    fn from(slice: &[N]) -> Self {
        let mut all = Dimensions::all(N::default(), slice.len());
        all.iter_mut().zip(slice).for_each(|(own, &number)| *own = number);
        all
    }
}

impl<N: Copy + Default> FromIterator<N> for Dimensions<N> {
    fn from_iter<I: IntoIterator<Item = N>>(iterator: I) -> Self {
        let mut iterator = iterator.into_iter();
        let mut numbers = [N::default(); INLINE];
        for rank in 0..INLINE {
            match iterator.next() {
                Some(number) => numbers[rank] = number,
                None => return Dimensions::Few { rank: rank as u8, numbers },
            }
        }
        match iterator.next() {
            Some(next) => Dimensions::Many(numbers.into_iter().chain([next]).chain(iterator).collect()),
            None => Dimensions::Few { rank: INLINE as u8, numbers },
        }
    }
}

impl<N: Copy + Default> Default for Dimensions<N> {
    fn default() -> Self {
        Dimensions::all(N::default(), 0)
    }
}

impl<N: PartialEq> PartialEq for Dimensions<N> {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        // A loop: comparing slices would call the library's memcmp for three numbers.
        self.len() == other.len() && self.iter().zip(&**other).all(|(own, other)| own == other)
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
            let numbers: Vec<usize> = (1..=rank).collect();
            let own: Dimensions<usize> = numbers.iter().copied().collect();
            assert_eq!(*own, *numbers);
            assert_eq!(Dimensions::from(&numbers[..]), own);
            assert_eq!(*Dimensions::all(7, rank), *vec![7; rank]);
            for position in 0..=rank {
                let (mut longer, mut expected) = (own.clone(), numbers.clone());
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
