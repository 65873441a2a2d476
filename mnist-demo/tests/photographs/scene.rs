//! Pictures of a digit as from a camera, a scanner or a drawing program: with a frame, a desk around the paper, light
//! from one side, specks, noise and compression. All variations are determined by a seed.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::{GrayImage, ImageEncoder, ImageFormat, Luma};

/// Uniform random values, by the generator SplitMix64.
pub struct Seed(pub u64);

impl Seed {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A value from `low` up to `high`.
    pub fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * (self.bits() >> 40) as f32 / (1 << 24) as f32
    }

    /// A random element.
    pub fn choose<T: Copy>(&mut self, from: &[T]) -> T {
        from[(self.bits() % from.len() as u64) as usize]
    }
}

/// A line along all four sides of the picture, in pixels.
#[derive(Clone, Copy, Default)]
pub struct Frame {
    pub inset: u32,
    pub thickness: u32,
}

/// The desk around a sheet of paper. The centre and half sides of the sheet are fractions of the picture, its rotation
/// is in radians.
#[derive(Clone, Copy)]
pub struct Desk {
    pub centre: (f32, f32),
    pub half: (f32, f32),
    pub rotation: f32,
    pub shade: f32,
}

/// Light that gets linearly weaker in a direction, given in radians: from 1 to `weakest`.
#[derive(Clone, Copy)]
pub struct Light {
    pub direction: f32,
    pub weakest: f32,
}

/// A disc of ink, in fractions of the picture.
#[derive(Clone, Copy)]
pub struct Speck {
    pub centre: (f32, f32),
    pub radius: f32,
}

/// A picture of a digit. Grey levels are from 0 (black) to 1 (white).
#[derive(Clone)]
pub struct Scene {
    pub side: u32,
    pub paper: f32,
    pub ink: f32,
    /// The square of the digit's 28 × 28 pixels: left, top, side, in fractions of the picture.
    pub digit: (f32, f32, f32),
    pub frame: Frame,
    pub desk: Option<Desk>,
    pub light: Option<Light>,
    pub specks: Vec<Speck>,
    /// The standard deviation of normal noise.
    pub noise: f32,
    /// The quality of a JPEG; otherwise it is a PNG.
    pub jpeg: Option<u8>,
}

impl Scene {
    /// A digit that fills the picture, dark on light or light on dark.
    pub fn plain(side: u32, dark_on_light: bool) -> Scene {
        let (paper, ink) = if dark_on_light { (1.0, 0.0) } else { (0.0, 1.0) };
        let digit = (0.0, 0.0, 1.0);
        let frame = Frame::default();
        Scene { side, paper, ink, digit, frame, desk: None, light: None, specks: Vec::new(), noise: 0.0, jpeg: None }
    }

    /// The file with the picture of a digit of 28 × 28 values, from 0 to 1.
    pub fn file(&self, digit: &[f32], seed: &mut Seed) -> Vec<u8> {
        let image = GrayImage::from_fn(self.side, self.side, |x, y| {
            // Several samples per pixel, because a sensor collects light from the whole area of a pixel.
            const SAMPLES: u32 = 2;
            let at =
                |pixel: u32, sample: u32| (pixel as f32 + (sample as f32 + 0.5) / SAMPLES as f32) / self.side as f32;
            let samples = (0..SAMPLES * SAMPLES).map(|i| self.shade(digit, at(x, i % SAMPLES), at(y, i / SAMPLES)));
            let mean = samples.sum::<f32>() / (SAMPLES * SAMPLES) as f32;
            // The sum of four uniform values is close enough to a normal one.
            let noise = (0..4).map(|_| seed.between(-1.0, 1.0)).sum::<f32>() * 0.75_f32.sqrt();
            let framed = if self.in_frame(x, y) { self.ink * self.light_at(x, y) } else { mean };
            Luma([(255.0 * (framed + self.noise * noise)).round().clamp(0.0, 255.0) as u8])
        });
        let mut file = Vec::new();
        match self.jpeg {
            Some(quality) => {
                let encoder = JpegEncoder::new_with_quality(&mut file, quality);
                encoder.write_image(&image, self.side, self.side, image::ExtendedColorType::L8).unwrap();
            }
            None => image.write_to(&mut Cursor::new(&mut file), ImageFormat::Png).unwrap(),
        }
        file
    }

    fn in_frame(&self, x: u32, y: u32) -> bool {
        let outside = x.min(y).min(self.side - 1 - x).min(self.side - 1 - y);
        (self.frame.inset..self.frame.inset + self.frame.thickness).contains(&outside)
    }

    fn light_at(&self, x: u32, y: u32) -> f32 {
        self.illumination((x as f32 + 0.5) / self.side as f32, (y as f32 + 0.5) / self.side as f32)
    }

    /// The brightness of the picture at a point, without noise and frame.
    fn shade(&self, digit: &[f32], x: f32, y: f32) -> f32 {
        self.illumination(x, y) * self.reflected(digit, x, y)
    }

    fn illumination(&self, x: f32, y: f32) -> f32 {
        self.light.map_or(1.0, |Light { direction, weakest }| {
            let (sine, cosine) = direction.sin_cos();
            let along = ((x - 0.5) * cosine + (y - 0.5) * sine) / (sine.abs() + cosine.abs());
            1.0 - (1.0 - weakest) * (along + 0.5)
        })
    }

    fn reflected(&self, digit: &[f32], x: f32, y: f32) -> f32 {
        if let Some(Desk { centre, half, rotation, shade }) = self.desk {
            let (sine, cosine) = rotation.sin_cos();
            let (right, down) = (x - centre.0, y - centre.1);
            let (across, along) = (cosine * right + sine * down, cosine * down - sine * right);
            if across.abs() > half.0 || along.abs() > half.1 {
                return shade;
            }
        }
        let is_in = |speck: &Speck| (x - speck.centre.0).hypot(y - speck.centre.1) <= speck.radius;
        let (left, top, side) = self.digit;
        let cover = match self.specks.iter().any(is_in) {
            true => 1.0,
            false => interpolated(digit, (x - left) / side * 28.0 - 0.5, (y - top) / side * 28.0 - 0.5),
        };
        self.paper + (self.ink - self.paper) * cover
    }
}

/// The digit at a position between pixels, by bilinear interpolation; 0 outside.
fn interpolated(digit: &[f32], x: f32, y: f32) -> f32 {
    let at = |x: f32, y: f32| {
        let inside = (0.0..28.0).contains(&x) && (0.0..28.0).contains(&y);
        if inside { digit[y as usize * 28 + x as usize] } else { 0.0 }
    };
    let (left, top) = (x.floor(), y.floor());
    let (right, down) = (x - left, y - top);
    let above = at(left, top) * (1.0 - right) + at(left + 1.0, top) * right;
    let below = at(left, top + 1.0) * (1.0 - right) + at(left + 1.0, top + 1.0) * right;
    above * (1.0 - down) + below * down
}
