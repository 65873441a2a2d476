//! A matrix that many others are multiplied by, one after the other: it is packed once.

use ndarray::{ArrayView2, ArrayViewMut2, Axis};

use super::caches::caches;
use super::kernel_set::{GemmKernels, TileKernels, selected_tiles};
use super::offset_kernel::Step;
use super::offset_product::{OffsetProduct, OffsetTable, PanelShape, RowsOf};
use super::partition::even;
use crate::kernels::parallel::On;
use crate::storage::Storage;

/// Multiply-adds of a task, at least: some ten microseconds.
const MULTIPLY_ADDS_PER_TASK: usize = 1 << 20;

/// The right operand of the products of a recurrent network, say, whose steps all have the same weight and few rows: to
/// pack it for each product would take longer than the product, and rows that are read in place are far apart.
pub(crate) struct Prepacked<T: 'static> {
    kernels: &'static TileKernels<T>,
    panels: PanelShape,
    packed: Storage<T>,
    depth: usize,
    columns: usize,
}

impl<T: GemmKernels> Prepacked<T> {
    /// Packs B.
    pub(crate) fn new(b: ArrayView2<'_, T>) -> Self {
        let (kernels, (depth, columns)) = (selected_tiles::<T>(), b.dim());
        let panels = PanelShape::new(kernels, columns, depth);
        let packed = Storage::build(panels.elements(), |packed| panels.pack(kernels, std::iter::once(b), packed));
        Prepacked { kernels, panels, packed, depth, columns }
    }

    /// C ← C + A·B, for a dense A and C. The bits do not depend on the number of threads, nor on
    /// which rows are computed together.
    ///
    /// # Panics
    /// If A or C has not as many elements as so many rows have.
    pub(crate) fn add_product(&self, on: On, rows: usize, a: &[T], c: &mut [T]) {
        let Self { kernels, panels, ref packed, depth, columns } = *self;
        assert!((a.len(), c.len()) == (rows * depth, rows * columns), "a product of other extents");
        if c.is_empty() || depth == 0 {
            return;
        }
        let offset = |elements: usize| u32::try_from(elements).expect("an operand of more than 2³² elements");
        let table = |steps: usize| {
            let step = |step: usize| Step { a: offset(step), b: offset(step * panels.width()) };
            OffsetTable::new((rows, (0..rows).map(|row| offset(row * depth))), (steps, (0..steps).map(step)))
        };
        let block = self.steps_per_block();
        let (whole, rest) = (table(block), table(depth % block));
        let panels_per_task = MULTIPLY_ADDS_PER_TASK.div_ceil(rows * depth * panels.width());
        let mut c = ArrayViewMut2::from_shape((rows, columns), c).expect("the length was compared");
        let parts = c.axis_chunks_iter_mut(Axis(1), panels_per_task * panels.width());
        on.for_each_item(parts.enumerate(), |(task, mut c)| {
            let own = panels.panels(packed.as_slice()).skip(task * panels_per_task).take(panels_per_task);
            for ((_, b), mut c) in own.zip(c.axis_chunks_iter_mut(Axis(1), panels.width())) {
                for first in (0..depth).step_by(block) {
                    let table = if depth - first < block { &rest } else { &whole };
                    let (a, b, columns, rows_of) = (&a[first..], &b[first * panels.width()..], c.ncols(), RowsOf::A);
                    OffsetProduct { kernels, table, rows_of, rows: 0..rows, a, b, columns, accumulate: true }
                        .write_view(&mut c);
                }
            }
        });
    }

    /// Steps of the depth whose part of a panel stays in the first-level cache while all rows of A meet it.
    fn steps_per_block(&self) -> usize {
        let steps = caches().first * 3 / 4 / (self.panels.width() * size_of::<T>());
        even(self.depth, steps.max(1), 1)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::kernels::parallel::with_threads;

    #[test]
    fn products_with_a_packed_matrix_are_added_on_any_number_of_threads() {
        for (rows, depth, columns) in [(0, 3, 4), (1, 1, 1), (3, 0, 2), (5, 7, 9), (32, 64, 100), (33, 1300, 257)] {
            let value = |i: usize| ((i * 29) % 31) as f64 / 8.0 - 2.0;
            let matrix = |rows, columns| Array2::from_shape_fn((rows, columns), |(i, j)| value(7 * i + 3 * j + i * j));
            let (a, b, before) = (matrix(rows, depth), matrix(depth, columns), matrix(rows, columns));
            let wanted = &before + &a.dot(&b);
            // Any strides: the transposed one, too.
            let transposed = b.t().as_standard_layout().into_owned();
            for packed in [Prepacked::new(b.view()), Prepacked::new(transposed.t())] {
                let add = |threads| {
                    let mut c = before.clone();
                    let (a, out) = (a.as_slice().unwrap(), c.as_slice_mut().unwrap());
                    with_threads(threads, || packed.add_product(On::Threads, rows, a, out));
                    c
                };
                let one = add(1);
                assert!(wanted.iter().zip(&one).all(|(wanted, found)| (wanted - found).abs() < 1e-9), "{rows} {depth}");
                assert_eq!(one, add(3));
                let mut here = before.clone();
                packed.add_product(On::ThisThread, rows, a.as_slice().unwrap(), here.as_slice_mut().unwrap());
                assert_eq!(one, here);
            }
        }
    }
}
