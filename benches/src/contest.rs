//! A fair race: one task, several entrants, one after another in turns, each checked to do the same work.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result, bail};

use crate::measure::Series;
use crate::problem::Problem;

/// What is to be done, again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// A training step on the next batch.
    Train {
        /// Images in it.
        batch: usize,
    },
    /// The scores of one and the same batch, without gradients.
    Infer {
        /// Images in it.
        batch: usize,
    },
    /// 500 times `y = y · a`, then `y = y + b`, from a leaf of shape `[extent]`.
    Chain {
        /// Numbers in each tensor.
        extent: usize,
        /// Whether the gradient of the leaf is wanted; otherwise nothing is recorded.
        backward: bool,
    },
    /// An elementwise operation, a reduction or a softmax on `[4096, 1024]`.
    Elementwise(Elementwise),
    /// A step of an optimizer on one parameter, whose gradient is always the same.
    Optimize {
        /// The optimizer.
        rule: Rule,
        /// Weights of the parameter.
        weights: usize,
    },
}

/// Operations in a chain.
pub const CHAIN: usize = 1000;

/// The shape of elementwise tasks.
pub const PLANE: [usize; 2] = [4096, 1024];

/// An operation on one or two tensors of shape [`PLANE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elementwise {
    /// What it is called, as a function of tensors.
    pub name: &'static str,
    /// Whole tensors that it must at least read and write.
    pub tensors: usize,
}

/// The elementwise tasks. The reductions read one tensor and write next to nothing; what ends in `_rows` goes down the columns, along dimension 0; what ends
/// in [`GRADIENT`] computes an operation and, from a gradient of its result, that of its input.
pub const ELEMENTWISE: [Elementwise; 23] = {
    const fn task(name: &'static str, tensors: usize) -> Elementwise {
        Elementwise { name, tensors }
    }
    [
        task("add", 3),
        task("mul", 3),
        task("scale", 2),
        task("relu", 2),
        task("exp", 2),
        task("tanh", 2),
        task("sigmoid", 2),
        task("gelu", 2),
        task("gelu_tanh", 2),
        task("erf", 2),
        task("sum", 1),
        task("sum_rows", 1),
        task("sum_columns", 1),
        task("max", 1),
        task("max_rows", 1),
        task("argmax", 1),
        task("softmax", 2),
        task("softmax_rows", 2),
        task("log_softmax", 2),
        task("transpose", 2),
        task("gelu_gradient", 5),
        task("softmax_gradient", 5),
        task("log_softmax_gradient", 5),
    ]
};

/// What the name of a task ends in that goes forward and back.
pub const GRADIENT: &str = "_gradient";

/// An optimizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What it is called.
    pub name: &'static str,
    /// Numbers that are read and written for each weight.
    pub numbers: usize,
}

/// The optimizers: each reads the weight and its gradient and writes the weight; a number of state is read and written.
pub const RULES: [Rule; 4] = [
    Rule { name: "sgd", numbers: 3 },
    Rule { name: "momentum", numbers: 5 },
    Rule { name: "adam", numbers: 7 },
    Rule { name: "adamw", numbers: 7 },
];

impl Task {
    /// Bytes that one repetition must at least read and write; 0 where they are not what counts.
    pub fn bytes(self) -> usize {
        let numbers = match self {
            Task::Elementwise(operation) => operation.tensors * PLANE[0] * PLANE[1],
            Task::Optimize { rule, weights } => rule.numbers * weights,
            Task::Train { .. } | Task::Infer { .. } | Task::Chain { .. } => 0,
        };
        numbers * size_of::<f32>()
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Task::Train { batch } => write!(f, "train {batch}"),
            Task::Infer { batch } => write!(f, "infer {batch}"),
            Task::Chain { extent, backward } => write!(f, "chain {extent} {}", u8::from(*backward)),
            Task::Elementwise(operation) => write!(f, "elementwise {}", operation.name),
            Task::Optimize { rule, weights } => write!(f, "optimize {} {weights}", rule.name),
        }
    }
}

impl FromStr for Task {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let unknown = || format!("\"{text}\" is not a task");
        let number = |word: &str| word.parse().with_context(unknown);
        Ok(match text.split_whitespace().collect::<Vec<_>>()[..] {
            ["train", batch] => Task::Train { batch: number(batch)? },
            ["infer", batch] => Task::Infer { batch: number(batch)? },
            ["chain", extent, backward] => Task::Chain { extent: number(extent)?, backward: backward == "1" },
            ["elementwise", name] => {
                let known = ELEMENTWISE.into_iter().find(|operation| operation.name == name);
                Task::Elementwise(known.with_context(unknown)?)
            }
            ["optimize", name, weights] => {
                let rule = RULES.into_iter().find(|rule| rule.name == name).with_context(unknown)?;
                Task::Optimize { rule, weights: number(weights)? }
            }
            _ => bail!(unknown()),
        })
    }
}

/// A task made ready: does it so many times, and returns a number that all entrants must agree on (a loss, a score, a gradient).
pub type Work = Box<dyn FnMut(usize) -> f64>;

/// A library: makes a task ready for so many threads, or has nothing to do it with.
pub type Library = fn(&Arc<Problem>, Task, usize) -> Option<Work>;

/// How long some repetitions took, and what came out.
#[derive(Clone, Copy, Debug)]
pub struct Slice {
    /// Of all repetitions.
    pub seconds: f64,
    /// The number that all entrants must agree on.
    pub check: f64,
}

/// Times some repetitions; one more goes before them, to bring the data back to the caches and the threads back to their feet.
pub fn timed(work: &mut Work, repeats: usize) -> Slice {
    work(1);
    let start = Instant::now();
    let check = work(repeats);
    Slice { seconds: start.elapsed().as_secs_f64(), check }
}

/// Somebody who takes part.
pub trait Entrant {
    /// The name in tables.
    fn name(&self) -> &str;

    /// Whether it only stands beside the others to be measured against, and comes to no number.
    fn is_yardstick(&self) -> bool {
        false
    }

    /// Makes a task ready, from its beginning. `false` if there is nothing to do it with.
    ///
    /// # Errors
    /// If the entrant has failed.
    fn prepare(&mut self, task: Task) -> Result<bool>;

    /// Goes on with the task: [`timed`].
    ///
    /// # Errors
    /// If the entrant has failed.
    fn run(&mut self, repeats: usize) -> Result<Slice>;
}

/// A library in this process.
pub struct Local {
    name: &'static str,
    library: Library,
    is_yardstick: bool,
    problem: Arc<Problem>,
    threads: usize,
    work: Option<Work>,
}

impl Local {
    /// An entrant that runs `library` in this process.
    pub fn new(name: &'static str, library: Library, problem: &Arc<Problem>, threads: usize) -> Self {
        Local { name, library, is_yardstick: false, problem: Arc::clone(problem), threads, work: None }
    }

    /// The same, as a yardstick.
    pub fn yardstick(name: &'static str, library: Library, problem: &Arc<Problem>, threads: usize) -> Self {
        Local { is_yardstick: true, ..Local::new(name, library, problem, threads) }
    }
}

impl Entrant for Local {
    fn name(&self) -> &str {
        self.name
    }

    fn is_yardstick(&self) -> bool {
        self.is_yardstick
    }

    fn prepare(&mut self, task: Task) -> Result<bool> {
        self.work = None;
        self.work = (self.library)(&self.problem, task, self.threads);
        Ok(self.work.is_some())
    }

    fn run(&mut self, repeats: usize) -> Result<Slice> {
        let work = self.work.as_mut().with_context(|| format!("{}: nothing is prepared", self.name))?;
        Ok(timed(work, repeats))
    }
}

/// How a contest is run.
#[derive(Clone, Copy, Debug)]
pub struct Rounds {
    /// How often it is everybody's turn.
    pub rounds: usize,
    /// How long a turn lasts.
    pub turn: Duration,
    /// Repetitions after which the entrants must agree.
    pub warm_up: usize,
    /// By how much, as a share of the first one's number, they may differ then.
    pub tolerance: f64,
}

/// Between turns: who had the last one lets its threads go to sleep.
const PAUSE: Duration = Duration::from_millis(2);

/// Lets all entrants that can do the task do it, in turns, and starts each round with another one. The result is what each needed for a repetition.
///
/// # Errors
/// If an entrant fails, or does not get the first one's number: then it did something else.
pub fn contest(entrants: &mut [Box<dyn Entrant>], task: Task, how: Rounds) -> Result<Vec<Series>> {
    let (mut able, mut expected) = (Vec::new(), None);
    for entrant in entrants {
        if !entrant.prepare(task)? {
            continue;
        }
        let Slice { seconds, check } = entrant.run(how.warm_up)?;
        if !entrant.is_yardstick() {
            let expected = *expected.get_or_insert(check);
            // Written so that a NaN does not agree.
            let agrees = (check - expected).abs() <= how.tolerance * f64::max(1e-3, f64::abs(expected));
            if !agrees {
                bail!("{task}: {} comes to {check}, the first to {expected}", entrant.name());
            }
        }
        let repeats = (how.turn.as_secs_f64() / (seconds / how.warm_up as f64)).ceil() as usize;
        let series = Series { name: entrant.name().to_owned(), seconds: Vec::new() };
        able.push((entrant, repeats.max(1), series));
    }
    let count = able.len();
    for round in 0..how.rounds {
        for turn in 0..count {
            let (entrant, repeats, series) = &mut able[(round + turn) % count];
            std::thread::sleep(PAUSE);
            series.seconds.push(entrant.run(*repeats)?.seconds / *repeats as f64);
        }
    }
    Ok(able.into_iter().map(|(_, _, series)| series).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_read_as_it_is_written() {
        let mut tasks = vec![
            Task::Train { batch: 64 },
            Task::Infer { batch: 1 },
            Task::Chain { extent: 32, backward: true },
            Task::Chain { extent: 1, backward: false },
        ];
        tasks.extend(ELEMENTWISE.map(Task::Elementwise));
        tasks.extend(RULES.map(|rule| Task::Optimize { rule, weights: 7 }));
        for task in tasks {
            assert_eq!(task.to_string().parse::<Task>().unwrap(), task);
        }
        assert!("train".parse::<Task>().is_err() && "elementwise cbrt".parse::<Task>().is_err());
    }

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
        let mut entrants: Vec<Box<dyn Entrant>> = Vec::new();
        for (name, library) in ["first", "second"].into_iter().zip(libraries) {
            entrants.push(Box::new(Local::new(name, library, &problem, 1)));
        }
        let how = Rounds { rounds: 3, turn: Duration::ZERO, warm_up, tolerance: 0.1 };
        contest(&mut entrants, Task::Infer { batch: 5 }, how)
    }

    #[test]
    fn everybody_has_a_turn_a_round() {
        let all = run([counting, counting], 2).unwrap();
        assert!(all.iter().map(|series| series.name.as_str()).eq(["first", "second"]));
        assert!(all.iter().all(|series| series.seconds.len() == 3));
        let idle: Library = |_, _, _| None;
        assert_eq!(run([counting, idle], 2).unwrap().len(), 1);
    }

    #[test]
    fn who_does_something_else_is_found_out() {
        let error = run([counting, squaring], 2).unwrap_err().to_string();
        assert_eq!(error, "infer 5: second comes to 20, the first to 10");
        let lost: Library = |_, _, _| Some(Box::new(|_| f64::NAN));
        assert!(run([counting, lost], 1).is_err());
    }
}
