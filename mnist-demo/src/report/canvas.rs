//! The drawing backend of plotters for PNG. It draws at a higher resolution than the picture, for smooth edges, and
//! uses a font that is embedded in the program, so that the picture is the same on every machine.

use std::convert::Infallible;
use std::sync::LazyLock;

use ab_glyph::{Font, FontRef, PxScale, ScaleFont};
use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{BackendColor, BackendCoord, BackendTextStyle, DrawingBackend, DrawingErrorKind, FontTransform};

use super::pictures;

static FONT: LazyLock<FontRef<'static>> =
    LazyLock::new(|| FontRef::try_from_slice(epaint_default_fonts::UBUNTU_LIGHT).expect("the embedded font is valid"));

/// The number of points of the canvas for one pixel of the picture, in each direction.
const OVERSAMPLING: usize = 2;

/// The backend that plotters draws on.
pub struct Canvas<'s>(pub &'s mut Sheet);

/// The points of the canvas, white at the beginning.
pub struct Sheet {
    width: usize,
    height: usize,
    /// Red, green and blue, row by row.
    points: Vec<[f32; 3]>,
}

impl Sheet {
    /// A canvas for a picture of this size in pixels.
    pub fn new(width: usize, height: usize) -> Self {
        let (width, height) = (width * OVERSAMPLING, height * OVERSAMPLING);
        Sheet { width, height, points: vec![[255.0; 3]; width * height] }
    }

    /// The number of points of the canvas for one pixel of the picture, in each direction.
    pub const fn oversampling() -> f64 {
        OVERSAMPLING as f64
    }

    /// The picture as a PNG file: each pixel is the mean of its points.
    pub fn png(&self) -> Vec<u8> {
        let (width, height) = (self.width / OVERSAMPLING, self.height / OVERSAMPLING);
        let mut bytes = Vec::with_capacity(width * height * 3);
        for (row, column) in (0..height).flat_map(|row| (0..width).map(move |column| (row, column))) {
            for channel in 0..3 {
                let points = (0..OVERSAMPLING * OVERSAMPLING).map(|index| {
                    let y = row * OVERSAMPLING + index / OVERSAMPLING;
                    let x = column * OVERSAMPLING + index % OVERSAMPLING;
                    self.points[y * self.width + x][channel]
                });
                bytes.push((points.sum::<f32>() / (OVERSAMPLING * OVERSAMPLING) as f32).round() as u8);
            }
        }
        pictures::png(width, height, png::ColorType::Rgb, &bytes)
    }

    fn blend(&mut self, (x, y): BackendCoord, color: BackendColor, cover: f32) {
        let inside = |index: i32, extent: usize| usize::try_from(index).ok().filter(|&index| index < extent);
        if let (Some(x), Some(y)) = (inside(x, self.width), inside(y, self.height)) {
            let (red, green, blue) = color.rgb;
            let opacity = cover * color.alpha as f32;
            for (channel, new) in self.points[y * self.width + x].iter_mut().zip([red, green, blue]) {
                *channel += opacity * (f32::from(new) - *channel);
            }
        }
    }
}

/// The glyphs of a text with their horizontal positions, and the width of the text.
fn lay_out(text: &str, size: f64) -> (Vec<ab_glyph::Glyph>, f32) {
    let font = FONT.as_scaled(PxScale::from(size as f32));
    let mut x = 0.0;
    let glyphs = text.chars().map(|letter| {
        let mut glyph = font.scaled_glyph(letter);
        glyph.position = ab_glyph::point(x, font.ascent());
        x += font.h_advance(glyph.id);
        glyph
    });
    (glyphs.collect(), x)
}

/// The width of a text of letters of this size in the embedded font.
pub fn text_width(text: &str, size: f64) -> f64 {
    lay_out(text, size).1.into()
}

type Outcome<R = ()> = Result<R, DrawingErrorKind<Infallible>>;

impl DrawingBackend for Canvas<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        (self.0.width as u32, self.0.height as u32)
    }

    fn ensure_prepared(&mut self) -> Outcome {
        Ok(())
    }

    fn present(&mut self) -> Outcome {
        Ok(())
    }

    fn draw_pixel(&mut self, point: BackendCoord, color: BackendColor) -> Outcome {
        self.0.blend(point, color, 1.0);
        Ok(())
    }

    fn estimate_text_size<S: BackendTextStyle>(&self, text: &str, style: &S) -> Outcome<(u32, u32)> {
        Ok((lay_out(text, style.size()).1.ceil() as u32, style.size().ceil() as u32))
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, position: BackendCoord) -> Outcome {
        let (glyphs, width) = lay_out(text, style.size());
        let (width, height) = (width.ceil() as i32, style.size().ceil() as i32);
        let left = match style.anchor().h_pos {
            HPos::Left => 0,
            HPos::Center => -width / 2,
            HPos::Right => -width,
        };
        let top = match style.anchor().v_pos {
            VPos::Top => 0,
            VPos::Center => -height / 2,
            VPos::Bottom => -height,
        };
        let rotated = |x: i32, y: i32| match style.transform() {
            FontTransform::None => (x, y),
            FontTransform::Rotate90 => (-y, x),
            FontTransform::Rotate180 => (-x, -y),
            FontTransform::Rotate270 => (y, -x),
        };
        for outline in glyphs.into_iter().filter_map(|glyph| FONT.outline_glyph(glyph)) {
            let corner = outline.px_bounds().min;
            outline.draw(|x, y, cover| {
                let (x, y) = rotated(left + corner.x as i32 + x as i32, top + corner.y as i32 + y as i32);
                self.0.blend((position.0 + x, position.1 + y), style.color(), cover.min(1.0));
            });
        }
        Ok(())
    }
}
