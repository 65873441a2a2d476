//! A slot of an optimizer's state: a value for each element of a parameter.

/// Bytes of a cache line.
const LINE: usize = 64;

/// Values that begin at a cache line, as a parameter's do: otherwise each vector of an AVX-512 register would lie
/// across two lines, and take twice as long to load and to store.
#[derive(Debug)]
pub(crate) struct Slot<T> {
    /// The values, with some more before and behind them.
    buffer: Vec<T>,
    start: usize,
    length: usize,
}

impl<T: Copy> Slot<T> {
    /// `length` values, all the same.
    pub(crate) fn filled(value: T, length: usize) -> Self {
        let buffer = vec![value; length + LINE / size_of::<T>()];
        let to_line = buffer.as_ptr().align_offset(LINE);
        // A buffer whose elements never meet a line is used from its beginning.
        let start = if to_line <= buffer.len() - length { to_line } else { 0 };
        Slot { buffer, start, length }
    }

    /// A copy of the values.
    pub(crate) fn copy_of(values: &[T]) -> Self {
        let Some(&first) = values.first() else { return Slot { buffer: Vec::new(), start: 0, length: 0 } };
        let mut slot = Slot::filled(first, values.len());
        slot.as_mut_slice().copy_from_slice(values);
        slot
    }

    pub(crate) fn as_slice(&self) -> &[T] {
        &self.buffer[self.start..][..self.length]
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [T] {
        &mut self.buffer[self.start..][..self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_begin_at_a_line_and_are_as_many_as_asked_for() {
        for length in [0, 1, 15, 1000, 100_000] {
            let mut slot = Slot::filled(1.5_f32, length);
            assert_eq!(slot.as_slice(), vec![1.5; length]);
            assert!(slot.as_slice().as_ptr().addr().is_multiple_of(LINE));
            slot.as_mut_slice().fill(2.5);
            assert_eq!(Slot::copy_of(slot.as_slice()).as_slice(), vec![2.5; length]);
        }
        assert!(Slot::copy_of(&[1.0_f64, 2.0]).as_slice().as_ptr().addr().is_multiple_of(LINE));
    }
}
