//! A pool of recycled buffers. Every training step needs buffers of the same sizes, and new memory from the system
//! costs page faults, which take longer than the arithmetic. So a dropped buffer is kept in a list by size and used
//! again.
//!
//! - **Blocks** are aligned to a cache line. Their sizes are divided into classes: multiples of 64 bytes up to 1 KiB,
//!   then four classes for each doubling.
//! - **Huge blocks**, from 2 MiB on, are aligned to a huge page, and the system is advised to use huge pages for them.
//!   The processor then needs one address translation instead of 512, and prefetches across the whole page.
//! - Each block has an extra cache line **in front** of its elements, where [`Storage`](crate::storage::Storage) keeps
//!   the reference count.
//! - **Small blocks** are kept in a list of each thread, which needs no lock. **Large blocks**, and small blocks for
//!   which the thread's list is full, are kept in a shared list with a mutex. A tensor may be dropped on another thread
//!   than the one that created it.
//! - Both lists are **bounded**; a block beyond the bound is returned to the system. [`release_memory`] returns all
//!   idle blocks, and `AUTOGRAD_POOL=0` switches the pool off (for example to search for leaks).
//! - Blocks contain **old values**, never uninitialised memory: they are zeroed when they are created, and only floats
//!   are written to them. So it is sound to use them as `&mut [f32]`. Every kernel must write its whole output; debug
//!   builds fill a recycled block with NaN to detect a kernel that does not.

use std::alloc::{Layout, alloc, dealloc};
use std::cell::RefCell;
use std::ptr::NonNull;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::lock::ShortLock;

/// The size of a cache line in bytes: the alignment of every block and the unit of the small classes.
const LINE: usize = 64;
/// The size of a huge page in bytes, and the alignment of blocks of at least this size.
pub(crate) const HUGE: usize = 2 << 20;
/// The number of classes of whole lines, up to 1 KiB.
const SMALL_CLASSES: usize = 16;
/// The number of all classes: four for each doubling from 1 KiB to 2⁴⁷ bytes, which is more than a process can address.
const CLASSES: usize = SMALL_CLASSES + 4 * 37;
/// Blocks of the classes below this one, which are up to 16 KiB, are kept in a thread's own list.
const THREAD_CLASSES: usize = SMALL_CLASSES + 4 * 4;
/// The bound of a thread's own list, in bytes: enough for the tensors of one step, and little if the thread sleeps.
const THREAD_BYTES: usize = 4 << 20;
/// The bound of the shared list, in bytes.
const SHARED_BYTES: usize = 1 << 30;

/// A piece of memory of a size class. It returns to the pool when it is dropped.
pub(crate) struct Block(Memory);

/// The address of a block's memory. The address can be copied, but the memory has one owner at a time: the block, or
/// after its drop a list.
#[derive(Clone, Copy)]
struct Memory {
    start: NonNull<u8>,
    class: u8,
}

// SAFETY: a block, or the list that contains it, owns its memory exclusively, like a `Box<[u8]>`.
unsafe impl Send for Memory {}
// SAFETY: a shared reference gives access only to the address.
unsafe impl Sync for Memory {}

fn class_of(bytes: usize) -> usize {
    let lines = bytes.div_ceil(LINE).max(1);
    if lines <= SMALL_CLASSES {
        return lines - 1;
    }
    // Above 1 KiB: the next lower power of two, and the quarter of the interval up to the next one.
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
    /// A block of at least `bytes` bytes, all of them initialised; `None` if the system does not have enough memory, or
    /// a process cannot address it.
    pub(crate) fn take(bytes: usize) -> Option<Block> {
        if bytes > bytes_of(CLASSES - 1) {
            return None;
        }
        let class = class_of(bytes);
        if let Some(memory) = recycled(class) {
            if cfg!(debug_assertions) {
                // SAFETY: the block owns the memory, of `bytes_of(class)` bytes; all-ones is a NaN in f32 and in f64.
                unsafe { memory.start.write_bytes(0xff, bytes_of(class)) };
            }
            return Some(Block(memory));
        }
        MISSES.fetch_add(1, Ordering::Relaxed);
        let memory = zeroed(memory_layout(class))?;
        // SAFETY: the memory is one line longer than the class.
        Some(Block(Memory { start: unsafe { memory.add(LINE) }, class: class as u8 }))
    }

    /// The address of its elements.
    #[inline]
    pub(crate) fn start(&self) -> NonNull<u8> {
        self.0.start
    }

    /// The cache line in front of the elements, which belongs to the block's owner.
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
        // SAFETY: the memory of a block begins one line before its elements.
        unsafe { self.start.sub(LINE) }
    }
}

/// The memory of a block: its elements, and one line in front of them.
fn memory_layout(class: usize) -> Layout {
    let bytes = LINE + bytes_of(class);
    let alignment = if bytes < HUGE { LINE } else { HUGE };
    Layout::from_size_align(bytes, alignment).expect("a class is no larger than a process can address")
}

/// Zeroed memory from the system; `None` if the system does not have enough.
fn zeroed(layout: Layout) -> Option<NonNull<u8>> {
    // SAFETY: the size is not zero.
    let memory = NonNull::new(unsafe { alloc(layout) })?;
    // Before the first write, because the system chooses the page size at that time.
    #[cfg(all(target_os = "linux", not(miri)))]
    if layout.align() == HUGE {
        // SAFETY: the range consists of whole pages of this allocation, and the call does not change their contents. It
        // is only advice, so its result is ignored: it influences only the speed.
        unsafe { libc::madvise(memory.as_ptr().cast(), layout.size() / HUGE * HUGE, libc::MADV_HUGEPAGE) };
    }
    // SAFETY: the memory was just allocated with this size.
    unsafe { memory.write_bytes(0, layout.size()) };
    Some(memory)
}

/// Returns an idle block's memory to the system.
fn free(memory: Memory) {
    // SAFETY: it came from `alloc` with this layout; its block was dropped, and the caller has removed it from its
    // list.
    unsafe { dealloc(memory.header().as_ptr(), memory_layout(usize::from(memory.class))) };
}

/// Idle blocks by class, and their total size in bytes.
struct FreeList {
    classes: Vec<Vec<Memory>>,
    bytes: usize,
}

impl FreeList {
    const fn new() -> Self {
        FreeList { classes: Vec::new(), bytes: 0 }
    }

    #[inline]
    fn take(&mut self, class: usize) -> Option<Memory> {
        let memory = self.classes.get_mut(class)?.pop()?;
        self.bytes -= bytes_of(class);
        Some(memory)
    }

    /// Keeps the memory unless that would exceed the bound. Returns whether it was kept.
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

/// A thread's own list. Its blocks move to the shared list when the thread ends.
struct ThreadList(FreeList);

impl Drop for ThreadList {
    fn drop(&mut self) {
        self.0.classes.drain(..).flatten().for_each(share);
    }
}

thread_local! {
    static OWN: RefCell<ThreadList> = const { RefCell::new(ThreadList(FreeList::new())) };
}
static SHARED: ShortLock<FreeList> = ShortLock::new(FreeList::new());
static MISSES: AtomicU64 = AtomicU64::new(0);
static COPIES: AtomicU64 = AtomicU64::new(0);
static SHARED_IDLE: AtomicUsize = AtomicUsize::new(0);

fn is_on() -> bool {
    static ON: OnceLock<bool> = OnceLock::new();
    *ON.get_or_init(|| std::env::var_os("AUTOGRAD_POOL").is_none_or(|value| value != "0"))
}

fn recycled(class: usize) -> Option<Memory> {
    if class < THREAD_CLASSES {
        // A thread that is ending has already lost its own list and uses the shared one.
        let own = OWN.try_with(|own| own.borrow_mut().0.take(class));
        if let Ok(Some(memory)) = own {
            return Some(memory);
        }
    }
    // A check without the lock: most misses happen while there are no idle blocks.
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
    // A thread that is ending has already lost its own list and uses the shared one.
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

/// Counters of the engine's memory since the start of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryStatistics {
    /// Buffers that were allocated from the system because the pool had none of their size. Constant from the third
    /// training step on.
    pub pool_misses: u64,
    /// Changes of a parameter whose old values were still in use (by a tensor, or by a graph without a backward pass),
    /// so that one more buffer was needed. Constant in a training loop.
    pub copies_on_write: u64,
    /// Bytes of idle blocks in the shared list and in this thread's own list.
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

/// Returns the idle buffers of the shared list and of this thread to the system. (Each other thread keeps at most 4
/// MiB.)
pub fn release_memory() {
    let own = OWN.try_with(|own| own.borrow_mut().0.take_all()).unwrap_or_default();
    let shared = SHARED.with(|shared| {
        SHARED_IDLE.store(0, Ordering::Relaxed);
        shared.take_all()
    });
    // After the lock is released, because the system needs some time to free a gigabyte.
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
    fn a_dropped_block_is_used_again() {
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
            // SAFETY: the memory has at least this size and is initialised.
            let cleared = unsafe { std::slice::from_raw_parts(memory.as_ptr(), bytes) };
            assert!(cleared.iter().all(|byte| *byte == 0), "{bytes}");
            // SAFETY: the memory is one line longer than the class, and it has no other owner.
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
                assert_ne!(block.start(), other.start(), "one block has two owners");
            }
        }
    }
}
