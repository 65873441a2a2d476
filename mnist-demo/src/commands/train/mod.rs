//! `train`: the default.

mod arguments;
mod plan;

use std::env;
use std::path::{Path, PathBuf};

use autograd::with_threads;

pub use arguments::Arguments;

use self::plan::Plan;
use super::{print, print_last, try_to_write};
use crate::checkpoint::{Folder, Run, Snapshot};
use crate::console::{Console, percent};
use crate::failure::Failure;
use crate::idx::DataError;
use crate::interrupt;
use crate::picture::SIDE;
use crate::reading::Reader;
use crate::report::{self, Report};
use crate::serve::{Server, Site, Watcher};
use crate::train::{Event, Observer, Trainer, accuracy};
use crate::weights;

/// Why a run ended without a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// All epochs are through.
    Done,
    /// The network is as good as was wanted.
    Reached,
    /// An observer has seen enough.
    Unwatched,
    /// Ctrl-C was pressed.
    Interrupted,
}

/// Trains, and shows it to whoever watches.
///
/// # Errors
/// If the data set or a checkpoint cannot be read, a result cannot be written, or Ctrl-C ended the run.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    if let Some(path) = &arguments.save {
        // Now, and not after the training, is the time to hear that the weights have no place to go.
        try_to_write(path)?;
    }
    arguments.out.as_deref().map_or(Ok(()), report::prepare)?;
    let server = arguments.serve.map(|port| Server::bind(arguments.host, port, "--serve")).transpose()?;
    let folder = arguments.kept()?.map(Folder::open).transpose()?;
    let found = match &folder {
        Some(folder) => find(folder, arguments.resume.is_some())?,
        None => None,
    };
    let plan = match (&folder, &found) {
        (Some(folder), Some((_, snapshot))) => Plan::resume(arguments, &snapshot.run, folder.path())?,
        _ => Plan::new(arguments)?,
    };
    let mut trainer = plan.trainer(found)?;
    let keeper = folder.as_ref().map(|folder| Keeper { folder, run: &plan.run });
    interrupt::listen();
    let useful = arguments.save.is_some() || arguments.out.is_some() || folder.is_some();
    let mut console = Console::new(arguments.plain, useful);
    // Whoever else wants to watch the run as it goes stands in this list.
    let mut observers: Vec<&mut dyn Observer> = vec![&mut console];
    let mut watcher = server.map(|server| show(server, &trainer)).transpose()?;
    observers.extend(watcher.as_mut().map(|watcher| watcher as &mut dyn Observer));
    let (ending, accuracy, report) = with_threads(arguments.threads.threads.into(), || {
        let ending = drive(&mut trainer, plan.run.target, keeper.as_ref(), &mut observers)?;
        // Before the first epoch has ended there is nothing to tell.
        let told = arguments.out.is_some() && !trainer.history().epochs.is_empty();
        let report = told.then(|| Report::new(&trainer, &plan.run).files());
        Ok::<_, Failure>((ending, test_accuracy(&trainer), report))
    })?;
    console.finish()?;
    if ending == Ending::Interrupted {
        // How to go on is told all the same.
        if let Some(folder) = &arguments.out
            && let Err(failure) = tell(folder, report.as_deref())
        {
            eprintln!("error: {failure}");
        }
        return Err(Failure::Interrupted(interrupted(&trainer, arguments, folder.as_ref())));
    }
    if let Some(path) = &arguments.save {
        weights::save(trainer.network(), &trainer.data().labels, path)?;
    }
    arguments.out.as_deref().map_or(Ok(()), |folder| tell(folder, report.as_deref()))?;
    if let Some(target) = plan.run.target {
        eprintln!("{}", verdict(&trainer, target, ending));
    }
    watcher.as_ref().inspect(|watcher| watcher.finish());
    print_last(accuracy)?;
    if watcher.is_some() {
        eprintln!("the page is still there; Ctrl-C ends the program");
        interrupt::wait();
    }
    Ok(())
}

/// Writes the report, or says why there is none.
fn tell(folder: &Path, report: Option<&[(&'static str, Vec<u8>)]>) -> Result<(), Failure> {
    match report {
        Some(files) => {
            report::write(folder, files)?;
            eprintln!("report: {}", folder.join("report.html").display());
        }
        None => eprintln!("no report: not one epoch has ended"),
    }
    Ok(())
}

/// Opens the page on which the run is watched.
fn show(server: Server, trainer: &Trainer<'_>) -> Result<Watcher, Failure> {
    let (rows, columns) = (trainer.data().train.rows, trainer.data().train.columns);
    if (rows, columns) != (SIDE, SIDE) {
        return Err(Failure::Usage(format!("--serve: found images of {rows} × {columns}, expected 28 × 28")));
    }
    let watcher = Watcher::new(trainer);
    let reader = Reader::new(trainer.network()).labelled(trainer.data().labels.clone());
    server.warning().iter().for_each(|warning| eprintln!("{warning}"));
    print(&server.address())?;
    server.run(Site::live(reader, &watcher))?;
    Ok(watcher)
}

/// What there is to go on from; tells the user which checkpoint that is, and which are damaged.
fn find(folder: &Folder, resume: bool) -> Result<Option<(PathBuf, Snapshot)>, Failure> {
    if !resume {
        return match folder.steps()?.last() {
            Some(step) => {
                let found = format!("the checkpoints of a run, the last of step {step}");
                let expected = "none: --resume goes on with that run, another folder starts a new one";
                Err(DataError::content(folder.path(), found, expected).into())
            }
            None => Ok(None),
        };
    }
    let found = folder.newest()?;
    for damaged in &found.damaged {
        eprintln!("damaged, set aside: {damaged}");
    }
    match &found.newest {
        Some((path, snapshot)) => {
            let place = &snapshot.progress;
            eprintln!("resuming from {}: epoch {}, image {}", path.display(), place.epoch, place.so_far.images);
        }
        None => eprintln!("{}: no whole checkpoint: starting anew", folder.path().display()),
    }
    Ok(found.newest)
}

/// Writes checkpoints of one run.
struct Keeper<'a> {
    folder: &'a Folder,
    run: &'a Run,
}

impl Keeper<'_> {
    fn write(&self, trainer: &Trainer<'_>) -> Result<(), DataError> {
        self.folder.write(trainer.steps(), &Snapshot::of(trainer, self.run), self.run.keep)
    }

    fn after_step(&self, trainer: &Trainer<'_>) -> Result<(), DataError> {
        match self.run.every {
            Some(every) if trainer.steps().is_multiple_of(every) => self.write(trainer),
            _ => Ok(()),
        }
    }
}

/// Runs until the epochs are through or something else ends it. With a keeper there is a checkpoint of this moment when it returns, and one of the start before
/// the first step, since it also tells what run this is.
fn drive(
    trainer: &mut Trainer<'_>,
    target: Option<f64>,
    keeper: Option<&Keeper<'_>>,
    observers: &mut Vec<&mut dyn Observer>,
) -> Result<Ending, DataError> {
    let keep = |trainer: &Trainer<'_>| keeper.map_or(Ok(()), |keeper| keeper.write(trainer));
    observers.start(trainer);
    keep(trainer)?;
    loop {
        if reached(trainer, target) {
            return Ok(Ending::Reached);
        }
        if trainer.is_done() {
            return Ok(Ending::Done);
        }
        match trainer.advance() {
            Event::Step(step) => {
                observers.step(&step, trainer);
                if interrupt::raised() {
                    keep(trainer)?;
                    return Ok(Ending::Interrupted);
                }
                keeper.map_or(Ok(()), |keeper| keeper.after_step(trainer))?;
            }
            Event::Epoch(epoch) => {
                keep(trainer)?;
                if observers.epoch(&epoch, trainer).is_break() {
                    return Ok(Ending::Unwatched);
                }
            }
        }
    }
}

/// Whether the epoch that just ended did as well as was wanted.
fn reached(trainer: &Trainer<'_>, target: Option<f64>) -> bool {
    let between_epochs = trainer.progress().so_far.images == 0;
    let last = trainer.history().epochs.last();
    between_epochs && last.zip(target).is_some_and(|(epoch, target)| epoch.test_accuracy >= target)
}

/// The test accuracy of the weights as they are.
fn test_accuracy(trainer: &Trainer<'_>) -> f64 {
    match trainer.history().epochs.last() {
        Some(epoch) if trainer.progress().so_far.images == 0 => epoch.test_accuracy,
        _ => accuracy(trainer.network(), &trainer.data().test),
    }
}

fn verdict(trainer: &Trainer<'_>, target: f64, ending: Ending) -> String {
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

fn interrupted(trainer: &Trainer<'_>, arguments: &Arguments, folder: Option<&Folder>) -> String {
    let place = trainer.progress();
    let images = trainer.data().train.len();
    let how = match folder {
        Some(folder) => format!("go on with: {}", arguments.to_resume(&program(), folder.path())),
        None => "no weights were kept: --checkpoint DIR makes a run that can go on".to_owned(),
    };
    format!("interrupted in epoch {}, after {} of {images} images; {how}", place.epoch, place.so_far.images)
}

/// How the program was called: behind `cargo run` that is a path, and the bare name would not be found.
fn program() -> PathBuf {
    env::args_os().next().map_or_else(|| "mnist-demo".into(), PathBuf::from)
}
