//! Decodes the bytes of a file into a small grey picture.

use std::io::Cursor;

use image::codecs::jpeg::JpegDecoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, imageops};
use png::{Limits, Transformations};

use super::plane::{self, Plane};
use super::{Picture, PictureError, blocks};

/// The longest side of a picture after scaling down: nine times that of the digit.
const LONGEST: u32 = 180;

/// The maximum memory of the PNG decoder, for rows and tables.
const PNG_MEMORY: usize = 512 << 10;

/// Scales a picture down: adds up the pixels in squares of `step` × `step`. Pixels may arrive in any order.
struct Squares {
    width: u32,
    height: u32,
    step: u32,
    columns: u32,
    /// For each square the sum of the brightness, weighted by opacity, and the sum of the opacity.
    sums: Vec<[f32; 2]>,
}

impl Squares {
    fn new(width: u32, height: u32) -> Self {
        let step = width.max(height).div_ceil(LONGEST).max(1);
        let (columns, rows) = (width.div_ceil(step), height.div_ceil(step));
        Squares { width, height, step, columns, sums: vec![[0.0; 2]; (columns * rows) as usize] }
    }

    /// Adds a pixel of 1 to 4 channels: grey; grey, opacity; red, green, blue; red, green, blue, opacity.
    fn add(&mut self, x: u32, y: u32, pixel: &[u8]) {
        // The luminance weights of ITU-R BT.709.
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

    /// The picture, rotated and mirrored as `orientation` requires.
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

    /// The number of pixels in a square. Squares at the right and the bottom edge may be smaller.
    fn area(&self, square: u32) -> f32 {
        let extent = |index: u32, whole: u32| self.step.min(whole - index * self.step);
        (extent(square % self.columns, self.width) * extent(square / self.columns, self.height)) as f32
    }

    /// The brightness of the background where the picture is transparent.
    fn ground(&self) -> f32 {
        let squares = self.sums.iter().enumerate();
        let visible = squares.filter(|&(square, [_, weight])| *weight > 0.5 * self.area(square as u32));
        let light: Vec<f32> = visible.map(|(_, [sum, weight])| sum / weight).collect();
        let usual = plane::median(light.iter().copied());
        let others = light.iter().filter(|&&light| (light - usual).abs() > 0.25).count();
        // If all visible pixels have the same brightness, they are only ink, and the background is the opposite.
        // Otherwise they are ink on paper, and the background is the paper.
        if light.is_empty() || others * 100 > light.len() { usual } else { 1.0 - usual.round() }
    }
}

/// Rotates and mirrors a plane according to the orientation in the file's metadata.
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

/// The passes of an interlaced PNG: first column, distance between columns, first row, distance between rows.
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
    // The decoder panics at a palette with an incomplete colour or with more than 256 colours.
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
    // The metadata of a camera may also be after the pixels, so it is read last.
    let orientation = reader.info().exif_metadata.as_deref().and_then(Orientation::from_exif_chunk);
    Ok(squares.finish(orientation.unwrap_or(Orientation::NoTransforms)))
}

pub fn jpeg(bytes: &[u8], most: u64) -> Result<Picture, PictureError> {
    // The decoder allocates memory for all pixels and fills missing ones with grey; half a digit could then be
    // classified as another digit. So the file is checked first.
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
    let positions = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    for ((x, y), pixel) in positions.zip(image.as_bytes().chunks_exact(channels)) {
        squares.add(x, y, pixel);
    }
    Ok(squares.finish(orientation))
}
