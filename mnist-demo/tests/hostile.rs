//! Files that are wrong in every way: each is answered with one clear line, and nothing is written.

mod common;

use std::fs;
use std::path::Path;

use common::{assert_refused, columns_of_light, demo, gzip, idx, text, write_small_set};
use mnist_demo::dataset::Dataset;

const IMAGES: &str = "train-images-idx3-ubyte";
const LABELS: &str = "train-labels-idx1-ubyte";
const TEST_IMAGES: &str = "t10k-images-idx3-ubyte";
const TEST_LABELS: &str = "t10k-labels-idx1-ubyte";

/// Replaces one file of a good data set, plain or compressed, and returns what reading the set answers.
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
    // The spelling with a dot, and the plain file before the compressed one.
    fs::rename(folder.path().join(IMAGES), folder.path().join("train-images.idx3-ubyte")).unwrap();
    fs::write(folder.path().join(format!("{TEST_IMAGES}.gz")), "not looked at").unwrap();
    assert!(Dataset::from_folder(folder.path()).is_ok());
}

#[test]
fn headers_are_not_believed() {
    refused(IMAGES, "", &[], "found the end of the file in the magic number");
    refused(IMAGES, "", &[0, 0, 8], "found the end of the file in the magic number");
    refused(IMAGES, "", &idx(&[256, 5], &[])[..8], "found 2 dimensions, expected [00, 00, 08, 03]");
    refused(IMAGES, "", &good_images()[..10], "found the end of the file in extent 1");
    refused(IMAGES, "", b"\x00\x00\x0d\x03xxxxxxxxxxxx", "found the element type 0x0d");
    refused(IMAGES, "", b"PK\x03\x04 a zip file", "found the magic number");
    refused(IMAGES, "", &gzip(&good_images()), "found a gzip stream in a file whose name does not end in .gz");
    refused(LABELS, "", &idx(&[256, 1, 1], &[0; 256]), "found 3 dimensions");
    refused(IMAGES, "", &good_images()[..good_images().len() - 1], "only 5119 bytes, expected 5120 bytes");
    refused(IMAGES, "", &[good_images(), vec![0]].concat(), "found more bytes, expected 5120 bytes");
}

#[test]
fn claims_take_no_memory() {
    // A file of a few bytes that claims gigabytes, or more than there is: the answer comes at once.
    refused(IMAGES, "", &idx(&[1 << 20, 1 << 10, 1], &[1, 2, 3]), "only 3 bytes, expected 1073741824 bytes");
    refused(IMAGES, "", &idx(&[u32::MAX, u32::MAX, u32::MAX], &[0; 9]), "as many elements as memory can address");
    refused(IMAGES, "", &idx(&[u32::MAX, 1 << 30, 1], &[0; 9]), "only 9 bytes");
    refused(LABELS, ".gz", &gzip(&idx(&[u32::MAX], &[])), "only 0 bytes, expected 4294967295 bytes");
}

#[test]
fn compressed_files_are_whole_and_nothing_more() {
    let whole = gzip(&good_images());
    refused(IMAGES, ".gz", &[], "a gzip stream that ends early");
    refused(IMAGES, ".gz", &whole[..whole.len() / 2], "a gzip stream that ends early");
    refused(IMAGES, ".gz", &whole[..whole.len() - 3], "a gzip stream that ends early");
    refused(IMAGES, ".gz", &good_images(), "a damaged gzip stream");
    refused(IMAGES, ".gz", &[&whole[..], b"rubbish behind it"].concat(), "a damaged gzip stream");
    let mut flipped = whole.clone();
    let last = flipped.len() - 6;
    flipped[last] ^= 1;
    refused(IMAGES, ".gz", &flipped, "a damaged gzip stream");
    // A stream that goes on for ever is not followed: a gigabyte of zeros behind a small header.
    let mut bomb = idx(&[256, 5, 4], &[0; 5120]);
    bomb.resize(64 << 20, 0);
    refused(IMAGES, ".gz", &gzip(&bomb), "found more bytes, expected 5120 bytes");
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
    assert_refused(&train(&path("nowhere")), 1, "found no such folder, expected one with the four files of a data set");
    let data = path("data");
    fs::create_dir(&data).unwrap();
    assert_refused(&train(&data), 1, "no train-images-idx3-ubyte");
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
