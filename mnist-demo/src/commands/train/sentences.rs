//! The messages of `train`: what starts, how it ended, and how to continue.

use std::env;
use std::path::{Path, PathBuf};

use nn::Module;

use super::arguments::{Arguments, quoted};
use super::drive::{Ending, reached};
use crate::checkpoint::{Folder, Run};
use crate::console::percent;
use crate::environment;
use crate::model::Sizes;
use crate::train::Trainer;

/// The line before the training: data set, model, parameters, threads and instruction set.
pub fn start(trainer: &Trainer<'_>, run: &Run) -> String {
    let data = trainer.data();
    let source = run.source();
    let (train, test) = (data.train.len(), data.test.len());
    let (rows, columns) = (data.train.rows, data.train.columns);
    let threads = autograd::num_threads();
    format!(
        "training on {source}: {train} + {test} images of {rows} × {columns} in {} classes; \
         model {}, {} parameters; {threads} {}, {}",
        data.classes,
        trainer.settings().model.description(Sizes::of(data)),
        trainer.network().parameter_count(),
        if threads == 1 { "thread" } else { "threads" },
        environment::kernels(),
    )
}

/// The next command to type, after a run that succeeded.
pub fn next(arguments: &Arguments) -> String {
    let program = quoted(&program());
    let checkpoints = arguments.resume.as_ref().or(arguments.checkpoint.as_ref());
    match (&arguments.save, &arguments.out, checkpoints) {
        (Some(weights), ..) => format!("next: {program} serve --weights {}", quoted(weights)),
        (None, Some(report), checkpoints) => {
            let lost = if checkpoints.is_some() { "" } else { "; the weights were not saved (--save FILE saves them)" };
            format!("next: open {} in a browser{lost}", quoted(&report.join("report.html")))
        }
        (None, None, Some(folder)) => format!("next: {program} serve --weights {}", quoted(folder)),
        (None, None, None) => {
            format!("the weights were not saved; to save them: {} --save FILE", environment::command_line())
        }
    }
}

/// Whether a run with a target accuracy reached it.
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

/// Where a run was interrupted, and how to continue it.
pub fn interrupted(trainer: &Trainer<'_>, arguments: &Arguments, folder: Option<&Folder>) -> String {
    let progress = trainer.progress();
    let images = trainer.data().train.len();
    let how = match folder {
        Some(folder) => format!("go on with: {}", arguments.to_resume(&program(), folder.path())),
        None => "no weights were kept: --checkpoint DIR makes a run that can go on".to_owned(),
    };
    format!("interrupted in epoch {}, after {} of {images} images; {how}", progress.epoch, progress.so_far.images)
}

/// The message that a resumed run has no steps left, and how to continue it; `None` if it has steps left.
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

/// How a run goes on that lost a rank, as the end of a message; `command(folder)` resumes the run in its folder.
pub fn how_to_go_on(arguments: &Arguments, command: impl FnOnce(&Path) -> String) -> String {
    match arguments.kept().ok().flatten() {
        Some(folder) => format!("go on from the last checkpoint with: {}", command(folder)),
        None => "nothing of the run was kept: --checkpoint DIR makes one that can go on".to_owned(),
    }
}

/// The path by which the program was called. Under `cargo run` the bare name would not be found.
pub fn program() -> PathBuf {
    env::args_os().next().map_or_else(|| "mnist-demo".into(), PathBuf::from)
}
