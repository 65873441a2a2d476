//! The gradient of the weight: window elements × window positions, times the gradient of y.

use std::ops::{Add, Range};

use ndarray::{ArrayView2, ShapeBuilder};

use super::padded::Padded;
use super::pass::offset;
use super::winners::WinnerProducts;
use super::{Geometry, MIN_TASKS, MULTIPLY_ADDS_PER_TASK, Planes, area, of_both};
use crate::kernels::gemm::GemmKernels;
use crate::kernels::gemm::buffer::ThreadBuffers;
use crate::kernels::gemm::kernel_set::TileKernels;
use crate::kernels::gemm::offset_kernel::Step;
use crate::kernels::gemm::offset_product::{
    OffsetDots, OffsetProduct, OffsetTable, PanelShape, RowsOf, transpose_into,
};
use crate::kernels::parallel::{for_each_chunk, for_each_item};
use crate::kernels::reduce::reduce;
use crate::storage::Storage;

/// Filters of a group from which on its gradient is a product: of fewer, most lanes of a vector of filters would be
/// empty.
const MIN_FILTERS_OF_A_PRODUCT: usize = 4;
/// Images whose parts of a weight's gradient are added one after another, at most.
const MAX_IMAGES_PER_BLOCK: usize = 32;
/// Products that are added one after another, at most, unless one image alone has more: their error grows with their
/// number.
const MAX_PRODUCTS_IN_ORDER: usize = 1 << 14;
/// Elements of all blocks' gradients, at most: unless one alone has more.
const MAX_PARTIAL_ELEMENTS: usize = 1 << 21;

impl Geometry {
    /// The gradient of w, which has elements, from x and the gradient of y, which have some.
    pub(super) fn weight_gradient<T: GemmKernels>(
        &self,
        kernels: &TileKernels<T>,
        x: &[T],
        y: Planes<'_, T>,
        w: &mut [T],
    ) {
        let images = self.images_per_block(w.len());
        let blocks = self.images.div_ceil(images);
        let part = |block: usize| block * images..self.images.min((block + 1) * images);
        if blocks == 1 {
            return self.add_images(kernels, x, y, w);
        }
        let length = w.len();
        let partial = Storage::build(blocks * length, |partial| {
            if let (Planes::Dense(y), true) = (y, self.is_plain()) {
                return for_each_chunk(partial, length, |start, w| {
                    self.plain_weight_gradient(x, y, part(start / length), w);
                });
            }
            self.add_blocks(kernels, x, y, part, length, partial);
        });
        reduce(partial.as_slice(), [1, blocks, length], w, T::ZERO, Add::add);
    }

    fn add_images<T: GemmKernels>(&self, kernels: &TileKernels<T>, x: &[T], y: Planes<'_, T>, w: &mut [T]) {
        if let (Planes::Dense(y), true) = (y, self.is_plain()) {
            return self.plain_weight_gradient(x, y, 0..self.images, w);
        }
        self.add_blocks(kernels, x, y, |_| 0..self.images, w.len(), w);
    }

    /// Writes the gradients of all blocks of images, each `length` elements long.
    fn add_blocks<T: GemmKernels>(
        &self,
        kernels: &TileKernels<T>,
        x: &[T],
        y: Planes<'_, T>,
        images: impl Fn(usize) -> Range<usize> + Sync,
        length: usize,
        out: &mut [T],
    ) {
        match WinnerProducts::of_weight(kernels, self, y) {
            Some(products) => products.to_weight(x, images, length, out),
            None => Sums::new(kernels, self).run(x, y, images, length, out),
        }
    }

    /// Images of a block: so many that there are some tasks, and that the blocks' gradients take little memory.
    fn images_per_block(&self, weights: usize) -> usize {
        let for_tasks = self.images.div_ceil(MIN_TASKS).max(4 * MULTIPLY_ADDS_PER_TASK / self.multiply_adds());
        let blocks = (MAX_PARTIAL_ELEMENTS / weights.max(1)).max(1);
        let accurate = (MAX_PRODUCTS_IN_ORDER / area(self.to)).clamp(1, MAX_IMAGES_PER_BLOCK);
        for_tasks.clamp(1, accurate).max(self.images.div_ceil(blocks))
    }
}

/// How the gradients of some images are summed.
struct Sums<'a, T: 'static> {
    geometry: &'a Geometry,
    kernels: &'a TileKernels<T>,
    padded: Padded,
    /// Of a group's gradient of y, pixel by pixel.
    panels: PanelShape,
    table: OffsetTable,
    /// Filters of a group.
    filters: usize,
    /// For very few filters: how many of the table's steps are whole vectors of pixels. The sums are dot products then.
    dots: Option<usize>,
}

impl<'a, T: GemmKernels> Sums<'a, T> {
    fn new(kernels: &'a TileKernels<T>, geometry: &'a Geometry) -> Self {
        let Geometry { channels, filters, groups, from, kernel, to, stride, padding, dilation, .. } = *geometry;
        let extents = of_both(|dim| to[dim] + dilation[dim] * (kernel[dim] - 1) / stride[dim]);
        let padded = Padded::new::<T>(from, [padding[0] as isize, padding[1] as isize], stride, extents);
        let panels = PanelShape::new(kernels, filters / groups, area(to));
        let rows = (0..channels / groups).flat_map(|channel| {
            let taps =
                (0..kernel[0]).flat_map(move |i| (0..kernel[1]).map(move |j| [i * dilation[0], j * dilation[1]]));
            taps.map(move |tap| offset(channel * padded.plane + padded.position(tap)))
        });
        let rows = (geometry.depth(), rows);
        let (lanes, filters) = (kernels.lanes, filters / groups);
        if filters < MIN_FILTERS_OF_A_PRODUCT {
            let step = |row: usize, column: usize| Step {
                a: offset(row * to[1] + column),
                b: offset(row * extents[1] + column),
            };
            let (whole, rest) = (to[1] / lanes, to[1] % lanes);
            let vectors = (0..to[0]).flat_map(|row| (0..whole).map(move |vector| step(row, vector * lanes)));
            let ends = (0..to[0]).filter(|_| rest > 0).map(|row| step(row, whole * lanes));
            let count = to[0] * to[1].div_ceil(lanes);
            let table = OffsetTable::new(rows, (count, vectors.chain(ends)));
            return Self { geometry, kernels, padded, panels, table, filters, dots: Some(to[0] * whole) };
        }
        let steps = (0..area(to)).map(|pixel| Step {
            a: offset(pixel / to[1] * extents[1] + pixel % to[1]),
            b: offset(pixel * panels.width()),
        });
        let table = OffsetTable::new(rows, (area(to), steps));
        Self { geometry, kernels, padded, panels, table, filters, dots: None }
    }

    /// Writes the gradients of all blocks of images, each `length` elements long.
    fn run(
        &self,
        x: &[T],
        y: Planes<'_, T>,
        images: impl Fn(usize) -> Range<usize> + Sync,
        length: usize,
        out: &mut [T],
    ) {
        let groups = self.geometry.groups;
        let (group, unit) = (length / groups, self.filters_per_task(out.len() / (length / groups), images(0).len()));
        let mut items = Vec::new();
        for (index, w) in out.chunks_mut(group).enumerate() {
            for (part, w) in w.chunks_mut(unit * self.geometry.depth()).enumerate() {
                items.push(Part { block: index / groups, group: index % groups, first: part * unit, w });
            }
        }
        let scratch = self.scratch() + y.scratch(unit * area(self.geometry.to));
        let buffers = ThreadBuffers::take::<T>(items.len(), scratch);
        for_each_item(items, |part| {
            let images = images(part.block);
            // SAFETY: nothing in there asks for the buffer again.
            unsafe { buffers.with_slice(scratch, |scratch| self.part(x, y, images, part, scratch)) }
        });
    }

    /// All filters of a group, or fewer where there would be few tasks: whole panels.
    fn filters_per_task(&self, tasks: usize, images: usize) -> usize {
        let work = self.geometry.multiply_adds() / self.geometry.groups * images;
        let parts = MIN_TASKS.div_ceil(tasks).min(work / MULTIPLY_ADDS_PER_TASK).max(1);
        if self.dots.is_some() {
            self.filters
        } else {
            self.filters.div_ceil(parts).next_multiple_of(self.panels.width())
        }
    }

    /// Elements of a padded image's part.
    fn image(&self) -> usize {
        self.geometry.channels / self.geometry.groups * self.padded.plane
    }

    /// Elements of the sums: a row for each window element, panel after panel.
    fn sums(&self) -> usize {
        self.filters.next_multiple_of(self.panels.width()) * self.geometry.depth()
    }

    /// Elements of a task's scratch memory, but for those of the gradient of y.
    fn scratch(&self) -> usize {
        self.image() + self.panels.elements() + self.sums()
    }

    /// The gradient of some filters' weight from some images.
    fn part(&self, x: &[T], y: Planes<'_, T>, images: Range<usize>, part: Part<'_, T>, scratch: &mut [T]) {
        let Geometry { channels, groups, from, to, .. } = *self.geometry;
        let Part { group, first, w, .. } = part;
        let (padded, scratch) = scratch.split_at_mut(self.image());
        let (packed, scratch) = scratch.split_at_mut(self.panels.elements());
        let (sums, unpooled) = scratch.split_at_mut(self.sums());
        let (depth, width) = (self.geometry.depth(), self.panels.width());
        let (plane_x, filters) = (channels / groups * area(from), w.len() / depth);
        let panels = self.panels.of_columns(filters);
        padded.fill(T::ZERO);
        for (index, image) in images.enumerate() {
            self.padded.copy(&x[(image * groups + group) * plane_x..][..plane_x], padded);
            let y = y.get((image * groups + group) * self.filters + first, filters, area(to), unpooled);
            let accumulate = index > 0;
            if let Some(whole) = self.dots {
                self.add_dots(whole, y, padded, accumulate, w);
                continue;
            }
            let y =
                ArrayView2::from_shape((area(to), filters).strides((1, area(to))), y).expect("a part of the gradient");
            panels.pack(self.kernels, std::iter::once(y), packed);
            for (panel, b) in panels.panels(packed) {
                let product = OffsetProduct {
                    kernels: self.kernels,
                    table: &self.table,
                    rows_of: RowsOf::A,
                    rows: 0..depth,
                    a: padded,
                    b,
                    columns: panel.len(),
                    accumulate,
                };
                product.write(&mut sums[panel.start * depth..][..width * depth], width);
            }
        }
        if self.dots.is_none() {
            for start in (0..filters).step_by(width) {
                let columns = width.min(filters - start);
                let (sums, w) = (&sums[start * depth..][..width * depth], &mut w[start * depth..]);
                transpose_into(self.kernels, sums, (depth, columns, width), w, depth);
            }
        }
    }

    /// Adds an image's part to the gradients of very few filters.
    fn add_dots(&self, whole: usize, y: &[T], b: &[T], accumulate: bool, w: &mut [T]) {
        let (kernels, table, rest) = (self.kernels, &self.table, self.geometry.to[1] % self.kernels.lanes);
        for (a, w) in y.chunks_exact(area(self.geometry.to)).zip(w.chunks_exact_mut(self.geometry.depth())) {
            OffsetDots { kernels, table, whole, rest, a, b, accumulate }.write(w);
        }
    }
}

/// What a task computes: the gradients of some filters of a group, from the first one on, summed over a block of
/// images.
struct Part<'a, T> {
    block: usize,
    group: usize,
    first: usize,
    w: &'a mut [T],
}
