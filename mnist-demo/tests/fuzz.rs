//! Replays what the fuzz targets have found interesting, and some claims; `.ci/fuzz` looks for more.

#[path = "../fuzz/checks.rs"]
mod checks;

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use image::{GrayImage, ImageFormat, Luma};
use mnist_demo::serve::MAX_BYTES;

fn corpus(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target)
}

fn replay(target: &str, check: fn(&[u8])) {
    let mut count = 0;
    for entry in fs::read_dir(corpus(target)).unwrap() {
        check(&fs::read(entry.unwrap().path()).unwrap());
        count += 1;
    }
    assert!(count >= 5, "{target} has a corpus of {count}");
}

#[test]
fn idx() {
    let _turn = checks::memory::alone();
    replay("idx", checks::idx);
    // Few bytes that claim a gigabyte and more.
    checks::idx(b"\0\0\x08\x01\x40\0\0\0......");
    checks::idx(b"\0\0\x08\x03\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\x01");
}

#[test]
fn gzip() {
    let _turn = checks::memory::alone();
    replay("gzip", checks::gzip);
}

#[test]
fn picture() {
    let _turn = checks::memory::alone();
    replay("picture", checks::picture);
    // Little picture and much beside it: notes of every kind that the decoder keeps.
    let whole = fs::read(corpus("picture").join("baseline.jpg")).unwrap();
    for (mark, begin) in [
        (0xe1, &b"Exif\0\0"[..]),
        (0xe1, b"http://ns.adobe.com/xap/1.0/\0"),
        (0xe2, b"ICC_PROFILE\0\x01\x64"),
        (0xed, b"Photoshop 3.0\0"),
        (0xfe, b""),
    ] {
        let note = [&[0xff, mark, 0xff, 0xff], begin, &vec![7; 65_533 - begin.len()]].concat();
        checks::picture(&[&whole[..2], &note.repeat(100), &whole[2..]].concat());
    }
    // Frames in frames, with a digit or noise in the innermost, at the size at which most memory is taken.
    let within = |x: u32, y: u32| x.min(y).min(179 - x).min(179 - y);
    let noise = |x: u32, y: u32| (x.wrapping_mul(7919) ^ y.wrapping_mul(104_729)).wrapping_mul(0x9e37_79b9) >> 24;
    for depth in [0, 8, 16, 24, 100] {
        for is_noisy in [false, true] {
            let image = GrayImage::from_fn(180, 180, |x, y| match within(x, y) {
                inside if inside < depth => Luma([if inside / 4 % 2 == 0 { 20 } else { 230 }]),
                _ if is_noisy => Luma([noise(x, y) as u8]),
                _ => Luma([if (80..100).contains(&x) && (40..160).contains(&y) { 20 } else { 230 }]),
            });
            let mut file = Cursor::new(Vec::new());
            image.write_to(&mut file, ImageFormat::Png).unwrap();
            checks::picture(&file.into_inner());
        }
    }
}

#[test]
fn request() {
    let _turn = checks::memory::alone();
    replay("request", checks::request);
    // As much as a body may be: numbers, brackets, and pieces of a byte each.
    let said = |head: &str, body: &[u8]| {
        let head = format!("POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n{head}\r\n\r\n");
        checks::request(&[head.as_bytes(), body].concat());
    };
    let length = format!("Content-Length: {MAX_BYTES}");
    said(&length, format!("[{}0]", "0,".repeat(MAX_BYTES / 2 - 1)).as_bytes());
    said(&length, &[b'['; MAX_BYTES]);
    said("Transfer-Encoding: chunked", &b"1\r\n0\r\n".repeat(MAX_BYTES));
    checks::request(&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(10_000));
}

#[test]
fn checkpoint() {
    let _turn = checks::memory::alone();
    replay("checkpoint", checks::checkpoint);
    // A header that lists a million dimensions.
    let header = format!(r#"{{"a":{{"dtype":"F32","shape":[{}1],"data_offsets":[0,4]}}}}"#, "1,".repeat(1 << 20));
    checks::checkpoint(&[&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat());
}
