//! The plan of a run: its settings, from the arguments and from the checkpoint of a resumed run, and its data set.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use super::arguments::Arguments;
use crate::checkpoint::{Run, Snapshot};
use crate::dataset::Dataset;
use crate::failure::Failure;
use crate::idx::DataError;
use crate::model::{Model, Sizes};
use crate::recipe::Recipe;
use crate::train::{Settings, Trainer};

/// A run that is ready to start or to be resumed.
pub struct Plan {
    /// The user's settings, from this call or from the checkpoint.
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
        let model = arguments.model.unwrap_or(Model::Mlp);
        let usual = Settings::of(model, arguments.recipe.unwrap_or(Recipe::Plain));
        let settings = Settings {
            epochs: arguments.epochs.unwrap_or(usual.epochs),
            batch_size: arguments.batch_size.unwrap_or(usual.batch_size),
            learning_rate: arguments.lr.unwrap_or(usual.learning_rate),
            seed: arguments.seed.unwrap_or(usual.seed),
            recipe: usual.recipe,
            model,
            shards: arguments.shards,
        };
        check_batch(&settings)?;
        let data = arguments.source.read()?;
        model.check(Sizes::of(&data))?;
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

    /// A resumed run. Settings that may change are taken from the arguments, if given.
    ///
    /// # Errors
    /// If an argument contradicts the settings of the run, or the data set cannot be read or has changed.
    pub fn resume(arguments: &Arguments, run: &Run, folder: &Path) -> Result<Self, Failure> {
        let known = &run.settings;
        agree("batch-size", arguments.batch_size, known.batch_size, folder)?;
        agree("lr", arguments.lr, known.learning_rate, folder)?;
        agree("seed", arguments.seed, known.seed, folder)?;
        agree("model", arguments.model, known.model, folder)?;
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
        known.model.check(Sizes::of(&data))?;
        Ok(Plan { run, data })
    }

    /// The trainer, at the beginning of the run or in the state of a checkpoint, which is given with its file.
    ///
    /// # Errors
    /// If the checkpoint does not fit the settings or the data.
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

/// Refuses batches with fewer images than shards.
fn check_batch(settings: &Settings) -> Result<(), Failure> {
    match settings.shards {
        Some(shards) if settings.batch_size < shards => Err(Failure::Usage(format!(
            "--batch-size: found {} images, expected at least {shards}, one for each of the --shards",
            settings.batch_size
        ))),
        _ => Ok(()),
    }
}

/// Refuses a number of shards that differs from the run's, and several ranks for a run without shards.
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

/// Refuses an argument that differs from the setting of the run.
fn agree<V: PartialEq + Display>(flag: &str, given: Option<V>, known: V, folder: &Path) -> Result<(), Failure> {
    match given {
        Some(given) if given != known => Err(Failure::Usage(format!(
            "--{flag}: found {given}, expected {known}, as the run in {} has it; \
             another run wants another --checkpoint folder",
            folder.display()
        ))),
        _ => Ok(()),
    }
}

/// The absolute path, so that the run can be resumed from another working directory.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
