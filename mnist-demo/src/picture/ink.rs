//! Finds the ink of a digit in a picture that may also show uneven light, the edge of the paper, the desk under it,
//! frames, or dirt.
//!
//! 1. Light from one side gives a linear slope of brightness, which is subtracted.
//! 2. Each pixel is classified as dark or bright, relative to its surroundings.
//! 3. A rectangle of one kind that contains shapes of the other kind is a sheet of paper or the inside of a frame. The
//!    search is repeated inside of it.
//! 4. The kind that covers most of the edge is background. Of the other shapes the largest is the digit, together with
//!    shapes that are large enough for their distance from it.
//! 5. The amount of ink is the difference to the background, relative to that in the middle of the strokes.

use std::borrow::Cow;

use image::Luma;

use super::PictureError;
use super::plane::{self, Plane};
use super::shapes::{Shape, Shapes, rectangularity};

/// The distance in which the background is searched, as a fraction of the longest side. Strokes are thinner than twice
/// this distance.
const REACH: f32 = 0.2;

/// The maximum number of nested sheets, such as a frame on a paper on a desk.
const DEPTH: usize = 3;

/// The amount of ink of the digit at each pixel, from 0 to 1. The plane may be a part of the picture.
pub fn of_digit(light: &Plane) -> Result<Plane, PictureError> {
    let mut light = Cow::Borrowed(light);
    for _ in 0..DEPTH {
        let [dark, bright] = Layer::both(&light)?;
        let sheets = [(&dark, &bright), (&bright, &dark)].into_iter().filter_map(|(ground, ink)| ground.sheet(ink));
        let Some((_, sheet)) = sheets.max_by_key(|(area, _)| *area) else { break };
        light = Cow::Owned(cut(&light, &sheet));
    }
    let [dark, bright] = Layer::both(&light)?;
    // Most of the edge is background.
    let layer = if dark.shapes.contact() > bright.shapes.contact() { bright } else { dark };
    layer.ink(&light).ok_or(PictureError::Blank)
}

/// The radius, in pixels, of the mean that reduces noise. It is larger for noisy pictures.
fn smoothing(plane: &Plane) -> u32 {
    let pixels = if plane::noise(plane, 1) > 0.01 { 100.0 } else { 200.0 };
    (plane.width().max(plane.height()) as f32 / pixels).round() as u32
}

fn smooth(plane: &Plane) -> Plane {
    plane::mean(plane, smoothing(plane))
}

/// The part of a plane that a sheet covers; NaN outside of the sheet.
fn cut(light: &Plane, sheet: &Sheet) -> Plane {
    let (width, height) = (sheet.shape.width(), sheet.shape.height());
    // Pixels at the edge of the sheet also show what is beside it, so they are excluded.
    let reach = smoothing(light) + 1;
    let counts = |x: u32, y: u32| {
        x >= reach
            && y >= reach
            && x + reach < width
            && y + reach < height
            && (y - reach..=y + reach).all(|y| (x - reach..=x + reach).all(|x| sheet.filled[(y * width + x) as usize]))
    };
    let (left, top) = (sheet.shape.left, sheet.shape.top);
    Plane::from_fn(width, height, |x, y| Luma([if counts(x, y) { light[(left + x, top + y)].0[0] } else { f32::NAN }]))
}

/// A shape and its holes.
struct Sheet {
    shape: Shape,
    filled: Vec<bool>,
}

/// The pixels at the edge of the picture, or beside a NaN.
fn edge(plane: &Plane) -> Vec<bool> {
    let (right, bottom) = (plane.width() - 1, plane.height() - 1);
    let is_out = |x: u32, y: u32| plane[(x, y)].0[0].is_nan();
    let at_edge = |(x, y, &Luma([value])): (u32, u32, &Luma<f32>)| {
        !value.is_nan()
            && (x == 0
                || y == 0
                || x == right
                || y == bottom
                || is_out(x - 1, y)
                || is_out(x + 1, y)
                || is_out(x, y - 1)
                || is_out(x, y + 1))
    };
    plane.enumerate_pixels().map(at_edge).collect()
}

/// Whether ink is darker or brighter than its background.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Polarity {
    Dark,
    Bright,
}

/// The smaller or the larger of two values.
type Choice = fn(f32, f32) -> f32;

impl Polarity {
    /// The difference of each pixel to the background around it. For dark ink the background is a morphological
    /// closing, the minimum of the maxima around a pixel. It keeps everything that is broader than ink.
    fn above_ground(self, flat: &Plane) -> Plane {
        let reach = reach(flat);
        let (outward, inward): (Choice, Choice) = match self {
            Polarity::Dark => (f32::max, f32::min),
            Polarity::Bright => (f32::min, f32::max),
        };
        // Each plane is dropped as soon as it is not needed.
        let outermost = plane::extreme(&smooth(flat), reach, outward);
        let mut above = plane::extreme(&outermost, reach, inward);
        drop(outermost);
        plane::combine(&mut above, flat, |ground, value| match self {
            Polarity::Dark => ground - value,
            Polarity::Bright => value - ground,
        });
        // Most pixels are background, so their median is the level of the noise.
        let usual = plane::median(above.iter().copied());
        above.iter_mut().for_each(|value| *value -= usual);
        above
    }
}

fn reach(plane: &Plane) -> u32 {
    ((REACH * plane.width().max(plane.height()) as f32).round() as u32).max(1)
}

/// All pixels that are darker, or brighter, than their surroundings.
struct Layer {
    polarity: Polarity,
    shapes: Shapes,
    /// The number of pixels at the edge of the region.
    edge: u32,
    /// The region's longest side.
    longest: u32,
    /// The number of pixels of the region.
    area: u32,
}

impl Layer {
    /// The dark pixels and the bright pixels.
    fn both(light: &Plane) -> Result<[Self; 2], PictureError> {
        let smooth = smooth(&plane::without_slope(light));
        let bounds = plane::bounds_between(&smooth).ok_or(PictureError::Blank)?;
        let edge = edge(light);
        Ok([Polarity::Dark, Polarity::Bright].map(|polarity| Layer::new(&smooth, &bounds, &edge, polarity)))
    }

    fn new(smooth: &Plane, bounds: &Plane, edge: &[bool], polarity: Polarity) -> Self {
        let mask = |pixel: usize| match polarity {
            Polarity::Dark => smooth.as_raw()[pixel] < bounds.as_raw()[pixel],
            Polarity::Bright => smooth.as_raw()[pixel] >= bounds.as_raw()[pixel],
        };
        let shapes = Shapes::new(smooth.width(), smooth.height(), mask, edge);
        let area = smooth.iter().filter(|value| !value.is_nan()).count() as u32;
        let longest = smooth.width().max(smooth.height());
        let edge = edge.iter().filter(|&&is_edge| is_edge).count() as u32;
        Layer { polarity, shapes, edge, longest, area }
    }

    /// Whether a shape surrounds everything else: the desk, or a frame at the edge. Such a shape covers at least a side
    /// of the picture.
    fn is_surrounding(&self, shape: &Shape) -> bool {
        shape.contact * 5 > self.edge
    }

    /// Whether a shape is a frame or a part of one: thin, nearly as large as the region, and with another shape inside.
    fn is_frame(&self, shape: &Shape) -> bool {
        let is_within = |other: &Shape| {
            other.label != shape.label && shape.contains(other) && other.longest() * 4 > shape.longest()
        };
        let is_large = shape.longest() * 5 > self.longest * 4 && shape.width().min(shape.height()) * 2 > self.longest;
        is_large && shape.area * 4 < shape.extent() && self.shapes.all.iter().any(is_within)
    }

    /// The shape that is most likely the digit, or its largest part.
    fn main(&self) -> Option<&Shape> {
        let largest = |is_candidate: &dyn Fn(&&Shape) -> bool| {
            let shapes = self.shapes.all.iter().filter(|shape| !self.is_frame(shape));
            shapes.filter(is_candidate).max_by_key(|shape| shape.area)
        };
        let apart = largest(&|shape| shape.contact == 0);
        let touching = largest(&|shape| shape.contact > 0 && !self.is_surrounding(shape));
        match (apart, touching) {
            (Some(apart), Some(touching)) if apart.area * 10 < touching.area => Some(touching),
            (Some(apart), _) if apart.longest() * 7 > self.longest => Some(apart),
            (apart, touching) => touching.or(largest(&|_| true)).or(apart),
        }
    }

    /// For each label, whether its shape belongs to the digit.
    fn digit(&self) -> Option<Vec<bool>> {
        let main = self.main()?;
        Some(self.shapes.together(main, |shape| !self.is_surrounding(shape) && !self.is_frame(shape)))
    }

    /// The largest of these shapes that is a sheet with shapes of `ink` on it and does not cover the whole region; and
    /// its area.
    fn sheet(&self, ink: &Layer) -> Option<(u32, Sheet)> {
        let sheet = |shape: &Shape| {
            let is_all = shape.contact * 10 > self.edge * 9;
            let is_written_on = || {
                ink.shapes.all.iter().any(|other| {
                    shape.contains(other) && other.longest() * 6 > shape.longest() && other.area * 200 > shape.area
                })
            };
            if is_all || shape.extent() * 20 < self.area || shape.area * 20 < self.area || !is_written_on() {
                return None;
            }
            let filled = self.shapes.filled(shape);
            let area = filled.iter().filter(|&&inside| inside).count() as u32;
            let is_sheet = shape.area * 2 > area
                && (area - shape.area) * 100 > area
                && rectangularity(&filled, shape.width()) > 0.85;
            is_sheet.then_some((area, Sheet { shape: *shape, filled }))
        };
        self.shapes.all.iter().filter_map(sheet).max_by_key(|(area, _)| *area)
    }

    /// The amount of ink at each pixel of the digit, from 0 to 1.
    fn ink(&self, light: &Plane) -> Option<Plane> {
        let digit = self.digit()?;
        let flat = plane::without_slope(light);
        let above = self.polarity.above_ground(&flat);
        let mut only = above.clone();
        for (pixel, value) in only.iter_mut().enumerate() {
            if !self.shapes.is_in(pixel, &digit) {
                *value = f32::NAN;
            }
        }
        // Pixels near the digit are included: ink gets fainter towards its edge.
        let near = plane::extreme(&only, 1 + smoothing(&flat), f32::max);
        let contrast = contrast(&only);
        let ink = |x: u32, y: u32| match above[(x, y)].0[0] / contrast(x, y) {
            amount if amount.is_nan() || near[(x, y)].0[0].is_nan() => 0.0,
            amount => amount.clamp(0.0, 1.0),
        };
        Some(Plane::from_fn(flat.width(), flat.height(), |x, y| Luma([ink(x, y)])))
    }
}

/// The difference between full ink and its background, at any pixel. It is smaller where there is less light.
fn contrast(ink: &Plane) -> impl Fn(u32, u32) -> f32 + use<> {
    // The middle of a stroke has the full difference.
    let mut full = plane::extreme(ink, (reach(ink) / 3).max(1), f32::max);
    plane::combine(&mut full, ink, |full, ink| if ink.is_nan() { f32::NAN } else { full });
    let (slope, least) = (plane::slope(&full), 0.05 * plane::max(&full));
    move |x, y| slope(x, y).max(least)
}
