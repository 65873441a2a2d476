//! The elements of a tensor: a shared buffer. It is written when it is created, and later only by its only owner.

use crate::error::argument_error;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering, fence};

use crate::pool::Block;
use crate::scalar::Scalar;

/// A shared buffer. Cloning shares it; [`Storage::get_mut`] gives write access if there is only one owner.
///
/// It works like an `Arc`, but its reference count is in the cache line in front of the block's elements. A separate
/// allocation for the count would take a third of the time of a small operation.
pub(crate) struct Storage<T> {
    header: NonNull<Header>,
    elements: PhantomData<T>,
}

struct Header {
    /// The reference count.
    owners: AtomicUsize,
    /// The number of elements, all of them initialised.
    length: usize,
    block: Block,
}

// SAFETY: owners on several threads only read the elements, and the last one frees the block, on whatever thread.
unsafe impl<T: Send + Sync> Send for Storage<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Storage<T> {}

/// The error message for a failed allocation of `length` elements.
#[cold]
pub(crate) fn no_memory_for<T: Scalar>(length: usize) -> String {
    no_memory(length, T::NAME, size_of::<T>())
}

/// The same for elements of a type with this name and size.
#[cold]
pub(crate) fn no_memory(length: usize, name: &str, size: usize) -> String {
    format!("the system has no memory for {length} elements of {name}, {} bytes", length as u128 * size as u128)
}

impl<T: Scalar> Storage<T> {
    /// A buffer of `length` elements. `fill` must write every element: the buffer contains old values.
    ///
    /// # Panics
    /// If the system does not have enough memory.
    #[inline]
    #[track_caller]
    pub(crate) fn build(length: usize, fill: impl FnOnce(&mut [T])) -> Self {
        let Some(mut storage) = Storage::try_take(length) else {
            argument_error("tensor", no_memory_for::<T>(length));
        };
        fill(storage.get_mut().expect("just made, so not shared"));
        storage
    }

    /// A buffer of `length` elements, stale ones of a recycled buffer; `None` if the system has not so much memory.
    #[inline]
    pub(crate) fn try_take(length: usize) -> Option<Self> {
        let block = Block::take(length.checked_mul(size_of::<T>())?)?;
        let header = block.header().cast::<Header>();
        // SAFETY: the line in front of the block is large enough, aligned, and unused; it belongs to whoever has the
        // block.
        unsafe { header.write(Header { owners: AtomicUsize::new(1), length, block }) };
        Some(Storage { header, elements: PhantomData })
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[T] {
        let header = self.header();
        // SAFETY: the block has at least `length` initialised elements, aligned to a cache line. `&self` keeps the
        // buffer alive, and it is changed only through `get_mut`, which requires that there is no other owner.
        unsafe { std::slice::from_raw_parts(header.block.start().cast().as_ptr(), header.length) }
    }

    /// The elements for writing, if there is no other owner.
    #[inline]
    pub(crate) fn get_mut(&mut self) -> Option<&mut [T]> {
        let header = self.header();
        // `Acquire` pairs with the `Release` of an owner that was dropped: its reads happened before the writes here.
        if header.owners.load(Ordering::Acquire) != 1 {
            return None;
        }
        // SAFETY: as in `as_slice`. This is the only owner and it is borrowed mutably, so there is no other access.
        Some(unsafe { std::slice::from_raw_parts_mut(header.block.start().cast().as_ptr(), header.length) })
    }
}

impl<T> Storage<T> {
    /// Whether there is another owner of the buffer.
    #[inline]
    pub(crate) fn is_shared(&self) -> bool {
        self.header().owners.load(Ordering::Acquire) != 1
    }

    #[inline]
    fn header(&self) -> &Header {
        // SAFETY: written in `build`, and valid until the last owner is dropped.
        unsafe { self.header.as_ref() }
    }
}

impl<T> Clone for Storage<T> {
    #[inline]
    fn clone(&self) -> Self {
        // `Relaxed` is enough: the new owner is created from an existing one, so the buffer is alive. The count cannot
        // overflow, because each owner takes memory.
        self.header().owners.fetch_add(1, Ordering::Relaxed);
        Storage { header: self.header, elements: PhantomData }
    }
}

impl<T> Drop for Storage<T> {
    #[inline]
    fn drop(&mut self) {
        let owners = &self.header().owners;
        // If the count is 1, this is the only owner and no other thread can clone it, so the count stays 1. The check
        // saves the slower atomic subtraction in the usual case.
        if owners.load(Ordering::Acquire) == 1 || owners.fetch_sub(1, Ordering::Release) == 1 {
            // The reads of all earlier owners happen before the block is reused.
            fence(Ordering::Acquire);
            // SAFETY: there is no other owner, and the header is not used again: the block is moved out only once.
            drop(unsafe { self.header.read() }.block);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn storage_of(values: &[f32]) -> Storage<f32> {
        Storage::build(values.len(), |out| out.copy_from_slice(values))
    }

    #[test]
    fn a_shared_buffer_cannot_be_written() {
        let mut first = storage_of(&[1.0, 2.0]);
        first.get_mut().expect("not shared yet")[0] = 5.0;
        let second = first.clone();
        assert!(first.is_shared() && first.get_mut().is_none());
        drop(second);
        assert!(!first.is_shared() && first.get_mut().is_some());
        assert_eq!(first.as_slice(), [5.0, 2.0]);
    }

    #[test]
    fn a_buffer_that_does_not_fit_into_memory_is_refused() {
        // A process on x86-64 can address at most 128 TiB, so every system refuses these.
        let of_the_system = cfg!(target_arch = "x86_64").then_some(1 << 45);
        for length in of_the_system.into_iter().chain([1 << 46, 1 << 60, 1 << 62, usize::MAX]) {
            assert!(Storage::<f32>::try_take(length).is_none());
        }
        let sentence = "the system has no memory for 4611686018427387904 elements of f64, 36893488147419103232 bytes";
        assert_eq!(no_memory_for::<f64>(1 << 62), sentence);
    }

    #[test]
    fn an_empty_buffer_is_a_buffer() {
        let empty = Storage::<f64>::build(0, |out| assert!(out.is_empty()));
        assert!(empty.as_slice().is_empty());
    }

    #[test]
    fn owners_on_many_threads_are_dropped_in_any_order() {
        for _ in 0..200 {
            let mut own = storage_of(&[1.0; 100]);
            std::thread::scope(|scope| {
                for _ in 0..3 {
                    let other = own.clone();
                    scope.spawn(move || assert_eq!(other.as_slice().iter().sum::<f32>(), 100.0));
                }
            });
            own.get_mut().expect("the other owners have been dropped")[0] = 2.0;
        }
    }

    #[test]
    fn a_buffer_whose_filling_panics_is_freed() {
        let caught = std::panic::catch_unwind(|| Storage::<f32>::build(1000, |_| panic!("while filling")));
        assert!(caught.is_err());
    }
}
