//! From the bytes of a file to a small picture.

use std::io::Cursor;

use image::codecs::jpeg::JpegDecoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, imageops};
use png::{Limits, Transformations};

use super::plane::{self, Plane};
use super::{Picture, PictureError, blocks};

/// The longest side that a picture is made smaller to: nine times that of the digit.
const LONGEST: u32 = 180;

/// What the PNG decoder may take for rows and tables.
const PNG_MEMORY: usize = 512 << 10;

/// Adds pixels up in squares of `step` × `step`, in whatever order they come.
struct Squares {
    width: u32,
    height: u32,
    step: u32,
    columns: u32,
    /// For each square the sum of light, weighted with opacity, and the sum of opacity.
    sums: Vec<[f32; 2]>,
}

impl Squares {
    fn new(width: u32, height: u32) -> Self {
        let step = width.max(height).div_ceil(LONGEST).max(1);
        let (columns, rows) = (width.div_ceil(step), height.div_ceil(step));
        Squares { width, height, step, columns, sums: vec![[0.0; 2]; (columns * rows) as usize] }
    }

    /// A pixel of 1 to 4 channels: grey, grey and opacity, red green blue, red green blue and opacity.
    fn add(&mut self, x: u32, y: u32, pixel: &[u8]) {
        // How bright the primaries of ITU-R BT.709 look.
        let grey =
            |r: u8, g: u8, b: u8| (0.2126 * f32::from(r) + 0.7152 * f32::from(g) + 0.0722 * f32::from(b)) / 255.0;
        let (light, opacity) = match *pixel {
            [l] => (grey(l, l, l), 255),
            [l, opacity] => (grey(l, l, l), opacity),
            [r, g, b] => (grey(r, g, b), 255),
            [r, g, b, opacity] => (grey(r, g, b), opacity),
            _ => unreachable!("a pixel has 1 to 4 channels"),
        };
        let opacity = f32::from(opacity) / 255.0;
        let [sum, weight] = &mut self.sums[(y / self.step * self.columns + x / self.step) as usize];
        *sum += light * opacity;
        *weight += opacity;
    }

    /// The picture, upright: orientation says how it has to be rotated and mirrored for that.
    fn finish(self, orientation: Orientation) -> Picture {
        let (ground, rows) = (self.ground(), self.height.div_ceil(self.step));
        let squares = self.sums.iter().enumerate();
        let over = squares.map(|(square, &[sum, weight])| {
            let area = self.area(square as u32);
            (sum + ground * (area - weight)) / area
        });
        let light = Plane::from_raw(self.columns, rows, over.collect()).expect("a value for each square");
        Picture { light: upright(light, orientation) }
    }

    /// The pixels in a square; those at the right and the bottom may be cut.
    fn area(&self, square: u32) -> f32 {
        let extent = |index: u32, whole: u32| self.step.min(whole - index * self.step);
        (extent(square % self.columns, self.width) * extent(square / self.columns, self.height)) as f32
    }

    /// The shade of the ground that shows the picture where it is transparent.
    fn ground(&self) -> f32 {
        let squares = self.sums.iter().enumerate();
        let visible = squares.filter(|&(square, [_, weight])| *weight > 0.5 * self.area(square as u32));
        let light: Vec<f32> = visible.map(|(_, [sum, weight])| sum / weight).collect();
        let usual = plane::median(light.iter().copied());
        let others = light.iter().filter(|&&light| (light - usual).abs() > 0.25).count();
        // Ink alone, all of a shade, lies on its opposite; a sheet with ink on it goes on beyond its edges.
        if light.is_empty() || others * 100 > light.len() { usual } else { 1.0 - usual.round() }
    }
}

/// Rotates and mirrors a plane as a camera's note says.
fn upright(plane: Plane, orientation: Orientation) -> Plane {
    match orientation {
        Orientation::NoTransforms => plane,
        Orientation::FlipHorizontal => imageops::flip_horizontal(&plane),
        Orientation::Rotate180 => imageops::rotate180(&plane),
        Orientation::FlipVertical => imageops::flip_vertical(&plane),
        Orientation::Rotate90FlipH => imageops::flip_horizontal(&imageops::rotate90(&plane)),
        Orientation::Rotate90 => imageops::rotate90(&plane),
        Orientation::Rotate270FlipH => imageops::flip_horizontal(&imageops::rotate270(&plane)),
        Orientation::Rotate270 => imageops::rotate270(&plane),
    }
}

/// The passes of an interlaced PNG: the first column, the distance to the next, the first row, the distance to the next.
const INTERLACED: [[u32; 4]; 7] =
    [[0, 8, 0, 8], [4, 8, 0, 8], [0, 4, 4, 8], [2, 4, 0, 4], [0, 2, 2, 4], [1, 2, 0, 2], [0, 1, 1, 2]];

pub fn png(bytes: &[u8], most: u64) -> Result<Picture, PictureError> {
    let damaged = |error: png::DecodingError| PictureError::damaged("PNG", error);
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), Limits { bytes: PNG_MEMORY });
    decoder.set_transformations(Transformations::normalize_to_color8());
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let header = decoder.read_header_info().map_err(damaged)?;
    let (width, height, interlaced) = (header.width, header.height, header.interlaced);
    if u64::from(width) * u64::from(height) > most {
        return Err(PictureError::Large { width, height, most });
    }
    let mut reader = decoder.read_info().map_err(damaged)?;
    // The decoder takes a colour of one or two bytes, and one too many, for a mistake of ours.
    if reader.info().palette.as_ref().is_some_and(|palette| palette.len() % 3 != 0 || palette.len() > 3 * 256) {
        return Err(PictureError::damaged("PNG", "its palette is none"));
    }
    let channels = reader.output_color_type().0.samples();
    let mut squares = Squares::new(width, height);
    let passes: &[[u32; 4]] = if interlaced { &INTERLACED } else { &[[0, 1, 0, 1]] };
    for &[left, across, top, down] in passes.iter().filter(|pass| pass[0] < width && pass[2] < height) {
        for y in (top..height).step_by(down as usize) {
            let row = reader.next_row().map_err(damaged)?;
            let row = row.ok_or_else(|| PictureError::damaged("PNG", "it ends early"))?;
            for (x, pixel) in (left..width).step_by(across as usize).zip(row.data().chunks_exact(channels)) {
                squares.add(x, y, pixel);
            }
        }
    }
    reader.finish().map_err(damaged)?;
    // The camera's notes may also stand behind the pixels.
    let orientation = reader.info().exif_metadata.as_deref().and_then(Orientation::from_exif_chunk);
    Ok(squares.finish(orientation.unwrap_or(Orientation::NoTransforms)))
}

pub fn jpeg(bytes: &[u8], most: u64) -> Result<Picture, PictureError> {
    // The decoder takes memory for all pixels, and fills what is missing with grey; a digit with half of it missing is another digit.
    let extent = blocks::extent(bytes, most)?;
    let damaged = |error: ImageError| PictureError::damaged("JPEG", error);
    let mut decoder = JpegDecoder::new(Cursor::new(bytes)).map_err(damaged)?;
    if decoder.dimensions() != extent {
        return Err(PictureError::damaged("JPEG", "it has more than one size"));
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let image = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    let (width, height) = (image.width(), image.height());
    let mut squares = Squares::new(width, height);
    let channels = usize::from(image.color().channel_count());
    let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    for ((x, y), pixel) in places.zip(image.as_bytes().chunks_exact(channels)) {
        squares.add(x, y, pixel);
    }
    Ok(squares.finish(orientation))
}
