//! Products with the gradients of windows' largest elements, without the zeros between them.
//!
//! Behind a max-pooling a gradient has one element in each window of pixels: of 2 × 2, three of four multiply-adds of
//! the dense products are with zero. Which pixel it is differs from filter to filter, so that vectors run along the
//! channels of x here, and a step of the depth is a gradient:
//!
//! ```text
//!   the gradient of w, of a filter:   Σ of its gradients, each times the window of x at its pixel
//!   the gradient of x, of a pixel:    Σ of the gradients at this pixel, each times the weight of its filter,
//!                                     added to the window of x at this pixel
//! ```
//!
//! Both are [`SharedSums`](super::super::gemm::shared_sums::SharedSums), with lists of steps that are made for each
//! image. Their rows are those of a window, whose elements are adjacent in an image with its channels innermost
//! ([`ChannelsLast`]).

mod input;
mod weight;

use super::channels_last::ChannelsLast;
use super::epilogue::Pool;
use super::pass::offset;
use super::{Geometry, area};
use crate::kernels::gemm::GemmKernels;
use crate::kernels::gemm::buffer::PoolVec;
use crate::kernels::gemm::kernel_set::TileKernels;

/// The gradients of the largest elements of windows, and where their windows of x are.
pub(super) struct WinnerProducts<'a, T: 'static> {
    geometry: &'a Geometry,
    kernels: &'a TileKernels<T>,
    image: ChannelsLast,
    grads: &'a [T],
    winners: &'a [u8],
    pool: &'a Pool,
    /// Where the window of x begins that belongs to the first element of each window.
    windows: PoolVec<u32>,
    /// How far it is from there for each of its elements.
    elements: PoolVec<u32>,
}

impl<'a, T: GemmKernels> WinnerProducts<'a, T> {
    /// `None` where the windows of x have no rows of adjacent elements.
    fn new(
        kernels: &'a TileKernels<T>,
        geometry: &'a Geometry,
        (grads, winners, pool): (&'a [T], &'a [u8], &'a Pool),
    ) -> Option<Self> {
        if geometry.dilation[1] != 1 || grads.is_empty() {
            return None;
        }
        let image = ChannelsLast::new(kernels, geometry);
        let [row_stride, column_stride] = geometry.stride;
        let position =
            move |[row, column]: [usize; 2]| offset(image.position([row * row_stride, column * column_stride]));
        let ([rows, columns], [height, width]) = (pool.to(), pool.window);
        let windows = (0..rows).flat_map(|row| (0..columns).map(move |column| [row * height, column * width]));
        let elements = (0..height).flat_map(|row| (0..width).map(move |column| [row, column]));
        let windows = PoolVec::collect(rows * columns, windows.map(position));
        let elements = PoolVec::collect(height * width, elements.map(position));
        Some(Self { geometry, kernels, image, grads, winners, pool, windows, elements })
    }

    /// Windows of a plane.
    fn windows(&self) -> usize {
        self.windows.len()
    }

    /// Elements of a row of a window of x, with those that fill the vectors.
    fn row(&self) -> usize {
        self.geometry.kernel[1] * self.image.width
    }

    /// Elements of a window of x, with those that fill the vectors.
    fn window(&self) -> usize {
        self.geometry.kernel[0] * self.row()
    }

    /// Filters of a group.
    fn filters(&self) -> usize {
        self.geometry.filters / self.geometry.groups
    }

    /// Of how many multiply-adds of the dense products one is left, with the lanes that stay empty here.
    fn share(&self) -> f32 {
        let channels = self.geometry.channels / self.geometry.groups;
        let pixels = area(self.geometry.to) as f32 / self.windows() as f32;
        self.image.width as f32 / channels as f32 / pixels
    }

    /// Where the window of x is that belongs to an element of a window.
    #[inline(always)]
    fn position(&self, window: usize, winner: u8) -> u32 {
        self.windows[window] + self.elements[usize::from(winner)]
    }

    /// Where the window of x begins that belongs to a pixel.
    fn pixel(&self, [row, column]: [usize; 2]) -> u32 {
        let [row_stride, column_stride] = self.geometry.stride;
        offset(self.image.position([row * row_stride, column * column_stride]))
    }

    /// The rows of a window, each so many elements behind the one before it.
    fn rows(&self, apart: usize) -> PoolVec<u32> {
        let rows = self.geometry.kernel[0];
        PoolVec::collect(rows, (0..rows).map(|row| offset(row * apart)))
    }
}

/// Values may be of any size, but finite: zero times an infinity or NaN is NaN, so then no product may be left out.
const LARGEST: f64 = f64::INFINITY;

#[cfg(test)]
mod tests;
