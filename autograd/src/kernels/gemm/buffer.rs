//! Memory for packed blocks, from the engine's pool: a product in a training loop allocates nothing.

use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicUsize, Ordering};

use smallvec::SmallVec;

use super::pack::SLACK;
use crate::kernels::parallel::{num_threads, thread_index};
use crate::pool::{Block, HUGE};
use crate::scalar::Scalar;

/// Bytes from which on a block lies in a huge page: it is read again and again, and the translation of its addresses
/// then never stands in the way. (Measured on a Xeon, blocks of 1 MiB: 5 to 10 % of large products.)
const LARGE: usize = 256 << 10;

/// Memory for a packed block, which goes back to the pool when it is dropped; or none, for an operand that is read in
/// place.
pub(in crate::kernels) struct Buffer(Option<Block>);

impl Buffer {
    /// Memory for `count` elements and [`SLACK`].
    ///
    /// # Panics
    /// If the system has not so much memory.
    pub(in crate::kernels) fn take<T: Scalar>(count: usize) -> Self {
        Self::of_bytes((count + SLACK) * size_of::<T>())
    }

    /// Memory of a size in bytes.
    ///
    /// # Panics
    /// If the system has not so much memory.
    pub(in crate::kernels) fn of_bytes(bytes: usize) -> Self {
        let Some(block) = Block::take(if bytes < LARGE { bytes } else { bytes.max(HUGE) }) else {
            panic!("gemm: the system has no memory for the {bytes} bytes of a packed block");
        };
        Self(Some(block))
    }

    /// No memory.
    pub(in crate::kernels) fn none() -> Self {
        Self(None)
    }

    /// The address of the first element, at the start of a cache line.
    pub(in crate::kernels) fn start<T>(&self) -> *mut T {
        self.0.as_ref().map_or(std::ptr::null_mut(), |block| block.start().as_ptr().cast())
    }
}

/// Values in memory of the pool: a table that is written once.
pub(in crate::kernels) struct PoolVec<E> {
    buffer: Buffer,
    length: usize,
    values: PhantomData<E>,
}

impl<E: Copy> PoolVec<E> {
    /// So many values.
    ///
    /// # Panics
    /// If there are more or fewer of them, or the system has not so much memory.
    pub(in crate::kernels) fn collect(length: usize, values: impl Iterator<Item = E>) -> Self {
        const { assert!(align_of::<E>() <= 64) };
        let buffer = Buffer::of_bytes(length * size_of::<E>());
        let (start, mut written) = (buffer.start::<E>(), 0);
        for value in values {
            assert!(written < length, "more than {length} values");
            // SAFETY: the memory has room for so many values, and begins at a cache line.
            unsafe { start.add(written).write(value) }
            written += 1;
        }
        assert_eq!(written, length, "fewer values");
        Self { buffer, length, values: PhantomData }
    }
}

impl<E: Copy + Default> PoolVec<E> {
    /// So many zeros.
    ///
    /// # Panics
    /// If the system has not so much memory.
    pub(in crate::kernels) fn zeros(length: usize) -> Self {
        const { assert!(align_of::<E>() <= 64) };
        let buffer = Buffer::of_bytes(length * size_of::<E>());
        // SAFETY: the memory has room for so many values, and begins at a cache line.
        let values = unsafe { std::slice::from_raw_parts_mut(buffer.start::<MaybeUninit<E>>(), length) };
        values.fill(MaybeUninit::new(E::default()));
        Self { buffer, length, values: PhantomData }
    }
}

impl<E> DerefMut for PoolVec<E> {
    fn deref_mut(&mut self) -> &mut [E] {
        // SAFETY: so many values were written, and this is the only owner.
        unsafe { std::slice::from_raw_parts_mut(self.buffer.start(), self.length) }
    }
}

impl<E> Deref for PoolVec<E> {
    type Target = [E];

    fn deref(&self) -> &[E] {
        // SAFETY: so many values were written, and nobody writes any more.
        unsafe { std::slice::from_raw_parts(self.buffer.start(), self.length) }
    }
}

// SAFETY: a shared reference only reads the values.
unsafe impl<E: Send + Sync> Sync for PoolVec<E> {}

/// Memory for packed blocks of a fork's tasks, one for each thread: taken at once by the thread that forks, so that how
/// much the pool hands out doesn't depend on which thread happens to run a task.
pub(in crate::kernels) struct ThreadBuffers {
    buffer: Buffer,
    elements: usize,
    threads: usize,
    is_one_task: bool,
    /// For each thread, what its memory is filled with: see [`with_filled`](Self::with_filled).
    filled: SmallVec<[AtomicUsize; 4]>,
}

/// What the memory is filled with that nobody has filled.
const NOTHING: usize = usize::MAX;

impl ThreadBuffers {
    /// Memory for `count` elements and [`SLACK`] for each thread that may run one of so many tasks.
    ///
    /// # Panics
    /// If the system has not so much memory.
    pub(in crate::kernels) fn take<T: Scalar>(tasks: usize, count: usize) -> Self {
        let threads = if tasks <= 1 { 1 } else { num_threads() };
        // On cache lines of their own.
        let elements = (count + SLACK).next_multiple_of(64);
        let filled = (0..threads).map(|_| AtomicUsize::new(NOTHING)).collect();
        Self { buffer: Buffer::take::<T>(threads * elements), elements, threads, is_one_task: tasks <= 1, filled }
    }

    /// No memory.
    pub(in crate::kernels) fn none() -> Self {
        Self { buffer: Buffer::none(), elements: 0, threads: 0, is_one_task: false, filled: SmallVec::new() }
    }

    /// Calls `body`, which must not fork, with this thread's memory as a slice of as many elements as were asked for.
    /// It holds values of before.
    ///
    /// # Safety
    /// `body` does not ask for this thread's memory again.
    pub(in crate::kernels) unsafe fn with_slice<T: Scalar>(&self, count: usize, body: impl FnOnce(&mut [T])) {
        assert!(count <= self.elements, "{count} elements of {}", self.elements);
        self.with::<T>(|start| {
            // SAFETY: so many elements are this thread's alone until `body` returns, by this function's contract;
            // memory of the pool is initialised, and any bits are an element.
            body(unsafe { std::slice::from_raw_parts_mut(start, count) });
        });
    }

    /// Calls `body`, which must not fork, with the address of this thread's memory.
    #[inline]
    pub(in crate::kernels) fn with<T: Scalar>(&self, body: impl FnOnce(*mut T)) {
        self.with_index(|start, _| body(start));
    }

    /// The same for memory that `fill` has filled: it is called if the last call on this thread was for another
    /// content. Neither may fork.
    pub(in crate::kernels) fn with_filled<T: Scalar>(
        &self,
        content: usize,
        fill: impl FnOnce(*mut T),
        body: impl FnOnce(*mut T),
    ) {
        self.with_index(|start, index| {
            let filled = self.filled.get(index);
            if filled.is_none_or(|filled| filled.load(Ordering::Relaxed) != content) {
                fill(start);
            }
            if let Some(filled) = filled {
                filled.store(content, Ordering::Relaxed);
            }
            body(start);
        });
    }

    /// Calls `body` with the address of this thread's memory and the thread's index.
    #[inline(always)]
    fn with_index<T: Scalar>(&self, body: impl FnOnce(*mut T, usize)) {
        let index = if self.is_one_task { 0 } else { thread_index() };
        if index < self.threads {
            return body(self.buffer.start::<T>().wrapping_add(index * self.elements), index);
        }
        // The default number of threads was raised meanwhile.
        let buffer = Buffer::take::<T>(self.elements);
        body(buffer.start(), index);
    }
}

// SAFETY: each thread uses a part of the memory of its own, which its owner keeps until all tasks have ended.
unsafe impl Sync for ThreadBuffers {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::parallel::{for_each_task, with_threads};
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn no_two_threads_have_the_same_memory() {
        for threads in [1, 2, 3] {
            with_threads(threads, || {
                let buffers = ThreadBuffers::take::<f32>(20, 100);
                let users = [(); 3].map(|()| AtomicUsize::new(0));
                for_each_task(20, |_| {
                    buffers.with::<f32>(|start| {
                        let offset = start.addr() - buffers.buffer.start::<f32>().addr();
                        let user = &users[offset / (buffers.elements * size_of::<f32>())];
                        assert_eq!(user.fetch_add(1, Ordering::SeqCst), 0, "nobody else uses it");
                        std::thread::yield_now();
                        user.fetch_sub(1, Ordering::SeqCst);
                    });
                });
            });
        }
    }

    #[test]
    fn memory_is_filled_when_a_thread_needs_another_content() {
        for threads in [1, 2, 3] {
            with_threads(threads, || {
                let buffers = ThreadBuffers::take::<f32>(60, 1);
                let fills = AtomicUsize::new(0);
                let own: Vec<_> = (0..threads).map(|_| AtomicUsize::new(NOTHING)).collect();
                for_each_task(60, |task| {
                    let content = task / 5;
                    let is_new = own[thread_index()].swap(content, Ordering::Relaxed) != content;
                    let fill = |start: *mut f32| {
                        assert!(is_new, "content {content} is there");
                        fills.fetch_add(1, Ordering::Relaxed);
                        // SAFETY: there is room for an element.
                        unsafe { start.write(content as f32) }
                    };
                    // SAFETY: the element was written.
                    let check = |start: *mut f32| assert_eq!(unsafe { start.read() }, content as f32);
                    buffers.with_filled(content, fill, check);
                });
                let fills = fills.into_inner();
                assert!(fills >= 12 && (threads > 1 || fills == 12), "{fills} on {threads} threads");
            });
        }
    }

    #[test]
    fn a_thread_without_memory_of_its_own_takes_some() {
        let buffers = ThreadBuffers::take::<f32>(2, 100);
        let fewer = ThreadBuffers { threads: 0, ..buffers };
        fewer.with::<f32>(|start| {
            // SAFETY: there is room for so many elements.
            unsafe { start.write_bytes(0, 100) }
        });
    }
}
