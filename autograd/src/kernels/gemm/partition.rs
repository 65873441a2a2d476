//! A length cut into parts.

/// A length cut into `count` parts.
#[derive(Clone, Copy, Debug)]
pub(in crate::kernels) struct Partition {
    pub(in crate::kernels) count: usize,
    /// The length of the shorter parts, and how many longer ones (by one) stand before them.
    short: usize,
    longer: usize,
    length: usize,
}

impl Partition {
    /// Parts that differ by at most one.
    #[inline(always)]
    pub(in crate::kernels) fn new(length: usize, count: usize) -> Self {
        // A division takes as long as a small tile's step: most parts are whole lengths, and lengths fit 32 bits.
        if count <= 1 {
            return Self { count: 1, short: length, longer: 0, length };
        }
        let (short, longer) = match (u32::try_from(length), u32::try_from(count)) {
            (Ok(length), Ok(count)) => ((length / count) as usize, (length % count) as usize),
            _ => (length / count, length % count),
        };
        Self { count, short, longer, length }
    }

    /// Parts that differ by at most one, none longer than `most`.
    #[inline(always)]
    pub(in crate::kernels) fn of_at_most(length: usize, most: usize) -> Self {
        Self::new(length, if length <= most { 1 } else { length.div_ceil(most) })
    }

    /// Parts of exactly `part`, but for the last one, which may be shorter.
    pub(in crate::kernels) fn of_exactly(length: usize, part: usize) -> Self {
        Self { count: length.div_ceil(part).max(1), short: part, longer: 0, length }
    }

    /// Where part `index` begins, which is where the one before it ends.
    #[inline(always)]
    pub(in crate::kernels) fn start(&self, index: usize) -> usize {
        (index * self.short + index.min(self.longer)).min(self.length)
    }

    /// Part `index`.
    #[inline(always)]
    pub(in crate::kernels) fn range(&self, index: usize) -> std::ops::Range<usize> {
        self.start(index)..self.start(index + 1)
    }

    /// How many parts from this one on have its length, itself among them. (For parts that differ by at most one.)
    #[inline(always)]
    pub(in crate::kernels) fn alike(&self, index: usize) -> usize {
        if index < self.longer { self.longer - index } else { self.count - index }
    }

    /// The length of the longest part.
    #[inline(always)]
    pub(in crate::kernels) fn longest(&self) -> usize {
        self.start(1)
    }
}

/// The length of equal parts of at most `most` into which `length` is cut, rounded up to a multiple of `unit`.
pub(in crate::kernels) fn even(length: usize, most: usize, unit: usize) -> usize {
    let parts = length.div_ceil(most).max(1);
    length.div_ceil(parts).next_multiple_of(unit).max(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_parts_cover_the_length() {
        for length in 0..200 {
            for most in 1..50 {
                let part = even(length, most, 1);
                assert!(part <= most && part * length.div_ceil(most) >= length);
                for parts in [Partition::of_at_most(length, most), Partition::of_exactly(length, most)] {
                    let lengths: Vec<_> = (0..parts.count).map(|index| parts.range(index).len()).collect();
                    assert_eq!(lengths.iter().sum::<usize>(), length);
                    assert!(lengths.iter().all(|&part| part <= most && part <= parts.longest()));
                }
            }
        }
        assert_eq!(even(1000, 512, 1), 500);
        assert_eq!(even(100, 64, 16), 64);
    }
}
