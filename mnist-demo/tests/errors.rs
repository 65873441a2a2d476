//! What `unwrap()` prints of an error is its sentence, not the names of its fields.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use mnist_demo::idx::{self, DataError};
use mnist_demo::model::{DIGITS, perceptron_for};
use mnist_demo::picture::PictureError;
use mnist_demo::train::Divergence;

fn assert_plain(error: &dyn Error) {
    let sentence = error.to_string();
    assert_eq!(format!("{error:?}"), sentence);
    assert!(!sentence.is_empty() && !sentence.contains('{'), "{sentence}");
}

#[test]
fn unwrap_prints_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights");
    fs::write(&path, "no weights").unwrap();
    let model = perceptron_for(28 * 28, DIGITS, &mut autograd::Random::new(0));
    assert_plain(&nn::checkpoint::load(&model, &path).unwrap_err());
    assert_plain(&nn::checkpoint::load(&model, folder.path().join("nothing")).unwrap_err());
    assert_plain(&idx::read_file(&path, 3).unwrap_err());
    assert_plain(&DataError::content(&path, "words", "images"));
    assert_plain(&PictureError::Blank);
    let (found, last_loss) = ("the loss is NaN".to_owned(), None);
    assert_plain(&Divergence { epoch: 1, step: 2, found, last_loss, learning_rate: 1.0, default_rate: 0.1 });
    assert_plain(&optim::NonFiniteNorm { norm: f64::NAN, parameter: None });
}

/// The Rust files in a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

/// The names of the error types in a source: those with `impl Error for NAME`, and those that thiserror makes errors.
fn errors(source: &str) -> Vec<String> {
    let name = |text: &str| text.chars().take_while(|letter| letter.is_alphanumeric()).collect::<String>();
    let by_hand = source.split("Error for ").skip(1).map(name);
    let derived = source.split("thiserror::Error").skip(1).filter_map(|rest| {
        let mut lines = rest.lines();
        let item = lines.find_map(|line| line.strip_prefix("pub enum ").or(line.strip_prefix("pub struct ")))?;
        Some(name(item))
    });
    by_hand.chain(derived).collect()
}

#[test]
fn no_error_type_derives_debug() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut found = 0;
    for path in ["autograd/src", "nn/src", "optim/src", "mnist-demo/src"]
        .iter()
        .flat_map(|crate_| sources(&workspace.join(crate_)))
    {
        let Ok(source) = fs::read_to_string(&path) else { continue };
        for name in errors(&source) {
            found += 1;
            assert!(source.contains(&format!("impl fmt::Debug for {name} ")), "{name} in {}", path.display());
        }
    }
    assert!(found >= 11, "{found} error types");
}
