//! Converts a small picture into a digit in MNIST's format: light ink on a dark background, the longest side 20 pixels,
//! the centre of mass in the middle of 28 × 28 pixels, see <http://yann.lecun.com/exdb/mnist/>.

use image::Luma;
use image::imageops::{FilterType, crop_imm, resize};

use super::plane::{self, Plane};
use super::{Picture, PictureError, ink};

/// The side of the field, in pixels.
pub const SIDE: usize = 28;

/// The longest side of the digit in it.
const INK_SIDE: u32 = 20;

/// The digit in a picture: 28 × 28 pixels from 0 (no ink) to 1, row by row.
///
/// # Errors
/// If no ink is found.
pub fn normalise(picture: &Picture) -> Result<Vec<f32>, PictureError> {
    let ink = clear(&ink::of_digit(&picture.light)?);
    let (left, top, width, height) = bounds(&ink)?;
    let longest = width.max(height);
    let thick = thicken(&ink, longest);
    let (left, top, width, height) = if thick == ink { (left, top, width, height) } else { bounds(&thick)? };
    let scale = INK_SIDE as f32 / width.max(height) as f32;
    let scaled = |extent: u32| ((extent as f32 * scale).round() as u32).clamp(1, INK_SIDE);
    let cut = crop_imm(&thick, left, top, width, height).to_image();
    Ok(centred(&resize(&cut, scaled(width), scaled(height), FilterType::CatmullRom)))
}

/// Sets faint values, which come from noise and compression, to zero.
fn clear(ink: &Plane) -> Plane {
    let floor = FLOOR * threshold(ink);
    plane::map(ink, |amount| ((amount - floor) / (1.0 - floor)).max(0.0))
}

/// The fraction of the ink threshold below which a value is only paper, noise and compression.
const FLOOR: f32 = 0.3;

/// The threshold between background and ink. It divides the values, from 0 to 1, into the two groups with the largest
/// variance between their means (N. Otsu, A threshold selection method from gray-level histograms, 1979).
fn threshold(values: &Plane) -> f32 {
    const BINS: usize = 64;
    let mut histogram = [0.0_f32; BINS];
    for &value in values.iter() {
        histogram[((value * BINS as f32) as usize).min(BINS - 1)] += 1.0;
    }
    let moment = |bins: &[f32], first: usize| -> (f32, f32) {
        let sum = bins.iter().enumerate().map(|(bin, count)| count * ((first + bin) as f32 + 0.5)).sum();
        (bins.iter().sum(), sum)
    };
    let apart = |cut: usize| {
        let ((few, low), (many, high)) = (moment(&histogram[..cut], 0), moment(&histogram[cut..], cut));
        if few == 0.0 || many == 0.0 { 0.0 } else { few * many * (high / many - low / few).powi(2) }
    };
    let cut = (1..BINS).max_by(|&a, &b| apart(a).total_cmp(&apart(b))).expect("there are cuts");
    cut as f32 / BINS as f32
}

/// The bounding box of all pixels that are clearly ink: left, top, width, height.
///
/// # Errors
/// If there are no such pixels.
fn bounds(ink: &Plane) -> Result<(u32, u32, u32, u32), PictureError> {
    let dark = ink.enumerate_pixels().filter(|(_, _, pixel)| pixel.0[0] > 0.3);
    let (mut left, mut top, mut right, mut bottom) = (u32::MAX, u32::MAX, 0, 0);
    for (x, y, _) in dark {
        (left, right) = (left.min(x), right.max(x));
        (top, bottom) = (top.min(y), bottom.max(y));
    }
    if left > right { Err(PictureError::Blank) } else { Ok((left, top, right - left + 1, bottom - top + 1)) }
}

/// Stroke widths, in pixels of a digit of 20 pixels: strokes below `THIN` are widened to `USUAL`, the width in MNIST.
const THIN: f32 = 1.6;
const USUAL: f32 = 2.4;

/// The ink, with wider strokes if they are much thinner than in MNIST.
fn thicken(ink: &Plane, longest: u32) -> Plane {
    let (width, height) = ink.dimensions();
    let at = |x: u32, y: u32| if x < width && y < height { ink[(x, y)].0[0] } else { 0.0 };
    let area: f32 = ink.iter().sum();
    let steps = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let edges: f32 = steps.map(|(x, y)| (at(x, y) - at(x + 1, y)).abs() + (at(x, y) - at(x, y + 1)).abs()).sum();
    // A stroke has two edges. An edge of random direction crosses on average 4/π grid lines per unit of length.
    let unit = longest as f32 / INK_SIDE as f32;
    let stroke = 8.0 / std::f32::consts::PI * area / edges / unit;
    let reach = (0.5 * (USUAL - stroke) * unit).round() as u32;
    if stroke >= THIN || reach == 0 {
        return ink.clone();
    }
    // The plane grows by `reach` on all sides, so that the wider strokes fit.
    let widest = |values: &dyn Fn(u32) -> f32, index: u32, count: u32| {
        let (first, last) = (index.saturating_sub(2 * reach), index.min(count - 1));
        (first..=last).map(values).fold(0.0, f32::max)
    };
    let across = Plane::from_fn(width + 2 * reach, height, |x, y| Luma([widest(&|x| at(x, y), x, width)]));
    Plane::from_fn(width + 2 * reach, height + 2 * reach, |x, y| Luma([widest(&|y| across[(x, y)].0[0], y, height)]))
}

/// Places the digit in the field of 28 × 28 so that its centre of mass is as near to pixel (14, 14), counted from 0, as
/// whole pixels allow, as in MNIST.
fn centred(digit: &Plane) -> Vec<f32> {
    let (width, height) = digit.dimensions();
    let (mut mass, mut across, mut down) = (0.0, 0.0, 0.0);
    // The filter for scaling can produce values slightly below 0 and above 1.
    let pixels = || digit.enumerate_pixels().map(|(x, y, &Luma([ink]))| (x, y, ink.clamp(0.0, 1.0)));
    for (x, y, ink) in pixels() {
        mass += ink;
        across += ink * x as f32;
        down += ink * y as f32;
    }
    let offset = |moment: f32, extent: u32| {
        let wanted = (SIDE as f32 / 2.0 - moment / mass).round();
        wanted.clamp(0.0, (SIDE as u32 - extent) as f32) as usize
    };
    let (left, top) = (offset(across, width), offset(down, height));
    let mut field = vec![0.0; SIDE * SIDE];
    for (x, y, ink) in pixels() {
        field[(top + y as usize) * SIDE + left + x as usize] = ink;
    }
    field
}
