//! The numbers of a tensor: a shared buffer that is copied when somebody wants to change it while others read it.

use std::marker::PhantomData;
use std::sync::Arc;

use crate::pool::{self, Block};
use crate::scalar::Scalar;

/// `length` initialised numbers in a block of the pool.
struct Buffer<T> {
    block: Block,
    length: usize,
    numbers: PhantomData<T>,
}

/// A shared buffer. Cloning shares it; [`Storage::make_mut`] copies it first if it is shared.
pub(crate) struct Storage<T>(Arc<Buffer<T>>);

impl<T> Clone for Storage<T> {
    #[inline]
    fn clone(&self) -> Self {
        Storage(Arc::clone(&self.0))
    }
}

impl<T: Scalar> Storage<T> {
    /// A buffer of `length` numbers that `fill` is to write, every one: it finds stale ones.
    #[inline]
    #[track_caller]
    pub(crate) fn build(length: usize, fill: impl FnOnce(&mut [T])) -> Self {
        let Some(bytes) = length.checked_mul(size_of::<T>()) else {
            crate::error::mistake("tensor", format_args!("{length} elements are more than memory can hold"));
        };
        let mut buffer = Buffer { block: Block::take(bytes), length, numbers: PhantomData };
        fill(buffer.as_mut_slice());
        Storage(Arc::new(buffer))
    }

    pub(crate) fn from_slice(numbers: &[T]) -> Self {
        Storage::build(numbers.len(), |out| out.copy_from_slice(numbers))
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[T] {
        let buffer = &*self.0;
        // SAFETY: the block holds at least `length` initialised numbers, aligned to a cache line. `&self` keeps the buffer alive,
        // and it is changed only through `get_mut`, which requires that nobody else holds it.
        unsafe { std::slice::from_raw_parts(buffer.block.start().cast().as_ptr(), buffer.length) }
    }

    /// The numbers for writing, if nobody else holds the buffer.
    #[inline]
    pub(crate) fn get_mut(&mut self) -> Option<&mut [T]> {
        Arc::get_mut(&mut self.0).map(Buffer::as_mut_slice)
    }

    /// The numbers for writing; a shared buffer is copied first, and the copy counted.
    pub(crate) fn make_mut(&mut self) -> &mut [T] {
        if Arc::get_mut(&mut self.0).is_none() {
            pool::count_copy_on_write();
            *self = Storage::from_slice(self.as_slice());
        }
        self.get_mut().expect("the buffer was just made, or found, unshared")
    }
}

impl<T: Scalar> Buffer<T> {
    #[inline]
    fn as_mut_slice(&mut self) -> &mut [T] {
        // SAFETY: as in `as_slice`; `&mut self` means that nobody else sees the numbers meanwhile.
        unsafe { std::slice::from_raw_parts_mut(self.block.start().cast().as_ptr(), self.length) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_buffer_is_copied_before_it_changes() {
        let mut first = Storage::from_slice(&[1.0_f32, 2.0]);
        first.make_mut()[0] = 5.0;
        let before = first.clone();
        let copies = pool::memory_statistics().copies_on_write;
        first.make_mut()[1] = 7.0;
        assert!(pool::memory_statistics().copies_on_write > copies);
        assert_eq!(first.as_slice(), [5.0, 7.0]);
        assert_eq!(before.as_slice(), [5.0, 2.0]);
    }

    #[test]
    fn an_empty_buffer_is_a_buffer() {
        let empty = Storage::<f64>::build(0, |out| assert!(out.is_empty()));
        assert!(empty.as_slice().is_empty());
    }
}
