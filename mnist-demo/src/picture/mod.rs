//! Converts users' pictures of digits into the format that the network was trained on.
//!
//! ```text
//! PNG or JPEG of any size ─ decode ─> Picture, at most 180 × 180 ─ digit ─> 28 × 28, light on dark, centred
//! ```
//!
//! A wrong header cannot make the program allocate much memory: a PNG is read row by row into the small picture. A JPEG
//! must be decoded as a whole, so it is decoded only after every block of 8 × 8 pixels has been found in its bytes.

mod bits;
mod blocks;
mod decode;
mod digit;
mod ink;
mod plane;
mod shapes;

use std::fmt;
use std::path::Path;
use std::{fs::File, io::Read};

pub use digit::{SIDE, normalise};
use plane::Plane;

/// The maximum number of pixels of a picture in a file: as many as the largest cameras of telephones have.
pub const MAX_PIXELS: u64 = 50_000_000;

/// The maximum size of a file, in bytes.
const MAX_BYTES: u64 = 64 << 20;

/// Why no digit could be read from a picture.
#[derive(thiserror::Error, PartialEq, Eq)]
pub enum PictureError {
    /// The operating system could not read the file.
    #[error("{0}")]
    File(String),
    /// It is neither PNG nor JPEG.
    #[error("found {0}, expected a PNG or JPEG picture")]
    Format(&'static str),
    /// It begins as a picture, but is damaged or incomplete.
    #[error("found a damaged {format} picture ({reason}), expected a whole one")]
    Damaged {
        /// PNG or JPEG.
        format: &'static str,
        /// The message of the decoder.
        reason: String,
    },
    /// It has too many pixels.
    #[error("found a picture of {width} × {height} pixels, expected at most {most} pixels")]
    Large {
        /// The width in pixels.
        width: u32,
        /// The height in pixels.
        height: u32,
        /// The maximum number of pixels.
        most: u64,
    },
    /// The header claims more pixels than the data contains.
    #[error(
        "found {bytes} bytes of compressed data, which do not hold the {width} × {height} pixels that the header claims"
    )]
    Claim {
        /// The width in pixels.
        width: u32,
        /// The height in pixels.
        height: u32,
        /// The size of the compressed data.
        bytes: usize,
    },
    /// All pixels have the same colour.
    #[error("found a picture of one colour, expected a digit on it")]
    Blank,
}

/// The sentence of its `Display`: `unwrap()` prints what `Debug` writes.
impl fmt::Debug for PictureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PictureError {
    /// Joins the lines of the reason to one line: some decoders have messages of several lines.
    fn damaged(format: &'static str, reason: impl ToString) -> Self {
        let reason = reason.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        PictureError::Damaged { format, reason }
    }
}

/// A grey picture, scaled down.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// The brightness, from 0 (black) to 1 (white).
    light: Plane,
}

impl Picture {
    /// Decodes a PNG or JPEG picture of at most `most` pixels. The format is recognized by the first bytes.
    ///
    /// # Errors
    /// If it has another format, or is damaged, incomplete, or too large.
    pub fn decode(bytes: &[u8], most: u64) -> Result<Self, PictureError> {
        match bytes {
            [0x89, b'P', b'N', b'G', ..] => decode::png(bytes, most),
            [0xff, 0xd8, ..] => decode::jpeg(bytes, most),
            [] => Err(PictureError::Format("an empty file")),
            [b'G', b'I', b'F', b'8', ..] => Err(PictureError::Format("a GIF picture")),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => {
                Err(PictureError::Format("a WebP picture"))
            }
            [_, _, _, _, b'f', b't', b'y', b'p', ..] => Err(PictureError::Format("a HEIF picture or a film")),
            _ => Err(PictureError::Format("something else")),
        }
    }

    /// Decodes a file.
    ///
    /// # Errors
    /// If the file cannot be read, and as [`Picture::decode`].
    pub fn from_file(path: &Path) -> Result<Self, PictureError> {
        let file = File::open(path).map_err(|error| PictureError::File(error.to_string()))?;
        let mut bytes = Vec::new();
        let read = file.take(MAX_BYTES + 1).read_to_end(&mut bytes);
        match read.map_err(|error| PictureError::File(error.to_string()))? as u64 {
            0..=MAX_BYTES => Picture::decode(&bytes, MAX_PIXELS),
            _ => Err(PictureError::Format("more than 64 MiB")),
        }
    }

    /// The width and height in pixels.
    pub fn size(&self) -> (u32, u32) {
        self.light.dimensions()
    }
}
