//! The gradient of the weight.

use std::ops::Range;

use super::{RowsOfWindows, WinnerProducts, all_finite};
use crate::kernels::convolve::pass::offset;
use crate::kernels::convolve::planes::Planes;
use crate::kernels::convolve::{Geometry, MIN_TASKS, MULTIPLY_ADDS_PER_TASK, area};
use crate::kernels::gemm::GemmKernels;
use crate::kernels::gemm::buffer::{PoolVec, ThreadBuffers};
use crate::kernels::gemm::kernel_set::TileKernels;
use crate::kernels::gemm::offset_kernel::Step;
use crate::kernels::gemm::offset_product::{OffsetTable, Steps, transpose_into};
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
    fn part(&self, x: &[T], part: Part<'_, T>, rows: &OffsetTable, scratch: &mut [T]) {
        let Geometry { channels, groups, from, kernel, .. } = *self.geometry;
        let Part { images, group, first, w } = part;
        let (b, scratch) = scratch.split_at_mut(self.image.elements());
        let (packed, sums) = scratch.split_at_mut(self.image.scratch(self.kernels));
        let (depth, plane_x) = (self.geometry.depth(), channels / groups * area(from));
        b.fill(T::ZERO);
        let mut steps = PoolVec::zeros(self.windows());
        for (index, image) in images.enumerate() {
            let group = image * groups + group;
            self.image.read(self.kernels, &x[group * plane_x..][..plane_x], packed, b);
            let is_finite = all_finite(b);
            let plane = group * self.filters() + first;
            for (filter, sums) in sums.chunks_exact_mut(self.window()).take(w.len() / depth).enumerate() {
                let windows = (plane + filter) * self.windows()..(plane + filter + 1) * self.windows();
                let (grads, winners) = (&self.grads[windows.clone()], &self.winners[windows]);
                let of = RowsOfWindows { table: rows, rows: 0..kernel[0], a: grads, b, accumulate: index > 0 };
                if is_finite {
                    self.write(&of, self.steps(grads, winners, &mut steps), sums, self.row());
                } else {
                    self.write_all(of, winners, sums);
                }
            }
        }
        let taps = area(kernel);
        for (sums, w) in sums.chunks_exact(self.window()).zip(w.chunks_exact_mut(depth)) {
            transpose_into(self.kernels, sums, (taps, depth / taps, self.image.width), w, taps);
        }
    }

    /// The gradients of a plane that are not zero, each with where its window of x begins.
    fn steps<'b>(&self, grads: &[T], winners: &[u8], steps: &'b mut [Step]) -> Steps<'b> {
        let mut count = 0;
        for (window, (&grad, &winner)) in grads.iter().zip(winners).enumerate() {
            // Without a branch, which would be wrong as often as right.
            steps[count] = Step { a: window as u32, b: self.position(window, winner) };
            count += usize::from(grad != T::ZERO);
        }
        Steps::new(&steps[..count])
    }

    /// As with the [`steps`](WinnerProducts::steps) of a plane, and with all its zeros.
    fn write_all(&self, of: RowsOfWindows<'_, T>, winners: &[u8], sums: &mut [T]) {
        let [rows, columns] = self.geometry.to;
        let planes = Planes::Unpooled { grads: of.a, winners, pool: self.pool };
        let mut plane = PoolVec::zeros(rows * columns);
        let a = planes.get(0, 1, rows * columns, &mut plane);
        let pixels = (0..rows).flat_map(|row| (0..columns).map(move |column| [row, column]));
        let steps = pixels.enumerate().map(|(a, pixel)| Step { a: offset(a), b: self.pixel(pixel) });
        let steps = PoolVec::collect(rows * columns, steps);
        self.write(&RowsOfWindows { a, ..of }, Steps::new(&steps), sums, self.row());
    }
}
