//! Recycled buffers. A training step makes the same buffers over and over; asking the system for them costs page faults that take
//! longer than the arithmetic. So a buffer that is dropped is kept, by size, and handed out again.
//!
//! - **Blocks** are aligned to a cache line and sized in classes: multiples of 64 bytes up to 1 KiB, then four classes a doubling.
//! - **Huge blocks**, from 2 MiB on, begin at a huge page and ask the system for such pages: the processor then looks up one address where it would
//!   look up 512, and reads ahead across them.
//! - A block has one more line **in front** of its numbers, where [`Storage`](crate::storage::Storage) counts its holders.
//! - **Small blocks** lie in a list of the thread, reached without a lock; **large ones**, and what overflows a thread's list, in one
//!   shared list behind a mutex. A tensor may be dropped on another thread than the one that made it.
//! - Both lists are **bounded**; beyond the bound a block goes back to the system. [`release_memory`] gives all idle blocks back,
//!   and `AUTOGRAD_POOL=0` switches the pool off (to hunt for leaks, say).
//! - Blocks hold **stale numbers**, never uninitialised memory: they start zeroed and only numbers are written to them. That makes it
//!   sound to hand them out as `&mut [f32]`. Every kernel writes all of its output; debug builds fill a recycled block with NaN to show one that does not.

use std::alloc::{Layout, alloc, dealloc};
use std::cell::RefCell;
use std::ptr::NonNull;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::lock::ShortLock;

/// Bytes of a cache line: the alignment of every block and the unit of the small classes.
const LINE: usize = 64;
/// Bytes of a huge page, and the alignment of blocks that are no smaller.
const HUGE: usize = 2 << 20;
/// Classes of whole lines, up to 1 KiB.
const SMALL_CLASSES: usize = 16;
/// Four classes a doubling from 1 KiB up to 2⁴⁷ bytes, more than a process can address.
const CLASSES: usize = SMALL_CLASSES + 4 * 37;
/// Blocks of up to 16 KiB (the class that holds them) may wait in a thread's own list.
const THREAD_CLASSES: usize = SMALL_CLASSES + 4 * 4;
/// What a thread's own list holds at most: enough for the tensors of one step, too little to matter if the thread sleeps.
const THREAD_BYTES: usize = 4 << 20;
/// What the shared list holds at most.
const SHARED_BYTES: usize = 1 << 30;

/// A piece of memory of a size class; returns to the pool when it is dropped.
pub(crate) struct Block(Memory);

/// Where a block's memory is. The address may be copied, but the memory has one owner at a time: the block, and once that is dropped, a list.
#[derive(Clone, Copy)]
struct Memory {
    start: NonNull<u8>,
    class: u8,
}

// SAFETY: a block, or the list that it waits in, owns its memory exclusively, like a `Box<[u8]>`.
unsafe impl Send for Memory {}
// SAFETY: shared, it hands out nothing but its address.
unsafe impl Sync for Memory {}

fn class_of(bytes: usize) -> usize {
    let lines = bytes.div_ceil(LINE).max(1);
    if lines <= SMALL_CLASSES {
        return lines - 1;
    }
    // Above 1 KiB: the power of two below, and which quarter of the way to the next one.
    let last = bytes - 1;
    let power = last.ilog2() as usize;
    let quarter = (last >> (power - 2)) & 3;
    SMALL_CLASSES + (power - 10) * 4 + quarter
}

fn bytes_of(class: usize) -> usize {
    if class < SMALL_CLASSES {
        return (class + 1) * LINE;
    }
    let (power, quarter) = ((class - SMALL_CLASSES) / 4 + 10, (class - SMALL_CLASSES) % 4);
    (1 << power) + ((quarter + 1) << (power - 2))
}

impl Block {
    /// A block of at least `bytes` bytes, all of them initialised; `None` if the system has not so much memory, or a
    /// process cannot address it.
    pub(crate) fn take(bytes: usize) -> Option<Block> {
        if bytes > bytes_of(CLASSES - 1) {
            return None;
        }
        let class = class_of(bytes);
        if let Some(memory) = recycled(class) {
            if cfg!(debug_assertions) {
                // SAFETY: the memory is ours alone and `bytes_of(class)` long; all-ones is a NaN in f32 and in f64.
                unsafe { memory.start.write_bytes(0xff, bytes_of(class)) };
            }
            return Some(Block(memory));
        }
        MISSES.fetch_add(1, Ordering::Relaxed);
        let memory = zeroed(memory_layout(class))?;
        // SAFETY: the memory is a line longer than the class.
        Some(Block(Memory { start: unsafe { memory.add(LINE) }, class: class as u8 }))
    }

    /// Where its numbers begin.
    #[inline]
    pub(crate) fn start(&self) -> NonNull<u8> {
        self.0.start
    }

    /// The cache line in front of the numbers, for whoever has the block.
    #[inline]
    pub(crate) fn header(&self) -> NonNull<u8> {
        self.0.header()
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        recycle(self.0);
    }
}

impl Memory {
    #[inline]
    fn header(self) -> NonNull<u8> {
        // SAFETY: the memory of a block begins one line before its numbers.
        unsafe { self.start.sub(LINE) }
    }
}

/// What a block takes of the system: its numbers, and a line in front of them.
fn memory_layout(class: usize) -> Layout {
    let bytes = LINE + bytes_of(class);
    let alignment = if bytes < HUGE { LINE } else { HUGE };
    Layout::from_size_align(bytes, alignment).expect("a class is no larger than a process can address")
}

/// Memory of the system, cleared; `None` if it has not so much.
fn zeroed(layout: Layout) -> Option<NonNull<u8>> {
    // SAFETY: the size is not zero.
    let memory = NonNull::new(unsafe { alloc(layout) })?;
    // Before anything is written, as that is when the system chooses the pages.
    #[cfg(all(target_os = "linux", not(miri)))]
    if layout.align() == HUGE {
        // SAFETY: the pages, whole ones from the first byte on, are ours alone, and keep what they hold. It is advice: whether it is taken, or even
        // understood, makes no difference but in time.
        unsafe { libc::madvise(memory.as_ptr().cast(), layout.size() / HUGE * HUGE, libc::MADV_HUGEPAGE) };
    }
    // SAFETY: the memory is ours alone, and so long.
    unsafe { memory.write_bytes(0, layout.size()) };
    Some(memory)
}

/// Gives an idle block's memory back to the system.
fn free(memory: Memory) {
    // SAFETY: it came from `alloc` with this very layout; its block is gone, and whoever calls this has taken it out of its list.
    unsafe { dealloc(memory.header().as_ptr(), memory_layout(usize::from(memory.class))) };
}

/// Idle blocks by class, with the bytes that they hold.
struct Shelf {
    classes: Vec<Vec<Memory>>,
    bytes: usize,
}

impl Shelf {
    const fn new() -> Self {
        Shelf { classes: Vec::new(), bytes: 0 }
    }

    #[inline]
    fn take(&mut self, class: usize) -> Option<Memory> {
        let memory = self.classes.get_mut(class)?.pop()?;
        self.bytes -= bytes_of(class);
        Some(memory)
    }

    /// Keeps the memory unless that would pass the bound; says whether it did.
    #[inline]
    fn keep(&mut self, memory: Memory, bound: usize) -> bool {
        let class = usize::from(memory.class);
        let bytes = bytes_of(class);
        if self.bytes + bytes > bound {
            return false;
        }
        if self.classes.is_empty() {
            self.classes.resize_with(CLASSES, Vec::new);
        }
        self.bytes += bytes;
        self.classes[class].push(memory);
        true
    }

    fn take_all(&mut self) -> Vec<Vec<Memory>> {
        self.bytes = 0;
        std::mem::take(&mut self.classes)
    }
}

/// A thread's own shelf; its blocks move to the shared one when the thread ends.
struct ThreadShelf(Shelf);

impl Drop for ThreadShelf {
    fn drop(&mut self) {
        self.0.classes.drain(..).flatten().for_each(share);
    }
}

thread_local! {
    static OWN: RefCell<ThreadShelf> = const { RefCell::new(ThreadShelf(Shelf::new())) };
}
static SHARED: ShortLock<Shelf> = ShortLock::new(Shelf::new());
static MISSES: AtomicU64 = AtomicU64::new(0);
static COPIES: AtomicU64 = AtomicU64::new(0);
static SHARED_IDLE: AtomicUsize = AtomicUsize::new(0);

fn is_on() -> bool {
    static ON: OnceLock<bool> = OnceLock::new();
    *ON.get_or_init(|| std::env::var_os("AUTOGRAD_POOL").is_none_or(|value| value != "0"))
}

fn recycled(class: usize) -> Option<Memory> {
    if class < THREAD_CLASSES {
        // A thread that is ending has lost its shelf; it takes from the shared one.
        let own = OWN.try_with(|own| own.borrow_mut().0.take(class));
        if let Ok(Some(memory)) = own {
            return Some(memory);
        }
    }
    // A look without the lock: most misses happen while nothing is idle.
    if SHARED_IDLE.load(Ordering::Relaxed) == 0 {
        return None;
    }
    SHARED.with(|shared| {
        let memory = shared.take(class);
        SHARED_IDLE.store(shared.bytes, Ordering::Relaxed);
        memory
    })
}

fn recycle(memory: Memory) {
    if !is_on() {
        return free(memory);
    }
    // A thread that is ending has lost its shelf; it gives to the shared one.
    let kept = usize::from(memory.class) < THREAD_CLASSES
        && OWN.try_with(|own| own.borrow_mut().0.keep(memory, THREAD_BYTES)).unwrap_or(false);
    if !kept {
        share(memory);
    }
}

fn share(memory: Memory) {
    let kept = SHARED.with(|shared| {
        let kept = shared.keep(memory, SHARED_BYTES);
        SHARED_IDLE.store(shared.bytes, Ordering::Relaxed);
        kept
    });
    if !kept {
        free(memory);
    }
}

/// What the engine's memory has done since the program started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryStatistics {
    /// Buffers that had to be asked of the system because the pool had none of their size. Flat from the third training step on.
    pub pool_misses: u64,
    /// Changes of a parameter whose old values somebody else still held (a tensor, or a graph that was not walked), so that there is one buffer more in use.
    /// Flat in a training loop.
    pub copies_on_write: u64,
    /// Bytes that wait in the shared list and in this thread's own to be used again.
    pub idle_bytes: usize,
}

/// The counters of the buffer pool and of changed parameters.
///
/// ```
/// let before = autograd::memory_statistics();
/// let zeros = autograd::Tensor::<f32>::zeros([1000, 1000]);
/// drop(zeros);
/// assert!(autograd::memory_statistics().pool_misses >= before.pool_misses);
/// ```
pub fn memory_statistics() -> MemoryStatistics {
    let own = OWN.try_with(|own| own.borrow().0.bytes).unwrap_or(0);
    MemoryStatistics {
        pool_misses: MISSES.load(Ordering::Relaxed),
        copies_on_write: COPIES.load(Ordering::Relaxed),
        idle_bytes: own + SHARED_IDLE.load(Ordering::Relaxed),
    }
}

/// Gives the idle buffers back to the system: those of the shared list and of this thread. (Another thread keeps at most 4 MiB.)
pub fn release_memory() {
    let own = OWN.try_with(|own| own.borrow_mut().0.take_all()).unwrap_or_default();
    let shared = SHARED.with(|shared| {
        SHARED_IDLE.store(0, Ordering::Relaxed);
        shared.take_all()
    });
    // Without the lock: to give back a gigabyte takes the system some time.
    own.into_iter().chain(shared).flatten().for_each(free);
}

pub(crate) fn count_copy_on_write() {
    COPIES.fetch_add(1, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_holds_its_sizes_and_wastes_at_most_a_quarter() {
        for bytes in (1..5000).chain([1 << 20, (1 << 20) + 1, 3 << 30, (1 << 40) - 1]) {
            let class = class_of(bytes);
            assert!(bytes_of(class) >= bytes, "{bytes} in class {class}");
            assert!(class == 0 || bytes_of(class - 1) < bytes, "{bytes} fits the class before {class}");
            assert!(bytes_of(class) <= (bytes + bytes / 4).max(bytes + LINE - 1), "{bytes}: {}", bytes_of(class));
        }
        assert!(CLASSES <= usize::from(u8::MAX));
    }

    #[test]
    fn a_dropped_block_is_handed_out_again() {
        let sizes = [100, 20_000, 1 << 20];
        for bytes in sizes {
            let first = Block::take(bytes).unwrap();
            let address = first.start();
            assert_eq!(address.as_ptr() as usize % LINE, 0);
            drop(first);
            if bytes == 100 {
                assert_eq!(Block::take(bytes).unwrap().start(), address);
            }
        }
    }

    #[test]
    fn huge_blocks_begin_at_a_huge_page_and_new_ones_are_cleared() {
        for bytes in [HUGE - LINE, HUGE - LINE + 1, HUGE, 3 * HUGE + 5, 64 << 20] {
            let block = Block::take(bytes).unwrap();
            let at_page = (block.header().as_ptr() as usize).is_multiple_of(HUGE);
            assert!(at_page || bytes_of(class_of(bytes)) + LINE < HUGE, "{bytes}");
            let memory = zeroed(memory_layout(class_of(bytes))).unwrap();
            // SAFETY: the memory is so long, and initialised.
            let cleared = unsafe { std::slice::from_raw_parts(memory.as_ptr(), bytes) };
            assert!(cleared.iter().all(|byte| *byte == 0), "{bytes}");
            // SAFETY: the memory is a line longer than the class, and nobody else has it.
            free(Memory { start: unsafe { memory.add(LINE) }, class: class_of(bytes) as u8 });
        }
    }

    #[test]
    fn blocks_may_be_dropped_on_another_thread() {
        let blocks: Vec<Block> = (1..200).map(|i| Block::take(i * 50).unwrap()).collect();
        std::thread::spawn(move || drop(blocks)).join().unwrap();
        let again: Vec<Block> = (1..200).map(|i| Block::take(i * 50).unwrap()).collect();
        for (i, block) in again.iter().enumerate() {
            for other in &again[..i] {
                assert_ne!(block.start(), other.start(), "one block was handed out twice");
            }
        }
    }
}
