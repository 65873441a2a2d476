//! Where the time of a training step goes, and what limits each operation: its arithmetic and its bytes, from the
//! shapes that the trace has, against what the machine reaches.

use std::collections::BTreeMap;

use autograd::trace::{Event, Phase};

use crate::measure::median;
use crate::peak;

/// What an operation has to do at least.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Floating-point operations of the formula; an elementary function such as the exponential counts as one.
    pub flop: f64,
    /// Bytes, if each input is read once and each output is written once.
    pub bytes: f64,
}

impl Cost {
    fn add(&mut self, other: Cost) {
        self.flop += other.flop;
        self.bytes += other.bytes;
    }
}

/// Adam, for each weight: three operations for the mean, four for the square, six for the step; it reads four values
/// and writes three.
const ADAM: Cost = Cost { flop: 13.0, bytes: 7.0 * 4.0 };

/// The products of an operation other than a product of matrices, forward, in floating-point operations. Convolutions
/// with pooling keep the extents of their input before it; attention is counted as if it was causal, half of all pairs.
fn products_of(event: &Event) -> Option<f64> {
    let elements = |shape: &[usize]| shape.iter().product::<usize>() as f64;
    let (first, second) = (event.inputs.first()?, event.inputs.get(1));
    match (event.name, &first[..], second.map(|shape| &shape[..])) {
        ("conv" | "conv_relu", _, Some(weight)) => {
            Some(2.0 * elements(&event.output) * elements(weight) / weight[0].max(1) as f64)
        }
        ("conv_relu_max_pool", [images, _, rest @ ..], Some(weight)) => {
            Some(2.0 * *images as f64 * elements(rest) * elements(weight))
        }
        ("packed_attention", [_, length, _], _) => Some(2.0 * elements(&event.output) * *length as f64),
        ("scaled_dot_product_attention", _, Some([.., keys, _])) => Some(2.0 * elements(first) * *keys as f64),
        ("lstm_steps", gates, Some([.., hidden])) => Some(2.0 * elements(gates) * *hidden as f64),
        _ => None,
    }
}

/// How many times as many the products of the gradients are. `made` are the shapes of what the rule made: a
/// convolution computes only the gradients that somebody needs.
fn products_of_gradients(event: &Event, made: &[&[usize]]) -> f64 {
    if event.name.contains("attention") {
        return 2.5; // The scores again, and the gradients of scores, queries, keys and values.
    }
    if event.name == "lstm_steps" {
        return 2.0;
    }
    event.inputs.iter().take(2).filter(|input| made.contains(&&input[..])).count() as f64
}

/// The cost of an event, from its name and its shapes. For a name that it does not know it counts one operation for
/// each element of the largest shape.
pub fn cost_of(event: &Event) -> Cost {
    let elements = |shape: &[usize]| shape.iter().product::<usize>() as f64;
    let output = elements(&event.output);
    let inputs = event.inputs.iter().map(|shape| elements(shape));
    let touched = 4.0 * (inputs.clone().sum::<f64>() + output);
    match (event.name, event.inputs.first()) {
        // A view moves no element.
        (_, Some(_)) if event.duration.is_zero() => Cost::default(),
        // Each output is a sum of as many products as a row of the first input is long; the third input is a bias.
        ("linear" | "linear_relu" | "matmul", Some(first)) => {
            let depth = first.last().copied().unwrap_or(1) as f64;
            let bias = if event.inputs.len() > 2 { output } else { 0.0 };
            Cost { flop: 2.0 * depth * output + bias, bytes: touched }
        }
        _ if event.phase == Phase::Forward && products_of(event).is_some() => {
            Cost { flop: products_of(event).unwrap_or_default(), bytes: touched }
        }
        // Bytes become values: one byte is read and four are written.
        ("gather_rows", _) => Cost { flop: output, bytes: 5.0 * output },
        ("update", _) => Cost { flop: ADAM.flop * output, bytes: ADAM.bytes * output },
        // Subtract, exponential, add, for each score.
        ("cross_entropy", Some(first)) => Cost { flop: 3.0 * elements(first), bytes: touched },
        _ => Cost { flop: inputs.fold(output, f64::max), bytes: touched },
    }
}

/// An operation of a training step.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// The name of the function.
    pub name: String,
    /// What it runs for.
    pub phase: Phase,
    /// The shapes of its inputs and of its output.
    pub shapes: String,
    /// Seconds in a step, one figure for each round.
    pub seconds: Vec<f64>,
    /// What it has to do in a step.
    pub cost: Cost,
}

impl Operation {
    /// The median, in seconds in a step.
    pub fn median(&self) -> f64 {
        median(&self.seconds)
    }

    /// Name and phase.
    pub fn label(&self) -> String {
        format!("{} {}", self.name, phase_in_words(self.phase))
    }
}

/// The outermost events of some rounds of `steps` steps each, summed by name, phase and shapes; the longest first.
///
/// The cost of an event in which others ran is the sum of theirs: a backward rule computes only the gradients that
/// somebody needs.
pub fn operations(rounds: &[Vec<Event>], steps: usize) -> Vec<Operation> {
    let mut all: BTreeMap<(Phase, &str, String), Operation> = BTreeMap::new();
    for (round, events) in rounds.iter().enumerate() {
        for (event, cost) in outermost(events) {
            if event.duration.is_zero() {
                continue;
            }
            let operation = all.entry((event.phase, event.name, shapes(event))).or_insert_with(|| Operation {
                name: event.name.to_owned(),
                phase: event.phase,
                shapes: shapes(event),
                seconds: vec![0.0; rounds.len()],
                cost: Cost::default(),
            });
            operation.seconds[round] += event.duration.as_secs_f64() / steps as f64;
            let share = 1.0 / (steps * rounds.len()) as f64;
            operation.cost.add(Cost { flop: share * cost.flop, bytes: share * cost.bytes });
        }
    }
    let mut all: Vec<Operation> = all.into_values().collect();
    all.sort_by(|one, other| other.median().total_cmp(&one.median()));
    all
}

/// What ran inside of an event.
#[derive(Default)]
struct Inside<'a> {
    cost: Cost,
    /// The shapes of the outputs.
    made: Vec<&'a [usize]>,
}

/// The events of depth 0 with their costs. Events come in the order in which they ended, so those inside come first.
fn outermost(events: &[Event]) -> Vec<(&Event, Cost)> {
    // For each thread and depth, since the last event around them.
    let mut inside: BTreeMap<(usize, usize), Inside<'_>> = BTreeMap::new();
    let mut all = Vec::new();
    for event in events {
        let inner = inside.remove(&(event.thread, event.depth + 1));
        let cost = match (inner, products_of(event)) {
            (Some(inner), Some(forward)) if event.phase == Phase::Backward => {
                Cost { flop: forward * products_of_gradients(event, &inner.made), bytes: inner.cost.bytes }
            }
            (Some(inner), None) => inner.cost,
            _ => cost_of(event),
        };
        if event.depth == 0 {
            all.push((event, cost));
        } else {
            let around = inside.entry((event.thread, event.depth)).or_default();
            around.cost.add(cost);
            around.made.push(&event.output);
        }
    }
    all
}

/// The shapes of an event: inputs, then the output.
pub fn shapes(event: &Event) -> String {
    let inputs: Vec<String> = event.inputs.iter().map(ToString::to_string).collect();
    format!("{} -> {}", inputs.join(" "), event.output).trim_start().to_owned()
}

/// The name of a phase.
pub fn phase_in_words(phase: Phase) -> &'static str {
    match phase {
        Phase::Forward => "forward",
        Phase::Backward => "backward",
        Phase::Update => "update",
    }
}

/// What the machine reaches on a number of threads.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// The number of threads.
    pub threads: usize,
    /// FLOP in a second.
    pub peak: f64,
    /// For each size of a buffer: its name, its bytes, and the bytes in a second of a copy, of all threads together.
    pub copies: Vec<(&'static str, usize, f64)>,
}

/// What limits an operation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    /// The time that the machine needs at least, as a share of the measured time.
    pub share: f64,
    /// Whether that is the time of the arithmetic; otherwise that of moving the bytes.
    pub is_arithmetic: bool,
    /// The buffer size whose copy stands for the memory.
    pub memory: &'static str,
}

impl Limits {
    /// Measures them: the peak is known already, in GFLOP/s.
    pub fn measure(threads: usize, gflops: f64) -> Self {
        let copies = peak::COPIED.map(|(name, bytes)| (name, bytes, peak::copy(bytes, threads)));
        Limits { threads, peak: 1e9 * gflops, copies: copies.to_vec() }
    }

    /// What limits an operation that takes so many seconds. The bytes of each thread are compared with those of a copy:
    /// the memory is the smallest that holds both of its buffers.
    pub fn of(&self, cost: Cost, seconds: f64) -> Limit {
        let each = cost.bytes / self.threads as f64;
        let level = self.copies.iter().find(|(_, bytes, _)| 2.0 * *bytes as f64 >= each).or(self.copies.last());
        let (memory, bandwidth) = level.map_or(("", f64::INFINITY), |(name, _, bandwidth)| (*name, *bandwidth));
        let (arithmetic, moving) = (cost.flop / self.peak, cost.bytes / bandwidth);
        Limit { share: arithmetic.max(moving) / seconds, is_arithmetic: arithmetic >= moving, memory }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ours::gradus;
    use crate::problem::Problem;
    use crate::task::Task;
    use autograd::trace::record;
    use autograd::{Convolution, Padding, Tensor};
    use std::path::Path;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    /// No other test trains with this batch: a trace has the events of all threads.
    const BATCH: usize = 24;

    fn step() -> Vec<Event> {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _guard = ONE_AT_A_TIME.lock().unwrap();
        let problem = Arc::new(Problem::dots(2 * BATCH));
        let mut work = gradus(&problem, Task::Train { batch: BATCH }, 1).unwrap();
        work(1);
        let mut events = record(|| work(1)).1;
        let first = events.iter().find(|event| event.name == "gather_rows" && event.output == [BATCH, 784]).unwrap();
        let thread = first.thread;
        events.retain(|event| event.thread == thread);
        events
    }

    #[test]
    fn a_step_does_the_arithmetic_of_its_formulas() {
        let all = operations(&[step()], 1);
        let products = |phase: Phase| {
            let flop = |one: &&Operation| one.phase == phase && one.name.starts_with("linear");
            all.iter().filter(flop).map(|one| one.cost.flop).sum::<f64>()
        };
        let (weights, first) = ((784 * 256 + 256 * 128 + 128 * 10) as f64, (784 * 256) as f64);
        let batch = BATCH as f64;
        let biases = (256 + 128 + 10) as f64;
        assert_eq!(products(Phase::Forward), batch * (2.0 * weights + biases));
        // The gradient of the first layer's input is not computed; biases and masks are a little on top.
        let backward = batch * (4.0 * weights - 2.0 * first);
        assert!((products(Phase::Backward) / backward - 1.0).abs() < 0.01, "{}", products(Phase::Backward) / backward);
        let update: f64 = all.iter().filter(|one| one.phase == Phase::Update).map(|one| one.cost.bytes).sum();
        assert_eq!(update, 28.0 * (weights + biases));
    }

    /// Forward and backward, for each of its two gradients, a convolution is as many products as its formula has.
    #[test]
    fn a_convolution_is_counted_by_its_formula() {
        let weight: Tensor = Tensor::ones([8, 3, 5, 5]).requires_grad();
        let options = Convolution { padding: Padding::Same, ..Convolution::default() };
        let forward = 2.0 * (2 * 8 * 11 * 9 * 75) as f64;
        for (gradients, x) in [(1.0, Tensor::ones([2, 3, 11, 9])), (2.0, Tensor::ones([2, 3, 11, 9]).requires_grad())] {
            let mut events = record(|| x.conv2d(&weight, None, &options).sum().backward()).1;
            let own = events.iter().find(|event| event.name == "conv" && event.output == [2, 8, 11, 9]).unwrap().thread;
            events.retain(|event| event.thread == own);
            let all = operations(&[events], 1);
            let of = |phase| all.iter().find(|one| one.name == "conv" && one.phase == phase).unwrap().cost.flop;
            assert_eq!((of(Phase::Forward), of(Phase::Backward)), (forward, gradients * forward));
        }
    }

    #[test]
    fn the_names_are_those_of_functions() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../autograd/src");
        let mut sources = String::new();
        let mut folders = vec![folder];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    sources += &std::fs::read_to_string(path).unwrap();
                }
            }
        }
        let all = operations(&[step()], 1);
        assert!(all.len() >= 10);
        for operation in all {
            let (plain, generic) = (format!("fn {}(", operation.name), format!("fn {}<", operation.name));
            assert!(sources.contains(&plain) || sources.contains(&generic), "there is no {plain}...)");
        }
    }

    #[test]
    fn rounds_are_figures_of_one_operation() {
        let (mut one, mut two) = (step(), step());
        one.iter_mut().for_each(|event| event.duration = Duration::from_micros(2));
        two.iter_mut().for_each(|event| event.duration = Duration::from_micros(4));
        let [single, both] = [operations(&[one.clone()], 1), operations(&[one, two], 1)];
        assert_eq!(single.len(), both.len());
        let of = |all: &[Operation]| all.iter().find(|one| one.name == "gather_rows").unwrap().clone();
        assert_eq!(of(&both).seconds, [2e-6, 4e-6]);
        assert_eq!((of(&both).cost, of(&both).label()), (of(&single).cost, "gather_rows forward".to_owned()));
    }

    #[test]
    fn the_slower_of_arithmetic_and_memory_is_the_limit() {
        let limits = Limits { threads: 2, peak: 1e9, copies: vec![("small", 1000, 1e10), ("large", 100_000, 1e8)] };
        let arithmetic = limits.of(Cost { flop: 1e6, bytes: 4000.0 }, 2e-3);
        assert_eq!(arithmetic, Limit { share: 0.5, is_arithmetic: true, memory: "small" });
        let memory = limits.of(Cost { flop: 1e3, bytes: 4001.0 }, 1e-4);
        assert_eq!((memory.is_arithmetic, memory.memory), (false, "large"));
        assert!((memory.share - 4001.0 / 1e8 / 1e-4).abs() < 1e-12);
        assert_eq!(limits.of(Cost { flop: 0.0, bytes: 1e9 }, 1.0).memory, "large", "nothing is larger");
    }
}
