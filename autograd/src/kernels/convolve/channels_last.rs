//! An image whose channels are innermost.

use std::iter::once;

use ndarray::{ArrayView2, ShapeBuilder};

use super::{Geometry, area, of_both};
use crate::kernels::gemm::GemmKernels;
use crate::kernels::gemm::kernel_set::TileKernels;
use crate::kernels::gemm::offset_product::{PanelShape, transpose_into};
use crate::scalar::Scalar;

/// The layout of a group of channels of an image of x, with its padding: the channels of a pixel are adjacent, and fill
/// whole vectors. So what a window reads in a row is one piece of memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct ChannelsLast {
    channels: usize,
    /// Elements of a pixel: the channels, and zeros.
    pub(super) width: usize,
    /// Rows and columns without padding.
    source: [usize; 2],
    /// Zeros before the first row and the first column.
    lead: [usize; 2],
    /// Rows and columns with padding.
    extents: [usize; 2],
}

impl ChannelsLast {
    pub(super) fn new<T>(kernels: &TileKernels<T>, geometry: &Geometry) -> Self {
        let Geometry { channels, groups, from, kernel, to, stride, padding, dilation, .. } = *geometry;
        let channels = channels / groups;
        let read = of_both(|dim| (to[dim] - 1) * stride[dim] + (kernel[dim] - 1) * dilation[dim] + 1);
        let extents = of_both(|dim| read[dim].max(padding[dim] + from[dim]));
        Self { channels, width: channels.next_multiple_of(kernels.lanes), source: from, lead: padding, extents }
    }

    /// Elements of the image.
    pub(super) fn elements(&self) -> usize {
        area(self.extents) * self.width
    }

    /// Elements of a row.
    pub(super) fn row(&self) -> usize {
        self.extents[1] * self.width
    }

    /// Where a pixel begins, by its row and column with the padding.
    pub(super) fn position(&self, [row, column]: [usize; 2]) -> usize {
        (row * self.extents[1] + column) * self.width
    }

    /// Elements of scratch memory that [`read`](ChannelsLast::read) takes.
    pub(super) fn scratch<T>(&self, kernels: &TileKernels<T>) -> usize {
        PanelShape::of_one(kernels, self.channels, area(self.source)).elements()
    }

    /// Copies the channels of a group of x to an image whose padding is zero already.
    pub(super) fn read<T: GemmKernels>(&self, kernels: &TileKernels<T>, x: &[T], scratch: &mut [T], image: &mut [T]) {
        let [height, width] = self.source;
        let pixels = height * width;
        let planes = ArrayView2::from_shape((pixels, self.channels).strides((1, pixels)), x).expect("a group of x");
        PanelShape::of_one(kernels, self.channels, pixels).pack(kernels, once(planes), scratch);
        for (row, from) in scratch.chunks_exact((width * self.width).max(1)).take(height).enumerate() {
            let to = self.position([self.lead[0] + row, self.lead[1]]);
            image[to..][..from.len()].copy_from_slice(from);
        }
    }

    /// Copies an image, without its padding, to the channels of a group of x.
    pub(super) fn write<T: Scalar>(&self, kernels: &TileKernels<T>, image: &[T], x: &mut [T]) {
        let [height, width] = self.source;
        for row in 0..height {
            let from = &image[self.position([self.lead[0] + row, self.lead[1]])..];
            let shape = (width, self.channels, self.width);
            transpose_into(kernels, from, shape, &mut x[row * width..], height * width);
        }
    }
}
