//! The convolution and its adjoint: every element of a result is a sum over the channels and the elements of a window.

use ndarray::{ArrayView2, ShapeBuilder};
use smallvec::SmallVec;

use super::padded::Padded;
use super::winograd::Winograd;
use super::work::{Along, Task, Work};
use super::{Epilogue, Geometry, MIN_TASKS, MULTIPLY_ADDS_PER_TASK, Planes, area, of_both};
use crate::dimensions::pushed;
use crate::kernels::gemm::GemmKernels;
use crate::kernels::gemm::buffer::ThreadBuffers;
use crate::kernels::gemm::kernel_set::TileKernels;
use crate::kernels::gemm::offset_kernel::{MAX_OFFSET_ROWS, Step};
use crate::kernels::gemm::offset_product::{OffsetTable, PanelShape};
use crate::kernels::parallel::for_each_item;
use crate::scalar::Scalar;
use crate::storage::Storage;

/// A convolution, or its adjoint, by what it reads and what it writes. The extents are those of a group.
pub(super) struct Pass {
    pub(super) images: usize,
    pub(super) groups: usize,
    pub(super) in_channels: usize,
    pub(super) out_channels: usize,
    /// How far it is in the weight to the next channel of the result, and to the next one of what is read.
    pub(super) weight_strides: [usize; 2],
    kernel: [usize; 2],
    /// The extents of what is read, of its padded form, and of the result.
    pub(super) source: [usize; 2],
    padded: Layout,
    pub(super) result: [usize; 2],
    pub(super) phases: SmallVec<[Phase; 1]>,
    multiply_adds: usize,
}

/// [`Padded`] but for the element type.
#[derive(Clone, Copy)]
struct Layout {
    lead: [isize; 2],
    stride: [usize; 2],
    extents: [usize; 2],
}

/// Elements of the result whose windows have the same elements: all of them, or, of an adjoint with a stride, each
/// `step`-th.
pub(super) struct Phase {
    pub(super) first: [usize; 2],
    pub(super) step: [usize; 2],
    pub(super) count: [usize; 2],
    /// Where the first element's window begins in the padded plane.
    base: [usize; 2],
    /// Rows and columns of the kernel that the window has, each with its row or column in the padded plane.
    taps: [SmallVec<[(usize, usize); 8]>; 2],
}

impl Phase {
    pub(super) fn is_all(&self) -> bool {
        self.step == [1, 1]
    }
}

impl Pass {
    /// y from x and w.
    pub(super) fn forward(geometry: &Geometry) -> Self {
        let Geometry { kernel, stride, padding, dilation, to, .. } = *geometry;
        let reach = of_both(|dim| dilation[dim] * (kernel[dim] - 1) / stride[dim]);
        let phase = Phase {
            first: [0; 2],
            step: [1; 2],
            count: to,
            base: [0; 2],
            taps: of_both(|dim| (0..kernel[dim]).map(|tap| (tap, tap * dilation[dim])).collect()),
        };
        Self {
            images: geometry.images,
            groups: geometry.groups,
            in_channels: geometry.channels / geometry.groups,
            out_channels: geometry.filters / geometry.groups,
            weight_strides: [geometry.depth(), area(kernel)],
            kernel,
            source: geometry.from,
            padded: Layout {
                lead: [padding[0] as isize, padding[1] as isize],
                stride,
                extents: of_both(|dim| to[dim] + reach[dim]),
            },
            result: to,
            phases: SmallVec::from_buf([phase]),
            multiply_adds: geometry.multiply_adds(),
        }
    }

    /// x from y and w. Window element i of the window at q is row q · stride + i · dilation - padding of x. So row r
    /// of x is in the windows at q = (r + padding - i · dilation) / stride, for the i that leave no remainder: they
    /// are the same ones for each stride-th row.
    pub(super) fn to_input(geometry: &Geometry) -> Self {
        let Geometry { kernel, stride, padding, dilation, from, to, .. } = *geometry;
        let reach = of_both(|dim| dilation[dim] * (kernel[dim] - 1) / stride[dim]);
        let smallest = of_both(|dim| padding[dim] / stride[dim]);
        let largest = of_both(|dim| (from[dim] - 1 + padding[dim]) / stride[dim]);
        // The first row, how many there are, the first window, and the window elements, for each remainder.
        let along = |dim: usize, phase: usize| {
            let first = (phase + stride[dim] - padding[dim] % stride[dim]) % stride[dim];
            let count = from[dim].saturating_sub(first).div_ceil(stride[dim]);
            let base = ((first + padding[dim]) / stride[dim]).saturating_sub(smallest[dim]);
            let taps = (0..kernel[dim]).filter(|tap| tap * dilation[dim] % stride[dim] == phase);
            let taps = taps.map(|tap| (tap, reach[dim] - tap * dilation[dim] / stride[dim]));
            (first, count, base, taps.collect())
        };
        let mut phases = SmallVec::new();
        for row in 0..stride[0] {
            for column in 0..stride[1] {
                let (rows, columns) = (along(0, row), along(1, column));
                phases.push(Phase {
                    first: [rows.0, columns.0],
                    step: stride,
                    count: [rows.1, columns.1],
                    base: [rows.2, columns.2],
                    taps: [rows.3, columns.3],
                });
            }
        }
        Self {
            images: geometry.images,
            groups: geometry.groups,
            in_channels: geometry.filters / geometry.groups,
            out_channels: geometry.channels / geometry.groups,
            weight_strides: [area(kernel), geometry.depth()],
            kernel,
            source: to,
            padded: Layout {
                lead: of_both(|dim| reach[dim] as isize - smallest[dim] as isize),
                stride: [1; 2],
                extents: of_both(|dim| largest[dim] - smallest[dim] + 1 + reach[dim]),
            },
            result: from,
            phases,
            multiply_adds: geometry.multiply_adds(),
        }
    }

    /// Computes the result of all images from what is read, and the weight; and which elements are the largest of
    /// their windows, if the epilogue stores only those.
    pub(super) fn run<T: GemmKernels>(
        &self,
        kernels: &TileKernels<T>,
        source: Planes<'_, T>,
        weight: &[T],
        epilogue: &Epilogue<'_, T>,
        (result, winners): (&mut [T], &mut [u8]),
    ) {
        if let (Planes::Dense(source), true) = (source, self.is_for_winograd())
            && let Some(winograd) = Winograd::new(kernels, self, weight)
            && winograd.run(source, epilogue, (&mut *result, &mut *winners))
        {
            return;
        }
        let padded = Padded::new::<T>(self.source, self.padded.lead, self.padded.stride, self.padded.extents);
        let along = self.direction(kernels);
        let panels = PanelShape::new(kernels, self.out_channels, self.in_channels * self.taps());
        let packed = match along {
            Along::Channels => self.pack(kernels, &panels, weight),
            Along::Pixels | Along::Rows => Storage::build(0, |_| ()),
        };
        let tables = self.phases.iter().map(|phase| self.table(phase, &padded, along, &panels)).collect();
        let work = Work { pass: self, kernels, source, padded, along, panels, packed, tables, weight, epilogue };
        let items = self.tasks(&work, result, winners);
        let buffers = ThreadBuffers::take::<T>(items.len(), work.scratch());
        for_each_item(items, |task| {
            // SAFETY: nothing in there asks for the buffer again.
            unsafe { buffers.with_slice(work.scratch(), |scratch| work.run(task, scratch)) }
        });
    }

    /// Along which dimension of the result the vectors run. Costs are those of a multiply-add of a vector; the
    /// constants were measured with sixteen lanes.
    fn direction<T: Scalar>(&self, kernels: &TileKernels<T>) -> Along {
        let lanes = kernels.lanes;
        let depth = (self.in_channels * self.taps()).max(1) as f32;
        // The lanes that are not used, and tiles of a single vector, which have a load for each multiply-add.
        let of = |extent: usize| {
            extent.next_multiple_of(lanes) as f32 / extent as f32 * if extent <= lanes { 1.2 } else { 1.0 }
        };
        // Tiles of windows × channels are transposed into the result.
        let channels = of(self.out_channels) * (1.0 + 10.0 / depth);
        let widest = self.phases.iter().map(|phase| phase.count[1]).max().unwrap_or(1).max(1);
        let few = self.out_channels < 4;
        let pixels = of(widest) * (1.0 + 2.0 / depth) * if few { 1.5 } else { 1.0 };
        match () {
            () if channels <= pixels => Along::Channels,
            () if few => Along::Rows,
            () => Along::Pixels,
        }
    }

    /// Packs the weight of each group: a step for each channel and element of a window.
    pub(super) fn pack<T: GemmKernels>(
        &self,
        kernels: &TileKernels<T>,
        panels: &PanelShape,
        weight: &[T],
    ) -> Storage<T> {
        let [out, into] = self.weight_strides;
        let (blocks, steps) =
            if into == self.taps() { (1, self.in_channels * self.taps()) } else { (self.in_channels, self.taps()) };
        Storage::build(self.groups * panels.elements(), |packed| {
            for (group, packed) in packed.chunks_exact_mut(panels.elements()).enumerate() {
                let weight = self.weight_of(weight, group);
                let block = |index: usize| {
                    let shape = (steps, self.out_channels).strides((1, out));
                    ArrayView2::from_shape(shape, &weight[index * into..]).expect("a block of the weight")
                };
                panels.pack(kernels, (0..blocks).map(block), packed);
            }
        })
    }

    /// A group's part of the weight.
    pub(super) fn weight_of<'a, T>(&self, weight: &'a [T], group: usize) -> &'a [T] {
        let length = self.out_channels * self.in_channels * self.taps();
        &weight[group * length..][..length]
    }

    /// The offsets of a phase's windows, and of what they meet.
    fn table(&self, phase: &Phase, padded: &Padded, along: Along, panels: &PanelShape) -> OffsetTable {
        let columns = padded.extents[1];
        let base = phase.base[0] * columns + phase.base[1];
        let row_taps = &phase.taps[0];
        let taps = row_taps.iter().flat_map(|&(i, row)| {
            phase.taps[1].iter().map(move |&(j, column)| (i * self.kernel[1] + j, padded.position([row, column])))
        });
        let count = phase.taps[0].len() * phase.taps[1].len() * self.in_channels;
        let steps = (0..self.in_channels).flat_map(|channel| taps.clone().map(move |(tap, at)| (channel, tap, at)));
        match along {
            Along::Channels => {
                let windows = (0..phase.count[0]).flat_map(|row| (0..phase.count[1]).map(move |column| (row, column)));
                let rows = windows.map(|(row, column)| offset(base + row * columns + column));
                let steps = steps.map(|(channel, tap, at)| Step {
                    a: offset(channel * padded.plane + at),
                    b: offset((channel * self.taps() + tap) * panels.width()),
                });
                OffsetTable::new((area(phase.count), rows), (count, steps))
            }
            Along::Pixels | Along::Rows => {
                let [out, into] = self.weight_strides;
                let steps = steps.map(|(channel, tap, at)| Step {
                    a: offset(channel * into + tap),
                    b: offset(channel * padded.plane + at + base),
                });
                if let Along::Rows = along {
                    let rows = (0..phase.count[0]).map(|row| offset(row * columns));
                    return OffsetTable::new((phase.count[0], rows), (count, steps));
                }
                let rows = (0..self.out_channels).map(|channel| offset(channel * out));
                OffsetTable::new((self.out_channels, rows), (count, steps))
            }
        }
    }

    /// Whether transformed tiles take less time: many channels and filters pay for transforming tiles, many tiles for
    /// transforming weights, and a row of tiles should fill most of a vector. (Measured on a Zen 4, one thread, images
    /// × channels × filters × extent, times as fast as the direct products: 8×16×16×28 0.98, 8×32×64×14 1.06,
    /// 8×64×64×12 1.01, 1×64×64×28 0.90, 8×32×32×28 1.17, 8×64×64×28 1.46.)
    fn is_for_winograd(&self) -> bool {
        let tiles = self.images * self.result[0].div_ceil(2) * self.result[1].div_ceil(2);
        let is_wide = self.in_channels.min(self.out_channels) >= 16 && self.in_channels * self.out_channels >= 512;
        is_wide && tiles >= 300 && self.result[1] >= 14
    }

    /// Whether windows are 3 × 3 elements side by side, and each element of the result has one.
    pub(super) fn is_dense_3x3(&self) -> bool {
        let [phase] = &self.phases[..] else { return false };
        let is_beside = |taps: &[(usize, usize)]| taps.len() == 3 && taps.iter().all(|&(_, at)| at < 3);
        phase.is_all()
            && self.padded.stride == [1; 2]
            && phase.base == [0; 2]
            && phase.taps.iter().all(|taps| is_beside(taps))
    }

    /// For each element of a window of 3 × 3 the one of the weight that it meets.
    pub(super) fn window_3x3(&self) -> [[usize; 3]; 3] {
        let mut window = [[0; 3]; 3];
        let [rows, columns] = &self.phases[0].taps;
        for &(i, row) in rows {
            columns.iter().for_each(|&(j, column)| window[row][column] = i * self.kernel[1] + j);
        }
        window
    }

    /// Rows and columns before the first one of what is read.
    pub(super) fn lead(&self) -> [isize; 2] {
        self.padded.lead
    }

    /// Elements of a window of one channel.
    fn taps(&self) -> usize {
        area(self.kernel)
    }

    /// Cuts the result into tasks: some images each, or, of few images, some groups or channels of one.
    fn tasks<'a, T: GemmKernels>(
        &self,
        work: &Work<'_, T>,
        result: &'a mut [T],
        mut winners: &'a mut [u8],
    ) -> Vec<Task<'a, T>> {
        let plane = work.epilogue.stored(self.result);
        // As many as there are results, or none.
        let mut winners_of =
            |result: &[T]| winners.split_off_mut(..result.len().min(winners.len())).unwrap_or_default();
        let image = self.groups * self.out_channels * plane;
        let parts = MIN_TASKS.div_ceil(self.images).min(self.multiply_adds / MULTIPLY_ADDS_PER_TASK).max(1);
        if parts == 1 {
            let images = (MULTIPLY_ADDS_PER_TASK / self.multiply_adds).max(1);
            let chunks = result.chunks_mut(images * image).enumerate();
            let channels = 0..self.out_channels;
            let task = |(index, result): (usize, &'a mut [T])| {
                let winners = winners_of(result);
                Task { image: index * images, group: 0, channels: channels.clone(), result, winners }
            };
            return pushed(chunks.map(task));
        }
        let (groups, channels) = if self.groups > 1 {
            (self.groups.div_ceil(parts), self.out_channels)
        } else {
            let unit = if let Along::Channels = work.along { work.panels.width() } else { MAX_OFFSET_ROWS };
            (1, self.out_channels.div_ceil(parts).next_multiple_of(unit))
        };
        let mut tasks = Vec::new();
        for (image, result) in result.chunks_exact_mut(image).enumerate() {
            let mut groups_done = 0;
            for result in result.chunks_mut(groups * self.out_channels * plane) {
                let group = groups_done;
                groups_done += groups;
                for (part, result) in result.chunks_mut(groups * channels.min(self.out_channels) * plane).enumerate() {
                    let first = part * channels;
                    let channels = first..self.out_channels.min(first + channels);
                    let winners = winners_of(result);
                    tasks.push(Task { image, group, channels, result, winners });
                }
            }
        }
        tasks
    }
}

/// An offset in a table.
pub(super) fn offset(elements: usize) -> u32 {
    u32::try_from(elements).expect("convolution: an image, or a weight, of more than 2³² elements")
}
