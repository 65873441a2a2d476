//! What hostile weights may not do: end the program, change the model by halves, or make it take memory that the file
//! merely claims. Shared by the fuzz target and by the ordinary test `nn/tests/fuzz.rs`, which replays the corpus.

#[allow(dead_code)] // `alone`: of the targets none needs it.
pub mod memory;

use std::io::{Seek, Write};
use std::sync::LazyLock;

use autograd::{Random, State};
use nn::{Linear, Module, checkpoint};
use optim::Adam;
use tempfile::NamedTempFile;

// One file, written over and over: a new one, or one that was emptied, is written to the disk.
static PLACE: LazyLock<NamedTempFile> = LazyLock::new(|| NamedTempFile::new().expect("there is a place for files"));

fn write(bytes: &[u8]) {
    let mut file = PLACE.as_file();
    let written = file.rewind().and_then(|()| file.write_all(bytes)).and_then(|()| file.set_len(bytes.len() as u64));
    written.expect("there is a place for files");
}

/// A whole run in a file: the same model with an optimizer, random numbers and a count of steps.
pub fn run(bytes: &[u8]) {
    write(bytes);
    let (model, mut random, mut step): (Linear, _, _) = (Linear::new(3, 2, 0), Random::new(1), 2_u64);
    let mut adam = Adam::new(model.named_parameters(), 0.1);
    let everything = |adam: &Adam, random: &Random, step: u64| {
        let weights: Vec<u32> =
            model.named_parameters().iter().flat_map(|(_, param)| param.tensor().to_vec()).map(f32::to_bits).collect();
        (weights, format!("{:?} {random:?} {step}", adam.state_dict()))
    };
    let before = everything(&adam, &random, step);
    let parts: &mut [(&str, &mut dyn State)] =
        &mut [("optimizer", &mut adam), ("random", &mut random), ("step", &mut step)];
    let (loaded, most) = memory::in_use(|| checkpoint::load_run(&model, parts, PLACE.path()));
    memory::assert_at_most(most, 2 * bytes.len() + (1 << 20));
    assert!(loaded.is_ok() || everything(&adam, &random, step) == before, "a file that was refused changed the run");
}

/// A safetensors file, for a model of one layer with 3 inputs and 2 outputs.
pub fn safetensors(bytes: &[u8]) {
    write(bytes);
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
