//! Checks that hostile input does not end the program, and does not make it allocate memory that the input only claims
//! to need. Used by the fuzz targets and by the test `mnist-demo/tests/fuzz.rs`, which replays the corpus.

#![allow(dead_code)]

#[path = "../../nn/fuzz/memory.rs"]
pub mod memory;

use std::io::{Cursor, Read};
use std::path::Path;
use std::sync::{Arc, LazyLock};

use autograd::Random;
use flate2::bufread::MultiGzDecoder;
use image::ImageDecoder;
use image::codecs::jpeg::JpegDecoder;
use memory::{assert_at_most, in_use};
use mnist_demo::checkpoint::Snapshot;
use mnist_demo::classifier::Classifier;
use mnist_demo::idx::{read, read_compressed};
use mnist_demo::model::perceptron_for;
use mnist_demo::picture::{Picture, PictureError, SIDE, normalise};
use mnist_demo::serve::{Site, converse};

/// Twice the input and a megabyte.
fn allowed(input: usize) -> usize {
    2 * input + (1 << 20)
}

/// The memory that the JPEG decoder may use for each pixel that is really in the file, in bytes.
const PIXEL: usize = 12;

/// The maximum number of pixels in a JPEG file of this size: each block of 8 × 8 needs at least one bit.
fn most_pixels(bytes: usize) -> usize {
    64 * 8 * bytes
}

/// An IDX file of any rank.
pub fn idx(bytes: &[u8]) {
    for rank in [1, 3] {
        let (found, most) = in_use(|| read(bytes, Path::new("fuzz"), rank));
        assert_at_most(most, allowed(bytes.len()));
        if let Ok(found) = found {
            assert_eq!(found.bytes.len(), found.extents.iter().product::<usize>());
            assert_eq!(found.bytes.len() + 4 + 4 * rank, bytes.len());
        }
    }
}

/// A compressed IDX file; the decompressed bytes count as input too.
pub fn gzip(bytes: &[u8]) {
    let (mut stream, mut piece, mut unpacked) = (MultiGzDecoder::new(bytes), [0; 4096], 0);
    while let Ok(more @ 1..) = stream.read(&mut piece) {
        unpacked += more;
    }
    let (_, most) = in_use(|| read_compressed(bytes, Path::new("fuzz"), 3));
    assert_at_most(most, allowed(bytes.len() + unpacked));
}

/// A PNG or JPEG file, and its digit. Only a JPEG that contains the whole picture may take memory for it.
pub fn picture(bytes: &[u8]) {
    const MAX_PIXELS: u64 = 1 << 22;
    let (digit, most) = in_use(|| Picture::decode(bytes, MAX_PIXELS).and_then(|it| normalise(&it)));
    let pixels = match (JpegDecoder::new(Cursor::new(bytes)), &digit) {
        (Ok(jpeg), Ok(_) | Err(PictureError::Blank | PictureError::Damaged { .. })) => {
            let (width, height) = jpeg.dimensions();
            width as usize * height as usize
        }
        _ => 0,
    };
    assert!(digit.is_err() || pixels <= most_pixels(bytes.len()), "{pixels} pixels were believed");
    assert_at_most(most, allowed(bytes.len()) + PIXEL * pixels.min(most_pixels(bytes.len())));
    if let Ok(digit) = digit {
        assert!(digit.len() == SIDE * SIDE && digit.iter().all(|ink| (0.0..=1.0).contains(ink)));
    }
}

/// The bytes of one connection to the page.
pub fn request(bytes: &[u8]) {
    static SITE: LazyLock<Arc<Site>> =
        LazyLock::new(|| Arc::new(Site::new(Classifier::new(perceptron_for(SIDE * SIDE, 10, &mut Random::new(0))))));
    let site = Arc::clone(&SITE);
    // A request may contain a picture at any position.
    let jpeg = bytes.windows(2).position(|pair| pair == [0xff, 0xd8]).map_or(0, |start| bytes.len() - start);
    let ((), most) = in_use(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("there is a runtime");
        runtime.block_on(converse(tokio::io::join(bytes, tokio::io::sink()), site));
    });
    assert_at_most(most, allowed(bytes.len()) + PIXEL * most_pixels(jpeg));
}

/// A checkpoint with a correct checksum: a wrong one would be refused before anything else is parsed.
pub fn checkpoint(bytes: &[u8]) {
    let whole = [bytes, &crc32fast::hash(bytes).to_le_bytes()].concat();
    for bytes in [bytes, &whole] {
        let (_, most) = in_use(|| Snapshot::from_bytes(bytes).map(drop));
        assert_at_most(most, allowed(bytes.len()));
    }
}
