//! Runs one task with several contenders by turns, and checks first that all of them compute the same.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::measure::Series;
use crate::problem::Problem;
use crate::record::ContenderInfo;
use crate::task::Task;

/// A prepared task: repeats it, and returns a value that all contenders must agree on (a loss, a score, a gradient).
pub type Work = Box<dyn FnMut(usize) -> f64>;

/// A library: prepares a task for a number of threads, or returns `None` if it has no such operation.
pub type Library = fn(&Arc<Problem>, Task, usize) -> Option<Work>;

/// Does something again and again, at least once, and returns the last result.
///
/// Each result is dropped before the next one is computed, which can then use its memory. If it were dropped after
/// that, two buffers would be written by turns, and twice as much would have to fit the caches. All contenders do so.
pub fn last_of<R>(repeats: usize, mut once: impl FnMut() -> R) -> R {
    for _ in 1..repeats {
        drop(once());
    }
    once()
}

/// How long some repetitions took, and what came out.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// Seconds of all repetitions.
    pub seconds: f64,
    /// The value that all contenders must agree on.
    pub check: f64,
}

/// Times some repetitions, after one that is not timed: it brings the data back into the caches and wakes the threads.
pub fn timed(work: &mut Work, repeats: usize) -> Timing {
    work(1);
    let start = Instant::now();
    let check = work(repeats);
    Timing { seconds: start.elapsed().as_secs_f64(), check }
}

/// A library that takes part in a benchmark, in this process or in another one.
pub trait Contender {
    /// Its name, version and settings.
    fn info(&self) -> &ContenderInfo;

    /// Whether it is only a reference, such as a copy of as many bytes, that computes no value to agree on.
    fn is_reference(&self) -> bool {
        false
    }

    /// Whether it is another library, one that the engine is compared with.
    fn is_peer(&self) -> bool {
        false
    }

    /// Prepares a task from its beginning. `false` if the library has no such operation.
    ///
    /// # Errors
    /// If the contender has failed.
    fn prepare(&mut self, task: Task) -> Result<bool>;

    /// Continues the task: [`timed`].
    ///
    /// # Errors
    /// If the contender has failed.
    fn run(&mut self, repeats: usize) -> Result<Timing>;
}

/// A library in this process.
pub struct Local {
    info: ContenderInfo,
    library: Library,
    is_reference: bool,
    problem: Arc<Problem>,
    threads: usize,
    work: Option<Work>,
}

impl Local {
    /// A contender that runs `library` in this process.
    pub fn new(name: &str, library: Library, problem: &Arc<Problem>, threads: usize) -> Self {
        let info = ContenderInfo::engine(name);
        Local { info, library, is_reference: false, problem: Arc::clone(problem), threads, work: None }
    }

    /// The same, as a reference.
    pub fn reference(name: &str, library: Library, problem: &Arc<Problem>, threads: usize) -> Self {
        Local { is_reference: true, ..Local::new(name, library, problem, threads) }
    }
}

impl Contender for Local {
    fn info(&self) -> &ContenderInfo {
        &self.info
    }

    fn is_reference(&self) -> bool {
        self.is_reference
    }

    fn prepare(&mut self, task: Task) -> Result<bool> {
        // The memory of the last task is freed before the next one takes its own.
        self.work = None;
        self.work = (self.library)(&self.problem, task, self.threads);
        Ok(self.work.is_some())
    }

    fn run(&mut self, repeats: usize) -> Result<Timing> {
        let work = self.work.as_mut().with_context(|| format!("{}: nothing is prepared", self.info.name))?;
        Ok(timed(work, repeats))
    }
}

/// How a benchmark is run.
#[derive(Clone, Copy, Debug)]
pub struct Rounds {
    /// Turns of each contender.
    pub rounds: usize,
    /// How long a turn lasts.
    pub turn: Duration,
    /// Repetitions after which the contenders must agree.
    pub warm_up: usize,
    /// How much their values may differ then, as a share of the first one's.
    pub tolerance: f64,
}

/// Between turns: the threads of the last contender go to sleep meanwhile.
const PAUSE: Duration = Duration::from_millis(2);

/// A contender that can do the task, its repetitions in a turn, and its times.
type Prepared<'a> = (&'a mut Box<dyn Contender>, usize, Series);

/// Runs the task with all contenders that can do it, by turns; each round starts with another one.
/// The result is the time of a repetition, one for each turn.
///
/// # Errors
/// If a contender fails, or its value is not the first one's: then it computes something else.
pub fn benchmark(contenders: &mut [Box<dyn Contender>], task: Task, how: Rounds) -> Result<Vec<Series>> {
    let mut prepared = prepare(contenders, task, how)?;
    let count = prepared.len();
    for round in 0..how.rounds {
        for turn in 0..count {
            let (contender, repeats, series) = &mut prepared[(round + turn) % count];
            std::thread::sleep(PAUSE);
            series.seconds.push(contender.run(*repeats)?.seconds / *repeats as f64);
        }
    }
    Ok(prepared.into_iter().map(|(_, _, series)| series).collect())
}

/// Prepares the task with each contender, and compares their values after the warm-up.
fn prepare(contenders: &mut [Box<dyn Contender>], task: Task, how: Rounds) -> Result<Vec<Prepared<'_>>> {
    let (mut prepared, mut expected) = (Vec::new(), None);
    for contender in contenders {
        if !contender.prepare(task)? {
            continue;
        }
        let Timing { seconds, check } = contender.run(how.warm_up)?;
        if !contender.is_reference() {
            let expected = *expected.get_or_insert(check);
            // Written so that a NaN does not agree.
            let agrees = (check - expected).abs() <= how.tolerance * f64::max(1e-3, f64::abs(expected));
            if !agrees {
                bail!("{task}: {} computes {check}, the first contender {expected}", contender.info().name);
            }
        }
        let repeats = (how.turn.as_secs_f64() / (seconds / how.warm_up as f64)).ceil() as usize;
        let series = Series { name: contender.info().name.clone(), seconds: Vec::new() };
        prepared.push((contender, repeats.max(1), series));
    }
    Ok(prepared)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counting(_: &Arc<Problem>, task: Task, _: usize) -> Option<Work> {
        let Task::Infer { batch } = task else { return None };
        Some(Box::new(move |repeats| (batch * repeats) as f64))
    }

    fn squaring(_: &Arc<Problem>, task: Task, _: usize) -> Option<Work> {
        let Task::Infer { batch } = task else { return None };
        Some(Box::new(move |repeats| (batch * repeats * repeats) as f64))
    }

    fn run(libraries: [Library; 2], warm_up: usize) -> Result<Vec<Series>> {
        let problem = Arc::new(Problem::dots(1));
        let mut contenders: Vec<Box<dyn Contender>> = Vec::new();
        for (name, library) in ["first", "second"].into_iter().zip(libraries) {
            contenders.push(Box::new(Local::new(name, library, &problem, 1)));
        }
        let how = Rounds { rounds: 3, turn: Duration::ZERO, warm_up, tolerance: 0.1 };
        benchmark(&mut contenders, Task::Infer { batch: 5 }, how)
    }

    #[test]
    fn every_contender_has_a_turn_in_each_round() {
        let all = run([counting, counting], 2).unwrap();
        assert!(all.iter().map(|series| series.name.as_str()).eq(["first", "second"]));
        assert!(all.iter().all(|series| series.seconds.len() == 3));
        let idle: Library = |_, _, _| None;
        assert_eq!(run([counting, idle], 2).unwrap().len(), 1);
    }

    #[test]
    fn a_contender_that_computes_something_else_is_found() {
        let error = run([counting, squaring], 2).unwrap_err().to_string();
        assert_eq!(error, "infer 5: second computes 20, the first contender 10");
        let lost: Library = |_, _, _| Some(Box::new(|_| f64::NAN));
        assert!(run([counting, lost], 1).is_err());
    }
}
