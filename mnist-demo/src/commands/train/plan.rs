//! What a run is to be: its arguments, and what a resumed run already is.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use super::arguments::Arguments;
use crate::checkpoint::{Run, Snapshot};
use crate::dataset::Dataset;
use crate::failure::Failure;
use crate::idx::DataError;
use crate::recipe::Recipe;
use crate::train::{Settings, Trainer};

/// A run that is ready to start or to go on.
pub struct Plan {
    /// What the user chose, now or when the run began.
    pub run: Run,
    /// The data set.
    pub data: Dataset,
}

impl Plan {
    /// A new run.
    ///
    /// # Errors
    /// If the data set cannot be read.
    pub fn new(arguments: &Arguments) -> Result<Self, Failure> {
        let usual = Settings::of(arguments.recipe.unwrap_or(Recipe::Plain));
        let settings = Settings {
            epochs: arguments.epochs.unwrap_or(usual.epochs),
            batch_size: arguments.batch_size.unwrap_or(usual.batch_size),
            learning_rate: arguments.lr.unwrap_or(usual.learning_rate),
            seed: arguments.seed.unwrap_or(usual.seed),
            recipe: usual.recipe,
            shards: arguments.shards,
        };
        check_batch(&settings)?;
        let data = arguments.source.read()?;
        let run = Run {
            settings,
            folder: arguments.source.path().as_deref().map(absolute),
            data: data.identity(),
            every: arguments.every,
            keep: arguments.keep.unwrap_or(3),
            target: arguments.target_acc.map(|percent| percent / 100.0),
        };
        Ok(Plan { run, data })
    }

    /// A run that goes on. What may differ is taken from the arguments, if it is there.
    ///
    /// # Errors
    /// If an argument contradicts what the run is, or the data set cannot be read or is another by now.
    pub fn resume(arguments: &Arguments, run: &Run, folder: &Path) -> Result<Self, Failure> {
        let known = &run.settings;
        agree("batch-size", arguments.batch_size, known.batch_size, folder)?;
        agree("lr", arguments.lr, known.learning_rate, folder)?;
        agree("seed", arguments.seed, known.seed, folder)?;
        agree("recipe", arguments.recipe, known.recipe, folder)?;
        agree_on_shards(arguments, known.shards, folder)?;
        let mut run = run.clone();
        run.settings.epochs = arguments.epochs.unwrap_or(known.epochs);
        run.every = arguments.every.or(run.every);
        run.keep = arguments.keep.unwrap_or(run.keep);
        run.target = arguments.target_acc.map(|percent| percent / 100.0).or(run.target);
        let data = if let Some(named) = &arguments.source.path() {
            let data = Dataset::from_folder(named)?;
            agree("data", Some(data.identity()), run.data.clone(), folder)?;
            run.folder = Some(absolute(named));
            data
        } else {
            let data = run.folder.as_deref().map_or_else(Dataset::embedded, Dataset::from_folder)?;
            if data.identity() != run.data {
                let path = run.folder.as_deref().unwrap_or(Path::new("embedded"));
                let expected = format!("{}, as when the run in {} began", run.data, folder.display());
                return Err(DataError::content(path, data.identity().to_string(), expected).into());
            }
            data
        };
        Ok(Plan { run, data })
    }

    /// The trainer, at the run's beginning or at the place of a checkpoint.
    ///
    /// # Errors
    /// If the checkpoint, in the file `path`, does not fit.
    pub fn trainer(&self, found: Option<(PathBuf, Snapshot)>) -> Result<Trainer<'_>, Failure> {
        let settings = self.run.settings.clone();
        match found {
            None => Ok(Trainer::new(&self.data, settings)),
            Some((path, snapshot)) => snapshot
                .resume(&self.data, settings)
                .map_err(|[found, expected]| DataError::Content { path, found, expected }.into()),
        }
    }
}

/// Refuses batches that have not an image for each shard.
fn check_batch(settings: &Settings) -> Result<(), Failure> {
    match settings.shards {
        Some(shards) if settings.batch_size < shards => Err(Failure::Usage(format!(
            "--batch-size: found {} images, expected at least {shards}, one for each of the --shards",
            settings.batch_size
        ))),
        _ => Ok(()),
    }
}

/// Refuses another number of shards than the run's, or ranks for a run that has none.
fn agree_on_shards(arguments: &Arguments, known: Option<usize>, folder: &Path) -> Result<(), Failure> {
    match known {
        Some(known) => agree("shards", arguments.shards, known, folder),
        None if arguments.shards.is_some() || arguments.mpi => Err(Failure::Usage(format!(
            "--resume: found a run without --shards in {}, expected one with them, which ranks may share; \
             another run wants another --checkpoint folder",
            folder.display()
        ))),
        None => Ok(()),
    }
}

/// Refuses a setting that is not the run's.
fn agree<V: PartialEq + Display>(flag: &str, given: Option<V>, known: V, folder: &Path) -> Result<(), Failure> {
    match given {
        Some(given) if given != known => Err(Failure::Usage(format!(
            "--{flag}: found {given}, expected {known}, as the run in {} has it; another run wants another --checkpoint folder",
            folder.display()
        ))),
        _ => Ok(()),
    }
}

/// So that the run can go on from another working directory.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
