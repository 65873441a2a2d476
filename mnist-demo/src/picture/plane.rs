//! A grid of values, and filters on it.

use image::{ImageBuffer, Luma};

/// A value for each pixel; NaN for pixels that are excluded.
pub type Plane = ImageBuffer<Luma<f32>, Vec<f32>>;

/// Applies a function to each value.
pub fn map(plane: &Plane, value: impl Fn(f32) -> f32) -> Plane {
    Plane::from_fn(plane.width(), plane.height(), |x, y| Luma([value(plane[(x, y)].0[0])]))
}

/// Combines the values of two planes of the same extents, in place.
pub fn combine(plane: &mut Plane, other: &Plane, value: impl Fn(f32, f32) -> f32) {
    plane.iter_mut().zip(other.iter()).for_each(|(own, other)| *own = value(*own, *other));
}

/// The median of the values that are not NaN; NaN if there are none.
pub fn median(values: impl Iterator<Item = f32>) -> f32 {
    let mut values: Vec<f32> = values.filter(|value| !value.is_nan()).collect();
    if values.is_empty() {
        return f32::NAN;
    }
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f32::total_cmp).1
}

/// The largest value.
pub fn max(plane: &Plane) -> f32 {
    plane.iter().copied().fold(f32::NAN, f32::max)
}

/// For each pixel the largest (`f32::max`) or smallest (`f32::min`) value in the square of radius `reach` around it.
pub fn extreme(plane: &Plane, reach: u32, choose: fn(f32, f32) -> f32) -> Plane {
    let (width, height) = (plane.width() as usize, plane.height() as usize);
    let mut result = plane.clone();
    let mut line = Vec::new();
    for row in result.chunks_exact_mut(width) {
        extreme_in_line(row, 0, 1, reach as usize, choose, &mut line);
    }
    for column in 0..width.min(width * height) {
        extreme_in_line(&mut result, column, width, reach as usize, choose, &mut line);
    }
    result
}

/// The same along one line: every `step`th value from `start` on. `line` is a buffer that is reused.
fn extreme_in_line(
    values: &mut [f32],
    start: usize,
    step: usize,
    reach: usize,
    choose: fn(f32, f32) -> f32,
    line: &mut Vec<f32>,
) {
    line.clear();
    line.resize(reach, f32::NAN);
    line.extend(values[start..].iter().step_by(step));
    line.resize(line.len() + reach, f32::NAN);
    // The windows double their length until two of them cover the whole window.
    let window = 2 * reach + 1;
    let mut length = 1;
    while 2 * length <= window {
        for index in 0..line.len() - length {
            line[index] = choose(line[index], line[index + length]);
        }
        length *= 2;
    }
    for (index, value) in values[start..].iter_mut().step_by(step).enumerate() {
        *value = choose(line[index], line[index + window - length]);
    }
}

/// The minimum difference between ink and background; black and white differ by 1.
const FAINTEST: f32 = 0.08;

/// The standard deviation of the noise, assumed to be normal, estimated from differences of values that are `distance`
/// pixels apart.
pub fn noise(plane: &Plane, distance: u32) -> f32 {
    let pairs = plane.rows().flat_map(|row| {
        let row: Vec<f32> = row.map(|pixel| pixel.0[0]).collect();
        let differences = row.windows(1 + distance as usize).map(|pair| (pair[0] - pair[distance as usize]).abs());
        differences.collect::<Vec<_>>()
    });
    // The median of the absolute difference of two normal values is 0.954 times their standard deviation.
    median(pairs) / 0.954
}

/// For each pixel the threshold between dark and bright around it; `None` if the whole plane has no contrast.
///
/// Dark and bright are the extremes in the smallest square in which they differ enough. The larger the square, the more
/// they must differ, because a difference over a large distance may come from uneven light.
pub fn bounds_between(plane: &Plane) -> Option<Plane> {
    const SCALES: [(f32, f32); 4] = [(0.08, 0.15), (0.16, 0.2), (0.32, 0.35), (1.0, 0.0)];
    let longest = plane.width().max(plane.height()) as f32;
    let low = plane.iter().copied().fold(f32::NAN, f32::min);
    let whole = max(plane) - low;
    if whole.is_nan() || whole < FAINTEST {
        return None;
    }
    let noise = noise(plane, 5);
    let mut bounds = map(plane, |_| f32::NAN);
    for (reach, part) in SCALES {
        let reach = (reach * longest).ceil() as u32;
        let least = (part * whole).max(7.0 * noise).min(whole);
        let (top, bottom) = (extreme(plane, reach, f32::max), extreme(plane, reach, f32::min));
        for (bound, (top, bottom)) in bounds.iter_mut().zip(top.iter().zip(bottom.iter())) {
            if bound.is_nan() && top - bottom >= least {
                *bound = (top + bottom) / 2.0;
            }
        }
    }
    Some(bounds)
}

/// For each pixel the mean in the square of radius `reach` around it, without NaN. A NaN stays NaN.
pub fn mean(plane: &Plane, reach: u32) -> Plane {
    let (width, height) = plane.dimensions();
    let around = |index: u32, count: u32| index.saturating_sub(reach)..=(index + reach).min(count - 1);
    Plane::from_fn(width, height, |x, y| {
        if plane[(x, y)].0[0].is_nan() {
            return Luma([f32::NAN]);
        }
        let square = around(y, height).flat_map(|y| around(x, width).map(move |x| plane[(x, y)].0[0]));
        let (count, sum) =
            square.filter(|value| !value.is_nan()).fold((0.0, 0.0), |(n, s), value| (n + 1.0, s + value));
        Luma([sum / count])
    })
}

/// A linear function of the position that fits most of the values, as light from one side does. Returns the function.
///
/// It minimizes the sum of absolute differences, by iteratively reweighted least squares: each weight is the inverse of
/// the difference in the round before. So ink and the surroundings of a sheet have little influence.
pub fn slope(plane: &Plane) -> impl Fn(u32, u32) -> f32 + use<> {
    const ROUNDS: usize = 8;
    const LEAST_DIFFERENCE: f64 = 0.01;
    let longest = f64::from(plane.width().max(plane.height()));
    let at = move |x: u32, y: u32| [1.0, f64::from(x) / longest - 0.5, f64::from(y) / longest - 0.5];
    let predicted = |slope: [f64; 3], at: [f64; 3]| slope.iter().zip(at).map(|(a, b)| a * b).sum::<f64>();
    let mut slope = [median(plane.iter().copied()).into(), 0.0, 0.0];
    for _ in 0..ROUNDS {
        let mut sums = [[0.0; 4]; 3];
        for (x, y, &Luma([value])) in plane.enumerate_pixels().filter(|(.., pixel)| !pixel.0[0].is_nan()) {
            let (at, value) = (at(x, y), f64::from(value));
            let weight = 1.0 / (value - predicted(slope, at)).abs().max(LEAST_DIFFERENCE);
            for (row, left) in sums.iter_mut().zip(at) {
                row.iter_mut().zip([at[0], at[1], at[2], value]).for_each(|(sum, right)| *sum += weight * left * right);
            }
        }
        let Some(solution) = solved(sums) else { break };
        slope = solution;
    }
    move |x, y| predicted(slope, at(x, y)) as f32
}

/// The values minus their linear slope.
pub fn without_slope(plane: &Plane) -> Plane {
    let slope = slope(plane);
    let middle = slope(plane.width() / 2, plane.height() / 2);
    Plane::from_fn(plane.width(), plane.height(), |x, y| Luma([plane[(x, y)].0[0] - (slope(x, y) - middle)]))
}

/// The solution of three linear equations, by Gaussian elimination; `None` if the matrix is singular.
fn solved(mut rows: [[f64; 4]; 3]) -> Option<[f64; 3]> {
    for column in 0..3 {
        // The matrix is symmetric and positive semidefinite, so the pivots can be taken from the diagonal.
        let pivot = rows[column];
        if pivot[column].abs() < 1e-9 {
            return None;
        }
        for row in (0..3).filter(|&row| row != column) {
            let factor = rows[row][column] / pivot[column];
            rows[row].iter_mut().zip(pivot).for_each(|(value, above)| *value -= factor * above);
        }
    }
    Some([0, 1, 2].map(|index| rows[index][3] / rows[index][index]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extremes_are_those_of_the_square_and_pass_over_nan() {
        let plane = Plane::from_fn(9, 7, |x, y| Luma([if x == 4 { f32::NAN } else { ((x * 5 + y * 3) % 11) as f32 }]));
        for reach in [1, 2, 5, 20] {
            let (top, bottom) = (extreme(&plane, reach, f32::max), extreme(&plane, reach, f32::min));
            for (x, y, &Luma([value])) in top.enumerate_pixels() {
                let near = plane.enumerate_pixels().filter(|(u, v, _)| u.abs_diff(x).max(v.abs_diff(y)) <= reach);
                let (low, high) = near
                    .fold((f32::NAN, f32::NAN), |(low, high), (.., pixel)| (low.min(pixel.0[0]), high.max(pixel.0[0])));
                assert_eq!((bottom[(x, y)].0[0], value), (low, high), "{x}, {y}, {reach}");
            }
        }
    }

    #[test]
    fn a_slope_is_found_in_spite_of_ink() {
        let light = |x: u32, y: u32| 0.9 - 0.01 * x as f32 - 0.005 * y as f32;
        let is_ink = |x: u32, y: u32| (10..15).contains(&x) && y < 30;
        let plane = Plane::from_fn(40, 40, |x, y| Luma([if is_ink(x, y) { 0.1 } else { light(x, y) }]));
        let slope = slope(&plane);
        assert!([(0, 0), (39, 0), (0, 39), (39, 39)].iter().all(|&(x, y)| (slope(x, y) - light(x, y)).abs() < 0.02));
    }
}
