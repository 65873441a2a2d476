//! What `train` tells of a run: how it ended, and how to go on.

use std::env;
use std::path::PathBuf;

use super::arguments::Arguments;
use super::drive::{Ending, reached};
use crate::checkpoint::Folder;
use crate::console::percent;
use crate::train::Trainer;

/// How a run with a target accuracy did.
pub fn verdict(trainer: &Trainer<'_>, target: f64, ending: Ending) -> String {
    let history = trainer.history();
    let (epochs, seconds) = (history.epochs.len(), history.elapsed.as_secs_f64());
    let (target, word) = (percent(target), if epochs == 1 { "epoch" } else { "epochs" });
    if ending == Ending::Reached {
        format!("reached {target} after {epochs} {word} in {seconds:.2} s, evaluation included")
    } else {
        let best = history.epochs.iter().map(|epoch| epoch.test_accuracy).fold(0.0, f64::max);
        format!("did not reach {target} in {epochs} {word} and {seconds:.2} s: the best was {}", percent(best))
    }
}

/// Where a run was interrupted.
pub fn interrupted(trainer: &Trainer<'_>, arguments: &Arguments, folder: Option<&Folder>) -> String {
    let place = trainer.progress();
    let images = trainer.data().train.len();
    let how = match folder {
        Some(folder) => format!("go on with: {}", arguments.to_resume(&program(), folder.path())),
        None => "no weights were kept: --checkpoint DIR makes a run that can go on".to_owned(),
    };
    format!("interrupted in epoch {}, after {} of {images} images; {how}", place.epoch, place.so_far.images)
}

/// That a resumed run has no step left, and how it gets some; `None` if it has.
pub fn finished(trainer: &Trainer<'_>, target: Option<f64>, arguments: &Arguments, folder: &Folder) -> Option<String> {
    let epochs = trainer.history().epochs.len();
    let again = arguments.to_resume(&program(), folder.path());
    let word = if epochs == 1 { "epoch" } else { "epochs" };
    if trainer.is_done() {
        return Some(format!(
            "the run is finished: it has {epochs} {word}; go on with: {again} --epochs {}",
            2 * epochs
        ));
    }
    let target = target.filter(|_| reached(trainer, target))?;
    let reason = format!("it reached {} after {epochs} {word}", percent(target));
    Some(format!("the run is finished: {reason}; go on with a higher target: {again} --target-acc 100"))
}

/// How the program was called: behind `cargo run` that is a path, and the bare name would not be found.
pub fn program() -> PathBuf {
    env::args_os().next().map_or_else(|| "mnist-demo".into(), PathBuf::from)
}
