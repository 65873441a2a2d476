//! The elements of a tensor: a shared buffer that is written once, when it is made, or by its only holder.

use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering, fence};

use crate::pool::Block;
use crate::scalar::Scalar;

/// A shared buffer. Cloning shares it; [`Storage::get_mut`] lends it for writing to its only holder.
///
/// It is an `Arc` whose count lies in the line that a block keeps in front of its numbers: a small operation would spend a third of its time on
/// allocating that count elsewhere.
pub(crate) struct Storage<T> {
    header: NonNull<Header>,
    numbers: PhantomData<T>,
}

struct Header {
    holders: AtomicUsize,
    /// How many numbers the block holds, all of them initialised.
    length: usize,
    block: Block,
}

// SAFETY: holders on several threads only read the numbers, and the last one gives the block back, wherever it is.
unsafe impl<T: Send + Sync> Send for Storage<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Storage<T> {}

/// Why there is no buffer of `length` elements, as a sentence.
#[cold]
pub(crate) fn no_memory_for<T: Scalar>(length: usize) -> String {
    let bytes = length as u128 * size_of::<T>() as u128;
    format!("the system has no memory for {length} elements of {}, {bytes} bytes", T::NAME)
}

impl<T: Scalar> Storage<T> {
    /// A buffer of `length` numbers that `fill` is to write, every one: it finds stale ones.
    ///
    /// # Panics
    /// If the system has not so much memory.
    #[inline]
    #[track_caller]
    pub(crate) fn build(length: usize, fill: impl FnOnce(&mut [T])) -> Self {
        let Some(mut storage) = Storage::try_take(length) else {
            crate::error::mistake("tensor", no_memory_for::<T>(length));
        };
        fill(storage.get_mut().expect("just made, so not shared"));
        storage
    }

    /// A buffer of `length` elements, stale ones of a recycled buffer; `None` if the system has not so much memory.
    #[inline]
    pub(crate) fn try_take(length: usize) -> Option<Self> {
        let block = Block::take(length.checked_mul(size_of::<T>())?)?;
        let header = block.header().cast::<Header>();
        // SAFETY: the line in front of the block is large enough, aligned, and unused; it belongs to whoever has the block.
        unsafe { header.write(Header { holders: AtomicUsize::new(1), length, block }) };
        Some(Storage { header, numbers: PhantomData })
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[T] {
        let header = self.header();
        // SAFETY: the block holds at least `length` initialised numbers, aligned to a cache line. `&self` keeps the buffer alive,
        // and it is changed only through `get_mut`, which requires that nobody else holds it.
        unsafe { std::slice::from_raw_parts(header.block.start().cast().as_ptr(), header.length) }
    }

    /// The numbers for writing, if nobody else holds the buffer.
    #[inline]
    pub(crate) fn get_mut(&mut self) -> Option<&mut [T]> {
        let header = self.header();
        // Pairs with the last holder's letting go: what it read, it has read.
        if header.holders.load(Ordering::Acquire) != 1 {
            return None;
        }
        // SAFETY: as in `as_slice`; this is the only holder, and borrowed mutably, so nobody else sees the numbers meanwhile.
        Some(unsafe { std::slice::from_raw_parts_mut(header.block.start().cast().as_ptr(), header.length) })
    }
}

impl<T> Storage<T> {
    /// Whether somebody else holds the buffer too.
    #[inline]
    pub(crate) fn is_shared(&self) -> bool {
        self.header().holders.load(Ordering::Acquire) != 1
    }

    #[inline]
    fn header(&self) -> &Header {
        // SAFETY: written in `build`, and valid until the last holder lets go.
        unsafe { self.header.as_ref() }
    }
}

impl<T> Clone for Storage<T> {
    #[inline]
    fn clone(&self) -> Self {
        // A new holder learns of the buffer from an old one, so there is nothing to order. (The count cannot overflow: each holder takes memory.)
        self.header().holders.fetch_add(1, Ordering::Relaxed);
        Storage { header: self.header, numbers: PhantomData }
    }
}

impl<T> Drop for Storage<T> {
    #[inline]
    fn drop(&mut self) {
        let holders = &self.header().holders;
        // Who is alone stays alone: a new holder would have to learn of the buffer from this one. So most need not pay for a subtraction
        // that others could see.
        if holders.load(Ordering::Acquire) == 1 || holders.fetch_sub(1, Ordering::Release) == 1 {
            // What the other holders did with the numbers comes before whatever becomes of the block.
            fence(Ordering::Acquire);
            // SAFETY: nobody else holds the buffer, and the header is not touched again: the block is moved out once.
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
    fn a_shared_buffer_is_not_lent_for_writing() {
        let mut first = storage_of(&[1.0, 2.0]);
        first.get_mut().expect("not shared yet")[0] = 5.0;
        let second = first.clone();
        assert!(first.is_shared() && first.get_mut().is_none());
        drop(second);
        assert!(!first.is_shared() && first.get_mut().is_some());
        assert_eq!(first.as_slice(), [5.0, 2.0]);
    }

    #[test]
    fn what_no_memory_holds_is_refused() {
        // 128 TiB are all that a process on x86-64 can address, so the system itself refuses them, however generous it
        // is.
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
    fn holders_on_many_threads_let_go_in_any_order() {
        for _ in 0..200 {
            let mut own = storage_of(&[1.0; 100]);
            std::thread::scope(|scope| {
                for _ in 0..3 {
                    let held = own.clone();
                    scope.spawn(move || assert_eq!(held.as_slice().iter().sum::<f32>(), 100.0));
                }
            });
            own.get_mut().expect("the others have let go")[0] = 2.0;
        }
    }

    #[test]
    fn a_buffer_whose_filling_panics_is_given_back() {
        let caught = std::panic::catch_unwind(|| Storage::<f32>::build(1000, |_| panic!("while filling")));
        assert!(caught.is_err());
    }
}
