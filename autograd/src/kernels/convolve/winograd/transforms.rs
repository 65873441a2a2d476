//! The three transforms. Values side by side are computed at a time: tiles, or filters.

use std::hint::black_box;
use std::ops::Range;

use super::{ELEMENTS, SIDE_BY_SIDE, Winograd};
use crate::kernels::convolve::pass::Pass;
use crate::kernels::gemm::GemmKernels;
use crate::kernels::gemm::kernel_set::TileKernels;
use crate::kernels::gemm::offset_product::PanelShape;
use crate::kernels::vectorize::{Kernel, vectorized};
use crate::scalar::Scalar;
use crate::storage::Storage;

/// Values side by side. They are read and written as a whole, so that they stay in registers.
type Lanes<T> = [T; SIDE_BY_SIDE];

#[inline(always)]
fn read<T: Copy>(from: &[T]) -> Lanes<T> {
    *from.first_chunk().expect("as many elements as are read at a time")
}

#[inline(always)]
fn write<T: Copy>(to: &mut [T], values: Lanes<T>) {
    *to.first_chunk_mut().expect("room for as many elements as are written at a time") = values;
}

#[inline(always)]
fn add<T: Scalar>(a: &Lanes<T>, b: &Lanes<T>) -> Lanes<T> {
    let mut sums = *a;
    for lane in 0..SIDE_BY_SIDE {
        sums[lane] += b[lane];
    }
    sums
}

#[inline(always)]
fn subtract<T: Scalar>(a: &Lanes<T>, b: &Lanes<T>) -> Lanes<T> {
    let mut differences = *a;
    for lane in 0..SIDE_BY_SIDE {
        differences[lane] -= b[lane];
    }
    differences
}

/// Vᵢⱼ of the tiles of some rows, for each channel.
pub(super) struct ToTiles<'a, 'b, T: 'static> {
    pub(super) of: &'a Winograd<'b, T>,
    pub(super) rows: Range<usize>,
    /// The image, its even and odd rows and columns apart.
    pub(super) padded: &'a [T],
    pub(super) v: &'a mut [T],
}

impl<T: Scalar> Kernel for ToTiles<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { of, rows, padded, v } = self;
        let (channels, block, columns) = (of.pass.in_channels, of.table.rows(), of.tiles[1]);
        let element = of.element(channels);
        let [height, width] = of.padded.extents;
        // Unknown to the compiler, which makes one load and many shuffles of two loads that overlap.
        let next = black_box(1);
        for (channel, row) in (0..channels).flat_map(|channel| (0..rows.len()).map(move |row| (channel, row))) {
            let plane = &padded[channel * of.padded.plane..];
            for column in (0..columns).step_by(SIDE_BY_SIDE) {
                let at = (rows.start + row) * width + column;
                // What is written behind the last tile of a row is overwritten with the next row or channel; behind the
                // last channel there is room.
                let tiles = channel * block + row * columns + column;
                let (upper, lower) = (&plane[at..], &plane[at + 2 * height * width..]);
                let ([a0, a1, a2, a3], [b0, b1, b2, b3]) =
                    (across(upper, height * width, next), across(lower, height * width, next));
                let (upper, lower) = (&upper[width..], &lower[width..]);
                let ([c0, c1, c2, c3], [d0, d1, d2, d3]) =
                    (across(upper, height * width, next), across(lower, height * width, next));
                down(v, tiles, element, [&a0, &b0, &c0, &d0]);
                down(&mut v[element..], tiles, element, [&a1, &b1, &c1, &d1]);
                down(&mut v[2 * element..], tiles, element, [&a2, &b2, &c2, &d2]);
                down(&mut v[3 * element..], tiles, element, [&a3, &b3, &c3, &d3]);
            }
        }
    }
}

/// A column of V from a tile on, from the rows of d B. The elements of V are `element` apart. (A closure that is called
/// several times would be compiled as a function of its own, for the plain machine.)
#[inline(always)]
fn down<T: Scalar>(v: &mut [T], tiles: usize, element: usize, [a, b, c, d]: [&Lanes<T>; 4]) {
    write(&mut v[tiles..], subtract(a, c));
    write(&mut v[4 * element..][tiles..], add(b, c));
    write(&mut v[8 * element..][tiles..], subtract(c, b));
    write(&mut v[12 * element..][tiles..], subtract(b, d));
}

/// One row of d B, for tiles side by side: of the even elements, and the odd ones, which begin `odd` behind them.
#[inline(always)]
fn across<T: Scalar>(even: &[T], odd: usize, next: usize) -> [Lanes<T>; 4] {
    let (d0, d1, d2, d3) = (read(even), read(&even[odd..]), read(&even[next..]), read(&even[odd + next..]));
    [subtract(&d0, &d2), add(&d1, &d2), subtract(&d2, &d1), subtract(&d1, &d3)]
}

/// The results of the tiles of some rows, pixel by pixel, for the filters of a panel.
pub(super) struct FromTiles<'a, 'b, T: 'static> {
    pub(super) of: &'a Winograd<'b, T>,
    pub(super) rows: usize,
    /// Behind it as many elements as are read at a time.
    pub(super) m: &'a [T],
    pub(super) block: &'a mut [T],
}

impl<T: Scalar> Kernel for FromTiles<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { of, rows, m, block } = self;
        let (width, tiles, columns) = (of.panels.width(), of.tiles[1], of.pass.result[1]);
        let element = of.element(width);
        for (row, tile) in (0..rows).flat_map(|row| (0..tiles).map(move |tile| (row, tile))) {
            let has_two = 2 * tile + 1 < columns;
            for filter in (0..width).step_by(SIDE_BY_SIDE) {
                let m = &m[(row * tiles + tile) * width + filter..];
                let ([a0, b0], [a1, b1]) = (upwards(m, element), upwards(&m[element..], element));
                let ([a2, b2], [a3, b3]) = (upwards(&m[2 * element..], element), upwards(&m[3 * element..], element));
                let pixel = 2 * row * columns + 2 * tile;
                write_pixels(&mut block[pixel * width..], [width, filter], has_two, [&a0, &a1, &a2, &a3]);
                if let Some(block) = block.get_mut((pixel + columns) * width..).filter(|block| !block.is_empty()) {
                    write_pixels(block, [width, filter], has_two, [&b0, &b1, &b2, &b3]);
                }
            }
        }
    }
}

/// A column of Aᵀ M, whose elements are four times `element` apart.
#[inline(always)]
fn upwards<T: Scalar>(m: &[T], element: usize) -> [Lanes<T>; 2] {
    let (m0, m1, m2, m3) = (read(m), read(&m[4 * element..]), read(&m[8 * element..]), read(&m[12 * element..]));
    [add(&add(&m0, &m1), &m2), subtract(&subtract(&m1, &m2), &m3)]
}

/// Writes one or two pixels side by side, of `width` elements each, from an element on.
#[inline(always)]
fn write_pixels<T: Scalar>(block: &mut [T], [width, first]: [usize; 2], two: bool, [a, b, c, d]: [&Lanes<T>; 4]) {
    write(&mut block[first..], add(&add(a, b), c));
    if two {
        write(&mut block[width + first..], subtract(&subtract(b, c), d));
    }
}

/// U = G g Gᵀ, where G g is g₀, ½ (g₀ + g₁ + g₂), ½ (g₀ - g₁ + g₂) and g₂.
pub(super) struct Weights<'a> {
    pub(super) pass: &'a Pass,
    pub(super) panels: PanelShape,
    pub(super) channels: usize,
}

impl Weights<'_> {
    pub(super) fn transformed<T: GemmKernels>(&self, kernels: &TileKernels<T>, weight: &[T]) -> Storage<T> {
        let Self { pass, panels, channels } = *self;
        let (width, taps) = (panels.width(), panels.of_depth(9 * channels));
        let packed = pass.pack(kernels, &taps, weight);
        let elements = ELEMENTS * channels * width;
        let count = pass.groups * pass.out_channels.div_ceil(width);
        Storage::build(count * elements, |out| {
            let groups = packed.as_slice().chunks_exact(taps.elements());
            let panels = groups.flat_map(|group| taps.panels(group).map(|(_, panel)| panel));
            for (panel, out) in panels.zip(out.chunks_exact_mut(elements)) {
                vectorized(OfPanel { window: pass.window_3x3(), width, panel, out });
            }
        })
    }
}

struct OfPanel<'a, T> {
    /// For each element of a window the one of the weight that it meets.
    window: [[usize; 3]; 3],
    width: usize,
    /// A row for each channel and element of the weight.
    panel: &'a [T],
    out: &'a mut [T],
}

impl<T: Scalar> Kernel for OfPanel<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { window, width, panel, out } = self;
        let half = T::from_f64(0.5);
        let transformed = |[a, b, c]: [T; 3]| [a, half * (a + b + c), half * (a - b + c), c];
        let channels = out.len() / (ELEMENTS * width);
        for (channel, taps) in panel.chunks_exact(9 * width).enumerate() {
            for filter in 0..width {
                let of = |row: usize| transformed([0, 1, 2].map(|column| taps[window[row][column] * width + filter]));
                let rows = [of(0), of(1), of(2)];
                for j in 0..4 {
                    let column = transformed([rows[0][j], rows[1][j], rows[2][j]]);
                    for (i, &value) in column.iter().enumerate() {
                        out[((4 * i + j) * channels + channel) * width + filter] = value;
                    }
                }
            }
        }
    }
}
