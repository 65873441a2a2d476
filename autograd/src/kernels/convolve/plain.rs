//! Convolutions whose windows are single elements: dense products, image by image.

use std::ops::Range;

use ndarray::{ArrayView2, ArrayViewMut2};

use super::{Geometry, area, epilogue};
use crate::kernels::gemm::{Epilogue, GemmKernels, gemm};
use crate::kernels::parallel::for_each_chunk;

impl Geometry {
    /// y = w·x for each image and group, with what follows.
    pub(super) fn plain_forward<T: GemmKernels>(
        &self,
        x: &[T],
        w: &[T],
        epilogue: &epilogue::Epilogue<'_, T>,
        y: &mut [T],
    ) {
        for_each_chunk(y, self.images_per_task() * self.result(), |start, y| {
            let first = start / self.result();
            for (image, y) in y.chunks_exact_mut(self.result()).enumerate() {
                for (group, y) in y.chunks_exact_mut(self.result() / self.groups).enumerate() {
                    let x = part(x, first + image, group, self.groups, [self.channels, area(self.from)]);
                    gemm(self.plain_weight(w, group), x, matrix_mut(y, self.filters / self.groups), Epilogue::Store);
                }
                epilogue.finish(0, area(self.to), y);
            }
        });
    }

    /// x = wᵀ·y for each image and group.
    pub(super) fn plain_to_input<T: GemmKernels>(&self, y: &[T], w: &[T], x: &mut [T]) {
        for_each_chunk(x, self.images_per_task() * self.image(), |start, x| {
            let first = start / self.image();
            for (image, x) in x.chunks_exact_mut(self.image()).enumerate() {
                for (group, x) in x.chunks_exact_mut(self.image() / self.groups).enumerate() {
                    let y = part(y, first + image, group, self.groups, [self.filters, area(self.to)]);
                    let w = self.plain_weight(w, group).reversed_axes();
                    gemm(w, y, matrix_mut(x, self.channels / self.groups), Epilogue::Store);
                }
            }
        });
    }

    /// w = Σ y·xᵀ over some images, for each group.
    pub(super) fn plain_weight_gradient<T: GemmKernels>(&self, x: &[T], y: &[T], images: Range<usize>, w: &mut [T]) {
        w.fill(T::ZERO);
        let length = w.len() / self.groups;
        for image in images {
            for (group, w) in w.chunks_exact_mut(length).enumerate() {
                let x = part(x, image, group, self.groups, [self.channels, area(self.from)]);
                let y = part(y, image, group, self.groups, [self.filters, area(self.to)]);
                gemm(y, x.reversed_axes(), matrix_mut(w, self.filters / self.groups), Epilogue::Add);
            }
        }
    }

    fn plain_weight<'a, T>(&self, w: &'a [T], group: usize) -> ArrayView2<'a, T> {
        part(w, 0, group, self.groups, [self.filters, self.depth()])
    }
}

/// A group's rows of an image, whose planes are the rows of a matrix.
fn part<T>(images: &[T], image: usize, group: usize, groups: usize, [rows, columns]: [usize; 2]) -> ArrayView2<'_, T> {
    let length = rows / groups * columns;
    let part = &images[image * rows * columns + group * length..][..length];
    ArrayView2::from_shape((rows / groups, columns), part).expect("as long as its rows")
}

fn matrix_mut<T>(values: &mut [T], rows: usize) -> ArrayViewMut2<'_, T> {
    let columns = values.len() / rows.max(1);
    ArrayViewMut2::from_shape((rows, columns), values).expect("as long as its rows")
}
