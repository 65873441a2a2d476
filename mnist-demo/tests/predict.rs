//! Pictures of digits as people have them: any size, any colours, PNG or JPEG, whole or damaged.

mod common;

use std::fs;
use std::io::{Cursor, Write};
use std::sync::OnceLock;

use common::{assert_refused, demo, gzip, text};
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{FilterType, resize};
use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, ImageEncoder, ImageFormat, Luma, Rgba, RgbaImage};
use mnist_demo::dataset::Dataset;
use mnist_demo::picture::{MAX_PIXELS, Picture, PictureError, SIDE, normalise};
use mnist_demo::reading::Reader;
use serde_json::Value;

fn encoded(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    image.into().write_to(&mut file, format).unwrap();
    file.into_inner()
}

fn digit(file: &[u8]) -> Result<Vec<f32>, PictureError> {
    normalise(&Picture::decode(file, MAX_PIXELS)?)
}

/// The quickly trained network, shared by the tests.
fn reader() -> &'static Reader {
    static READER: OnceLock<Reader> = OnceLock::new();
    READER.get_or_init(|| Reader::train().unwrap().0)
}

/// A pen that draws lines, given as points from 0 to 1, on a sheet of `side` × `side` pixels.
fn drawn(lines: &[&[(f32, f32)]], side: u32, pen: f32) -> GrayImage {
    let distance = |(px, py): (f32, f32), (ax, ay): (f32, f32), (bx, by): (f32, f32)| {
        let (dx, dy) = (bx - ax, by - ay);
        let along = (((px - ax) * dx + (py - ay) * dy) / (dx * dx + dy * dy)).clamp(0.0, 1.0);
        (px - ax - along * dx).hypot(py - ay - along * dy)
    };
    GrayImage::from_fn(side, side, |x, y| {
        let point = ((x as f32 + 0.5) / side as f32, (y as f32 + 0.5) / side as f32);
        let segments = lines.iter().flat_map(|line| line.windows(2));
        let nearest = segments.map(|ends| distance(point, ends[0], ends[1])).fold(f32::MAX, f32::min);
        let cover = ((pen / 2.0 - nearest) * side as f32 + 0.5).clamp(0.0, 1.0);
        Luma([(255.0 * (1.0 - cover)) as u8])
    })
}

const ONE: &[&[(f32, f32)]] = &[&[(0.52, 0.2), (0.48, 0.8)]];
const FOUR: &[&[(f32, f32)]] = &[&[(0.35, 0.2), (0.3, 0.5), (0.65, 0.5)], &[(0.65, 0.22), (0.6, 0.8)]];
const SEVEN: &[&[(f32, f32)]] = &[&[(0.3, 0.25), (0.7, 0.25), (0.45, 0.8)]];

fn zero() -> Vec<(f32, f32)> {
    let round = (0..=40).map(|step| (step as f32 / 40.0 * std::f32::consts::TAU).sin_cos());
    round.map(|(x, y)| (0.5 + 0.2 * x, 0.5 + 0.3 * y)).collect()
}

#[track_caller]
fn assert_reads(file: &[u8], expected: usize, what: &str) {
    let reading = reader().read(&digit(file).unwrap());
    assert!(reading.digit == expected && reading.probabilities[expected] > 0.5, "{what}: {reading:?}");
}

#[test]
fn mnist_digits_are_read_in_any_disguise() {
    const COUNT: usize = 300;
    let data = Dataset::embedded().unwrap();
    let (images, labels) = data.test.batch(&(0..COUNT).collect::<Vec<_>>());
    let images = images.to_vec();
    let right = |disguise: &dyn Fn(&[f32]) -> Vec<f32>| {
        let digits = images.chunks(SIDE * SIDE).map(disguise);
        digits.zip(labels.as_slice()).filter(|(digit, label)| reader().read(digit).digit as i64 == **label).count()
    };
    let plain = right(&|pixels| pixels.to_vec());
    assert!(plain * 100 >= COUNT * 95, "{plain} of {COUNT}");
    // A margin, a number of times larger, inverted or not, in a format.
    for (margin, times, inverted, format) in [
        (0, 1, false, ImageFormat::Png),
        (3, 1, true, ImageFormat::Png),
        (0, 4, true, ImageFormat::Jpeg),
        (5, 9, false, ImageFormat::Jpeg),
        (40, 3, true, ImageFormat::Png),
    ] {
        let found = right(&|pixels| {
            let image = GrayImage::from_fn(28 + margin, 28 + margin, |x, y| {
                // The margin is on the left and above: the digit is far from the middle.
                let pixel =
                    x.checked_sub(margin).zip(y.checked_sub(margin)).map(|(x, y)| pixels[(y * 28 + x) as usize]);
                let ink = (255.0 * pixel.unwrap_or(0.0)).round() as u8;
                Luma([if inverted { 255 - ink } else { ink }])
            });
            let side = (28 + margin) * times;
            digit(&encoded(resize(&image, side, side, FilterType::Triangle), format)).unwrap()
        });
        assert!(
            found * 100 >= plain * 97,
            "{found} of {plain} with a margin of {margin}, {times} times larger, {format:?}"
        );
    }
}

#[test]
fn drawn_digits_are_read_whatever_the_sheet_and_the_pen() {
    for (side, pen) in [(40, 0.08), (100, 0.04), (300, 0.01), (300, 0.12), (1000, 0.02), (1000, 0.1)] {
        for (class, lines) in [(0, &[&zero()[..]][..]), (1, ONE), (4, FOUR), (7, SEVEN)] {
            let sheet = drawn(lines, side, pen);
            assert_reads(&encoded(sheet.clone(), ImageFormat::Png), class, &format!("PNG, {side}, {pen}"));
            assert_reads(&encoded(sheet, ImageFormat::Jpeg), class, &format!("JPEG, {side}, {pen}"));
        }
    }
}

#[test]
fn colours_transparency_light_from_one_side_and_noise_do_not_matter() {
    let sheet = drawn(FOUR, 200, 0.08);
    let png = |pixel: &dyn Fn(u32, u32, u8) -> [u8; 4]| {
        let image = RgbaImage::from_fn(200, 200, |x, y| Rgba(pixel(x, y, sheet[(x, y)].0[0])));
        encoded(image, ImageFormat::Png)
    };
    let between = |paper: u8, ink: u8, light: u8| {
        (f32::from(ink) + (f32::from(paper) - f32::from(ink)) * f32::from(light) / 255.0) as u8
    };
    assert_reads(&png(&|_, _, l| [between(255, 20, l), between(240, 60, l), between(200, 180, l), 255]), 4, "blue ink");
    assert_reads(&png(&|_, _, l| [between(30, 60, l), between(60, 240, l), between(40, 50, l), 255]), 4, "on a board");
    assert_reads(&png(&|_, _, l| [0, 0, 0, 255 - l]), 4, "black ink on nothing");
    assert_reads(&png(&|_, _, l| [255, 255, 255, 255 - l]), 4, "white ink on nothing");
    let inside = |x: u32, y: u32| x.abs_diff(100) < 90 && y.abs_diff(100) < 90;
    assert_reads(&png(&|x, y, l| [l, l, l, if inside(x, y) { 255 } else { 0 }]), 4, "a sheet on nothing");
    assert_reads(&png(&|_, _, l| [between(130, 100, l), between(130, 100, l), between(130, 100, l), 255]), 4, "faint");
    let lit = |x: u32, y: u32, l: u8| (f32::from(between(250, 40, l)) * (1.0 - 0.0006 * (x + y) as f32)) as u8;
    assert_reads(&png(&|x, y, l| [lit(x, y, l), lit(x, y, l), lit(x, y, l), 255]), 4, "light from one side");
    let grain = |x: u32, y: u32| ((x * 7919 + y * 104_729) % 41) as u8;
    let noisy = |x: u32, y: u32, l: u8| between(200, 60, l).saturating_add(grain(x, y));
    assert_reads(&png(&|x, y, l| [noisy(x, y, l), noisy(x, y, l), noisy(x, y, l), 255]), 4, "noise");
}

/// A camera's note how to show its picture: a TIFF header with one entry.
fn orientation_note(orientation: u8) -> Vec<u8> {
    [&b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0"[..], &[orientation, 0, 0, 0, 0, 0, 0]].concat()
}

/// A PNG with the note before or behind its pixels.
fn noted_png(image: &GrayImage, note: &[u8], is_before: bool) -> Vec<u8> {
    let plain = encoded(image.clone(), ImageFormat::Png);
    let chunk = &png_of(&[(b"eXIf", note)])[8..];
    // The signature and the header have 33 bytes, the end has 12.
    let at = if is_before { 33 } else { plain.len() - 12 };
    [&plain[..at], chunk, &plain[at..]].concat()
}

#[test]
fn pictures_are_shown_as_the_camera_notes() {
    // The letter F, neither symmetric nor square: all eight differ.
    let is_ink = |x: u32, y: u32| matches!((x, y), (5..9, 5..35) | (9..20, 5..9) | (9..15, 17..21));
    let upright = GrayImage::from_fn(24, 40, |x, y| Luma([if is_ink(x, y) { 30 } else { 220 }]));
    let light = |file: &[u8]| Picture::decode(file, MAX_PIXELS).unwrap();
    let expected = light(&encoded(upright.clone(), ImageFormat::Png));
    let stored = |orientation| {
        let mut stored = DynamicImage::from(upright.clone());
        // What undoes the note.
        stored.apply_orientation(match orientation {
            5 => Orientation::Rotate90FlipH,
            6 => Orientation::Rotate270,
            7 => Orientation::Rotate270FlipH,
            8 => Orientation::Rotate90,
            same => Orientation::from_exif(same).unwrap(),
        });
        stored.into_luma8()
    };
    for orientation in 1..=8 {
        let (image, note) = (stored(orientation), orientation_note(orientation));
        for is_before in [true, false] {
            assert_eq!(light(&noted_png(&image, &note, is_before)), expected, "{orientation}, before {is_before}");
        }
        let mut file = Vec::new();
        let mut encoder = JpegEncoder::new_with_quality(&mut file, 100);
        encoder.set_exif_metadata(note).unwrap();
        encoder.encode_image(&image).unwrap();
        assert_eq!(light(&file).size(), expected.size());
        let differences = digit(&file).unwrap().into_iter().zip(normalise(&expected).unwrap());
        let largest = differences.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(largest < 0.1, "JPEG, {orientation}: {largest}");
    }
    // A note that says nothing, or nonsense.
    for note in [&b""[..], b"Exif", &orientation_note(0), &orientation_note(9), &orientation_note(6)[..15]] {
        assert_eq!(light(&noted_png(&upright, note, true)), expected, "{note:?}");
    }
}

#[test]
fn a_picture_taken_sideways_is_read() {
    let sideways = image::imageops::rotate270(&drawn(FOUR, 200, 0.08));
    for is_before in [true, false] {
        assert_reads(&noted_png(&sideways, &orientation_note(6), is_before), 4, "PNG");
    }
    let mut file = Vec::new();
    let mut encoder = JpegEncoder::new(&mut file);
    encoder.set_exif_metadata(orientation_note(6)).unwrap();
    encoder.encode_image(&sideways).unwrap();
    assert_reads(&file, 4, "JPEG");
}

/// A grey PNG of rows, interlaced, with every pass compressed after the other.
fn interlaced(image: &GrayImage) -> Vec<u8> {
    let (width, height) = image.dimensions();
    let mut raw = Vec::new();
    for (left, across, top, down) in
        [(0, 8, 0, 8), (4, 8, 0, 8), (0, 4, 4, 8), (2, 4, 0, 4), (0, 2, 2, 4), (1, 2, 0, 2), (0, 1, 1, 2)]
    {
        for y in (top..height).step_by(down).filter(|_| left < width) {
            raw.push(0);
            raw.extend((left..width).step_by(across).map(|x| image[(x, y)].0[0]));
        }
    }
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&raw).unwrap();
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 0, 0, 0, 1]].concat();
    png_of(&[(b"IHDR", &header), (b"IDAT", &packed.finish().unwrap()), (b"IEND", &[])])
}

fn png_of(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, content) in chunks {
        let mut check = flate2::Crc::new();
        check.update(&name[..]);
        check.update(content);
        file.extend((content.len() as u32).to_be_bytes());
        file.extend([&name[..], content, &check.sum().to_be_bytes()].concat());
    }
    file
}

#[test]
fn interlaced_pngs_are_read() {
    for side in [1, 2, 5, 31, 64] {
        let image = GrayImage::from_fn(side, side, |x, y| Luma([(x * 37 + y * 91) as u8]));
        let plain = Picture::decode(&encoded(image.clone(), ImageFormat::Png), MAX_PIXELS).unwrap();
        assert_eq!(Picture::decode(&interlaced(&image), MAX_PIXELS), Ok(plain), "{side}");
    }
}

#[test]
fn what_is_no_picture_is_an_error() {
    let refused = |file: &[u8], words: &str| {
        let message = digit(file).unwrap_err().to_string();
        assert!(message.contains(words), "{words:?} is not in {message:?}");
        assert_eq!(message.lines().count(), 1);
    };
    refused(b"", "found an empty file, expected a PNG or JPEG picture");
    refused(b"three", "found something else");
    refused(b"GIF89a and so on", "found a GIF picture");
    for (format, name) in [(ImageFormat::Png, "PNG"), (ImageFormat::Jpeg, "JPEG")] {
        let whole = encoded(drawn(FOUR, 64, 0.1), format);
        assert!(digit(&whole).is_ok());
        for length in (4..whole.len()).step_by(7).chain([whole.len() - 1]) {
            refused(&whole[..length], name);
        }
        refused(&encoded(GrayImage::from_pixel(9, 9, Luma([70])), format), "found a picture of one colour");
    }
    refused(&encoded(RgbaImage::new(9, 9), ImageFormat::Png), "found a picture of one colour");
}

#[test]
fn a_header_is_not_believed() {
    let header = |width: u32, height: u32| [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 6, 0, 0, 0]].concat();
    let png = |width, height| png_of(&[(b"IHDR", &header(width, height)), (b"IDAT", b""), (b"IEND", b"")]);
    let answer = |file: &[u8]| digit(file).unwrap_err().to_string();
    assert!(answer(&png(60_000, 60_000)).contains("found a picture of 60000 × 60000 pixels, expected at most"));
    assert!(answer(&png(7000, 7000)).contains("damaged PNG"));
    let mut jpeg = encoded(drawn(ONE, 64, 0.1), ImageFormat::Jpeg);
    let size = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap() + 5;
    jpeg[size..size + 4].copy_from_slice(&[0x1b, 0x58, 0x1b, 0x58]);
    assert!(answer(&jpeg).contains("do not hold the 7000 × 7000 pixels that the header claims"), "{}", answer(&jpeg));
    jpeg[size..size + 4].copy_from_slice(&[0xff; 4]);
    assert!(answer(&jpeg).contains("65535 × 65535"));
}

#[test]
fn the_program_prints_bars_or_json_and_names_what_it_cannot_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (one, seven, rubbish, weights) = (path("one.png"), path("seven.jpg"), path("rubbish.png"), path("weights"));
    fs::write(&one, encoded(drawn(ONE, 120, 0.1), ImageFormat::Png)).unwrap();
    fs::write(&seven, encoded(drawn(SEVEN, 90, 0.08), ImageFormat::Jpeg)).unwrap();
    fs::write(&rubbish, gzip(b"no picture")).unwrap();
    let trained = demo(&["--epochs", "1", "--save", &weights]);
    assert!(trained.status.success(), "{}", text(&trained.stderr));

    let output = demo(&["predict", &one, &seven, "--weights", &weights]);
    assert!(output.status.success() && output.stderr.is_empty(), "{}", text(&output.stderr));
    let stdout = text(&output.stdout);
    let lines: Vec<&str> = stdout.lines().collect();
    assert_eq!(lines.len(), 22, "{stdout}");
    assert_eq!((lines[0], lines[11]), (&*format!("{one}: 1"), &*format!("{seven}: 7")));
    assert!(lines[2].starts_with("  1  ████████") && lines[2].ends_with('%'), "{stdout}");

    let output = demo(&["predict", "--json", &seven, &rubbish, &one, "--weights", &weights]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        text(&output.stderr),
        format!("error: {rubbish}: found something else, expected a PNG or JPEG picture\n")
    );
    let answers: Vec<Value> = text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&answers[0]["class"], &answers[1]["class"]), (&7.into(), &1.into()));
    assert_eq!((&answers[0]["label"], &answers[0]["labels"][9]), (&"7".into(), &"9".into()));
    assert_eq!((&answers[0]["file"], answers.len()), (&seven.clone().into(), 2));
    let probabilities = answers[0]["probabilities"].as_array().unwrap();
    let sum: f64 = probabilities.iter().map(|probability| probability.as_f64().unwrap()).sum();
    assert!(probabilities.len() == 10 && (sum - 1.0).abs() < 1e-4, "{sum}");

    assert_refused(&demo(&["predict"]), 2, "<FILE>...");
    assert_refused(&demo(&["predict", &path("missing.png"), "--weights", &weights]), 1, "missing.png: No such file");
    assert_refused(
        &demo(&["predict", &one, "--weights", &rubbish]),
        1,
        "found a gzip stream, expected weights in a whole",
    );
    // Without weights it says what it does meanwhile.
    let output = demo(&["predict", &one]);
    assert!(text(&output.stdout).starts_with(&format!("{one}: 1\n")), "{}", text(&output.stdout));
    assert!(text(&output.stderr).starts_with("no --weights: training on MNIST for 3 epochs first\ntrained in "));
}
