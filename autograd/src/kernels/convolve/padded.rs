//! An image with its padding, as the products read it.

use super::area;
use super::planes::{LinesOfPlanes, Planes};
use crate::kernels::gemm::caches::collides;
use crate::scalar::Scalar;

/// The layout of a padded image: its channels one after the other, each a plane for every phase of the strides.
///
/// Element (r, c) of a padded plane belongs to phase (r mod stride, c mod stride), and is row r / stride, column
/// c / stride there. So what neighbouring windows read at one step is adjacent, whatever the stride:
///
/// ```text
///   stride 2, a row   0 1 2 3 4 5 6 7     →     0 2 4 6   1 3 5 7
/// ```
#[derive(Clone, Copy, Debug)]
pub(super) struct Padded {
    /// The extents of a plane without padding.
    pub(super) source: [usize; 2],
    /// Rows and columns before the first one of the source; fewer than none if the first ones are not read.
    pub(super) lead: [isize; 2],
    pub(super) stride: [usize; 2],
    /// Rows and columns of a phase.
    pub(super) extents: [usize; 2],
    /// How far it is from a channel to the next one.
    pub(super) plane: usize,
}

impl Padded {
    pub(super) fn new<T>(source: [usize; 2], lead: [isize; 2], stride: [usize; 2], extents: [usize; 2]) -> Self {
        let phases = stride[0] * stride[1];
        let mut plane = phases * extents[0] * extents[1];
        if collides(plane as isize, size_of::<T>()) {
            plane += 64 / size_of::<T>(); // Else the same element of all channels would be in one set of the cache.
        }
        Self { source, lead, stride, extents, plane }
    }

    /// The position of an element in its channel.
    pub(super) fn position(&self, [row, column]: [usize; 2]) -> usize {
        let Self { stride, extents: [rows, columns], .. } = *self;
        let phase = row % stride[0] * stride[1] + column % stride[1];
        phase * rows * columns + row / stride[0] * columns + column / stride[1]
    }

    /// Copies an image, the planes from the first one on, into a padded one, whose padding is zero already. The scratch
    /// memory is [`Planes::scratch`].
    pub(super) fn copy_planes<T: Scalar>(&self, planes: Planes<'_, T>, first: usize, scratch: &mut [T], to: &mut [T]) {
        let (count, lines) = (to.len() / self.plane, [self.read(0), self.read(1)]);
        let is_whole = self.stride == [1, 1] && lines == [0..self.source[0], 0..self.source[1]];
        let start = || self.position([self.lead[0] as usize, self.lead[1] as usize]);
        let lines = is_whole.then(|| LinesOfPlanes { first: start(), line: self.extents[1], plane: self.plane });
        if !lines.is_some_and(|lines| planes.scatter(first, count, lines, to)) {
            self.copy(planes.get(first, count, area(self.source), scratch), to);
        }
    }

    /// Copies the planes of an image into a padded one, whose padding is zero already.
    pub(super) fn copy<T: Scalar>(&self, image: &[T], padded: &mut [T]) {
        let Self { source: [height, width], stride, extents, plane, .. } = *self;
        if height * width == 0 {
            return;
        }
        let (rows, columns) = (self.read(0), self.read(1));
        if rows.is_empty() || columns.is_empty() {
            return;
        }
        let first_column = columns.start.wrapping_add_signed(self.lead[1]);
        for (image, padded) in image.chunks_exact(height * width).zip(padded.chunks_mut(plane)) {
            for row in rows.clone() {
                let source = &image[row * width..][columns.clone()];
                let to = self.position([row.wrapping_add_signed(self.lead[0]), 0]);
                if stride[1] == 1 {
                    copy_row(source, &mut padded[to + first_column..][..source.len()]);
                    continue;
                }
                if stride[1] == 2 {
                    let halves = to..to + extents[0] * extents[1] + extents[1];
                    part_row(source, first_column, &mut padded[halves], extents[0] * extents[1]);
                    continue;
                }
                for phase in 0..stride[1].min(source.len()) {
                    let column = first_column + phase;
                    let start = to + column % stride[1] * extents[0] * extents[1] + column / stride[1];
                    let elements = source[phase..].iter().step_by(stride[1]);
                    padded[start..].iter_mut().zip(elements).for_each(|(to, &element)| *to = element);
                }
            }
        }
    }

    /// Which rows, or columns, of the source are in the padded image.
    fn read(&self, dim: usize) -> std::ops::Range<usize> {
        let first = 0.max(-self.lead[dim]) as usize;
        let end = (self.stride[dim] * self.extents[dim]) as isize - self.lead[dim];
        first..self.source[dim].min(end.max(0) as usize)
    }
}

/// Copies a row to its elements of even columns and those of odd ones, which begin `odd` elements behind them; its
/// first element is of column `first`.
#[inline]
fn part_row<T: Copy>(from: &[T], first: usize, to: &mut [T], odd: usize) {
    let (even, odd) = to.split_at_mut(odd);
    let (single, pairs) = from.split_at(first % 2);
    if let [element] = single {
        odd[first / 2] = *element;
    }
    let first = first.div_ceil(2);
    let pairs = pairs.as_chunks::<2>();
    for ((pair, even), odd) in pairs.0.iter().zip(&mut even[first..]).zip(&mut odd[first..]) {
        [*even, *odd] = *pair;
    }
    if let [element] = pairs.1 {
        even[first + pairs.0.len()] = *element;
    }
}

/// Elements that are copied at a time.
const PIECE: usize = 8;

/// Copies a row: a short one in pieces of a constant length, which takes less time than to call the system's function.
#[inline]
fn copy_row<T: Copy>(from: &[T], to: &mut [T]) {
    let (Some(&last), true) = (from.last_chunk::<PIECE>(), from.len() <= 8 * PIECE) else {
        return to.copy_from_slice(from);
    };
    for (from, to) in from.as_chunks::<PIECE>().0.iter().zip(to.as_chunks_mut::<PIECE>().0) {
        *to = *from;
    }
    // The last piece may overlap the one before.
    *to.last_chunk_mut().expect("as long as the other row") = last;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_padded_image_has_each_element_at_its_position() {
        let image: Vec<f64> = (0..2 * 5 * 7).map(|i| f64::from(i + 1)).collect();
        for stride in [[1, 1], [2, 3], [4, 2]] {
            for lead in [[0, 0], [2, 1], [-1, -3], [-9, 4]] {
                for extents in [[3, 4], [9, 12], [1, 1]] {
                    let padded = Padded::new::<f64>([5, 7], lead, stride, extents);
                    let mut found = vec![0.0; 2 * padded.plane];
                    padded.copy(&image, &mut found);
                    for (channel, found) in found.chunks_exact(padded.plane).enumerate() {
                        for row in 0..stride[0] * extents[0] {
                            for column in 0..stride[1] * extents[1] {
                                let (r, c) = (row as isize - lead[0], column as isize - lead[1]);
                                let is_inside = (0..5).contains(&r) && (0..7).contains(&c);
                                let wanted = if is_inside { channel as isize * 35 + r * 7 + c + 1 } else { 0 };
                                assert_eq!(found[padded.position([row, column])], wanted as f64, "{padded:?}");
                            }
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_row_of_any_length_is_copied_and_nothing_behind_it() {
        for length in 0..100 {
            let from: Vec<usize> = (1..=length).collect();
            let mut to = vec![0; length + 1];
            copy_row(&from, &mut to[..length]);
            assert!(to[..length] == from && to[length] == 0, "{length}");
        }
    }
}
