//! Normalization of planes: of the channels of images over a batch, or of groups of channels.
//!
//! The array is seen as planes of equal length, one for each channel of each image. Each plane has a mean and a scale,
//! which it shares with the others of its group, and a weight and a bias, which it shares with those of its channel.

use std::ops::Add;

use super::moments::{Moments, row_moments, row_moments_here};
use super::normalize::dots_with_standardized;
use super::parallel::{ELEMENTS_PER_TASK, for_each_chunk, for_each_item};
use super::reduce::{cut, row};
use super::vectorize::{Kernel, vectorized};
use crate::dimensions::pushed;
use crate::scalar::Scalar;

/// Elements of a group that are still in the second-level cache when they are read for the second time.
const IN_CACHE: usize = 1 << 16;

/// How planes share their statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Planes {
    pub(crate) images: usize,
    pub(crate) channels: usize,
    /// Elements of a plane.
    pub(crate) length: usize,
    /// The groups into which the channels of an image fall, each with statistics of its own; 0 if each channel has its
    /// statistics over all images.
    pub(crate) groups: usize,
}

/// What a plane is computed with: (x - mean) · scale + bias.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Affine<T> {
    pub(crate) mean: T,
    pub(crate) scale: T,
    pub(crate) bias: T,
}

/// What the gradient of a plane is computed with: g · grad + (x - mean) · x + constant.
#[derive(Clone, Copy, Debug)]
struct Slopes<T> {
    mean: T,
    grad: T,
    x: T,
    constant: T,
}

impl Planes {
    fn planes(self) -> usize {
        self.images * self.channels
    }

    /// The number of groups of planes that share statistics.
    pub(crate) fn statistics(self) -> usize {
        if self.groups == 0 { self.channels } else { self.images * self.groups }
    }

    /// The elements of such a group.
    fn elements(self) -> usize {
        self.planes() * self.length / self.statistics().max(1)
    }

    fn channel(self, plane: usize) -> usize {
        plane % self.channels
    }

    fn group(self, plane: usize) -> usize {
        match self.groups {
            0 => self.channel(plane),
            groups => plane / (self.channels / groups),
        }
    }

    /// The moments of each group of planes.
    pub(crate) fn moments<T: Scalar>(self, values: &[T]) -> Vec<Moments> {
        let mut all = vec![Moments::default(); self.statistics()];
        for (plane, moments) in row_moments(values, self.length, self.planes()).into_iter().enumerate() {
            let group = &mut all[self.group(plane)];
            *group = group.with(moments);
        }
        all
    }

    /// Writes (x - μ) s · weight + bias to `out` with s = 1 / √(v + ε), and returns the moments of each group.
    pub(crate) fn normalize<T: Scalar>(
        self,
        values: &[T],
        epsilon: f64,
        parameters: [Option<&[T]>; 2],
        out: &mut [T],
    ) -> Vec<Moments> {
        let size = self.elements();
        if self.groups > 0 && (1..=IN_CACHE).contains(&size) {
            return self.normalize_by_groups(values, epsilon, parameters, out);
        }
        let moments = self.moments(values);
        let shifts: Vec<[T; 2]> = moments.iter().map(|moments| moments.shift(epsilon)).collect();
        self.forward(values, &shifts, parameters, out);
        moments
    }

    /// The same group by group, where each lies in one piece: its values come from memory once.
    fn normalize_by_groups<T: Scalar>(
        self,
        values: &[T],
        epsilon: f64,
        parameters: [Option<&[T]>; 2],
        out: &mut [T],
    ) -> Vec<Moments> {
        let (size, planes) = (self.elements(), self.channels / self.groups);
        let groups = (ELEMENTS_PER_TASK / size).max(1);
        let mut all = vec![Moments::default(); self.statistics()];
        let tasks = out.chunks_mut(groups * size).zip(all.chunks_mut(groups)).enumerate();
        for_each_item(tasks, |(task, (out, all))| {
            for (group, (out, moments)) in (task * groups..).zip(out.chunks_mut(size).zip(all)) {
                let values = &values[group * size..][..size];
                let of_planes = row_moments_here(values, self.length, planes);
                *moments = of_planes.into_iter().fold(Moments::default(), Moments::with);
                let shift = moments.shift(epsilon);
                let each = values.chunks(self.length).zip(out.chunks_mut(self.length));
                for (plane, (values, out)) in (group * planes..).zip(each) {
                    vectorized(Shift { values, affine: self.affine(plane, shift, parameters), out });
                }
            }
        });
        all
    }

    /// Writes (x - μ) s · weight + bias to `out`, with the `[μ, s]` of each group.
    pub(crate) fn forward<T: Scalar>(
        self,
        values: &[T],
        shifts: &[[T; 2]],
        parameters: [Option<&[T]>; 2],
        out: &mut [T],
    ) {
        self.each(out, |start, out| {
            let (values, plane) = (&values[start..][..out.len()], start / self.length);
            vectorized(Shift { values, affine: self.affine(plane, shifts[self.group(plane)], parameters), out });
        });
    }

    /// What a plane is computed with, from the `[μ, s]` of its group.
    fn affine<T: Scalar>(self, plane: usize, [mean, scale]: [T; 2], [weight, bias]: [Option<&[T]>; 2]) -> Affine<T> {
        let channel = self.channel(plane);
        let scale = weight.map_or(scale, |weight| scale * weight[channel]);
        Affine { mean, scale, bias: bias.map_or(T::ZERO, |bias| bias[channel]) }
    }

    /// Writes the gradient of x to `out`, and returns those of weight and bias, as
    /// [`RowNorm::backward`](super::row_norm::RowNorm::backward).
    pub(crate) fn backward<T: Scalar>(
        self,
        [values, grads]: [&[T]; 2],
        shifts: &[[T; 2]],
        weight: Option<&[T]>,
        out: &mut [T],
    ) -> [Vec<T>; 2] {
        let sums = self.gradient_sums([values, grads], shifts);
        let mut of_channels = vec![[0.0; 2]; self.channels];
        let mut of_groups = vec![[0.0; 2]; self.statistics()];
        let weight_of = |plane: usize| weight.map_or(T::ONE, |weight| weight[self.channel(plane)]);
        for (plane, &[with_x, sum]) in sums.iter().enumerate() {
            let scale = shifts[self.group(plane)][1].to_f64();
            let (own, weight) = ([with_x * scale, sum], weight_of(plane).to_f64());
            for which in 0..2 {
                of_channels[self.channel(plane)][which] += own[which];
                of_groups[self.group(plane)][which] += own[which] * weight;
            }
        }
        let size = self.elements() as f64;
        let of_plane = |plane: usize| {
            let ([mean, scale], [slope, constant]) = (shifts[self.group(plane)], of_groups[self.group(plane)]);
            let (slope, constant) = (-T::from_f64(slope / size) * scale, -T::from_f64(constant / size) * scale);
            Slopes { mean, grad: scale * weight_of(plane), x: slope * scale, constant }
        };
        self.each(out, |start, out| {
            let [values, grads] = cut([values, grads], start..start + out.len());
            vectorized(Gradient { values, grads, slopes: of_plane(start / self.length), out });
        });
        let parameter = |which: usize| pushed(of_channels.iter().map(|sums| T::from_f64(sums[which])));
        [parameter(0), parameter(1)]
    }

    /// Calls `body` with each plane, or with the parts of long ones, and the index of its first element.
    fn each<T: Scalar>(self, out: &mut [T], body: impl Fn(usize, &mut [T]) + Sync) {
        if out.is_empty() {
            return;
        }
        let planes = (ELEMENTS_PER_TASK / self.length).max(1);
        for_each_chunk(out, planes * self.length, |start, out| {
            for (index, out) in out.chunks_mut(self.length).enumerate() {
                body(start + index * self.length, out);
            }
        });
    }

    /// For each plane the sums of g (x - μ) and of g.
    fn gradient_sums<T: Scalar>(self, [values, grads]: [&[T]; 2], shifts: &[[T; 2]]) -> Vec<[f64; 2]> {
        let mut sums = vec![[0.0; 2]; self.planes()];
        let planes = (ELEMENTS_PER_TASK / self.length.max(1)).max(1);
        for_each_chunk(&mut sums, planes, |first, sums| {
            for (plane, sums) in (first..).zip(sums) {
                let start = plane * self.length;
                let [values, grads] = cut([values, grads], start..start + self.length);
                let shift = [shifts[self.group(plane)][0], T::ONE];
                let mut with_x = [T::ZERO];
                dots_with_standardized([grads, values], self.length, &[shift], &mut with_x);
                *sums = [with_x[0].to_f64(), row(grads, T::ZERO, Add::add).to_f64()];
            }
        });
        sums
    }
}

struct Shift<'a, T> {
    values: &'a [T],
    affine: Affine<T>,
    out: &'a mut [T],
}

impl<T: Scalar> Kernel for Shift<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Affine { mean, scale, bias } = self.affine;
        self.out.iter_mut().zip(self.values).for_each(|(out, &x)| *out = (x - mean) * scale + bias);
    }
}

struct Gradient<'a, T> {
    values: &'a [T],
    grads: &'a [T],
    slopes: Slopes<T>,
    out: &'a mut [T],
}

impl<T: Scalar> Kernel for Gradient<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Gradient { values, grads, slopes: Slopes { mean, grad, x: slope, constant }, out } = self;
        for (out, (&x, &g)) in out.iter_mut().zip(values.iter().zip(grads)) {
            *out = g * grad + ((x - mean) * slope + constant);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::parallel::with_threads;
    use crate::kernels::simd::isa::Isa;
    use crate::kernels::vectorize::vectorized_for;

    fn samples(count: usize, factor: usize) -> Vec<f64> {
        (0..count).map(|i| ((i * factor) % 101) as f64 / 25.0 - 1.5).collect()
    }

    fn is_close(found: f64, wanted: f64) -> bool {
        (found - wanted).abs() < 1e-9 * wanted.abs().max(1.0)
    }

    #[test]
    fn every_kernel_is_its_formula_on_every_instruction_set() {
        for (length, &isa) in
            [0, 1, 63, 64, 5000].into_iter().flat_map(|n| Isa::available().iter().map(move |i| (n, i)))
        {
            let ([values, grads], mut out) = ([7, 13].map(|factor| samples(length, factor)), vec![f64::NAN; length]);
            let (values, grads) = (&values[..], &grads[..]);
            let affine = Affine { mean: 0.5, scale: 2.0, bias: -0.25 };
            vectorized_for(isa, Shift { values, affine, out: &mut out });
            assert!(out.iter().zip(values).all(|(&y, x)| is_close(y, (x - 0.5) * 2.0 - 0.25)), "{}", isa.name());
            let slopes = Slopes { mean: 0.5, grad: 2.0, x: -3.0, constant: 0.75 };
            vectorized_for(isa, Gradient { values, grads, slopes, out: &mut out });
            let formula = |(x, g): (&f64, &f64)| g * 2.0 - (x - 0.5) * 3.0 + 0.75;
            assert!(out.iter().zip(values.iter().zip(grads).map(formula)).all(|(&y, wanted)| is_close(y, wanted)));
        }
    }

    /// dx, dweight and dbias by their definitions.
    fn oracle(planes: Planes, [x, g]: [&[f64]; 2], shifts: &[[f64; 2]], weight: &[f64]) -> [Vec<f64>; 3] {
        let plane = |i: usize| i / planes.length;
        let hat = |i: usize| (x[i] - shifts[planes.group(plane(i))][0]) * shifts[planes.group(plane(i))][1];
        let weighted = |i: usize| g[i] * weight[planes.channel(plane(i))];
        let mut sums = vec![[0.0; 3]; shifts.len()];
        let mut of_channels = [vec![0.0; planes.channels], vec![0.0; planes.channels]];
        for i in 0..x.len() {
            let added = [1.0, weighted(i), weighted(i) * hat(i)];
            sums[planes.group(plane(i))].iter_mut().zip(added).for_each(|(sum, added)| *sum += added);
            of_channels[0][planes.channel(plane(i))] += g[i] * hat(i);
            of_channels[1][planes.channel(plane(i))] += g[i];
        }
        let dx = |i: usize| {
            let [count, constant, slope] = sums[planes.group(plane(i))];
            shifts[planes.group(plane(i))][1] * (weighted(i) - constant / count - hat(i) * slope / count)
        };
        let [dw, db] = of_channels;
        [(0..x.len()).map(dx).collect(), dw, db]
    }

    #[test]
    fn channels_and_groups_are_normalized_on_any_number_of_threads() {
        for (images, channels, length, groups) in
            [(3, 4, 5, 0), (2, 6, 7, 3), (2, 6, 7, 6), (1, 4, 1, 2), (9, 8, 1000, 0), (2, 4, 40_000, 2)]
        {
            let planes = Planes { images, channels, length, groups };
            let [x, g] = [7, 13].map(|factor| samples(images * channels * length, factor));
            let [w, b] = [3, 5].map(|factor| samples(channels, factor));
            let run = |threads| {
                with_threads(threads, || {
                    let (mut y, mut dx) = (vec![f64::NAN; x.len()], vec![f64::NAN; x.len()]);
                    let moments = planes.normalize(&x, 0.1, [Some(&w), Some(&b)], &mut y);
                    let shift = |found: &Moments| [found.mean, (found.squares / found.count + 0.1).sqrt().recip()];
                    let shifts: Vec<[f64; 2]> = moments.iter().map(shift).collect();
                    let mut given = vec![f64::NAN; x.len()];
                    planes.forward(&x, &shifts, [Some(&w), Some(&b)], &mut given);
                    assert!(
                        given == y && planes.moments(&x).iter().map(shift).eq(shifts.iter().copied()),
                        "{planes:?}"
                    );
                    let [dw, db] = planes.backward([&x, &g], &shifts, Some(&w), &mut dx);
                    (shifts, [y, dx, dw, db])
                })
            };
            let (shifts, found) = run(1);
            assert!(found == run(3).1, "{planes:?}");
            let [dx, dw, db] = oracle(planes, [&x, &g], &shifts, &w);
            let y = (0..x.len()).map(|i| {
                let (plane, [mean, scale]) = (i / length, shifts[planes.group(i / length)]);
                (x[i] - mean) * scale * w[planes.channel(plane)] + b[planes.channel(plane)]
            });
            for (found, wanted) in found.iter().zip([y.collect(), dx, dw, db]) {
                assert!(found.iter().zip(&wanted).all(|(&found, &wanted)| is_close(found, wanted)), "{planes:?}");
            }
        }
    }
}
