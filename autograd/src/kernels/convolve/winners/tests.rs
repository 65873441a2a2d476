//! Both products against the definition, of the planes with all their zeros.

use super::WinnerProducts;
use crate::kernels::convolve::tests::{for_each_product, geometries, values};
use crate::kernels::convolve::{Geometry, Planes, Pool, area};
use crate::kernels::gemm::GemmKernels;
use crate::kernels::gemm::kernel_set::{Implementation, available};
use crate::kernels::parallel::with_threads;

/// Gradients of windows, of which every fifth is zero, their winners, and the planes that they stand for.
fn pooled<T: GemmKernels>(geometry: &Geometry, pool: &Pool) -> (Vec<T>, Vec<u8>, Vec<T>) {
    let planes = geometry.images * geometry.filters;
    let windows = area(pool.to());
    let mut grads = values::<T>(planes * windows, 3);
    grads.iter_mut().step_by(5).for_each(|grad| *grad = T::ZERO);
    let winners: Vec<u8> = (0..planes * windows).map(|index| (index * 31 % area(pool.window)) as u8).collect();
    let mut dense = vec![T::ZERO; planes * area(geometry.to)];
    for (index, (&grad, &winner)) in grads.iter().zip(&winners).enumerate() {
        dense[index / windows * area(geometry.to) + pool.position(index % windows, winner)] = grad;
    }
    (grads, winners, dense)
}

fn near<T: GemmKernels>(found: &[T], wanted: &[f64], what: &str) {
    let bound = 400.0 * T::EPSILON.to_f64();
    for (index, (found, wanted)) in found.iter().zip(wanted).enumerate() {
        let apart = (found.to_f64() - wanted).abs();
        assert!(apart <= bound * (1.0 + wanted.abs()), "{what} at {index}: {found} for {wanted}");
    }
}

fn check<T: GemmKernels>() {
    let mut checked = 0;
    for geometry in geometries() {
        let Geometry { images, channels, filters, groups, from, kernel, to, .. } = geometry;
        for window in [[2, 2], [2, 3], [1, 1]] {
            let pool = Pool::new(window, to);
            let (grads, winners, y) = pooled::<T>(&geometry, &pool);
            let x = values::<T>(images * channels * area(from), 1);
            let w = values::<T>(filters * channels / groups * area(kernel), 2);
            let [mut of_x, mut of_w] = [&x, &w].map(|values| vec![0.0; values.len()]);
            for_each_product(&geometry, |at_y, at_x, at_w| {
                of_x[at_x] += y[at_y].to_f64() * w[at_w].to_f64();
                of_w[at_w] += x[at_x].to_f64() * y[at_y].to_f64();
            });
            for set in available::<T>() {
                let Implementation::Tiles(kernels) = &set.implementation else { continue };
                let Some(products) = WinnerProducts::new(kernels, &geometry, (&grads, &winners, &pool)) else {
                    continue;
                };
                let what = format!("{} {geometry:?} {window:?}", set.name());
                let [mut found_x, mut found_w] = [&x, &w].map(|values| vec![T::NAN; values.len()]);
                products.to_input(&w, &mut found_x);
                near(&found_x, &of_x, &what);
                products.to_weight(&x, |_| 0..images, w.len(), &mut found_w);
                near(&found_w, &of_w, &what);
                checked += 1;
            }
        }
    }
    assert!(checked >= 40, "{checked} cases");
}

#[test]
fn both_products_are_those_of_the_planes() {
    check::<f32>();
    check::<f64>();
}

fn geometry() -> Geometry {
    Geometry {
        images: 17,
        channels: 16,
        filters: 24,
        groups: 1,
        from: [14, 15],
        kernel: [5, 5],
        to: [14, 15],
        stride: [1, 1],
        padding: [2, 2],
        dilation: [1, 1],
    }
}

/// Zero times infinity is NaN: no product is left out that has such a factor.
#[test]
fn what_is_not_finite_meets_zeros() {
    let geometry = geometry();
    let pool = Pool::new([2, 2], geometry.to);
    let (grads, winners, y) = pooled::<f32>(&geometry, &pool);
    let unpooled = Planes::Unpooled { grads: &grads, winners: &winners, pool: &pool };
    for value in [f32::INFINITY, f32::NAN] {
        let mut x = values::<f32>(17 * 16 * 210, 1);
        let mut w = values::<f32>(24 * 16 * 25, 2);
        (x[3 * 16 * 210 + 5000 % 3360], w[777]) = (value, value);
        let [mut of_x, mut of_w, mut dense_x, mut dense_w] = [&x, &w, &x, &w].map(|values| vec![0.0_f32; values.len()]);
        geometry.to_input(unpooled, &w, &mut of_x);
        geometry.to_weight(&x, unpooled, &mut of_w);
        geometry.to_input(Planes::Dense(&y), &w, &mut dense_x);
        geometry.to_weight(&x, Planes::Dense(&y), &mut dense_w);
        for (found, dense) in [(of_x, dense_x), (of_w, dense_w)] {
            assert!(dense.iter().any(|value| !value.is_finite()) && dense.iter().any(|value| value.is_finite()));
            for (found, dense) in found.iter().zip(dense) {
                assert!(found.is_nan() == dense.is_nan() && found.is_finite() == dense.is_finite());
            }
        }
    }
}

#[test]
fn the_bits_do_not_depend_on_the_number_of_threads() {
    let geometry = geometry();
    let pool = Pool::new([2, 2], geometry.to);
    let (grads, winners, _) = pooled::<f32>(&geometry, &pool);
    let unpooled = Planes::Unpooled { grads: &grads, winners: &winners, pool: &pool };
    let (x, w) = (values::<f32>(17 * 16 * 210, 1), values::<f32>(24 * 16 * 25, 2));
    let run = |threads| {
        with_threads(threads, || {
            let [mut of_x, mut of_w] = [&x, &w].map(|values| vec![f32::NAN; values.len()]);
            geometry.to_input(unpooled, &w, &mut of_x);
            geometry.to_weight(&x, unpooled, &mut of_w);
            [of_x, of_w]
        })
    };
    let one = run(1);
    assert!(one.iter().flatten().all(|value| value.is_finite()));
    assert!([2, 3, 4].into_iter().all(|threads| run(threads) == one));
}
