//! Data augmentation: random rotation, slant, scale, shift, elastic deformation and ink of training images.
//!
//! Each pixel of the new image is read at a source position in the old image:
//!
//! ```text
//! source = centre + A · (pixel - centre) - shift + bend(pixel)
//! ```
//!
//! The matrix A is a random rotation, slant and scale. The bend is an elastic deformation, a smooth random field
//! (Simard, Steinkraus and Platt, *Best practices for convolutional neural networks applied to visual document
//! analysis*, 2003): random displacements on a coarse grid, interpolated by a cubic B-spline. All random numbers come
//! from the stream in the argument, so the distortion of an image does not depend on which thread computes it, or when.

use autograd::{Indices, Random, Tensor, for_each};

use crate::dataset::Images;

/// How much images are distorted. For each image each amount is drawn from a uniform distribution up to the number
/// given here; the displacements of the bend have a normal distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distortion {
    /// The largest rotation, in degrees, in both directions.
    pub rotation: f32,
    /// The largest shear, in columns per row, in both directions.
    pub slant: f32,
    /// The largest relative change of the height and of the width.
    pub scale: f32,
    /// The largest translation along each axis, in pixels.
    pub shift: f32,
    /// The standard deviation of the displacements on the grid, in pixels.
    pub bend: f32,
    /// The largest relative change of all pixels, which end at 1. It changes how wide a stroke seems, as its edges are
    /// grey.
    pub ink: f32,
}

/// The number of grid cells along each side of the image. The spline needs one grid point before the first cell and
/// two after the last.
const GRID: usize = 4;
const POINTS: usize = GRID + 3;
/// The width of the dark border around the copy of the image. A source position outside of the image is moved to it.
const MARGIN: usize = 2;

/// The number of images in one parallel task. Each image takes about ten microseconds.
const IMAGES_PER_TASK: usize = 8;

impl Distortion {
    /// The chosen images, each with its own random distortion, `[chosen, pixels]` from 0 to 1, and their labels.
    /// `random` is the stream of this batch.
    ///
    /// # Panics
    /// If there is no such image.
    pub fn batch(&self, images: &Images, chosen: &[usize], random: &Random) -> (Tensor, Indices) {
        let width = images.width();
        let distorted = Tensor::build([chosen.len(), width], |out| {
            let groups = out.chunks_mut(IMAGES_PER_TASK * width).zip(chosen.chunks(IMAGES_PER_TASK)).enumerate();
            for_each(groups, |(group, (out, chosen))| {
                for (offset, (out, &index)) in out.chunks_exact_mut(width).zip(chosen).enumerate() {
                    let mut random = random.stream((group * IMAGES_PER_TASK + offset) as u64);
                    self.apply(images.image(index), [images.rows, images.columns], &mut random, out);
                }
            });
        });
        (distorted, chosen.iter().map(|&index| images.labels()[index]).collect())
    }

    /// Writes the distorted image to `out`, with pixels from 0 to 1.
    ///
    /// # Panics
    /// If `pixels` or `out` is not `rows · columns` long.
    pub fn apply(&self, pixels: &[u8], [rows, columns]: [usize; 2], random: &mut Random, out: &mut [f32]) {
        assert!(
            pixels.len() == rows * columns && out.len() == pixels.len(),
            "distort: {rows} × {columns} pixels wanted"
        );
        let source = Padded::new(pixels, rows, columns);
        let mut uniform = |max: f32| max * (2.0 * random.uniform() as f32 - 1.0);
        let (sine, cosine) = uniform(self.rotation).to_radians().sin_cos();
        let (slant, taller, wider) = (uniform(self.slant), 1.0 + uniform(self.scale), 1.0 + uniform(self.scale));
        let (down, right) = (uniform(self.shift), uniform(self.shift));
        // In the order (row, column): [y', x'] = rotation · slant · scale · [y, x].
        let along_row = [sine * wider, cosine * wider];
        let along_column = [(cosine + sine * slant) * taller, (cosine * slant - sine) * taller];
        let bend = Bend::new(self.bend, rows, columns, random);
        let ink = 1.0 + self.ink * (2.0 * random.uniform() as f32 - 1.0);
        let (middle_y, middle_x) = ((rows as f32 - 1.0) / 2.0, (columns as f32 - 1.0) / 2.0);
        let [mut ys, mut xs] = [(); 2].map(|()| vec![0.0; columns]);
        for (row, out) in out.chunks_exact_mut(columns).enumerate() {
            let y = row as f32 - middle_y;
            let start = [middle_y + along_column[0] * y - down, middle_x + along_column[1] * y - right];
            bend.row(row, [&mut ys, &mut xs]);
            source.locate(&mut ys, start[0] - along_row[0] * middle_x, along_row[0], rows);
            source.locate(&mut xs, start[1] - along_row[1] * middle_x, along_row[1], columns);
            for (pixel, (&y, &x)) in out.iter_mut().zip(ys.iter().zip(&xs)) {
                *pixel = (ink * source.at(y, x)).min(1.0);
            }
        }
    }
}

/// A copy of an image, with pixels from 0 to 1 and a dark border.
struct Padded {
    pixels: Vec<f32>,
    width: usize,
}

impl Padded {
    fn new(pixels: &[u8], rows: usize, columns: usize) -> Self {
        let width = columns + 2 * MARGIN;
        let mut padded = vec![0.0; (rows + 2 * MARGIN) * width];
        for (row, pixels) in pixels.chunks_exact(columns).enumerate() {
            for (padded, &pixel) in padded[(row + MARGIN) * width + MARGIN..].iter_mut().zip(pixels) {
                *padded = f32::from(pixel) / 255.0;
            }
        }
        Padded { pixels: padded, width }
    }

    /// Converts the displacements along a row into source positions in the padded image: adds the position without
    /// displacement, and clamps the sum to the image.
    fn locate(&self, bend: &mut [f32], start: f32, step: f32, length: usize) {
        let margin = MARGIN as f32;
        let end = length as f32 + margin;
        for (column, position) in bend.iter_mut().enumerate() {
            *position = (*position + (start + margin) + step * column as f32).max(0.0).min(end);
        }
    }

    /// The image at a position between pixels, by bilinear interpolation.
    #[inline]
    fn at(&self, y: f32, x: f32) -> f32 {
        let (row, column) = (y as u32, x as u32);
        let (down, right) = (y - row as f32, x - column as f32);
        let corner = &self.pixels[row as usize * self.width + column as usize..][..self.width + 2];
        let above = corner[0] + right * (corner[1] - corner[0]);
        let below = corner[self.width] + right * (corner[self.width + 1] - corner[self.width]);
        above + down * (below - above)
    }
}

/// A smooth random displacement field, with its two components stored separately.
struct Bend {
    /// For each row of the grid, the displacements at each column of the image.
    rows: [Vec<f32>; 2],
    columns: usize,
    height: usize,
}

impl Bend {
    fn new(deviation: f32, height: usize, columns: usize, random: &mut Random) -> Self {
        let rows = [(); 2].map(|()| {
            let mut displacements = [0.0_f32; POINTS * POINTS];
            for displacement in &mut displacements {
                // The sum of four uniform numbers is close enough to a normal one, and cheap.
                let bits = random.bits();
                let sum: u64 = (0..4).map(|part| (bits >> (16 * part)) & 0xffff).sum();
                *displacement = (sum as f32 / 65535.0 - 2.0) * 3.0_f32.sqrt() * deviation;
            }
            let mut rows = vec![0.0; POINTS * columns];
            for column in 0..columns {
                let (first, weights) = spline(column, columns);
                for (displacements, row) in displacements.chunks_exact(POINTS).zip(rows.chunks_exact_mut(columns)) {
                    row[column] = weights
                        .iter()
                        .zip(&displacements[first..])
                        .map(|(weight, displacement)| weight * displacement)
                        .sum();
                }
            }
            rows
        });
        Bend { rows, columns, height }
    }

    /// The displacements along a row of the image.
    fn row(&self, row: usize, out: [&mut [f32]; 2]) {
        let (first, [a, b, c, d]) = spline(row, self.height);
        for (rows, out) in self.rows.iter().zip(out) {
            let line = |index: usize| &rows[(first + index) * self.columns..][..out.len()];
            let (w, x, y, z) = (line(0), line(1), line(2), line(3));
            for (column, out) in out.iter_mut().enumerate() {
                *out = a * w[column] + b * x[column] + c * y[column] + d * z[column];
            }
        }
    }
}

/// The first of the four grid points around a pixel, and their weights: the uniform cubic B-spline.
fn spline(pixel: usize, length: usize) -> (usize, [f32; 4]) {
    let position = pixel as f32 / length as f32 * GRID as f32;
    let first = (position as usize).min(GRID - 1);
    let t = position - first as f32;
    let (t2, t3) = (t * t, t * t * t);
    let weights = [(1.0 - t) * (1.0 - t) * (1.0 - t), 3.0 * t3 - 6.0 * t2 + 4.0, 3.0 * (t + t2 - t3) + 1.0, t3];
    (first, weights.map(|weight| weight / 6.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STILL: Distortion = Distortion { rotation: 0.0, slant: 0.0, scale: 0.0, shift: 0.0, bend: 0.0, ink: 0.0 };

    fn picture() -> Vec<u8> {
        (0..28 * 28)
            .map(|index| if (8..20).contains(&(index / 28)) && (10..18).contains(&(index % 28)) { 200 } else { 0 })
            .collect()
    }

    #[test]
    fn without_distortion_a_picture_is_itself() {
        let (pixels, mut out) = (picture(), vec![f32::NAN; 784]);
        STILL.apply(&pixels, [28, 28], &mut Random::new(0), &mut out);
        assert!(pixels.iter().zip(&out).all(|(&pixel, out)| (f32::from(pixel) / 255.0 - out).abs() < 1e-5));
    }

    #[test]
    fn distorted_pictures_differ_keep_their_ink_and_stay_in_range() {
        let strong = Distortion { rotation: 15.0, slant: 0.2, scale: 0.15, shift: 2.0, bend: 2.0, ink: 0.3 };
        let (pixels, random) = (picture(), Random::new(1));
        let ink: f32 = pixels.iter().map(|&pixel| f32::from(pixel) / 255.0).sum();
        let mut seen: Vec<Vec<f32>> = Vec::new();
        let mut total = 0.0;
        for index in 0..200 {
            let mut out = vec![f32::NAN; 784];
            strong.apply(&pixels, [28, 28], &mut random.stream(index), &mut out);
            assert!(out.iter().all(|pixel| (0.0..=1.0).contains(pixel)));
            assert!(!seen.contains(&out));
            total += out.iter().sum::<f32>() / ink / 200.0;
            seen.push(out);
        }
        assert!((0.9..1.1).contains(&total), "on the mean {total} of the ink");
        let mut again = vec![0.0; 784];
        strong.apply(&pixels, [28, 28], &mut random.stream(7), &mut again);
        assert_eq!(again, seen[7], "a stream gives its distortion again");
    }

    #[test]
    fn ink_changes_the_edges_of_a_stroke_and_not_the_paper() {
        let pixels: Vec<u8> = (0..28 * 28).map(|index| [0, 100, 250, 100][index % 4]).collect();
        let mut edges = Vec::new();
        for index in 0..50 {
            let mut out = vec![f32::NAN; 784];
            Distortion { ink: 0.5, ..STILL }.apply(&pixels, [28, 28], &mut Random::new(index), &mut out);
            let factor = out[1] / (100.0 / 255.0);
            assert!((0.5..=1.5).contains(&factor) && out[0] == 0.0);
            assert!((out[2] - (factor * 250.0 / 255.0).min(1.0)).abs() < 1e-5);
            edges.push(factor);
        }
        assert!(edges.iter().any(|&factor| factor < 0.7) && edges.iter().any(|&factor| factor > 1.3));
    }

    #[test]
    fn pictures_of_any_size_are_distorted() {
        let strong = Distortion { rotation: 180.0, slant: 1.0, scale: 0.9, shift: 50.0, bend: 20.0, ink: 1.0 };
        for [rows, columns] in [[1, 1], [1, 9], [7, 2], [40, 30]] {
            let mut out = vec![f32::NAN; rows * columns];
            for index in 0..20 {
                strong.apply(&vec![255; rows * columns], [rows, columns], &mut Random::new(index), &mut out);
                assert!(out.iter().all(|pixel| (0.0..=1.0).contains(pixel)));
            }
        }
    }
}
