//! `train`, the default command.

mod arguments;
mod drive;
mod plan;
mod ranks;
mod sentences;

use std::path::{Path, PathBuf};

use autograd::with_threads;
use nn::checkpoint::CheckpointError;
use optim::parallel::check_ranks;

pub use arguments::{Arguments, quoted, quoted_text};
pub use sentences::{how_to_go_on, program};

use self::drive::{CheckpointWriter, Ending, drive};
use self::plan::Plan;
use self::ranks::{Ranks, agreed, together};
use super::results::Results;
use super::{print, print_last, try_to_write};
use crate::checkpoint::{Folder, Snapshot};
use crate::classifier::Classifier;
use crate::console::{Console, eprint_line};
use crate::failure::Failure;
use crate::idx::DataError;
use crate::interrupt;
use crate::picture::SIDE;
use crate::report::{self, Report};
use crate::serve::{Server, Site, Watcher};
use crate::train::{Observer, Trainer, accuracy};
use crate::weights;

/// Trains the network, shows the progress, and saves the results.
///
/// # Errors
/// If the data set or a checkpoint cannot be read, the training diverges, a result cannot be written, the ranks
/// differ, or Ctrl-C ended the run.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut group = ranks::start(arguments)?;
    let rank = ranks::rank(group.as_deref_mut());
    // Paths that cannot be written are reported before the training, not after it.
    let server = together(group.as_deref_mut(), on_first(rank, || prepare_results(arguments)))?.flatten();
    let (plan, folder, found) = prepare_all(arguments, rank, &mut group)?;
    let resumed = found.is_some();
    let trainer = plan.trainer(found);
    let mut trainer = together(group.as_deref_mut(), trainer)?;
    if let Some(group) = group {
        agreed(rank, trainer.share(group))?;
    }
    if let Some(folder) = folder.as_ref().filter(|_| resumed) {
        sentences::finished(&trainer, plan.run.target, arguments, folder).iter().for_each(|line| eprint_line(line));
    }
    let writer = arguments.kept()?.map(|_| CheckpointWriter::new(folder.as_ref(), &plan.run));
    interrupt::listen();
    let command = Command { arguments, plan: &plan, folder: folder.as_ref() };
    let outcome = match rank {
        0 => command.train_and_report(&mut trainer, writer, server),
        _ => command.train(&mut trainer, writer),
    };
    agreed(rank, outcome)
}

/// Runs `body` on the first rank only.
fn on_first<T>(rank: usize, body: impl FnOnce() -> Result<T, Failure>) -> Result<Option<T>, Failure> {
    if rank == 0 { body().map(Some) } else { Ok(None) }
}

/// Checks whether the results can be written, and opens the port of the page.
fn prepare_results(arguments: &Arguments) -> Result<Option<Server>, Failure> {
    arguments.save.as_deref().map_or(Ok(()), try_to_write)?;
    arguments.out.as_deref().map_or(Ok(()), report::check)?;
    arguments.serve.map(|port| Server::bind(arguments.host, port, "--serve")).transpose()
}

/// A run that is about to start.
struct Command<'a> {
    arguments: &'a Arguments,
    plan: &'a Plan,
    /// The folder of the checkpoints. Only the first rank has it.
    folder: Option<&'a Folder>,
}

impl Command<'_> {
    /// Trains as a rank that prints and writes nothing, and waits for what the first rank writes.
    fn train(&self, trainer: &mut Trainer<'_>, mut writer: Option<CheckpointWriter<'_>>) -> Result<(), Failure> {
        let threads = usize::from(self.arguments.threads.threads); // The first rank warns if they are too many.
        let mut observers: Vec<&mut dyn Observer> = Vec::new();
        together(trainer.group(), Ok(()))?;
        with_threads(threads, || drive(trainer, self.plan.run.target, writer.as_mut(), &mut observers))?;
        together(trainer.group(), Ok(()))
    }

    /// Trains the network, shows the progress, and saves the results.
    fn train_and_report(
        &self,
        trainer: &mut Trainer<'_>,
        mut writer: Option<CheckpointWriter<'_>>,
        server: Option<Server>,
    ) -> Result<(), Failure> {
        let Command { arguments, plan, folder } = *self;
        let threads = arguments.threads.count();
        let useful = arguments.save.is_some() || arguments.out.is_some() || folder.is_some();
        let mut console = Console::new(arguments.plain, useful);
        // All observers of the run are in this list.
        let mut observers: Vec<&mut dyn Observer> = vec![&mut console];
        let watcher = server.map(|server| show(server, trainer)).transpose();
        let mut watcher = together(trainer.group(), watcher)?;
        observers.extend(watcher.as_mut().map(|watcher| watcher as &mut dyn Observer));
        let (ending, accuracy, report) = with_threads(threads, || {
            eprint_line(&sentences::start(trainer, &plan.run));
            let ending = drive(trainer, plan.run.target, writer.as_mut(), &mut observers)?;
            // Before the end of the first epoch there is nothing to report.
            let reported = arguments.out.is_some() && !trainer.history().epochs.is_empty();
            let report = reported.then(|| Report::new(trainer, &plan.run).files());
            Ok::<_, Failure>((ending, test_accuracy(trainer), report))
        })?;
        let mut results = Results::default();
        results.succeeded(console.finish().map_err(Failure::from));
        save(&mut results, arguments, ending, trainer, writer.as_ref(), report.as_deref());
        let outcome = if ending == Ending::Interrupted {
            Err(Failure::Interrupted(sentences::interrupted(trainer, arguments, folder)))
        } else {
            plan.run.target.iter().for_each(|&target| eprint_line(&sentences::verdict(trainer, target, ending)));
            watcher.as_ref().inspect(|watcher| watcher.finish());
            results.succeeded(print_last(accuracy));
            trainer.warning().iter().for_each(|warning| eprint_line(&format!("warning: {warning}")));
            if results.all_succeeded() && ending != Ending::Unwatched {
                eprint_line(&sentences::next(arguments));
            }
            results.outcome()
        };
        let outcome = together(trainer.group(), outcome);
        if watcher.is_some() && ending != Ending::Interrupted {
            trainer.leave();
            eprint_line("the page stays open; Ctrl-C stops the program");
            interrupt::wait();
        }
        outcome
    }
}

/// Saves the results of the run. Each is written even if another one fails. After Ctrl-C no weights are saved.
fn save(
    results: &mut Results,
    arguments: &Arguments,
    ending: Ending,
    trainer: &Trainer<'_>,
    writer: Option<&CheckpointWriter<'_>>,
    report: Option<&[(&'static str, Vec<u8>)]>,
) {
    if let Some(path) = arguments.save.as_deref().filter(|_| ending != Ending::Interrupted) {
        results.saved("weights", path, save_weights(trainer, path));
    }
    if let Some(writer) = writer {
        writer.newest.iter().for_each(|path| eprint_line(&format!("saved checkpoint: {}", path.display())));
        results.count_reported(writer.failed);
    }
    match (&arguments.out, report) {
        (Some(folder), Some(files)) => {
            results.saved("report", &folder.join("report.html"), report::write(folder, files));
        }
        (Some(_), None) => eprint_line("no report: no epoch was completed"),
        (None, _) => {}
    }
}

/// Saves the weights, if they are finite.
fn save_weights(trainer: &Trainer<'_>, path: &Path) -> Result<(), Failure> {
    trainer.check_weights()?;
    weights::save(trainer.network(), &trainer.data().labels, path).map_err(|error| match error {
        CheckpointError::File { path, source } => Failure::Target { path, source },
        other => other.into(),
    })
}

/// Starts the web page that shows the run.
fn show(server: Server, trainer: &Trainer<'_>) -> Result<Watcher, Failure> {
    let (rows, columns) = (trainer.data().train.rows, trainer.data().train.columns);
    if (rows, columns) != (SIDE, SIDE) {
        return Err(Failure::Usage(format!("--serve: found images of {rows} × {columns}, expected 28 × 28")));
    }
    let watcher = Watcher::new(trainer);
    let classifier = Classifier::new(trainer.shared_network()).with_labels(trainer.data().labels.clone());
    server.warning().iter().for_each(|warning| eprint_line(warning));
    print(&server.address())?;
    server.run(Site::live(classifier, &watcher))?;
    Ok(watcher)
}

/// The checkpoint that a run is resumed from, and its file.
type Start = Option<(PathBuf, Snapshot)>;

/// The plan of the run, its folder of checkpoints, and the checkpoint that it is resumed from.
fn prepare(arguments: &Arguments) -> Result<(Plan, Option<Folder>, Start), Failure> {
    let Some(path) = arguments.kept()? else { return Ok((Plan::new(arguments)?, None, None)) };
    if !path.exists() {
        if arguments.checkpoint.is_none() {
            return Err(nothing_to_resume(path, "no such folder"));
        }
        if arguments.resume.is_some() {
            eprint_line(&starting_anew(path));
        }
        // The folder is created only after the data set has been read successfully.
        return Ok((Plan::new(arguments)?, Some(Folder::open(path)?), None));
    }
    let folder = Folder::open(path)?;
    let found = find(&folder, arguments)?;
    let plan = match &found {
        Some((_, snapshot)) => Plan::resume(arguments, &snapshot.run, path)?,
        None => Plan::new(arguments)?,
    };
    Ok((plan, Some(folder), found))
}

/// As [`prepare`], on all ranks: the first one opens the folder, and gives the others the checkpoint.
fn prepare_all(
    arguments: &Arguments,
    rank: usize,
    group: &mut Ranks,
) -> Result<(Plan, Option<Folder>, Start), Failure> {
    let prepared = together(group.as_deref_mut(), on_first(rank, || prepare(arguments)))?;
    let Some(group) = group.as_deref_mut() else {
        return Ok(prepared.expect("without a group this is the first rank"));
    };
    let (plan, folder, found) =
        prepared.map_or((None, None, None), |(plan, folder, found)| (Some(plan), folder, found));
    let found = ranks::share(group, found, arguments.kept()?);
    let found = together(Some(group), found)?;
    let own = || match (&found, arguments.kept()?) {
        (Some((_, snapshot)), Some(path)) => Plan::resume(arguments, &snapshot.run, path),
        _ => Plan::new(arguments),
    };
    let plan = together(Some(group), plan.map_or_else(own, Ok))?;
    ranks::agree_on_run(group, arguments, &plan)?;
    let shards = plan.run.settings.shards.expect("a run of ranks has shards");
    agreed(rank, check_ranks(group.ranks(), shards))?;
    Ok((plan, folder, found))
}

/// Finds the checkpoint to resume from. Reports its name, and the checkpoints that are damaged.
fn find(folder: &Folder, arguments: &Arguments) -> Result<Start, Failure> {
    if arguments.resume.is_none() {
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
        eprint_line(&format!("damaged, set aside: {damaged}"));
    }
    match &found.newest {
        Some((path, snapshot)) => {
            eprint_line(&format!("resuming from {}: {}", path.display(), snapshot.progress));
        }
        None if arguments.checkpoint.is_none() => {
            return Err(nothing_to_resume(folder.path(), "no whole checkpoint"));
        }
        None => eprint_line(&starting_anew(folder.path())),
    }
    Ok(found.newest)
}

/// The error if a folder given by `--resume` alone has no run. A new run is not started then, because the folder may
/// be the wrong one.
fn nothing_to_resume(folder: &Path, found: &str) -> Failure {
    let name = quoted(folder);
    let expected =
        format!("a run to go on with; --checkpoint {name} starts one, --checkpoint {name} --resume {name} does either");
    DataError::content(folder, found, expected).into()
}

/// The message if `--resume` found no run and `--checkpoint` allows a new one.
fn starting_anew(folder: &Path) -> String {
    format!("{}: no whole checkpoint: starting anew", folder.display())
}

/// The test accuracy of the current weights.
fn test_accuracy(trainer: &Trainer<'_>) -> f64 {
    match trainer.history().epochs.last() {
        Some(epoch) if trainer.progress().so_far.images == 0 => epoch.test_accuracy,
        _ => accuracy(trainer.network(), &trainer.data().test),
    }
}
