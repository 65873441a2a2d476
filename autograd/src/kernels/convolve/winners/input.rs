//! The gradient of x.

use std::iter::once;

use ndarray::{ArrayView2, ShapeBuilder};

use super::{LARGEST, WinnerProducts};
use crate::kernels::convolve::planes::Planes;
use crate::kernels::convolve::{Geometry, MIN_TASKS, Pool, all_within, area};
use crate::kernels::gemm::GemmKernels;
use crate::kernels::gemm::buffer::{PoolVec, ThreadBuffers};
use crate::kernels::gemm::kernel_set::TileKernels;
use crate::kernels::gemm::offset_kernel::Step;
use crate::kernels::gemm::offset_product::PanelShape;
use crate::kernels::gemm::pack::SLACK;
use crate::kernels::gemm::shared_sums::{SharedSums, Sum};
use crate::kernels::parallel::for_each_item;
use crate::storage::Storage;

/// What it takes to add a vector of sums to the window of x, in multiply-adds; and how much longer a multiply-add takes
/// here than in the dense products.
const COST_OF_ADDING: f32 = 4.0;
const COST_OF_A_PRODUCT: f32 = 1.4;
/// Bytes of packed weights that stay in the first-level cache while all pixels are computed.
const BYTES_OF_WEIGHTS: usize = 24 << 10;
/// Images of a task, at most.
const IMAGES_PER_TASK: usize = 4;

/// The gradients of an image at each pixel that one of them belongs to.
struct StepsByPixel {
    steps: PoolVec<Step>,
    sums: PoolVec<Sum>,
    /// The steps of each element of one window, and how many there are.
    buckets: PoolVec<Step>,
}

impl<'a, T: GemmKernels> WinnerProducts<'a, T> {
    /// For the gradient of x, if there are fewer products than dense ones by enough, and none with a weight that is not
    /// finite.
    pub(in crate::kernels::convolve) fn of_input(
        kernels: &'a TileKernels<T>,
        geometry: &'a Geometry,
        y: Planes<'a, T>,
        w: &[T],
    ) -> Option<Self> {
        let Planes::Unpooled { grads, winners, pool } = y else { return None };
        let products = Self::new(kernels, geometry, (grads, winners, pool))?;
        let filters = products.filters() as f32;
        let cost = products.share() * COST_OF_A_PRODUCT + COST_OF_ADDING / filters;
        (geometry.images >= MIN_TASKS && cost < 1.0 && all_within(w, LARGEST)).then_some(products)
    }

    /// Writes the gradients of all images.
    pub(in crate::kernels::convolve) fn to_input(&self, w: &[T], x: &mut [T]) {
        let Geometry { images, .. } = *self.geometry;
        let per_task = (images / MIN_TASKS).clamp(1, IMAGES_PER_TASK);
        let mut items = Vec::with_capacity(images.div_ceil(per_task));
        for (index, x) in x.chunks_mut(per_task * self.geometry.image()).enumerate() {
            items.push((index * per_task, x));
        }
        let (weights, rows) = (self.weights(w), self.rows(self.row()));
        let scratch = self.image.elements();
        let buffers = ThreadBuffers::take::<T>(items.len(), scratch);
        for_each_item(items, |(first, x)| {
            let mut steps = self.no_steps();
            let groups = x.chunks_exact_mut(self.geometry.image() / self.geometry.groups);
            for (index, x) in groups.enumerate() {
                let group = first * self.geometry.groups + index;
                let weights = &weights.as_slice()[index % self.geometry.groups * self.filters() * self.window()..];
                // SAFETY: nothing in there asks for the buffer again.
                unsafe { buffers.with_slice(scratch, |sums| self.group(group, (weights, &rows), &mut steps, sums, x)) }
            }
        });
    }

    /// The weight of each filter with its channels innermost.
    fn weights(&self, w: &[T]) -> Storage<T> {
        let (depth, taps, window) = (self.geometry.depth(), area(self.geometry.kernel), self.window());
        let shape = PanelShape::of_one(self.kernels, depth / taps, taps);
        Storage::build(self.geometry.filters * window + SLACK, |packed| {
            for (filter, w) in w.chunks_exact(depth).enumerate() {
                let w = ArrayView2::from_shape((taps, depth / taps).strides((1, taps)), w).expect("a filter");
                shape.pack(self.kernels, once(w), &mut packed[filter * window..]);
            }
        })
    }

    /// The gradient of a group of an image, which is computed in `sums`.
    fn group(
        &self,
        group: usize,
        (weights, rows): (&[T], &[u32]),
        by_pixel: &mut StepsByPixel,
        sums: &mut [T],
        x: &mut [T],
    ) {
        let Geometry { kernel, dilation, .. } = *self.geometry;
        let gradients = self.filters() * self.windows();
        let grads = &self.grads[group * gradients..][..gradients];
        let count = self.find_steps_by_pixel(grads, &self.winners[group * gradients..][..gradients], by_pixel);
        let (steps, apart) = (&by_pixel.steps[..count], dilation[0] * self.image.row());
        sums.fill(T::ZERO);
        let rows_at_once = (BYTES_OF_WEIGHTS / (self.filters() * self.row() * size_of::<T>())).clamp(1, kernel[0]);
        for (index, rows) in rows.chunks(rows_at_once).enumerate() {
            let (kernels, columns) = (self.kernels, self.row());
            let of = SharedSums { kernels, rows, a: grads, b: weights, columns, accumulate: true };
            of.write(steps, &by_pixel.sums, &mut sums[index * rows_at_once * apart..], apart);
        }
        self.image.write(self.kernels, sums, x);
    }

    fn no_steps(&self) -> StepsByPixel {
        let (gradients, elements) = (self.filters() * self.windows(), self.elements.len());
        StepsByPixel {
            steps: PoolVec::zeros(gradients),
            sums: PoolVec::zeros(self.windows() * elements),
            buckets: PoolVec::zeros(self.filters() * elements),
        }
    }

    /// Finds the gradients that are not zero, pixel by pixel; how many there are.
    fn find_steps_by_pixel(&self, grads: &[T], winners: &[u8], found: &mut StepsByPixel) -> usize {
        let StepsByPixel { steps, sums, buckets } = found;
        let (windows, filters, elements, weight) = (self.windows(), self.filters(), self.elements.len(), self.window());
        let mut total = 0;
        for window in 0..windows {
            let mut counts = [0; Pool::MAX_WINDOW];
            for filter in 0..filters {
                let a = filter * windows + window;
                let (grad, element) = (grads[a], usize::from(winners[a]));
                // Without a branch, which would be wrong as often as right.
                buckets[element * filters + counts[element]] = Step { a: a as u32, b: (filter * weight) as u32 };
                counts[element] += usize::from(grad != T::ZERO);
            }
            for element in 0..elements {
                let count = counts[element];
                steps[total..][..count].copy_from_slice(&buckets[element * filters..][..count]);
                total += count;
                let c = self.position(window, element as u8);
                sums[window * elements + element] = Sum { end: total as u32, c };
            }
        }
        total
    }
}
