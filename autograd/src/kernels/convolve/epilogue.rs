//! What follows the sums of a convolution, while an image of the result is in the cache: a bias, a rectifier, and the
//! largest element of each window. ([`Planes`](super::Planes) are the way back from those elements to an image.)

use std::fmt::{self, Debug};

use smallvec::SmallVec;

use super::{area, of_both};
use crate::kernels::gemm::buffer::PoolVec;
use crate::kernels::vectorize::{Kernel, vectorized};
use crate::scalar::Scalar;

/// What is done to the sums before they are stored, in this order.
#[derive(Clone, Debug)]
pub(crate) struct Epilogue<'a, T> {
    /// A value for each filter, which is added.
    pub(crate) bias: Option<&'a [T]>,
    /// Whether max(·, 0) is taken. NaN stays NaN.
    pub(crate) relu: bool,
    /// The windows of which only the largest element is stored.
    pub(crate) pool: Option<Pool>,
}

impl<T> Default for Epilogue<'_, T> {
    fn default() -> Self {
        Epilogue { bias: None, relu: false, pool: None }
    }
}

/// Windows side by side in a plane. Rows and columns that fill no window are left out.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    /// The extents of a window, with at most [`Pool::MAX_WINDOW`] elements.
    pub(crate) window: [usize; 2],
    /// The extents of a plane of elements.
    pub(crate) from: [usize; 2],
    /// For each element of a window, how far it is in the plane from the first one.
    offsets: SmallVec<[u32; 4]>,
}

/// For each window of all planes, which of its elements is the largest, counted row by row: the first of ties, but the
/// last NaN if there is one.
pub(crate) struct Winners(PoolVec<u8>);

impl Debug for Winners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} windows", self.0.len())
    }
}

impl Winners {
    /// So many windows.
    pub(crate) fn new(windows: usize) -> Self {
        Winners(PoolVec::zeros(windows))
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl Pool {
    /// The most elements of a window: a byte tells them apart.
    pub(crate) const MAX_WINDOW: usize = 256;

    pub(crate) fn new(window: [usize; 2], from: [usize; 2]) -> Self {
        debug_assert!((1..=Self::MAX_WINDOW).contains(&area(window)));
        let [rows, columns] = window;
        let offsets = (0..rows).flat_map(|row| (0..columns).map(move |column| (row * from[1] + column) as u32));
        Pool { window, from, offsets: offsets.collect() }
    }

    /// The extents of a plane of windows.
    pub(crate) fn to(&self) -> [usize; 2] {
        of_both(|dim| self.from[dim] / self.window[dim])
    }

    /// The position in its plane of an element of a window.
    pub(crate) fn position(&self, window: usize, winner: u8) -> usize {
        let columns = self.to()[1];
        let (row, column) = (window / columns, window % columns);
        row * self.window[0] * self.from[1] + column * self.window[1] + self.offsets[usize::from(winner)] as usize
    }
}

impl<T: Scalar> Epilogue<'_, T> {
    /// Elements that are stored of a plane with these extents.
    pub(super) fn stored(&self, plane: [usize; 2]) -> usize {
        self.pool.as_ref().map_or(area(plane), |pool| area(pool.to()))
    }

    /// Adds the bias to planes, and rectifies them, in place; the first one is that of filter `first`.
    pub(super) fn finish(&self, first: usize, plane: usize, planes: &mut [T]) {
        if self.bias.is_some() || self.relu {
            vectorized(Finish { bias: self.bias.map(|bias| &bias[first..]), relu: self.relu, plane, planes });
        }
    }

    /// Stores the largest elements of the windows of planes; the first one is that of filter `first`.
    pub(super) fn store_largest(&self, first: usize, pool: &Pool, planes: &[T], out: &mut [T], winners: &mut [u8]) {
        let bias = self.bias.map(|bias| &bias[first..]);
        vectorized(Largest { bias, relu: self.relu, pool, planes, out, winners });
    }
}

/// What is added where there is no bias: x + (-0) is x, also for x = -0.
fn no_bias<T: Scalar>() -> T {
    T::from_f64(-0.0)
}

struct Finish<'a, T> {
    bias: Option<&'a [T]>,
    relu: bool,
    plane: usize,
    planes: &'a mut [T],
}

impl<T: Scalar> Kernel for Finish<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Finish { bias, relu, plane, planes } = self;
        for (index, plane) in planes.chunks_exact_mut(plane.max(1)).enumerate() {
            let bias = bias.map_or_else(no_bias, |bias| bias[index]);
            if relu {
                plane.iter_mut().for_each(|x| *x = (*x + bias).maximum(T::ZERO));
            } else {
                plane.iter_mut().for_each(|x| *x += bias);
            }
        }
    }
}

struct Largest<'a, T> {
    bias: Option<&'a [T]>,
    relu: bool,
    pool: &'a Pool,
    planes: &'a [T],
    out: &'a mut [T],
    winners: &'a mut [u8],
}

/// Windows that are compared side by side. Their number is a constant, so that they stay in registers.
const WINDOWS: usize = 16;

impl<T: Scalar> Kernel for Largest<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Largest { bias, relu, pool, planes, out, winners } = self;
        let ([rows, columns], width) = (pool.to(), pool.from[1]);
        let (plane, to) = (area(pool.from), rows * columns);
        if to == 0 {
            return;
        }
        let count = planes.len() / plane;
        for index in 0..count {
            let (plane, bias) = (&planes[index * plane..], bias.map_or_else(no_bias, |bias| bias[index]));
            for row in 0..rows {
                let band = &plane[row * pool.window[0] * width..];
                for start in (0..columns).step_by(WINDOWS) {
                    let at = index * to + row * columns + start;
                    let band = &band[start * pool.window[1]..];
                    let found = if pool.window == [2, 2] { largest_of_pairs(band, width, bias) } else { None };
                    let (mut largest, winner) = found.unwrap_or_else(|| largest_of(pool, band, bias));
                    if relu {
                        for x in &mut largest {
                            *x = x.maximum(T::ZERO);
                        }
                    }
                    // What is behind the last window of the row is overwritten by the next one.
                    write_first(&mut out[at..], largest);
                    write_first(&mut winners[at..], bytes_of(winner));
                }
            }
        }
    }
}

/// The first elements; zero where there are too few.
#[inline(always)]
fn read_first<T: Copy, const N: usize>(from: &[T], zero: T) -> [T; N] {
    from.first_chunk().copied().unwrap_or_else(|| {
        let mut elements = [zero; N];
        elements[..from.len()].copy_from_slice(from);
        elements
    })
}

/// Writes the first elements: all, or as many as there are.
#[inline(always)]
fn write_first<T: Copy, const N: usize>(to: &mut [T], elements: [T; N]) {
    match to.first_chunk_mut() {
        Some(to) => *to = elements,
        None => to.copy_from_slice(&elements[..to.len()]),
    }
}

#[inline(always)]
fn bytes_of(winner: [u32; WINDOWS]) -> [u8; WINDOWS] {
    let mut bytes = [0; WINDOWS];
    for window in 0..WINDOWS {
        bytes[window] = winner[window] as u8;
    }
    bytes
}

/// The largest elements so far of some windows, with the bias, and which ones they are.
struct Found<T> {
    largest: [T; WINDOWS],
    winner: [u32; WINDOWS],
    bias: T,
}

impl<T: Scalar> Found<T> {
    /// Compares with element `index` of each window. (Not a closure of [`largest_of`]: with several calls of it, the
    /// compiler made a function of its own of that, for the plain machine.)
    #[inline(always)]
    fn keep_larger(&mut self, index: usize, elements: [T; WINDOWS]) {
        for window in 0..WINDOWS {
            let x = elements[window] + self.bias;
            let is_larger = x > self.largest[window] || x.is_nan();
            self.largest[window] = if is_larger { x } else { self.largest[window] };
            self.winner[window] = if is_larger { index as u32 } else { self.winner[window] };
        }
    }
}

/// As [`largest_of`], for windows of 2 × 2 elements: the largest element first, then where it is, which takes half of
/// the operations. `None` if an element may be NaN.
#[inline(always)]
fn largest_of_pairs<T: Scalar>(band: &[T], width: usize, bias: T) -> Option<([T; WINDOWS], [u32; WINDOWS])> {
    let [upper, lower]: [[T; 2 * WINDOWS]; 2] = [read_first(band, T::ZERO), read_first(&band[width..], T::ZERO)];
    let (mut largest, mut winner, mut has_nan) = ([T::ZERO; WINDOWS], [0; WINDOWS], false);
    // The first one of equals, which zeros of both signs are.
    let larger = |a: T, b: T| if b > a { b } else { a };
    for window in 0..WINDOWS {
        let (a, b) = (upper[2 * window] + bias, upper[2 * window + 1] + bias);
        let (c, d) = (lower[2 * window] + bias, lower[2 * window + 1] + bias);
        let most = larger(larger(a, b), larger(c, d));
        let of_lower = if c == most { 2 } else { 3 };
        winner[window] = match () {
            () if a == most => 0,
            () if b == most => 1,
            () => of_lower,
        };
        largest[window] = most;
        // Also of infinities with both signs.
        has_nan |= ((a + b) + (c + d)).is_nan();
    }
    (!has_nan).then_some((largest, winner))
}

/// The largest elements, with the bias, of [`WINDOWS`] windows from the start of a band of rows on, and which ones they
/// are. (Of windows beyond the end of a row, they are anything.)
#[inline(always)]
fn largest_of<T: Scalar>(pool: &Pool, band: &[T], bias: T) -> ([T; WINDOWS], [u32; WINDOWS]) {
    let ([rows, columns], width) = (pool.window, pool.from[1]);
    let mut found = Found { largest: [T::NEG_INFINITY; WINDOWS], winner: [0; WINDOWS], bias };
    for row in 0..rows {
        let line = &band[row * width..];
        if columns == 2 {
            let pairs: [T; 2 * WINDOWS] = read_first(line, T::ZERO);
            let (mut first, mut second) = ([T::ZERO; WINDOWS], [T::ZERO; WINDOWS]);
            for window in 0..WINDOWS {
                (first[window], second[window]) = (pairs[2 * window], pairs[2 * window + 1]);
            }
            found.keep_larger(2 * row, first);
            found.keep_larger(2 * row + 1, second);
            continue;
        }
        for column in 0..columns {
            let mut elements = [T::ZERO; WINDOWS];
            for window in 0..WINDOWS {
                elements[window] = line.get(window * columns + column).copied().unwrap_or(T::ZERO);
            }
            found.keep_larger(row * columns + column, elements);
        }
    }
    (found.largest, found.winner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::simd::isa::Isa;
    use crate::kernels::vectorize::vectorized_for;

    /// One window as the documentation says it.
    fn largest_of_one(elements: &[f32], bias: f32) -> (f32, u8) {
        let mut found = (f32::NEG_INFINITY, 0);
        for (index, x) in elements.iter().map(|x| x + bias).enumerate() {
            if x > found.0 || x.is_nan() {
                found = (x, index as u8);
            }
        }
        found
    }

    #[test]
    fn the_first_of_ties_and_the_last_nan_is_the_largest_on_every_instruction_set() {
        let kinds = [0.0, -0.0, 1.0, -1.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
        let (planes, from) = (3, [6, 41]);
        for window in [[2, 2], [3, 2], [1, 3]] {
            for kinds in [&kinds[..2], &kinds[..4], &kinds] {
                let pool = Pool::new(window, from);
                let [rows, columns] = pool.to();
                let of_kind = |i: usize| kinds[i * 7919 % 1009 % kinds.len()];
                let elements: Vec<f32> = (0..planes * area(from)).map(of_kind).collect();
                let biases = [0.0, -0.0, 0.5];
                for &isa in Isa::available() {
                    let mut out = vec![f32::NAN; planes * rows * columns];
                    let mut winners = vec![u8::MAX; out.len()];
                    let (bias, relu) = (Some(&biases[..]), false);
                    let (planes, out_of, found) = (&elements[..], &mut out[..], &mut winners[..]);
                    vectorized_for(isa, Largest { bias, relu, pool: &pool, planes, out: out_of, winners: found });
                    for (index, (x, &winner)) in out.iter().zip(&winners).enumerate() {
                        let (plane, at) = (index / (rows * columns), index % (rows * columns));
                        let element = |of: usize| elements[plane * area(from) + pool.position(at, of as u8)];
                        let one: Vec<f32> = (0..area(window)).map(element).collect();
                        let wanted = largest_of_one(&one, biases[plane]);
                        assert_eq!((x.to_bits(), winner), (wanted.0.to_bits(), wanted.1), "{one:?} on {}", isa.name());
                    }
                }
            }
        }
    }
}
