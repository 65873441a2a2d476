//! Numbers that begin on a cache line, as those of the engine's tensors do.
//!
//! Whoever reads them in place reads whole lines. And the C library's copy falls to half its speed where one buffer lies, modulo a page, a few bytes behind
//! the other: two that were asked of the system lie so now and then.

use std::ops::{Deref, DerefMut};

/// Bytes of a cache line.
const LINE: usize = 64;

/// A slice of numbers whose first one lies at the start of a cache line.
pub struct Aligned<T> {
    numbers: Vec<T>,
    from: usize,
    count: usize,
}

impl<T: Copy + Default> Aligned<T> {
    /// As many numbers, each the next `value`.
    pub fn new(count: usize, value: impl FnMut() -> T) -> Self {
        let lane = LINE / size_of::<T>();
        let mut numbers = vec![T::default(); count + lane];
        let from = numbers.as_ptr().align_offset(LINE).min(lane);
        numbers[from..from + count].fill_with(value);
        Self { numbers, from, count }
    }
}

impl<T> Deref for Aligned<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.numbers[self.from..][..self.count]
    }
}

impl<T> DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.numbers[self.from..][..self.count]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_begin_on_a_line_and_are_as_many_as_were_asked_for() {
        for count in [0, 1, 100, 70_000] {
            let mut next = 0.0;
            let numbers = Aligned::new(count, || {
                next += 1.0;
                next
            });
            assert_eq!(numbers.as_ptr().addr() % LINE, 0);
            assert_eq!((numbers.len(), numbers.last().copied().unwrap_or(0.0)), (count, count as f64));
        }
    }
}
