//! The three products against their definition.

use super::pass::Pass;
use super::winograd::Winograd;
use super::{Epilogue, Geometry, Planes, Pool, area};
use crate::kernels::gemm::GemmKernels;
use crate::kernels::gemm::kernel_set::{Implementation, available, selected_tiles};
use crate::kernels::parallel::with_threads;

/// Calls `visit` with the positions of y, x and w that meet.
pub(super) fn for_each_product(geometry: &Geometry, mut visit: impl FnMut(usize, usize, usize)) {
    let Geometry { images, channels, filters, groups, from, kernel, to, stride, padding, dilation } = *geometry;
    let depth = channels / groups;
    for y in 0..images * filters * to[0] * to[1] {
        let (rest, column) = (y / to[1], y % to[1]);
        let (rest, row) = (rest / to[0], rest % to[0]);
        let (image, filter) = (rest / filters, rest % filters);
        for w in 0..depth * kernel[0] * kernel[1] {
            let (rest, j) = (w / kernel[1], w % kernel[1]);
            let (channel, i) = (rest / kernel[0], rest % kernel[0]);
            let r = (row * stride[0] + i * dilation[0]).wrapping_sub(padding[0]);
            let c = (column * stride[1] + j * dilation[1]).wrapping_sub(padding[1]);
            if r < from[0] && c < from[1] {
                let channel = image * channels + filter / (filters / groups) * depth + channel;
                let w = filter * depth * kernel[0] * kernel[1] + w;
                visit(y, (channel * from[0] + r) * from[1] + c, w);
            }
        }
    }
}

/// Geometries that take every direction of the vectors, with strides, groups, dilation and cropped padding.
pub(super) fn geometries() -> Vec<Geometry> {
    let case = |images,
                [channels, filters, groups]: [usize; 3],
                from: [usize; 2],
                kernel: [usize; 2],
                steps: [[usize; 2]; 3]| {
        let [stride, padding, dilation] = steps;
        let to =
            [0, 1].map(|dim| (from[dim] + 2 * padding[dim] - dilation[dim] * (kernel[dim] - 1) - 1) / stride[dim] + 1);
        Geometry { images, channels, filters, groups, from, kernel, to, stride, padding, dilation }
    };
    let plain = [[1, 1], [0, 0], [1, 1]];
    vec![
        case(2, [3, 20, 1], [9, 7], [3, 2], [[1, 1], [1, 1], [1, 1]]),
        case(1, [1, 5, 1], [5, 20], [3, 3], [[1, 1], [1, 2], [1, 1]]),
        case(3, [4, 4, 4], [6, 18], [3, 3], [[1, 1], [1, 1], [1, 1]]),
        case(1, [4, 8, 4], [8, 17], [3, 3], [[2, 2], [1, 1], [1, 1]]),
        case(2, [2, 40, 2], [11, 10], [4, 3], [[3, 2], [2, 4], [2, 3]]),
        case(1, [20, 3, 1], [7, 9], [1, 5], [[1, 4], [0, 3], [1, 1]]),
        case(1, [2, 2, 1], [4, 4], [1, 1], [[2, 3], [0, 0], [1, 1]]),
        case(2, [2, 3, 1], [3, 3], [2, 2], [[1, 1], [4, 5], [1, 1]]),
        case(2, [3, 80, 1], [6, 5], [2, 2], [[1, 1], [1, 0], [1, 1]]),
        case(5, [6, 4, 2], [3, 3], [1, 1], plain),
        case(1, [3, 2, 1], [5, 5], [3, 3], [[1, 1], [0, 0], [2, 2]]),
    ]
}

pub(super) fn values<T: GemmKernels>(count: usize, seed: usize) -> Vec<T> {
    let value = |index: usize| ((index * 7919 + seed * 104_729) % 1009) as f64 / 504.5 - 1.0;
    (0..count).map(|index| T::from_f64(value(index))).collect()
}

fn check<T: GemmKernels>() {
    for geometry in geometries() {
        let Geometry { images, channels, filters, groups, from, kernel, to, .. } = geometry;
        let x = values::<T>(images * channels * from[0] * from[1], 1);
        let w = values::<T>(filters * channels / groups * kernel[0] * kernel[1], 2);
        let y = values::<T>(images * filters * to[0] * to[1], 3);
        let [mut for_y, mut for_x, mut for_w] = [&y, &x, &w].map(|values| vec![0.0; values.len()]);
        for_each_product(&geometry, |at_y, at_x, at_w| {
            for_y[at_y] += x[at_x].to_f64() * w[at_w].to_f64();
            for_x[at_x] += y[at_y].to_f64() * w[at_w].to_f64();
            for_w[at_w] += x[at_x].to_f64() * y[at_y].to_f64();
        });
        let near = |found: &[T], wanted: &[f64], what: &str| {
            let bound = 400.0 * T::EPSILON.to_f64();
            for (index, (found, wanted)) in found.iter().zip(wanted).enumerate() {
                let apart = (found.to_f64() - wanted).abs();
                assert!(apart <= bound * (1.0 + wanted.abs()), "{what} {geometry:?} at {index}: {found} for {wanted}");
            }
        };
        let [mut out_y, mut out_x, mut out_w] = [&y, &x, &w].map(|values| vec![T::NAN; values.len()]);
        geometry.forward([&x, &w], &Epilogue::default(), &mut out_y, &mut []);
        near(&out_y, &for_y, "y");
        geometry.to_input(Planes::Dense(&y), &w, &mut out_x);
        near(&out_x, &for_x, "x");
        geometry.to_weight(&x, Planes::Dense(&y), &mut out_w);
        near(&out_w, &for_w, "w");
        // And on each instruction set.
        for set in available::<T>().filter(|_| !geometry.is_plain()) {
            let Implementation::Tiles(kernels) = &set.implementation else { continue };
            let none = Epilogue::default();
            Pass::forward(&geometry).run(kernels, Planes::Dense(&x), &w, &none, (&mut out_y, &mut []));
            near(&out_y, &for_y, set.name());
            Pass::to_input(&geometry).run(kernels, Planes::Dense(&y), &w, &none, (&mut out_x, &mut []));
            near(&out_x, &for_x, set.name());
            geometry.weight_gradient(kernels, &x, Planes::Dense(&y), &mut out_w);
            near(&out_w, &for_w, set.name());
        }
    }
}

#[test]
fn the_three_products_are_as_they_are_defined() {
    check::<f32>();
    check::<f64>();
}

/// Whole vectors are read, with what stands beside an element; the elements beside it do not change the result.
#[test]
fn infinity_stays_in_the_windows_that_have_it() {
    for geometry in geometries() {
        let Geometry { images, channels, filters, groups, from, kernel, to, .. } = geometry;
        let w = vec![1.0_f32; filters * channels / groups * kernel[0] * kernel[1]];
        let mut x = values::<f32>(images * channels * from[0] * from[1], 1);
        let mut y = values::<f32>(images * filters * to[0] * to[1], 3);
        (x[from[1]], y[to[1]]) = (f32::INFINITY, f32::INFINITY);
        let [mut of_y, mut of_x, mut of_w] = [&y, &x, &w].map(|values| vec![false; values.len()]);
        for_each_product(&geometry, |at_y, at_x, at_w| {
            of_y[at_y] |= at_x == from[1];
            of_x[at_x] |= at_y == to[1];
            of_w[at_w] |= at_x == from[1] || at_y == to[1];
        });
        let [mut out_y, mut out_x, mut out_w] = [&y, &x, &w].map(|values| vec![f32::NAN; values.len()]);
        geometry.forward([&x, &w], &Epilogue::default(), &mut out_y, &mut []);
        geometry.to_input(Planes::Dense(&y), &w, &mut out_x);
        geometry.to_weight(&x, Planes::Dense(&y), &mut out_w);
        // Of the others some meet an infinity times zero of the padding, in the weight's gradient alone.
        for (found, wanted) in [(out_y, of_y), (out_x, of_x)] {
            assert!(found.iter().zip(wanted).all(|(found, infinite)| found.is_finite() != infinite), "{geometry:?}");
        }
        assert!(out_w.iter().zip(of_w).all(|(found, infinite)| !infinite || !found.is_finite()), "{geometry:?}");
    }
}

#[test]
fn the_bits_do_not_depend_on_the_number_of_threads() {
    for (images, groups) in [(1, 1), (1, 8), (20, 1)] {
        let geometry = Geometry {
            images,
            channels: 16,
            filters: 136,
            groups,
            from: [20, 21],
            kernel: [3, 3],
            to: [20, 21],
            stride: [1, 1],
            padding: [1, 1],
            dilation: [1, 1],
        };
        let x = values::<f32>(images * 16 * 420, 1);
        let w = values::<f32>(136 * 16 / groups * 9, 2);
        let y = values::<f32>(images * 136 * 420, 3);
        let run = |threads| {
            with_threads(threads, || {
                let [mut for_y, mut for_x, mut for_w] = [&y, &x, &w].map(|values| vec![f32::NAN; values.len()]);
                geometry.forward([&x, &w], &Epilogue::default(), &mut for_y, &mut []);
                geometry.to_input(Planes::Dense(&y), &w, &mut for_x);
                geometry.to_weight(&x, Planes::Dense(&y), &mut for_w);
                [for_y, for_x, for_w]
            })
        };
        let one = run(1);
        assert!(one.iter().flatten().all(|value| value.is_finite()));
        assert!([2, 3].into_iter().all(|threads| run(threads) == one), "{images} images, {groups} groups");
    }
}

/// Sizes for tiles of two by two results: whole ones, and ones that reach over the edge; several panels, several blocks
/// of rows, groups, and padding that is cropped.
fn geometries_of_3x3() -> Vec<Geometry> {
    let case = |images, [channels, filters, groups]: [usize; 3], from: [usize; 2], padding: [usize; 2]| {
        let to = [0, 1].map(|dim| from[dim] + 2 * padding[dim] - 2);
        let (kernel, stride, dilation) = ([3, 3], [1, 1], [1, 1]);
        Geometry { images, channels, filters, groups, from, kernel, to, stride, padding, dilation }
    };
    vec![
        case(2, [3, 5, 1], [6, 7], [1, 1]),
        case(9, [4, 6, 2], [5, 4], [1, 0]),
        case(1, [20, 70, 1], [9, 40], [1, 1]),
        case(1, [40, 3, 1], [90, 11], [2, 3]),
    ]
}

fn check_winograd<T: GemmKernels>() {
    for geometry in geometries_of_3x3() {
        let Geometry { images, channels, filters, groups, from, to, .. } = geometry;
        let x = values::<T>(images * channels * area(from), 1);
        let w = values::<T>(filters * channels / groups * 9, 2);
        let y = values::<T>(images * filters * area(to), 3);
        let [mut for_y, mut for_x] = [&y, &x].map(|values| vec![0.0; values.len()]);
        for_each_product(&geometry, |at_y, at_x, at_w| {
            for_y[at_y] += x[at_x].to_f64() * w[at_w].to_f64();
            for_x[at_x] += y[at_y].to_f64() * w[at_w].to_f64();
        });
        for set in available::<T>() {
            let Implementation::Tiles(kernels) = &set.implementation else { continue };
            let passes = [(Pass::forward(&geometry), &x, &for_y), (Pass::to_input(&geometry), &y, &for_x)];
            for (pass, source, wanted) in passes {
                let mut found = vec![T::NAN; wanted.len()];
                let Some(winograd) = Winograd::new(kernels, &pass, &w) else {
                    assert!(kernels.lanes < 4, "{} has wide vectors", set.name());
                    continue;
                };
                assert!(winograd.run(source, &Epilogue::default(), (&mut found, &mut [])));
                let bound = 400.0 * T::EPSILON.to_f64();
                for (index, (found, wanted)) in found.iter().zip(wanted).enumerate() {
                    let apart = (found.to_f64() - wanted).abs();
                    let set = set.name();
                    assert!(
                        apart <= bound * (1.0 + wanted.abs()),
                        "{set} {geometry:?} at {index}: {found} for {wanted}"
                    );
                }
            }
        }
    }
}

#[test]
fn windows_of_other_shapes_are_not_transformed() {
    let others = geometries()
        .into_iter()
        .filter(|geometry| geometry.kernel != [3, 3] || geometry.stride != [1, 1] || geometry.dilation != [1, 1]);
    for geometry in others {
        let w = vec![1.0_f32; geometry.filters * geometry.depth()];
        for pass in [Pass::forward(&geometry), Pass::to_input(&geometry)] {
            assert!(Winograd::new(selected_tiles(), &pass, &w).is_none(), "{geometry:?}");
        }
    }
}

#[test]
fn transformed_tiles_give_the_same_results() {
    check_winograd::<f32>();
    check_winograd::<f64>();
}

/// What follows the sums of transformed tiles, on many images and on one, whose filters are divided.
#[test]
fn transformed_tiles_are_pooled() {
    for images in [1, 9] {
        let geometry = Geometry { images, filters: 70, ..geometries_of_3x3()[2] };
        let (x, w) = (values::<f32>(images * 20 * 360, 1), values::<f32>(70 * 20 * 9, 2));
        let pass = Pass::forward(&geometry);
        let winograd = Winograd::new(selected_tiles(), &pass, &w).expect("windows of 3 × 3");
        let (bias, pool) = (values::<f32>(70, 4), Pool::new([2, 2], geometry.to));
        let (windows, plane) = (area(pool.to()), area(geometry.to));
        let mut sums = vec![f32::NAN; images * 70 * plane];
        assert!(winograd.run(&x, &Epilogue::default(), (&mut sums, &mut [])));
        let (mut found, mut winners) = (vec![f32::NAN; images * 70 * windows], vec![u8::MAX; images * 70 * windows]);
        let epilogue = Epilogue { bias: Some(&bias), relu: true, pool: Some(pool.clone()) };
        assert!(winograd.run(&x, &epilogue, (&mut found, &mut winners)));
        for (index, (&found, &winner)) in found.iter().zip(&winners).enumerate() {
            let (plane_of, window) = (index / windows, index % windows);
            let element = |winner| sums[plane_of * plane + pool.position(window, winner)] + bias[plane_of % 70];
            let largest = (0..4).map(element).fold(f32::NEG_INFINITY, f32::max);
            assert!(found == largest.max(0.0) && element(winner) == largest, "window {index} of {images} images");
        }
    }
}

/// Other sums of an infinity would be NaN.
#[test]
fn values_that_are_too_large_are_not_transformed() {
    let geometry = geometries_of_3x3()[0];
    let kernels = selected_tiles();
    let pass = Pass::forward(&geometry);
    for large in [f32::INFINITY, f32::NAN, 1e30] {
        let (mut x, mut w) = (vec![1.0; 2 * 3 * 42], vec![1.0; 5 * 27]);
        let winograd = Winograd::new(kernels, &pass, &w).expect("windows of 3 × 3");
        let run = |x: &[f32]| winograd.run(x, &Epilogue::default(), (&mut vec![0.0; 2 * 5 * 42], &mut []));
        assert!(run(&x));
        x[100] = large;
        assert!(!run(&x));
        w[50] = large;
        assert!(Winograd::new(kernels, &pass, &w).is_none());
    }
}
