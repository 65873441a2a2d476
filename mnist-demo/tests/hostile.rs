//! Wrong files of all kinds: each gives one clear line, and nothing is written.

mod common;

use std::fs;
use std::path::Path;

use common::{assert_refused, columns_of_light, demo, gzip, idx, text, write_small_set};
use mnist_demo::dataset::Dataset;

const IMAGES: &str = "train-images-idx3-ubyte";
const LABELS: &str = "train-labels-idx1-ubyte";
const TEST_IMAGES: &str = "t10k-images-idx3-ubyte";
const TEST_LABELS: &str = "t10k-labels-idx1-ubyte";

/// Replaces one file of a good data set, plain or compressed, and returns the result of reading the set.
fn answer(name: &str, ending: &str, bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    write_small_set(folder.path());
    let _ = fs::remove_file(folder.path().join(name));
    let _ = fs::remove_file(folder.path().join(format!("{name}.gz")));
    fs::write(folder.path().join(format!("{name}{ending}")), bytes).unwrap();
    let message = Dataset::from_folder(folder.path()).map(|_| ()).unwrap_err().to_string();
    assert!(message.contains(name), "the path is missing: {message}");
    assert_eq!(message.lines().count(), 1, "{message}");
    message
}

#[track_caller]
fn refused(name: &str, ending: &str, bytes: &[u8], words: &str) {
    let message = answer(name, ending, bytes);
    assert!(message.contains(words), "{words:?} is not in {message:?}");
}

fn good_images() -> Vec<u8> {
    idx(&[256, 5, 4], &columns_of_light(256, 5, 4).0)
}

#[test]
fn the_good_set_is_read() {
    let folder = tempfile::tempdir().unwrap();
    write_small_set(folder.path());
    let data = Dataset::from_folder(folder.path()).unwrap();
    assert_eq!((data.train.len(), data.test.len(), data.classes, data.train.width()), (256, 64, 4, 20));
    // The spelling with a dot is accepted, and the plain file is preferred to the compressed one.
    fs::rename(folder.path().join(IMAGES), folder.path().join("train-images.idx3-ubyte")).unwrap();
    fs::write(folder.path().join(format!("{TEST_IMAGES}.gz")), "not looked at").unwrap();
    assert!(Dataset::from_folder(folder.path()).is_ok());
}

#[test]
fn headers_are_not_believed() {
    refused(
        IMAGES,
        "",
        &[],
        "found an empty file, expected an IDX file of bytes in 3 dimensions, which begins with [00, 00, 08, 03]",
    );
    refused(IMAGES, "", &[0, 0, 8], "found the end of the file in the magic number");
    refused(IMAGES, "", &idx(&[256, 5], &[])[..8], "found 2 dimensions, expected an IDX file of bytes in 3 dimensions");
    refused(IMAGES, "", &good_images()[..10], "found the end of the file in extent 1");
    refused(IMAGES, "", b"\x00\x00\x0d\x03xxxxxxxxxxxx", "found the element type 0x0d");
    refused(IMAGES, "", b"\x01\x02\x03\x04 and more", "found the magic number [01, 02, 03, 04]");
    refused(LABELS, "", &idx(&[256, 1, 1], &[0; 256]), "found 3 dimensions");
    refused(IMAGES, "", &good_images()[..good_images().len() - 1], "only 5119 bytes, expected 5120 bytes");
    refused(IMAGES, "", &[good_images(), vec![0]].concat(), "found more bytes, expected 5120 bytes");
}

#[test]
fn claims_take_no_memory() {
    // A file of a few bytes that claims gigabytes, or more bytes than it has, is refused at once.
    refused(IMAGES, "", &idx(&[1 << 20, 1 << 10, 1], &[1, 2, 3]), "only 3 bytes, expected 1073741824 bytes");
    refused(IMAGES, "", &idx(&[u32::MAX, u32::MAX, u32::MAX], &[0; 9]), "as many elements as memory can address");
    refused(IMAGES, "", &idx(&[u32::MAX, 1 << 30, 1], &[0; 9]), "only 9 bytes");
    refused(LABELS, ".gz", &gzip(&idx(&[u32::MAX], &[])), "only 0 bytes, expected 4294967295 bytes");
}

#[test]
fn compressed_files_are_whole_and_nothing_more() {
    let whole = gzip(&good_images());
    refused(IMAGES, ".gz", &[], "found an empty file");
    refused(IMAGES, ".gz", &whole[..whole.len() / 2], "a gzip stream that ends early");
    refused(IMAGES, ".gz", &whole[..whole.len() - 3], "a gzip stream that ends early");
    refused(IMAGES, ".gz", &gzip(&whole), "found a gzip stream inside of a gzip stream");
    refused(IMAGES, ".gz", &[&whole[..], b"rubbish behind it"].concat(), "a damaged gzip stream");
    let mut flipped = whole.clone();
    let last = flipped.len() - 6;
    flipped[last] ^= 1;
    refused(IMAGES, ".gz", &flipped, "a damaged gzip stream");
    // A much too long stream is not read to its end: a gigabyte of zeros after a small header.
    let mut bomb = idx(&[256, 5, 4], &[0; 5120]);
    bomb.resize(64 << 20, 0);
    refused(IMAGES, ".gz", &gzip(&bomb), "found more bytes, expected 5120 bytes");
}

#[test]
fn the_first_bytes_tell_what_is_compressed_and_not_the_name() {
    let folder = tempfile::tempdir().unwrap();
    write_small_set(folder.path());
    let whole = Dataset::from_folder(folder.path()).unwrap().identity();
    let path = |name: &str| folder.path().join(name);
    // One file was decompressed but kept its name with .gz; the other is compressed but has no .gz.
    fs::write(path(&format!("{IMAGES}.gz")), good_images()).unwrap();
    fs::remove_file(path(IMAGES)).unwrap();
    fs::rename(path(&format!("{LABELS}.gz")), path(LABELS)).unwrap();
    assert_eq!(Dataset::from_folder(folder.path()).unwrap().identity(), whole);
    // If both names are there, the plain one is used, whatever it contains.
    fs::write(path(IMAGES), gzip(&good_images())).unwrap();
    fs::write(path(&format!("{IMAGES}.gz")), "not looked at").unwrap();
    assert_eq!(Dataset::from_folder(folder.path()).unwrap().identity(), whole);
}

#[test]
fn what_a_download_left_in_place_of_the_data_is_named() {
    let page = b"<!DOCTYPE html>\n<html><title>404 Not Found</title></html>";
    for (bytes, kind) in [
        (&page[..], "a web page (HTML)"),
        (
            b"<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>",
            "an XML document, as servers send it for an error",
        ),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "a Git LFS pointer"),
        (b"PK\x03\x04 a zip file", "a zip archive"),
        (b"404: Not Found", "text that begins with \"404: Not Found\""),
    ] {
        refused(IMAGES, "", bytes, &format!("found {kind}"));
        refused(LABELS, ".gz", bytes, &format!("found {kind}"));
        // Sent by a server that compresses everything.
        refused(IMAGES, ".gz", &gzip(bytes), &format!("found {kind}"));
        // The same for weights and for labels.
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        fs::write(path("weights"), bytes).unwrap();
        fs::write(path("picture.png"), picture()).unwrap();
        let output = demo(&["eval", "--weights", &path("weights")]);
        assert_refused(&output, 1, &format!("weights: found {kind}"));
        let output = demo(&["predict", &path("picture.png"), "--weights", &path("weights")]);
        assert_refused(&output, 1, &format!("weights: found {kind}"));
        if !kind.starts_with("text") {
            let output = demo(&["predict", &path("picture.png"), "--labels", &path("weights")]);
            assert_refused(&output, 1, &format!("weights: found {kind}"));
        }
    }
}

/// A PNG with something on it.
fn picture() -> Vec<u8> {
    let mut png = std::io::Cursor::new(Vec::new());
    let image = image::GrayImage::from_fn(28, 28, |x, _| image::Luma([if x.abs_diff(14) < 2 { 0 } else { 255 }]));
    image.write_to(&mut png, image::ImageFormat::Png).unwrap();
    png.into_inner()
}

#[test]
fn wrong_folders_are_reported_with_what_is_there_and_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let message = |path: &Path| {
        let message = Dataset::from_folder(path).unwrap_err().to_string();
        assert!(message.starts_with(&format!("{}: found ", path.display())), "{message}");
        message[path.to_str().unwrap().len() + 2..].to_owned()
    };
    assert_eq!(message(&path("nowhere")), "found no such folder, expected a folder with the four files of a data set");
    assert!(
        message(folder.path()).starts_with("found an empty folder, expected the four files of a data set (train-im")
    );
    fs::write(path("notes"), "").unwrap();
    assert_eq!(message(&path("notes")), "found a file, expected a folder with the four files of a data set");
    assert!(
        message(folder.path()).starts_with("found no train-images-idx3-ubyte or the like, expected the four files")
    );
    fs::create_dir(path("raw")).unwrap();
    write_small_set(&path("raw"));
    let deeper = format!("found the files in {}, not here, expected the four", path("raw").display());
    assert!(message(folder.path()).starts_with(&deeper));
    // Half of the files.
    for name in [TEST_IMAGES, &format!("{TEST_LABELS}.gz")] {
        fs::remove_file(path("raw").join(name)).unwrap();
    }
    assert_eq!(
        message(&path("raw")),
        "found only train-images-idx3-ubyte, train-labels-idx1-ubyte.gz, \
        expected t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte too, plain or .gz"
    );
    // A folder with the name of a file does not count as the file.
    fs::create_dir(path("raw").join(TEST_IMAGES)).unwrap();
    assert!(message(&path("raw")).contains("expected t10k-images-idx3-ubyte, t10k-labels"));
}

#[test]
fn files_fit_together() {
    refused(LABELS, "", &idx(&[255], &[0; 255]), "found 255 labels, expected 256");
    refused(IMAGES, "", &idx(&[0, 5, 4], &[]), "found no images");
    refused(IMAGES, "", &idx(&[256, 0, 4], &[]), "found images of 0 × 4");
    refused(
        TEST_IMAGES,
        "",
        &idx(&[64, 4, 5], &[0; 1280]),
        "found images of 4 × 5, expected images of 5 × 4, as in training",
    );
    refused(TEST_LABELS, "", &idx(&[64], &[4; 64]), "found the label 4, expected labels below 4");
}

#[test]
fn the_program_answers_in_one_line_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let weights = path("weights.safetensors");
    let train = |data: &str| demo(&["train", "--epochs", "1", "--data", data, "--save", &weights]);
    assert_refused(
        &train(&path("nowhere")),
        1,
        "found no such folder, expected a folder with the four files of a data set",
    );
    let data = path("data");
    fs::create_dir(&data).unwrap();
    assert_refused(&train(&data), 1, "found an empty folder");
    write_small_set(Path::new(&data));
    fs::write(Path::new(&data).join(IMAGES), idx(&[1 << 30, 1, 1], &[])).unwrap();
    assert_refused(&train(&data), 1, "only 0 bytes, expected 1073741824 bytes");
    assert!(!Path::new(&weights).exists());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing but the data is left");
}

#[test]
fn weights_that_do_not_fit_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    write_small_set(folder.path());
    let data = folder.path().to_str().unwrap();
    let weights = folder.path().join("weights.safetensors");
    let eval = |weights: &Path| demo(&["eval", "--weights", weights.to_str().unwrap(), "--data", data]);
    assert_refused(&eval(&weights), 1, "weights.safetensors: No such file");
    for bytes in [&b""[..], b"\xff\xff\xff\xff\xff\xff\xff\xff{}", &[0; 200]] {
        fs::write(&weights, bytes).unwrap();
        assert_refused(&eval(&weights), 1, "not a whole safetensors file");
    }
    let trained = demo(&["--epochs", "1", "--data", data, "--save", weights.to_str().unwrap()]);
    assert!(trained.status.success(), "{}", text(&trained.stderr));
    let other = demo(&["eval", "--weights", weights.to_str().unwrap()]);
    assert_refused(&other, 1, "fc1.weight: found f32 of shape [256, 20], expected f32 of shape [256, 784]");
}
