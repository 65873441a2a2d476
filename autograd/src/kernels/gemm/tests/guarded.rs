//! Matrices that lie in memory as callers' do, with guards around and between their elements.

use super::Random;
use crate::kernels::gemm::product::{Operand, Target};
use crate::scalar::Scalar;

/// How a matrix lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::kernels) enum Layout {
    /// The elements of a row are adjacent.
    Rows,
    /// The elements of a column are adjacent.
    Columns,
    /// Neither: every second one of a larger matrix, rows from the bottom.
    Strided,
}

impl Layout {
    pub(in crate::kernels) const ALL: [Layout; 3] = [Layout::Rows, Layout::Columns, Layout::Strided];

    /// How far it is to the next row and to the next column; a few elements lie between the lines.
    pub(in crate::kernels) fn strides(self, (rows, columns): (usize, usize)) -> [isize; 2] {
        match self {
            Layout::Rows => [columns as isize + 3, 1],
            Layout::Columns => [1, rows as isize + 3],
            Layout::Strided => [-(2 * columns as isize + 3), 2],
        }
    }
}

/// Guards before and behind a matrix: more than the widest vector.
const MARGIN: usize = 20;

/// A matrix in a larger buffer. What isn't the matrix is the guard: NaN around an operand, so that an element read from
/// there shows in the result; a value around C, so that an element written there shows.
#[derive(Clone)]
pub(in crate::kernels) struct Guarded<T> {
    buffer: Vec<T>,
    first: usize,
    strides: [isize; 2],
    shape: (usize, usize),
    guard: T,
}

impl<T: Scalar> Guarded<T> {
    pub(in crate::kernels) fn new(
        shape: (usize, usize),
        layout: Layout,
        guard: T,
        mut fill: impl FnMut() -> T,
    ) -> Self {
        let strides = layout.strides(shape);
        let reach = |extent: usize, stride: isize| extent.saturating_sub(1) * stride.unsigned_abs();
        let (down, across) = (reach(shape.0, strides[0]), reach(shape.1, strides[1]));
        let first = MARGIN + if strides[0] < 0 { down } else { 0 };
        let mut guarded = Self { buffer: vec![guard; down + across + 1 + 2 * MARGIN], first, strides, shape, guard };
        guarded.each(|value| *value = fill());
        guarded
    }

    /// Random elements among NaN.
    pub(in crate::kernels) fn operand(shape: (usize, usize), layout: Layout, random: &mut Random) -> Self {
        Self::new(shape, layout, T::NAN, || random.value())
    }

    /// The same, but zero in some rows and columns and in stretches of the others.
    pub(in crate::kernels) fn sparse(shape: (usize, usize), layout: Layout, random: &mut Random) -> Self {
        let mut empty = |count: usize| (0..count).map(|_| random.below(3) > 0).collect::<Vec<_>>();
        let (rows, columns) = (empty(shape.0), empty(shape.1));
        let (mut index, mut left) = (0, 0);
        Self::new(shape, layout, T::NAN, || {
            let (row, column) = (index / shape.1, index % shape.1);
            index += 1;
            if left == 0 {
                left = random.below(40);
            }
            left -= 1.min(left);
            if rows[row] || columns[column] || left > 20 { -T::ZERO } else { random.value() }
        })
    }

    fn each(&mut self, mut body: impl FnMut(&mut T)) {
        for row in 0..self.shape.0 {
            for column in 0..self.shape.1 {
                let [down, across] = [row as isize * self.strides[0], column as isize * self.strides[1]];
                body(&mut self.buffer[(self.first as isize + down + across) as usize]);
            }
        }
    }

    /// The elements, row after row.
    pub(in crate::kernels) fn elements(&self) -> Vec<T> {
        let mut elements = Vec::with_capacity(self.shape.0 * self.shape.1);
        self.clone().each(|value| elements.push(*value));
        elements
    }

    /// Whether everything that isn't the matrix still is the guard.
    pub(in crate::kernels) fn into_intact(mut self) -> bool {
        let guard = self.guard;
        self.each(|value| *value = guard);
        self.buffer.iter().all(|value| *value == guard)
    }

    pub(in crate::kernels) fn read(&self) -> Operand<T> {
        Operand {
            data: self.buffer[self.first..].as_ptr(),
            row_stride: self.strides[0],
            column_stride: self.strides[1],
        }
    }

    pub(in crate::kernels) fn write(&mut self) -> Target<T> {
        // From the whole buffer, not from a part of it: rows may lie before the first one.
        let data = self.buffer.as_mut_ptr().wrapping_add(self.first);
        Target { data, row_stride: self.strides[0], column_stride: self.strides[1] }
    }
}
