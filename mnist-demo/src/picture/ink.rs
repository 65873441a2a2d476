//! Finds the ink of a digit in a picture that shows more: uneven light, the edge of the paper and what it lies on, frames, dirt.
//!
//! Ink is what differs from the ground around it and is thin. The ground is what a closing leaves (the smallest of the largest values around): it follows the
//! light, and large dark surfaces are ground themselves. What remains is looked at as connected shapes.

use image::Luma;
use image::imageops::crop_imm;

use super::PictureError;
use super::plane::{self, Plane};
use super::shapes::{Shape, Shapes, rectangularity};

/// How far the ground is looked for, in parts of the longest side: ink is thinner than twice this.
const REACH: f32 = 0.2;

/// Sheets within sheets that are looked into, as a frame on a paper on a desk.
const DEPTH: usize = 3;

/// How much ink there is at each pixel, from 0 to 1, of the digit alone.
pub fn of_digit(light: &Plane) -> Result<Plane, PictureError> {
    of_digit_in(light, DEPTH)
}

fn of_digit_in(light: &Plane, depth: usize) -> Result<Plane, PictureError> {
    let flat = plane::without_slope(light);
    let smooth = plane::mean(&flat, smoothing(&flat));
    let bounds = plane::bounds_between(&smooth).ok_or(PictureError::Blank)?;
    let edge = edge(light);
    let [dark, bright] = [Polarity::Dark, Polarity::Bright].map(|polarity| Layer::new(&smooth, &bounds, &edge, polarity));
    if depth > 0 {
        let sheets = [(&dark, &bright), (&bright, &dark)].into_iter().filter_map(|(ground, ink)| ground.sheet(ink));
        if let Some((_, sheet)) = sheets.max_by_key(|(area, _)| *area) {
            let sheet = cut(light, &sheet);
            drop((dark, bright, flat, smooth, bounds));
            return of_digit_in(&sheet, depth - 1);
        }
    }
    // The edge is ground for the most part.
    let layer = if dark.shapes.contact() > bright.shapes.contact() { bright } else { dark };
    layer.ink(&flat, &smooth).ok_or(PictureError::Blank)
}

/// Pixels that the mean over squares reaches: noise is to be smaller than ink.
fn smoothing(plane: &Plane) -> u32 {
    let pixels = if plane::noise(plane, 1) > 0.01 { 100.0 } else { 200.0 };
    (plane.width().max(plane.height()) as f32 / pixels).round() as u32
}

/// The part of a plane that a sheet covers; NaN beside it.
fn cut(light: &Plane, sheet: &Sheet) -> Plane {
    let (width, height) = (sheet.shape.width(), sheet.shape.height());
    // The pixels at the edge of the sheet show what is beside it too.
    let reach = smoothing(light) + 1;
    let counts = |x: u32, y: u32| {
        x >= reach && y >= reach && x + reach < width && y + reach < height
            && (y - reach..=y + reach).all(|y| (x - reach..=x + reach).all(|x| sheet.filled[(y * width + x) as usize]))
    };
    let part = crop_imm(light, sheet.shape.left, sheet.shape.top, width, height).to_image();
    Plane::from_fn(width, height, |x, y| Luma([if counts(x, y) { part[(x, y)].0[0] } else { f32::NAN }]))
}

/// A shape and its holes.
struct Sheet {
    shape: Shape,
    filled: Vec<bool>,
}

/// The pixels at the edge of the picture, or beside one that does not count.
fn edge(plane: &Plane) -> Vec<bool> {
    let (right, bottom) = (plane.width() - 1, plane.height() - 1);
    let is_out = |x: u32, y: u32| plane[(x, y)].0[0].is_nan();
    let at_edge = |(x, y, &Luma([value])): (u32, u32, &Luma<f32>)| {
        !value.is_nan()
            && (x == 0 || y == 0 || x == right || y == bottom
                || is_out(x - 1, y) || is_out(x + 1, y) || is_out(x, y - 1) || is_out(x, y + 1))
    };
    plane.enumerate_pixels().map(at_edge).collect()
}

/// Whether ink is darker than its ground or brighter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Polarity {
    Dark,
    Bright,
}

impl Polarity {
    /// How far each pixel is from the ground around it.
    fn above_ground(self, flat: &Plane, smooth: &Plane) -> Plane {
        let reach = reach(flat);
        let (outward, inward): (fn(f32, f32) -> f32, fn(f32, f32) -> f32) = match self {
            Polarity::Dark => (f32::max, f32::min),
            Polarity::Bright => (f32::min, f32::max),
        };
        let mut above = plane::extreme(&plane::extreme(smooth, reach, outward), reach, inward);
        plane::combine(&mut above, flat, |ground, value| match self {
            Polarity::Dark => ground - value,
            Polarity::Bright => value - ground,
        });
        // Most pixels are ground: what they have is noise.
        let usual = plane::median(above.iter().copied());
        above.iter_mut().for_each(|value| *value -= usual);
        above
    }
}

fn reach(plane: &Plane) -> u32 {
    ((REACH * plane.width().max(plane.height()) as f32).round() as u32).max(1)
}

/// All pixels that are darker, or brighter, than what is around them.
struct Layer {
    polarity: Polarity,
    shapes: Shapes,
    /// Pixels at the edge of the region.
    edge: u32,
    /// The region's longest side.
    longest: u32,
    /// The pixels of the region.
    area: u32,
}

impl Layer {
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

    /// Whether a shape lies around all else: the desk, or a frame at the edge. It takes up a side of the picture or more.
    fn is_surrounding(&self, shape: &Shape) -> bool {
        shape.contact * 5 > self.edge
    }

    /// The shape that most likely is a digit, or its largest part.
    fn main(&self) -> Option<&Shape> {
        let largest = |is_candidate: &dyn Fn(&&Shape) -> bool| {
            self.shapes.all.iter().filter(is_candidate).max_by_key(|shape| shape.area)
        };
        let apart = largest(&|shape| shape.contact == 0);
        let touching = largest(&|shape| shape.contact > 0 && !self.is_surrounding(shape));
        match (apart, touching) {
            (Some(apart), Some(touching)) if apart.area * 10 < touching.area => Some(touching),
            (Some(apart), _) if apart.longest() * 7 > self.longest => Some(apart),
            (apart, touching) => touching.or(largest(&|_| true)).or(apart),
        }
    }

    /// The labels of the digit's shapes, and the rectangle around them.
    fn digit(&self) -> Option<(Vec<u16>, Shape)> {
        let main = self.main()?;
        Some(self.shapes.together(main, |shape| !self.is_surrounding(shape)))
    }

    /// The largest of these shapes that is a sheet with something of `ink` on it, but is not all there is; and its area.
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

    /// How much ink there is at each pixel of the digit, from 0 to 1.
    fn ink(&self, flat: &Plane, smooth: &Plane) -> Option<Plane> {
        let (labels, _) = self.digit()?;
        let above = self.polarity.above_ground(flat, smooth);
        let mut only = above.clone();
        for (pixel, value) in only.iter_mut().enumerate() {
            if !self.shapes.is_in(pixel, &labels) {
                *value = f32::NAN;
            }
        }
        // Ink that grows fainter towards its edge is still ink.
        let near = plane::extreme(&only, 1 + smoothing(flat), f32::max);
        let contrast = contrast(&only);
        let mut ink = above;
        plane::combine(&mut ink, &contrast, |above, contrast| (above / contrast).clamp(0.0, 1.0));
        plane::combine(&mut ink, &near, |ink, near| if near.is_nan() || ink.is_nan() { 0.0 } else { ink });
        Some(ink)
    }
}

/// What ink differs by from its ground around each pixel: less where there is less light.
fn contrast(above: &Plane) -> Plane {
    let peak = plane::max(above);
    let noise = plane::median(above.iter().map(|value| value.abs()));
    let least = (0.15 * peak).max(8.0 * noise).min(peak);
    let local = plane::extreme(above, reach(above), f32::max);
    plane::map(&local, |value| if value.is_nan() { peak } else { value.max(least) })
}

