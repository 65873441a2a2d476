//! Convolutions of images as matrix products: the windows of an image become the columns of a matrix (im2col), which
//! the weight multiplies.
//!
//! One image is unfolded at a time, so that its columns stay in a cache, and images are shared out among the threads.
//! There are three products, for the three
//! operands of y = w ∗ x: each is computed from the other two.

use ndarray::{ArrayView2, ArrayViewMut2};

use super::gemm::{Epilogue, GemmKernels, gemm};
use super::parallel::for_each_chunk;
use super::reduce::reduce;
use crate::storage::Storage;

/// The extents of a convolution of `x` `[images, channels, ...]` with `w` `[filters, channels / groups, ...]` to `y`
/// `[images, filters, ...]`; rows, then columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Geometry {
    pub(crate) images: usize,
    pub(crate) channels: usize,
    pub(crate) filters: usize,
    pub(crate) groups: usize,
    /// The extents of an image of x.
    pub(crate) from: [usize; 2],
    /// Those of a window.
    pub(crate) kernel: [usize; 2],
    /// Those of an image of y.
    pub(crate) to: [usize; 2],
    pub(crate) stride: [usize; 2],
    /// Zeros before the first row and the first column; those after the last ones follow from the extents.
    pub(crate) padding: [usize; 2],
    pub(crate) dilation: [usize; 2],
}

/// Multiply-adds of a task: some 10 µs of work.
const PRODUCTS_PER_TASK: usize = 1 << 20;
/// Images whose parts of a weight's gradient are added one after another; more are summed in pairs.
const IMAGES_PER_SUM: usize = 32;

fn area([rows, columns]: [usize; 2]) -> usize {
    rows * columns
}

impl Geometry {
    /// Elements of an image of x, of all its channels.
    fn image(&self) -> usize {
        self.channels * area(self.from)
    }

    /// Elements of an image of y, of all its filters.
    fn result(&self) -> usize {
        self.filters * area(self.to)
    }

    fn weight(&self) -> usize {
        self.filters * self.depth()
    }

    /// Rows of the unfolded matrix of a group: elements of a window of all its channels.
    fn depth(&self) -> usize {
        self.channels / self.groups * area(self.kernel)
    }

    /// Images that make a task.
    fn images_per_task(&self) -> usize {
        let work = self.result().saturating_mul(self.depth()).max(1);
        (PRODUCTS_PER_TASK / work).max(1)
    }

    /// Whether a group's unfolded matrix is the image itself.
    fn is_plain(&self) -> bool {
        self.kernel == [1, 1] && self.stride == [1, 1] && self.padding == [0, 0] && self.from == self.to
    }

    /// y from x and w.
    pub(crate) fn forward<T: GemmKernels>(&self, x: &[T], w: &[T], y: &mut [T]) {
        if y.is_empty() {
            return;
        }
        let tasks = self.images_per_task();
        for_each_chunk(y, tasks * self.result(), |start, y| {
            let first = start / self.result();
            let mut space = self.space();
            for (image, y) in y.chunks_exact_mut(self.result()).enumerate() {
                for group in 0..self.groups {
                    let columns = self.unfolded(self.part(x, first + image, group), &mut space);
                    let y = chunk_mut(y, group, self.groups);
                    gemm(self.weight_of(w, group), self.columns(columns), self.result_mut(y), Epilogue::Store);
                }
            }
        });
    }

    /// The gradient of x from that of y, and w.
    pub(crate) fn to_input<T: GemmKernels>(self, y: &[T], w: &[T], x: &mut [T]) {
        if x.is_empty() {
            return;
        }
        let tasks = self.images_per_task();
        for_each_chunk(x, tasks * self.image(), |start, x| {
            let first = start / self.image();
            let mut space = vec![T::ZERO; self.depth() * area(self.to)];
            for (image, x) in x.chunks_exact_mut(self.image()).enumerate() {
                for group in 0..self.groups {
                    let y = self.result_of(y, first + image, group);
                    let x = chunk_mut(x, group, self.groups);
                    let columns = if self.is_plain() { &mut *x } else { &mut space[..] };
                    let shape = (self.depth(), area(self.to));
                    let target = ArrayViewMut2::from_shape(shape, columns).expect("as long as the columns");
                    gemm(self.weight_of(w, group).reversed_axes(), y, target, Epilogue::Store);
                    if !self.is_plain() {
                        self.fold(&space, x);
                    }
                }
            }
        });
    }

    /// The gradient of w from that of y, and x.
    pub(crate) fn to_weight<T: GemmKernels>(self, x: &[T], y: &[T], w: &mut [T]) {
        if w.is_empty() {
            return;
        }
        let parts = self.images.div_ceil(IMAGES_PER_SUM).max(1);
        if parts == 1 {
            return self.add_to_weight(x, y, 0..self.images, w);
        }
        let partial = Storage::build(parts * w.len(), |partial| {
            for_each_chunk(partial, w.len(), |start, w| {
                let first = start / w.len() * IMAGES_PER_SUM;
                self.add_to_weight(x, y, first..self.images.min(first + IMAGES_PER_SUM), w);
            });
        });
        reduce(partial.as_slice(), [1, parts, w.len()], w, T::ZERO, |a, b| a + b);
    }

    fn add_to_weight<T: GemmKernels>(&self, x: &[T], y: &[T], images: std::ops::Range<usize>, w: &mut [T]) {
        w.fill(T::ZERO);
        let mut space = self.space();
        for image in images {
            for group in 0..self.groups {
                let columns = self.unfolded(self.part(x, image, group), &mut space);
                let shape = (self.filters / self.groups, self.depth());
                let w = ArrayViewMut2::from_shape(shape, chunk_mut(w, group, self.groups)).expect("a group's weight");
                let y = self.result_of(y, image, group);
                gemm(y, self.columns(columns).reversed_axes(), w, Epilogue::Add);
            }
        }
    }

    /// Space for the columns of a group, if they are not the image itself.
    fn space<T: GemmKernels>(&self) -> Vec<T> {
        let count = if self.is_plain() { 0 } else { self.depth() * area(self.to) };
        vec![T::ZERO; count]
    }

    /// A group's channels of an image of x.
    fn part<'a, T>(&self, x: &'a [T], image: usize, group: usize) -> &'a [T] {
        let length = self.image() / self.groups;
        &x[image * self.image() + group * length..][..length]
    }

    fn weight_of<'a, T>(&self, w: &'a [T], group: usize) -> ArrayView2<'a, T> {
        let length = self.weight() / self.groups;
        let shape = (self.filters / self.groups, self.depth());
        ArrayView2::from_shape(shape, &w[group * length..][..length]).expect("a group's weight")
    }

    fn result_of<'a, T>(&self, y: &'a [T], image: usize, group: usize) -> ArrayView2<'a, T> {
        let length = self.result() / self.groups;
        let shape = (self.filters / self.groups, area(self.to));
        ArrayView2::from_shape(shape, &y[image * self.result() + group * length..][..length]).expect("a group's result")
    }

    fn result_mut<'a, T>(&self, y: &'a mut [T]) -> ArrayViewMut2<'a, T> {
        ArrayViewMut2::from_shape((self.filters / self.groups, area(self.to)), y).expect("a group's result")
    }

    fn columns<'a, T>(&self, columns: &'a [T]) -> ArrayView2<'a, T> {
        ArrayView2::from_shape((self.depth(), area(self.to)), columns).expect("as long as the columns")
    }

    /// The windows of an image as the columns of a matrix: row (channel, i, j) has the elements that window positions
    /// i, j of all windows meet.
    fn unfolded<'a, T: GemmKernels>(&self, image: &'a [T], space: &'a mut [T]) -> &'a [T] {
        if self.is_plain() {
            return image;
        }
        self.for_each_row(|from, out, valid, step| {
            let out = &mut space[out..][..self.to[1]];
            let (Some(from), true) = (from, valid.start < valid.end) else { return out.fill(T::ZERO) };
            out[..valid.start].fill(T::ZERO);
            out[valid.end..].fill(T::ZERO);
            let source = &image[from..];
            let out = &mut out[valid];
            if step == 1 {
                out.copy_from_slice(&source[..out.len()]);
            } else {
                out.iter_mut().zip(source.iter().step_by(step)).for_each(|(out, &x)| *out = x);
            }
        });
        space
    }

    /// Each element of the columns added where [`unfolded`](Geometry::unfolded) takes it from.
    fn fold<T: GemmKernels>(&self, columns: &[T], image: &mut [T]) {
        image.fill(T::ZERO);
        self.for_each_row(|from, column, valid, step| {
            let (Some(from), true) = (from, valid.start < valid.end) else { return };
            let target = &mut image[from..];
            let column = &columns[column..][valid];
            if step == 1 {
                target.iter_mut().zip(column).for_each(|(x, &slope)| *x += slope);
            } else {
                target.iter_mut().step_by(step).zip(column).for_each(|(x, &slope)| *x += slope);
            }
        });
    }

    /// Calls `visit` for each row of windows and each element of a window: with the position in the image that the
    /// first valid window of the row meets (none in the
    /// padding), the position of the row's part of the columns, the windows that meet the image, and the step from
    /// one to the next in the image.
    fn for_each_row(&self, mut visit: impl FnMut(Option<usize>, usize, std::ops::Range<usize>, usize)) {
        let ([height, width], [rows, columns]) = (self.from, self.to);
        let mut out = 0;
        for channel in 0..self.channels / self.groups {
            for i in 0..self.kernel[0] {
                for j in 0..self.kernel[1] {
                    let right = j * self.dilation[1];
                    // Window position p meets column p · stride + right - padding.
                    let start = self.padding[1].saturating_sub(right).div_ceil(self.stride[1]).min(columns);
                    let end = (width + self.padding[1]).saturating_sub(right).div_ceil(self.stride[1]).min(columns);
                    for row in 0..rows {
                        let y = (row * self.stride[0] + i * self.dilation[0]).checked_sub(self.padding[0]);
                        let from = y
                            .filter(|&y| y < height && start < end)
                            .map(|y| (channel * height + y) * width + start * self.stride[1] + right - self.padding[1]);
                        visit(from, out, start..end, self.stride[1]);
                        out += columns;
                    }
                }
            }
        }
    }
}

/// The `index`-th of `count` equal parts.
fn chunk_mut<T>(slice: &mut [T], index: usize, count: usize) -> &mut [T] {
    let length = slice.len() / count;
    &mut slice[index * length..][..length]
}
