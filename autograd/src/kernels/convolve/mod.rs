//! Convolutions of images as matrix products whose windows are never written down.
//!
//! There are three products, for the three operands of y = w ∗ x: each is computed from the other two. An image is
//! copied with its padding into scratch memory of a task ([`padded`]). From there on a window is a row of offsets, and
//! the product reads it through a table ([`gemm::offset_product`](super::gemm::offset_product)):
//!
//! ```text
//!   y, and the gradient of x   window positions × window elements, times the weight            (pass.rs, work.rs)
//!   the gradient of w          window elements × window positions, times the gradient of y     (weight.rs)
//! ```
//!
//! Windows of a single element without padding are the image itself: those are dense products ([`plain`]). In two cases
//! most multiply-adds are left out: with the zeros of a gradient behind max-pooling ([`winners`]), and for windows of
//! 3 × 3 by Winograd's algorithm ([`winograd`]).
//!
//! A bias, a rectifier and max-pooling follow the sums of an image while it is in the cache, and their gradients are
//! made image by image, too ([`epilogue`], [`planes`]).

mod channels_last;
mod epilogue;
mod padded;
mod pass;
mod plain;
mod planes;
mod weight;
mod winners;
mod winograd;
mod work;

use super::gemm::GemmKernels;
use super::gemm::kernel_set::{TileKernels, selected_tiles};
use super::vectorize::{Kernel, vectorized};
use crate::scalar::Scalar;
pub(crate) use epilogue::{Epilogue, Pool, Winners};
use pass::Pass;
pub(crate) use planes::Planes;
use winners::WinnerProducts;

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
const MULTIPLY_ADDS_PER_TASK: usize = 1 << 20;
/// Tasks from which on the work of an image is not divided.
const MIN_TASKS: usize = 8;

fn area([rows, columns]: [usize; 2]) -> usize {
    rows * columns
}

/// What `of` makes of each of the two dimensions. (A map over an array of them is half a dozen functions for each
/// closure.)
fn of_both<R>(of: impl Fn(usize) -> R) -> [R; 2] {
    [of(0), of(1)]
}

/// Whether all values are finite, and between `largest` and its negative.
fn all_within<T: Scalar>(values: &[T], largest: f64) -> bool {
    vectorized(AllWithin { values, largest: T::from_f64(largest) })
}

struct AllWithin<'a, T> {
    values: &'a [T],
    largest: T,
}

impl<T: Scalar> Kernel for AllWithin<'_, T> {
    type Output = bool;

    #[inline(always)]
    fn run(self) -> bool {
        self.values.iter().fold(true, |all, &value| all & value.is_finite() & (value.abs() <= self.largest))
    }
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

    /// Elements of a window of all channels of a group.
    fn depth(&self) -> usize {
        self.channels / self.groups * area(self.kernel)
    }

    /// Multiply-adds of an image, at least one.
    fn multiply_adds(&self) -> usize {
        self.result().saturating_mul(self.depth()).max(1)
    }

    /// Images that make a task.
    fn images_per_task(&self) -> usize {
        (MULTIPLY_ADDS_PER_TASK / self.multiply_adds()).max(1)
    }

    /// Whether a window is one element, and the windows are the image.
    pub(crate) fn is_plain(&self) -> bool {
        self.kernel == [1, 1] && self.stride == [1, 1] && self.padding == [0, 0] && self.from == self.to
    }

    /// y from x and w, and which elements are the largest of their windows, if the epilogue stores only those.
    ///
    /// # Panics
    /// If it does, and [`is_plain`](Geometry::is_plain).
    pub(crate) fn forward<T: GemmKernels>(
        &self,
        [x, w]: [&[T]; 2],
        epilogue: &Epilogue<'_, T>,
        y: &mut [T],
        winners: &mut [u8],
    ) {
        if y.is_empty() {
        } else if self.is_plain() {
            assert!(epilogue.pool.is_none(), "max-pooled products of single elements");
            self.plain_forward(x, w, epilogue, y);
        } else {
            Pass::forward(self).run(selected_tiles(), Planes::Dense(x), w, epilogue, (y, winners));
        }
    }

    /// The gradient of x from that of y, and w.
    ///
    /// # Panics
    /// As [`forward`](Geometry::forward).
    pub(crate) fn to_input<T: GemmKernels>(self, y: Planes<'_, T>, w: &[T], x: &mut [T]) {
        match y {
            _ if x.is_empty() => {}
            Planes::Dense(y) if self.is_plain() => self.plain_to_input(y, w, x),
            _ => {
                assert!(!self.is_plain(), "max-pooled products of single elements");
                self.input_gradient(selected_tiles(), y, w, x);
            }
        }
    }

    fn input_gradient<T: GemmKernels>(&self, kernels: &TileKernels<T>, y: Planes<'_, T>, w: &[T], x: &mut [T]) {
        match WinnerProducts::of_input(kernels, self, y, w) {
            Some(products) => products.to_input(w, x),
            None => Pass::to_input(self).run(kernels, y, w, &Epilogue::default(), (x, &mut [])),
        }
    }

    /// The gradient of w from that of y, and x. Those of the images are added in their order, in blocks that follow
    /// from the sizes, and the blocks' in pairs.
    pub(crate) fn to_weight<T: GemmKernels>(self, x: &[T], y: Planes<'_, T>, w: &mut [T]) {
        if w.is_empty() {
        } else if self.result() == 0 || self.images == 0 {
            w.fill(T::ZERO);
        } else {
            self.weight_gradient(selected_tiles(), x, y, w);
        }
    }
}

#[cfg(test)]
mod tests;
