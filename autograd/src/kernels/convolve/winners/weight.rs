//! The gradient of the weight.

use std::ops::Range;

use super::{LARGEST, WinnerProducts};
use crate::kernels::convolve::pass::offset;
use crate::kernels::convolve::planes::Planes;
use crate::kernels::convolve::{Geometry, MIN_TASKS, MULTIPLY_ADDS_PER_TASK, all_within, area};
use crate::kernels::gemm::GemmKernels;
use crate::kernels::gemm::buffer::{PoolVec, ThreadBuffers};
use crate::kernels::gemm::kernel_set::TileKernels;
use crate::kernels::gemm::offset_kernel::Step;
use crate::kernels::gemm::offset_product::transpose_into;
use crate::kernels::gemm::shared_sums::{SharedSums, Sum};
use crate::kernels::parallel::for_each_item;

/// The share of multiply-adds up to which the dense products take longer.
const MAX_SHARE: f32 = 0.7;

/// What a task computes: the gradients of some filters of a group, from the first one on, summed over a block of
/// images.
struct Part<'a, T> {
    images: Range<usize>,
    group: usize,
    first: usize,
    w: &'a mut [T],
}

impl<'a, T: GemmKernels> WinnerProducts<'a, T> {
    /// For the gradient of w, if there are fewer products than dense ones by enough.
    pub(in crate::kernels::convolve) fn of_weight(
        kernels: &'a TileKernels<T>,
        geometry: &'a Geometry,
        y: Planes<'a, T>,
    ) -> Option<Self> {
        let Planes::Unpooled { grads, winners, pool } = y else { return None };
        Self::new(kernels, geometry, (grads, winners, pool)).filter(|products| products.share() <= MAX_SHARE)
    }

    /// Writes the gradients of all blocks of images, each `length` elements long.
    pub(in crate::kernels::convolve) fn to_weight(
        &self,
        x: &[T],
        images: impl Fn(usize) -> Range<usize>,
        length: usize,
        out: &mut [T],
    ) {
        let groups = self.geometry.groups;
        let group = length / groups;
        let unit = self.filters_per_task(out.len() / group, images(0).len());
        let mut items = Vec::new();
        for (index, w) in out.chunks_mut(group).enumerate() {
            for (part, w) in w.chunks_mut(unit * self.geometry.depth()).enumerate() {
                items.push(Part { images: images(index / groups), group: index % groups, first: part * unit, w });
            }
        }
        let rows = self.rows(self.geometry.dilation[0] * self.image.row());
        let scratch = self.image.elements() + self.image.scratch(self.kernels) + unit * self.window();
        let buffers = ThreadBuffers::take::<T>(items.len(), scratch);
        for_each_item(items, |part| {
            // SAFETY: nothing in there asks for the buffer again.
            unsafe { buffers.with_slice(scratch, |scratch| self.part(x, part, &rows, scratch)) }
        });
    }

    /// All filters of a group, or fewer where there would be few tasks.
    fn filters_per_task(&self, tasks: usize, images: usize) -> usize {
        let work = self.geometry.multiply_adds() / self.geometry.groups * images;
        let parts = MIN_TASKS.div_ceil(tasks).min(work / MULTIPLY_ADDS_PER_TASK).max(1);
        self.filters().div_ceil(parts)
    }

    /// The gradient of some filters' weight from some images.
    fn part(&self, x: &[T], part: Part<'_, T>, rows: &[u32], scratch: &mut [T]) {
        let Geometry { channels, groups, from, kernel, .. } = *self.geometry;
        let Part { images, group, first, w } = part;
        let (b, scratch) = scratch.split_at_mut(self.image.elements());
        let (packed, sums) = scratch.split_at_mut(self.image.scratch(self.kernels));
        let (depth, plane_x) = (self.geometry.depth(), channels / groups * area(from));
        let filters = w.len() / depth;
        b.fill(T::ZERO);
        let mut steps = PoolVec::zeros(filters * self.windows() + 1);
        let mut ends = PoolVec::zeros(filters);
        for (index, image) in images.enumerate() {
            let group = image * groups + group;
            self.image.read(self.kernels, &x[group * plane_x..][..plane_x], packed, b);
            let first = (group * self.filters() + first) * self.windows();
            let gradients = first..first + filters * self.windows();
            let (grads, winners) = (&self.grads[gradients.clone()], &self.winners[gradients]);
            let of =
                SharedSums { kernels: self.kernels, rows, a: grads, b, columns: self.row(), accumulate: index > 0 };
            if all_within(b, LARGEST) {
                let count = self.find_steps(grads, winners, &mut steps, &mut ends);
                of.write(&steps[..count], &ends, sums, self.row());
            } else {
                self.write_all(of, winners, sums);
            }
        }
        let taps = area(kernel);
        for (sums, w) in sums.chunks_exact(self.window()).zip(w.chunks_exact_mut(depth)) {
            transpose_into(self.kernels, sums, (taps, depth / taps, self.image.width), w, taps);
        }
    }

    /// Finds the gradients of planes that are not zero, each with where its window of x begins; how many there are.
    fn find_steps(&self, grads: &[T], winners: &[u8], steps: &mut [Step], ends: &mut [Sum]) -> usize {
        let (windows, mut count) = (self.windows(), 0);
        for (filter, end) in ends.iter_mut().enumerate() {
            let first = filter * windows;
            let gradients = grads[first..][..windows].iter().zip(&winners[first..][..windows]);
            for (window, (&grad, &winner)) in gradients.enumerate() {
                // Without a branch, which would be wrong as often as right.
                steps[count] = Step { a: (first + window) as u32, b: self.position(window, winner) };
                count += usize::from(grad != T::ZERO);
            }
            *end = Sum { end: count as u32, c: (filter * self.window()) as u32 };
        }
        count
    }

    /// As with the steps of [`find_steps`](WinnerProducts::find_steps), and with all zeros between them.
    fn write_all(&self, of: SharedSums<'_, T>, winners: &[u8], sums: &mut [T]) {
        let [rows, columns] = self.geometry.to;
        let (plane, filters) = (rows * columns, winners.len() / self.windows());
        let planes = Planes::Unpooled { grads: of.a, winners, pool: self.pool };
        let mut unpooled = PoolVec::zeros(filters * plane);
        let a = planes.get(0, filters, plane, &mut unpooled);
        let pixels = (0..rows).flat_map(|row| (0..columns).map(move |column| [row, column]));
        let pixels = PoolVec::collect(plane, pixels.map(|pixel| self.pixel(pixel)));
        let steps = (0..filters * plane).map(|a| Step { a: offset(a), b: pixels[a % plane] });
        let steps = PoolVec::collect(filters * plane, steps);
        let ends =
            (1..=filters).map(|filter| Sum { end: offset(filter * plane), c: offset((filter - 1) * self.window()) });
        let ends = PoolVec::collect(filters, ends);
        SharedSums { a, ..of }.write(&steps, &ends, sums, self.row());
    }
}
