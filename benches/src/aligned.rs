//! Slices that begin on a cache line, as the buffers of the engine's tensors do.
//!
//! A kernel that reads such a slice in place reads whole cache lines. And the C library's copy falls to half its speed
//! where one buffer begins, modulo a page, a few bytes behind the other: two buffers from the system's allocator
//! sometimes do.

use std::ops::{Deref, DerefMut};

/// Bytes of a cache line.
const LINE: usize = 64;

/// A slice whose first element is at the start of a cache line.
pub struct Aligned<T> {
    elements: Vec<T>,
    from: usize,
    count: usize,
}

impl<T: Copy + Default> Aligned<T> {
    /// So many elements, each the next `value`.
    pub fn new(count: usize, value: impl FnMut() -> T) -> Self {
        let lane = LINE / size_of::<T>();
        let mut elements = vec![T::default(); count + lane];
        let from = elements.as_ptr().align_offset(LINE).min(lane);
        elements[from..from + count].fill_with(value);
        Self { elements, from, count }
    }
}

impl<T> Deref for Aligned<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.elements[self.from..][..self.count]
    }
}

impl<T> DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.elements[self.from..][..self.count]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_begins_on_a_line_and_has_the_length_that_was_asked_for() {
        for count in [0, 1, 100, 70_000] {
            let mut next = 0.0;
            let elements = Aligned::new(count, || {
                next += 1.0;
                next
            });
            assert_eq!(elements.as_ptr().addr() % LINE, 0);
            assert_eq!((elements.len(), elements.last().copied().unwrap_or(0.0)), (count, count as f64));
        }
    }
}
