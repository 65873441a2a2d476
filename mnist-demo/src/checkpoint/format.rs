//! A snapshot as bytes: a safetensors file whose last tensor is a checksum of everything before it.
//!
//! safetensors writes tensors of bytes after tensors of floats, so the only tensor of bytes, `checksum`, is the end of
//! the file. Reading verifies the checksum before it parses anything.

use std::collections::HashMap;

use nn::checkpoint::listed;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};

use super::{NamedTensor, Run, Snapshot};
use crate::train::Progress;

/// The version of the format that is written and read.
const VERSION: u32 = 1;
const METADATA: &str = "gradus";
const CHECKSUM: &str = "checksum";
const CHECKSUM_BYTES: usize = size_of::<u32>();
/// The maximum number of values in a header: a network of three layers with its optimizer has about a hundred.
const MAX_LISTED: usize = 1024;

/// Why bytes are not a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// The bytes differ from those that were written.
    Damaged {
        /// What the file contains.
        found: String,
        /// What it should contain.
        expected: String,
    },
    /// The file is undamaged, but not a checkpoint of this version.
    Foreign {
        /// What the file contains.
        found: String,
        /// What it should contain.
        expected: String,
    },
}

fn foreign(found: impl Into<String>) -> Flaw {
    Flaw::Foreign { found: found.into(), expected: format!("a checkpoint of version {VERSION}") }
}

/// Everything except the tensors. The type parameters allow references for writing and values for reading.
#[derive(Serialize, Deserialize)]
struct Metadata<R, P, S> {
    version: u32,
    run: R,
    progress: P,
    optimizer_steps: S,
}

/// The version alone, which is parsed first: the rest may have another form in another version.
#[derive(Deserialize)]
struct Version {
    version: u32,
}

impl Snapshot {
    /// The bytes of a checkpoint.
    pub fn to_bytes(&self) -> Vec<u8> {
        let metadata = Metadata {
            version: VERSION,
            run: &self.run,
            progress: &self.progress,
            optimizer_steps: &self.optimizer_steps,
        };
        let metadata =
            serde_json::to_string(&metadata).expect("the parts of a snapshot are strings, numbers and lists");
        let bytes: Vec<Vec<u8>> = self
            .tensors
            .iter()
            .map(|tensor| tensor.values.iter().flat_map(|value| value.to_le_bytes()).collect())
            .collect();
        let view = |dtype, shape, bytes| TensorView::new(dtype, shape, bytes).expect("as many bytes as the shape says");
        let named = self.tensors.iter().zip(&bytes);
        let tensors = named
            .map(|(tensor, bytes)| (tensor.name.as_str(), view(Dtype::F32, tensor.shape.clone(), bytes)))
            .chain([(CHECKSUM, view(Dtype::U8, vec![CHECKSUM_BYTES], &[0; CHECKSUM_BYTES]))]);
        let mut file = safetensors::serialize(tensors, Some(HashMap::from([(METADATA.to_owned(), metadata)])))
            .expect("names, shapes and metadata of a snapshot make a header");
        let end = file.len() - CHECKSUM_BYTES;
        let checksum = crc32fast::hash(&file[..end]);
        file[end..].copy_from_slice(&checksum.to_le_bytes());
        file
    }

    /// Parses the bytes of a checkpoint. It allocates a copy of the elements, and otherwise no more memory than the
    /// bytes take.
    ///
    /// # Errors
    /// If the bytes are damaged, or not a checkpoint of this version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Flaw> {
        let Some((content, &checksum)) = bytes.split_last_chunk::<CHECKSUM_BYTES>() else {
            let expected = "a checkpoint".to_owned();
            return Err(Flaw::Damaged { found: format!("only {} bytes", bytes.len()), expected });
        };
        let (found, expected) = (crc32fast::hash(content), u32::from_le_bytes(checksum));
        if found != expected {
            let found = format!("{} bytes with the checksum {found:08x}", bytes.len());
            return Err(Flaw::Damaged { found, expected: format!("{expected:08x}, as its end says") });
        }
        let listed = listed(bytes);
        if listed > MAX_LISTED {
            return Err(foreign(format!("a header that lists {listed} values")));
        }
        let invalid = |error: safetensors::SafeTensorError| foreign(format!("no safetensors file ({error})"));
        let file = SafeTensors::deserialize(bytes).map_err(invalid)?;
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(invalid)?;
        let Some(metadata) = header.metadata().as_ref().and_then(|metadata| metadata.get(METADATA)) else {
            return Err(foreign("a safetensors file of something else"));
        };
        let unreadable = |error: serde_json::Error| foreign(format!("metadata that cannot be read ({error})"));
        let Version { version } = serde_json::from_str(metadata).map_err(unreadable)?;
        if version != VERSION {
            return Err(foreign(format!("version {version}")));
        }
        let metadata: Metadata<Run, Progress, Vec<u64>> = serde_json::from_str(metadata).map_err(unreadable)?;
        let mut tensors = Vec::new();
        for (name, tensor) in file.iter().filter(|(name, _)| *name != CHECKSUM) {
            if tensor.dtype() != Dtype::F32 {
                return Err(foreign(format!("{name} of type {}", tensor.dtype())));
            }
            let values = tensor.data().as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
            tensors.push(NamedTensor { name: name.to_owned(), shape: tensor.shape().to_vec(), values });
        }
        Ok(Snapshot {
            run: metadata.run,
            progress: metadata.progress,
            optimizer_steps: metadata.optimizer_steps,
            tensors,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::dataset::Dataset;
    use crate::train::{Settings, Trainer};

    fn data() -> &'static Dataset {
        static DATA: std::sync::LazyLock<Dataset> = std::sync::LazyLock::new(|| Dataset::embedded().unwrap());
        &DATA
    }

    fn advance(trainer: &mut Trainer<'_>, steps: usize) {
        for _ in 0..steps {
            trainer.advance().unwrap();
        }
    }

    /// A run of a few steps on MNIST.
    fn snapshot() -> Snapshot {
        let settings = Settings { learning_rate: 0.1 + 0.2, ..Settings::default() };
        let mut trainer = Trainer::new(data(), settings.clone());
        advance(&mut trainer, 3);
        let run = Run { settings, folder: None, data: data().identity(), every: Some(7), keep: 3, target: None };
        Snapshot::of(&mut trainer, &run)
    }

    /// The bytes, followed by their checksum.
    fn sealed(content: &[u8]) -> Vec<u8> {
        [content, &crc32fast::hash(content).to_le_bytes()].concat()
    }

    #[test]
    fn what_is_written_is_read_and_goes_on_as_it_was() {
        let snapshot = snapshot();
        let bytes = snapshot.to_bytes();
        let back = Snapshot::from_bytes(&bytes).unwrap();
        assert_eq!(back.run, snapshot.run);
        assert_eq!(back.progress, snapshot.progress);
        let settings = snapshot.run.settings.clone();
        let mut trainers = [snapshot, back].map(|snapshot| snapshot.resume(data(), settings.clone()).unwrap());
        trainers.iter_mut().for_each(|trainer| advance(trainer, 3));
        let run = Run { settings, folder: None, data: data().identity(), every: None, keep: 1, target: None };
        let [one, other] = trainers.map(|mut trainer| Snapshot::of(&mut trainer, &run));
        assert_eq!((one.progress.so_far, one.tensors), (other.progress.so_far, other.tensors));
    }

    #[test]
    fn every_damage_is_seen() {
        let bytes = snapshot().to_bytes();
        let damaged = |bytes: &[u8]| matches!(Snapshot::from_bytes(bytes), Err(Flaw::Damaged { .. }));
        let end = bytes.len();
        for index in (0..64).chain((0..end).step_by(100_003)).chain(end - 8..end) {
            let mut flipped = bytes.clone();
            flipped[index] ^= 1 << (index % 8);
            assert!(damaged(&flipped), "byte {index} of {end}");
        }
        for length in [0, 1, 3, 4, 8, 100, end / 2, end - 5, end - 1] {
            assert!(damaged(&bytes[..length]), "{length} bytes of {end}");
        }
    }

    #[test]
    fn whole_files_of_something_else_are_named() {
        let foreign = |bytes: &[u8]| match Snapshot::from_bytes(bytes) {
            Err(Flaw::Foreign { found, .. }) => found,
            other => panic!("{other:?}"),
        };
        let claim = |length: u64, rest: &[u8]| sealed(&[&length.to_le_bytes(), rest].concat());
        for bytes in
            [sealed(b""), sealed(b"abcdefgh"), claim(u64::MAX, b"{}"), claim(1 << 40, b"{}"), claim(4, b"{}  ")]
        {
            assert!(foreign(&bytes).starts_with("no safetensors file"), "{bytes:?}");
        }
        let tensors = |metadata: Option<&str>, dtype| {
            let view = TensorView::new(dtype, vec![1], &[0; 4][..dtype.bitsize() / 8]).unwrap();
            let checksum = TensorView::new(Dtype::U8, vec![4], &[0; 4]).unwrap();
            let metadata = metadata.map(|text| HashMap::from([(METADATA.to_owned(), text.to_owned())]));
            let file = safetensors::serialize([("a", view), (CHECKSUM, checksum)], metadata).unwrap();
            sealed(&file[..file.len() - 4])
        };
        let long = format!(r#"{{"a":{{"dtype":"F32","shape":[{}0],"data_offsets":[0,0]}}}}"#, "0,".repeat(2000));
        assert_eq!(foreign(&claim(long.len() as u64, long.as_bytes())), "a header that lists 2003 values");
        assert!(foreign(&tensors(None, Dtype::F32)).contains("something else"));
        assert_eq!(foreign(&tensors(Some(r#"{"version":2,"run":[]}"#), Dtype::F32)), "version 2");
        assert!(foreign(&tensors(Some(r#"{"version":1}"#), Dtype::F32)).contains("missing field `run`"));
        assert!(foreign(&tensors(Some("{"), Dtype::F32)).contains("cannot be read"));
    }

    #[test]
    fn a_snapshot_that_does_not_fit_is_refused_in_words() {
        let refused = |change: &dyn Fn(&mut Snapshot)| {
            let mut snapshot = snapshot();
            change(&mut snapshot);
            let settings = snapshot.run.settings.clone();
            match snapshot.resume(data(), settings) {
                Err([found, expected]) => format!("found {found}, expected {expected}"),
                Ok(_) => panic!("it was taken"),
            }
        };
        assert!(refused(&|s| s.progress.so_far.images = 60_001).starts_with("found 60001 images seen"));
        assert!(refused(&|s| s.progress.so_far.images = 63).contains("whole steps of 64 images"));
        assert!(refused(&|s| s.run.settings.batch_size = 0).contains("whole steps of 0 images"));
        assert!(refused(&|s| s.progress.epoch = usize::MAX).contains("expected 1, since so many epochs are whole"));
        assert!(refused(&|s| s.progress.epoch = 0).starts_with("found epoch 0"));
        assert!(refused(&|s| s.progress.so_far.correct = usize::MAX).contains("counts and times that no run has"));
        assert!(refused(&|s| s.progress.duration = Duration::MAX).contains("no run has"));
        assert!(refused(&|s| s.progress.history.elapsed = Duration::MAX).contains("no run has"));
        assert!(refused(&|s| s.tensors[0].shape = vec![784, 256]).contains("model.fc1.weight of shape [256, 784]"));
        assert!(refused(&|s| drop(s.tensors.remove(1))).starts_with("found no model.fc1.bias"));
        assert!(refused(&|s| drop(s.tensors.pop())).contains("optimizer"));
        assert!(
            refused(&|s| s.tensors[0].name = "model.fc9.weight".to_owned()).starts_with("found no model.fc1.weight")
        );
        assert!(refused(&|s| s.optimizer_steps.truncate(5)).starts_with("found an optimizer of 5 parameters"));
        assert!(refused(&|s| s.run.settings.learning_rate = f64::NAN).contains("learning rate"));
    }
}
