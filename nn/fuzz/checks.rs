//! What hostile weights may not do: end the program, change the model by halves, or make it take memory that the file merely claims. Shared by the fuzz
//! target and by the ordinary test `nn/tests/fuzz.rs`, which replays the corpus.

#[allow(dead_code)] // `alone`: there is one target, and one test.
mod memory;

use std::io::{Seek, Write};
use std::sync::LazyLock;

use nn::{Linear, Module, checkpoint};
use tempfile::NamedTempFile;

/// A safetensors file, for a model of one layer with 3 inputs and 2 outputs.
pub fn safetensors(bytes: &[u8]) {
    // One file, written over and over: a new one, or one that was emptied, is written to the disk.
    static PLACE: LazyLock<NamedTempFile> = LazyLock::new(|| NamedTempFile::new().expect("there is a place for files"));
    let mut file = PLACE.as_file();
    let written = file.rewind().and_then(|()| file.write_all(bytes)).and_then(|()| file.set_len(bytes.len() as u64));
    written.expect("there is a place for files");
    let model: Linear = Linear::new(3, 2, 0);
    let numbers = || -> Vec<u32> {
        let named = model.named_parameters();
        named.iter().flat_map(|(_, param)| param.tensor().to_vec()).map(f32::to_bits).collect()
    };
    let before = numbers();
    let (loaded, most) = memory::in_use(|| checkpoint::load(&model, PLACE.path()));
    memory::assert_at_most(most, 2 * bytes.len() + (1 << 20));
    assert!(loaded.is_ok() || numbers() == before, "a file that was refused changed the model");
}
