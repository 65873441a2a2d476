//! Files of NumPy's: every element type, order and byte order that is read, and none that is damaged.

#[path = "../fuzz/npy_checks.rs"]
mod checks;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use autograd::{Float, Indices, Tensor};
use nn::npy::{self, Array};
use tempfile::TempDir;

fn place(name: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    (folder, path)
}

/// A `.npy` file as NumPy writes it.
fn file(descriptor: &str, order: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let mut header = format!("{{'descr': '{descriptor}', 'fortran_order': {order}, 'shape': {shape}, }}");
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    [b"\x93NUMPY\x01\0", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), data].concat()
}

fn read<T: Float>(bytes: &[u8]) -> Result<Array<T>, String> {
    let (_folder, path) = place("array.npy");
    fs::write(&path, bytes).unwrap();
    npy::read(&path).map_err(|error| error.to_string())
}

#[test]
fn what_is_written_is_read_and_is_what_numpy_writes() {
    let _alone = checks::memory::alone();
    let (_folder, path) = place("array.npy");
    let values = vec![1.5_f32, -0.0, f32::INFINITY, 3e-40, 7.0, -2.0];
    npy::write(&path, &Array::Tensor(Tensor::from_vec(values.clone(), [2, 3]))).unwrap();
    let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let (found, expected) = (fs::read(&path).unwrap(), file("<f4", "False", "(2, 3)", &data));
    assert_eq!((found.len() % 64, &found[found.len() - 24..]), (24, &data[..]));
    assert_eq!(read::<f32>(&found).unwrap(), read::<f32>(&expected).unwrap());

    let transposed = Tensor::from_vec(vec![1.0_f64, 2.0, 3.0, 4.0, 5.0, 6.0], [2, 3]).transpose(0, 1);
    for tensor in [transposed, Tensor::from_vec(vec![0.1], ()), Tensor::zeros([0, 4])] {
        npy::write(&path, &tensor.clone().into()).unwrap();
        let back = npy::read::<f64>(&path).unwrap().into_tensor().unwrap();
        assert_eq!((back.shape(), back.to_vec()), (tensor.shape(), tensor.to_vec()));
    }
    let labels = Indices::new(vec![i64::MIN, -1, 0, i64::MAX], [2, 2]);
    npy::write::<f32>(&path, &labels.clone().into()).unwrap();
    assert_eq!(npy::read::<f32>(&path).unwrap().into_indices(), Some(labels));
}

#[test]
fn every_type_and_order_is_read() {
    let _alone = checks::memory::alone();
    let floats = |descriptor, data: &[u8]| {
        read::<f64>(&file(descriptor, "False", "(2,)", data)).unwrap().into_tensor().unwrap().to_vec()
    };
    assert_eq!(floats("<f2", &[0, 0x3c, 0, 0xc0]), [1.0, -2.0]);
    assert_eq!(floats(">f2", &[0x3c, 0, 0xc0, 0]), [1.0, -2.0]);
    assert_eq!(floats("<f4", &[1.0_f32.to_le_bytes(), 0.1_f32.to_le_bytes()].concat()), [1.0, f64::from(0.1_f32)]);
    assert_eq!(floats(">f8", &[0.1_f64.to_be_bytes(), 7.0_f64.to_be_bytes()].concat()), [0.1, 7.0]);
    let integers = |descriptor, data: &[u8]| {
        read::<f32>(&file(descriptor, "False", "(2,)", data)).unwrap().into_indices().unwrap().as_slice().to_vec()
    };
    assert_eq!(integers("|b1", &[0, 1]), [0, 1]);
    assert_eq!(integers("|i1", &[0xff, 1]), [-1, 1]);
    assert_eq!(integers("|u1", &[0xff, 1]), [255, 1]);
    assert_eq!(integers(">i2", &[0xff, 0xfe, 1, 0]), [-2, 256]);
    assert_eq!(integers("<u2", &[0xff, 0xfe, 1, 0]), [0xfeff, 1]);
    assert_eq!(integers("<i4", &[(-5_i32).to_le_bytes(), 6_i32.to_le_bytes()].concat()), [-5, 6]);
    assert_eq!(integers(">u4", &[u32::MAX.to_be_bytes(), 6_u32.to_be_bytes()].concat()), [u32::MAX.into(), 6]);
    assert_eq!(integers("<u8", &[(i64::MAX as u64).to_le_bytes(), 6_u64.to_le_bytes()].concat()), [i64::MAX, 6]);
    // [[[0, 2, 4], [1, 3, 5]]] and so on, with the first dimension fastest.
    let fortran = file("|u1", "True", "(1, 2, 3)", &[0, 1, 2, 3, 4, 5]);
    let fortran = read::<f32>(&fortran).unwrap().into_indices().unwrap();
    assert_eq!((fortran.shape().to_vec(), fortran.as_slice()), (vec![1, 2, 3], &[0, 2, 4, 1, 3, 5][..]));
}

#[test]
fn what_is_no_array_of_numbers_is_refused_in_words() {
    let _alone = checks::memory::alone();
    let data = [0; 8];
    let nested = |count: usize| file("<f4", "False", &format!("{}1{}", "(".repeat(count), ")".repeat(count)), &data);
    let refused: [(Vec<u8>, &str); 14] = [
        (vec![], "found 0 bytes that do not begin as a NumPy array, expected a .npy file"),
        (b"\x93NUMPY".to_vec(), "version None"),
        (b"\x93NUMPY\x01\0\x40".to_vec(), "a cut header"),
        (b"\x93NUMPY\x09\0\0\0\0\0\0\0".to_vec(), "version Some(9)"),
        (b"\x93NUMPY\x02\0\xff\xff\xff\xff{}".to_vec(), "a header that claims 4294967295 bytes, expected at most 2"),
        (file("<f4", "False", "(3,)", &data), "found 8 bytes of data, expected elements of 4 bytes for the shape [3]"),
        (file("<f4", "False", "(1,)", &data), "found 8 bytes of data"),
        (file("<f8", "False", "(4611686018427387904, 4)", &data), "found 8 bytes of data"),
        (file("<f8", "False", "(99999999999999999999999, 0)", &[]), "expected the header of a NumPy array"),
        (file("<f8", "False", "(9223372036854775807, 9223372036854775807, 0)", &[]), "found 0 bytes of data"),
        (file("<c8", "False", "(1,)", &data), "found elements of type <c8, expected float16, float32"),
        (file("<M8[ns]", "False", "(1,)", &data), "found elements of type <M8[ns]"),
        (file("<f4", "Perhaps", "(2,)", &data), "expected the header of a NumPy array"),
        (nested(4000), "a header with 4001 brackets"),
    ];
    for (bytes, words) in refused {
        let error = read::<f32>(&bytes).unwrap_err();
        assert!(error.contains(words) && error.contains("array.npy: found"), "{words:?} is not in {error}");
    }
    let large = file("<u8", "False", "(1,)", &u64::MAX.to_le_bytes());
    assert!(read::<f32>(&large).unwrap_err().contains("the integer 18446744073709551615"));
    let missing = npy::read::<f32>("nowhere/array.npy").unwrap_err();
    assert_eq!(format!("{missing:?}"), missing.to_string(), "unwrap() prints the sentence");
    let missing = missing.to_string();
    assert!(missing.starts_with("nowhere/array.npy: "), "{missing}");
}

#[test]
fn archives_are_written_and_read_by_name() {
    let _alone = checks::memory::alone();
    let (folder, path) = place("arrays.npz");
    let images: Array = Tensor::from_vec(vec![1.0, 2.0, 3.0], [3, 1]).into();
    let labels: Array = Indices::from([7, 8, 9]).into();
    npy::write_npz(&path, &[("images", &images), ("a/b", &labels)]).unwrap();
    let arrays = npy::read_npz::<f32>(&path).unwrap();
    assert_eq!(
        arrays.into_iter().collect::<Vec<_>>(),
        [("a/b".to_owned(), labels.clone()), ("images".to_owned(), images)]
    );
    let before = fs::read(&path).unwrap();
    let twice = npy::write_npz(&path, &[("a", &labels), ("a", &labels)]).unwrap_err().to_string();
    assert!(twice.ends_with("arrays.npz: a: found two arrays of this name, expected one"), "{twice}");
    assert_eq!((fs::read(&path).unwrap(), fs::read_dir(folder.path()).unwrap().count()), (before, 1));
}

fn zipped(members: &[(&str, &[u8])], method: zip::CompressionMethod) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in members {
        archive.start_file(*name, zip::write::SimpleFileOptions::default().compression_method(method)).unwrap();
        archive.write_all(content).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

#[test]
fn archives_of_something_else_are_refused_in_words() {
    let _alone = checks::memory::alone();
    let (_folder, path) = place("arrays.npz");
    let refused = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        npy::read_npz::<f32>(&path).unwrap_err().to_string()
    };
    let array = file("|u1", "False", "(1000,)", &[7; 1000]);
    let (stored, deflated) = (zip::CompressionMethod::Stored, zip::CompressionMethod::Deflated);
    let other = refused(&zipped(&[("a.npy", &array), ("notes.txt", b"text")], deflated));
    assert!(other.ends_with("notes.txt: found a file of another kind, expected arrays, named .npy, alone"), "{other}");
    let damaged = refused(&zipped(&[("a.npy", &array[..500])], deflated));
    assert!(damaged.contains("arrays.npz: a.npy: found 372 bytes of data"), "{damaged}");
    let mut whole = zipped(&[("a.npy", &array)], stored);
    let inside = whole.len() / 2;
    whole[inside] ^= 1;
    assert!(refused(&whole).contains("a.npy: found"), "the checksum is another");
    let end = whole.len() - 14;
    whole[end..end + 4].copy_from_slice(&[0xff; 4]);
    assert!(refused(&whole).contains("an archive that claims 65535 members"));
    assert!(refused(b"PK\x03\x04").contains("4 bytes that do not end as a zip archive"));
}

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 5);
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Each file of the corpora, cut and changed at each position of its headers.
#[test]
fn damaged_files_end_nothing_and_take_no_memory() {
    let _alone = checks::memory::alone();
    for name in ["npy", "npz"] {
        let check = if name == "npy" { checks::npy } else { checks::npz };
        for whole in corpus(name) {
            check(&whole);
            let length = whole.len().min(250);
            for position in 0..length {
                check(&whole[..position]);
                for value in [0xff, b'9', b'(', whole[position] ^ 1] {
                    let mut changed = whole.clone();
                    changed[position] = value;
                    check(&changed);
                }
            }
        }
    }
}
