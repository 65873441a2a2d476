//! The processes that train together: what one of them alone does, and what all of them know.

use std::fmt::Debug;
use std::path::{Path, PathBuf};

use optim::parallel::{Group, GroupError, agree, gather_texts};

use super::Start;
use super::arguments::Arguments;
use super::plan::Plan;
use crate::checkpoint::{Flaw, Snapshot};
use crate::failure::Failure;
use crate::idx::DataError;

/// The ranks of the command, if it is to have several.
pub type Ranks = Option<Box<dyn Group>>;

/// The ranks that `--mpi` asks for; all of them are of one build when this returns.
///
/// # Errors
/// If this build has no MPI, it cannot be started, or the ranks' builds differ.
pub fn start(arguments: &Arguments) -> Result<Ranks, Failure> {
    if !arguments.mpi {
        return Ok(None);
    }
    let group = connect(arguments)?;
    if arguments.shards.is_none() && arguments.resume.is_none() {
        let expected = "their number, such as --shards 8: it determines the weights, and the number of ranks does not";
        return agreed(group.rank(), Err(Failure::Usage(format!("--mpi: found no --shards, expected {expected}"))));
    }
    Ok(Some(group))
}

#[cfg(not(feature = "mpi"))]
fn connect(_arguments: &Arguments) -> Result<Box<dyn Group>, Failure> {
    let expected = "one of: cargo build --release -p mnist-demo --features mpi";
    Err(Failure::Usage(format!("--mpi: found a build without MPI, expected {expected}")))
}

#[cfg(feature = "mpi")]
fn connect(arguments: &Arguments) -> Result<Box<dyn Group>, Failure> {
    use std::time::Duration;

    use optim::parallel::{Mpi, Watched};

    let patience = arguments.patience.unwrap_or(30);
    let mpi = Mpi::start().map_err(|error| Failure::Usage(error.to_string()))?;
    let rank = Group::<f32>::rank(&mpi);
    let line = lost(rank, patience, arguments);
    let mut group: Box<dyn Group> =
        Box::new(Watched::new(mpi, Duration::from_secs(patience as u64), move || end(rank, &line)));
    agree_on(&mut *group, [("build", build())])?;
    Ok(group)
}

/// Which build of the program this is: the checksum of its file.
#[cfg(feature = "mpi")]
fn build() -> String {
    let file = std::env::current_exe().and_then(std::fs::read);
    file.map_or_else(|error| format!("unknown ({error})"), |bytes| format!("{:08x}", crc32fast::hash(&bytes)))
}

/// That the others do not answer.
#[cfg(feature = "mpi")]
fn lost(rank: usize, patience: usize, arguments: &Arguments) -> String {
    let command = |folder: &Path| arguments.to_resume(&super::sentences::program(), folder);
    let how = super::sentences::how_to_go_on(arguments, command);
    format!("error: rank {rank}: {} {patience} s; {how}", crate::failure::NO_ANSWER)
}

/// Ends this process, since nothing can be expected of the others.
#[cfg(feature = "mpi")]
fn end(rank: usize, line: &str) {
    use std::thread;
    use std::time::Duration;

    // mpirun ends all ranks when the first one ends. So that there is one line, the ranks wait for different times: the
    // first one that is left prints it. With what `launch` then waits for mpirun, that is within 5 seconds.
    let delay = [0, 1000, 2000][rank.min(2)];
    thread::sleep(Duration::from_millis(delay));
    crate::console::eprint_line(line);
    std::process::exit(crate::failure::LOST_RANK.into());
}

/// The rank of this process.
pub fn rank(group: Option<&mut (dyn Group + '_)>) -> usize {
    group.map_or(0, |group| group.rank())
}

/// The outcome of this rank, if all ranks succeeded. Otherwise all of them fail, and rank 0 reports why.
///
/// # Errors
/// If any rank failed.
pub fn together<T>(group: Option<&mut (dyn Group + '_)>, outcome: Result<T, Failure>) -> Result<T, Failure> {
    let Some(group) = group else { return outcome };
    let own = outcome.as_ref().err().map(|failure| format!("{} {failure}", failure.code()));
    let all = gather_texts(group, own.as_deref().unwrap_or(""));
    let Some(failed) = all.iter().position(|text| !text.is_empty()) else { return outcome };
    let (code, message) = all[failed].split_once(' ').unwrap_or(("1", &all[failed]));
    let elsewhere = || {
        let (code, message) = (code.parse().unwrap_or(1), message.to_owned());
        Failure::Elsewhere { code, rank: failed, message }
    };
    let failure = outcome.err().filter(|_| failed == group.rank()).unwrap_or_else(elsewhere);
    agreed(group.rank(), Err(failure))
}

/// An outcome that is the same on all ranks: if it is a failure, the first rank reports it at once. mpirun ends all
/// ranks when one of them ends with a failure, and none of them ends before the first one leaves the group.
///
/// # Errors
/// If it is one.
pub fn agreed<T, E: Into<Failure>>(rank: usize, outcome: Result<T, E>) -> Result<T, Failure> {
    outcome.map_err(Into::into).map_err(|failure| {
        if rank == 0 {
            failure.report();
        }
        Failure::Reported(failure.code())
    })
}

/// Makes sure that settings are the same on all ranks.
///
/// # Errors
/// If one is not.
pub fn agree_on(
    group: &mut dyn Group,
    settings: impl IntoIterator<Item = (&'static str, String)>,
) -> Result<(), Failure> {
    agreed(group.rank(), agree(group, settings))
}

/// Makes sure that all ranks are to do the same: the run, the data set, and where the results go.
///
/// # Errors
/// If they are not.
pub fn agree_on_run(group: &mut dyn Group, arguments: &Arguments, plan: &Plan) -> Result<(), Failure> {
    let run = &plan.run;
    let settings = &run.settings;
    let text = |value: &dyn Debug| format!("{value:?}");
    agree_on(
        group,
        [
            ("--shards", text(&settings.shards)),
            ("--epochs", text(&settings.epochs)),
            ("--batch-size", text(&settings.batch_size)),
            ("--lr", text(&settings.learning_rate)),
            ("--seed", text(&settings.seed)),
            ("--recipe", settings.recipe.to_string()),
            ("--data", run.data.to_string()),
            ("--target-acc", text(&run.target)),
            ("--every", text(&run.every)),
            ("--checkpoint", text(&arguments.checkpoint)),
            ("--resume", text(&arguments.resume)),
            ("--save", text(&arguments.save)),
            ("--out", text(&arguments.out)),
            ("--serve", text(&arguments.serve)),
        ],
    )
}

/// Gives all ranks the checkpoint that rank 0 found: the others need not see its folder.
///
/// # Errors
/// If what arrives is no checkpoint.
pub fn share(group: &mut dyn Group, found: Start, folder: Option<&Path>) -> Result<Start, Failure> {
    let own = found.as_ref().map(|(_, snapshot)| snapshot.to_bytes()).unwrap_or_default();
    let lengths = group.gather_bytes(&(own.len() as u64).to_le_bytes(), &vec![size_of::<u64>(); group.ranks()]);
    let lengths: Vec<usize> = lengths.as_chunks().0.iter().map(|&bytes| u64::from_le_bytes(bytes) as usize).collect();
    let bytes = group.gather_bytes(&own, &lengths);
    if found.is_some() || bytes.is_empty() {
        return Ok(found);
    }
    let path = folder.map_or_else(|| PathBuf::from("the checkpoint of rank 0"), Path::to_owned);
    match Snapshot::from_bytes(&bytes) {
        Ok(snapshot) => Ok(Some((path, snapshot))),
        Err(Flaw::Damaged { found, expected } | Flaw::Foreign { found, expected }) => {
            Err(DataError::Content { path, found, expected }.into())
        }
    }
}

impl From<GroupError> for Failure {
    fn from(error: GroupError) -> Self {
        Failure::Usage(error.to_string())
    }
}
