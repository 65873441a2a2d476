//! What hostile files of NumPy's may not do: end the program, or make it take memory that the file merely claims.
//! Shared by the fuzz targets and by the ordinary test `nn/tests/npy.rs`, which replays the corpora.

#[allow(dead_code)] // `alone`: of the targets none needs it.
pub mod memory;

use std::io::{Seek, Write};
use std::path::Path;
use std::sync::LazyLock;

use nn::npy::{self, Array, NpyError};
use tempfile::NamedTempFile;

/// A `.npy` file. Whatever is read is no longer than the file: an `f32` for each two bytes, or an `i64` for each.
pub fn npy(bytes: &[u8]) {
    with_file(bytes, |path| {
        let (read, most) = memory::in_use(|| npy::read::<f32>(path));
        memory::assert_at_most(most, 18 * bytes.len() + (1 << 20));
        read.map(|array| vec![array])
    });
}

/// A `.npz` file: what it really unpacks to may be a thousand times as long.
pub fn npz(bytes: &[u8]) {
    with_file(bytes, |path| {
        let (read, most) = memory::in_use(|| npy::read_npz::<f32>(path));
        let unpacked: usize = read.iter().flatten().map(|(_, array)| size(array)).sum();
        // Deflate cannot pack more than 1032 bytes into one.
        let content = if read.is_ok() { 4 * unpacked } else { 1032 * bytes.len() };
        memory::assert_at_most(most, 18 * bytes.len() + content + (1 << 20));
        read.map(|arrays| arrays.into_values().collect())
    });
}

fn size(array: &Array) -> usize {
    match array {
        Array::Tensor(tensor) => 8 * tensor.numel(),
        Array::Indices(indices) => 8 * indices.numel(),
    }
}

/// What is read is written and read again.
fn with_file(bytes: &[u8], read: impl FnOnce(&Path) -> Result<Vec<Array>, NpyError>) {
    static PLACE: LazyLock<NamedTempFile> = LazyLock::new(|| NamedTempFile::new().expect("there is a place for files"));
    let mut file = PLACE.as_file();
    let written = file.rewind().and_then(|()| file.write_all(bytes)).and_then(|()| file.set_len(bytes.len() as u64));
    written.expect("there is a place for files");
    match read(PLACE.path()) {
        Err(error) => assert!(error.to_string().len() < 4096, "a message of {} bytes", error.to_string().len()),
        Ok(arrays) => {
            let copy = NamedTempFile::new().expect("there is a place for files");
            for array in arrays {
                npy::write(copy.path(), &array).expect("what was read can be written");
                let again = npy::read::<f32>(copy.path()).expect("what was written can be read");
                assert!(same(&array, &again), "the same array");
            }
        }
    }
}

fn same(one: &Array, other: &Array) -> bool {
    let bits = |array: &Array| match array {
        Array::Tensor(tensor) => tensor.to_vec().into_iter().map(|value| value.to_bits().into()).collect(),
        Array::Indices(indices) => indices.as_slice().to_vec(),
    };
    bits(one) == bits(other)
}
