//! Data-parallel training of a perceptron or a convolutional network, on the processes that MPI started or on this one
//! alone. Prints a checksum of the weights, which does not depend on the number of ranks and threads:
//!
//!   cargo run --release -p optim --example data_parallel
//!   cargo build --release -p optim --example data_parallel --features mpi
//!   mpirun -n 2 target/release/examples/data_parallel cnn --threads 1
//!
//! Arguments: cnn for the convolutional network; --threads N, --shards N, --steps N, --batch N; --whole for a step
//! without shards, as one process would take it; --sharded for an optimizer that is shared out; --transfer to measure
//! the group alone; --together to let the ranks wait for each other before each call of the group, so that the time in
//! these calls is that of the transfer.

use std::env;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use autograd::{Convolution, Gradients, Indices, MaxPool, Padding, Param, Random, Tensor, with_threads};
use optim::Adam;
use optim::parallel::{Group, Parallel, Shard, Sharded};

/// Images of 1 × 28 × 28 pixels and their labels, made of random numbers.
const IMAGES: usize = 8192;
const CLASSES: usize = 10;
/// Steps before the time is taken.
const WARM: usize = 5;

struct Arguments {
    is_cnn: bool,
    is_sharded: bool,
    is_whole: bool,
    is_transfer: bool,
    is_together: bool,
    threads: usize,
    shards: usize,
    steps: usize,
    batch: usize,
}

impl Arguments {
    fn read() -> Self {
        let words: Vec<String> = env::args().skip(1).collect();
        let has = |word: &str| words.iter().any(|other| other == word);
        let number = |name: &str, usual: usize| match words.iter().position(|word| word == name) {
            Some(index) => words.get(index + 1).and_then(|word| word.parse().ok()).expect("a number after the name"),
            None => usual,
        };
        Arguments {
            is_cnn: has("cnn"),
            is_sharded: has("--sharded"),
            is_whole: has("--whole"),
            is_transfer: has("--transfer"),
            is_together: has("--together"),
            threads: number("--threads", 1),
            shards: number("--shards", 8),
            steps: number("--steps", 20),
            batch: number("--batch", 64),
        }
    }
}

/// The processes that MPI started.
#[cfg(feature = "mpi")]
fn group() -> Box<dyn Group> {
    let patience = Duration::from_secs(60);
    let mpi = optim::parallel::Mpi::start().expect("MPI");
    Box::new(optim::parallel::Watched::new(mpi, patience, || std::process::exit(75)))
}

/// This process.
#[cfg(not(feature = "mpi"))]
fn group() -> Box<dyn Group> {
    Box::new(optim::parallel::Alone)
}

/// What this rank has sent to others since the time is taken, and how long its calls took.
static BYTES: AtomicU64 = AtomicU64::new(0);
static MESSAGES: AtomicU64 = AtomicU64::new(0);
static MICROSECONDS: AtomicU64 = AtomicU64::new(0);

/// A group whose calls are counted.
struct Metered {
    group: Box<dyn Group>,
    /// Whether the ranks wait for each other before each call.
    is_together: bool,
}

impl Metered {
    /// Counts a call that sends so many bytes to each rank.
    fn call<R>(&mut self, bytes: impl Iterator<Item = usize>, call: impl FnOnce(&mut dyn Group) -> R) -> R {
        let own = self.group.rank();
        for (_, bytes) in bytes.enumerate().filter(|(rank, bytes)| *rank != own && *bytes > 0) {
            BYTES.fetch_add(bytes as u64, Ordering::Relaxed);
            MESSAGES.fetch_add(1, Ordering::Relaxed);
        }
        if self.is_together {
            let ranks = self.group.ranks();
            self.group.gather_bytes(&[0], &vec![1; ranks]);
        }
        let start = Instant::now();
        let result = call(&mut *self.group);
        MICROSECONDS.fetch_add(start.elapsed().as_micros() as u64, Ordering::Relaxed);
        result
    }
}

impl Group for Metered {
    fn rank(&self) -> usize {
        self.group.rank()
    }

    fn ranks(&self) -> usize {
        self.group.ranks()
    }

    fn broadcast(&mut self, values: &mut [f32]) {
        self.group.broadcast(values);
    }

    fn exchange(&mut self, send: &[f32], send_lengths: &[usize], receive: &mut [f32], receive_lengths: &[usize]) {
        let bytes = send_lengths.iter().map(|length| 4 * length);
        self.call(bytes, |group| group.exchange(send, send_lengths, receive, receive_lengths));
    }

    fn gather(&mut self, own: &[f32], all: &mut [f32], lengths: &[usize]) {
        self.call(lengths.iter().map(|_| 4 * own.len()), |group| group.gather(own, all, lengths));
    }

    fn gather_bytes(&mut self, own: &[u8], lengths: &[usize]) -> Vec<u8> {
        self.call(lengths.iter().map(|_| own.len()), |group| group.gather_bytes(own, lengths))
    }
}

/// The microseconds that a message of a few bytes takes, and the bytes that go in a microsecond.
fn transfer(group: &mut dyn Group) -> (f64, f64) {
    // About as many as the perceptron has.
    const VALUES: usize = 235_000;
    let ranks = group.ranks();
    let median = |mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    let timed = |work: &mut dyn FnMut()| {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64() * 1e6
    };
    let small = (0..500).map(|_| timed(&mut || drop(group.gather_bytes(&[0; 8], &vec![8; ranks]))));
    let latency = median(small.collect()) / ranks.saturating_sub(1).max(1) as f64;
    let (length, others) = (VALUES / ranks, VALUES / ranks * (ranks - 1));
    let (mut send, mut receive) = (vec![0.0; length * ranks], vec![0.0; others]);
    let send_lengths = vec![length; ranks];
    let mut receive_lengths = send_lengths.clone();
    receive_lengths[group.rank()] = 0;
    // As in a step, whose tensors take the place of what was sent before in the caches.
    let mut computed = vec![0.0_f32; 1 << 22];
    let large = (0..50).map(|_| {
        computed.iter_mut().chain(&mut send).for_each(|value| *value += 1.0);
        group.gather_bytes(&[0], &vec![1; ranks]);
        timed(&mut || group.exchange(&send, &send_lengths, &mut receive, &receive_lengths))
    });
    let sent = 4.0 * others as f64;
    (latency, sent / median(large.collect()))
}

/// A layer's weight and bias.
struct Layer(Param, Param);

impl Layer {
    fn new(shape: &[usize], random: &mut Random) -> Self {
        let inputs: usize = shape[1..].iter().product();
        let weight = Tensor::randn(shape, random) * (2.0 / inputs as f32).sqrt();
        Layer(Param::new(weight), Param::new(Tensor::zeros([shape[0]])))
    }

    fn linear(&self, x: &Tensor) -> Tensor {
        x.linear(&self.0.tensor(), Some(&self.1.tensor()))
    }

    /// A convolution that keeps the extents, a rectifier, and the largest of each 2 × 2.
    fn convolution(&self, x: &Tensor) -> Tensor {
        let options = Convolution { padding: Padding::Same, ..Convolution::default() };
        x.conv2d(&self.0.tensor(), Some(&self.1.tensor()), &options).relu().max_pool2d(&MaxPool::new([2, 2]))
    }
}

/// 784 → 256 → 128 → 10, or two convolutions and two linear layers.
struct Network {
    layers: Vec<Layer>,
    is_cnn: bool,
}

impl Network {
    fn new(is_cnn: bool) -> Self {
        let mut random = Random::new(1);
        let shapes: &[&[usize]] = if is_cnn {
            &[&[16, 1, 5, 5], &[32, 16, 5, 5], &[128, 1568], &[CLASSES, 128]]
        } else {
            &[&[256, 784], &[128, 256], &[CLASSES, 128]]
        };
        Network { layers: shapes.iter().map(|shape| Layer::new(shape, &mut random)).collect(), is_cnn }
    }

    fn named(&self) -> Vec<(String, Param)> {
        let of_layer = |(index, layer): (usize, &Layer)| {
            [(format!("{index}.weight"), layer.0.clone()), (format!("{index}.bias"), layer.1.clone())]
        };
        self.layers.iter().enumerate().flat_map(of_layer).collect()
    }

    fn scores(&self, x: &Tensor) -> Tensor {
        let (convolutions, linear) = self.layers.split_at(if self.is_cnn { 2 } else { 0 });
        let rows = x.shape()[0];
        let x = if self.is_cnn { x.reshape([rows, 1, 28, 28]) } else { x.clone() };
        let x = convolutions.iter().fold(x, |x, layer| layer.convolution(&x));
        let features = x.numel() / rows;
        let (last, hidden) = linear.split_last().expect("there are layers");
        last.linear(&hidden.iter().fold(x.reshape([rows, features]), |x, layer| layer.linear(&x).relu()))
    }

    /// FNV-1a of all weights' bits.
    fn checksum(&self) -> u64 {
        let weights = self.named().into_iter().flat_map(|(_, param)| param.tensor().to_vec());
        let mix = |sum: u64, value: f32| (sum ^ u64::from(value.to_bits())).wrapping_mul(0x0100_0000_01b3);
        weights.fold(0xcbf2_9ce4_8422_2325, mix)
    }
}

fn main() {
    let arguments = Arguments::read();
    let group = group();
    let (rank, ranks) = (group.rank(), group.ranks());
    if arguments.is_transfer {
        let mut group = group;
        let (latency, bandwidth) = transfer(&mut *group);
        if rank == 0 {
            println!("latency {latency:.2} bandwidth {bandwidth:.0}");
        }
        return;
    }
    let network = Network::new(arguments.is_cnn);
    let metered = Metered { group, is_together: arguments.is_together };
    let parallel = Parallel::new(metered, network.named(), arguments.shards).expect("ranks that agree");
    let seconds = with_threads(arguments.threads, || train(parallel, &network, &arguments)).as_secs_f64();
    if rank == 0 {
        let Arguments { threads, shards, steps, batch, .. } = arguments;
        let speed = (steps * batch) as f64 / seconds;
        println!("ranks {ranks} threads {threads} shards {shards} batch {batch}: {speed:.0} images/s");
        let of_step = |count: &AtomicU64| count.load(Ordering::Relaxed) / steps as u64;
        let [bytes, messages, time] = [&BYTES, &MESSAGES, &MICROSECONDS].map(of_step);
        println!("a step: {bytes} bytes and {messages} messages to others, {time} microseconds in the group");
        println!("weights {:016x}", network.checksum());
    }
}

/// Takes the steps, and returns the time of all but the first ones.
fn train(mut parallel: Parallel, network: &Network, arguments: &Arguments) -> Duration {
    let images: Tensor = Tensor::rand([IMAGES, 784], 2);
    let labels: Vec<usize> = (0..IMAGES).map(|image| image * 7919 % CLASSES).collect();
    let compute = |shard: Shard, step: usize| -> (usize, f64, Gradients) {
        let own = shard.of(arguments.batch);
        let first = step * arguments.batch % (IMAGES - arguments.batch + 1) + own.start;
        let labels: Indices = labels[first..first + own.len()].iter().copied().collect();
        let loss = network.scores(&images.narrow(0, first, own.len())).cross_entropy(&labels);
        (own.len(), f64::from(loss.item()), loss.backward())
    };
    let adam = |named| Adam::new(named, 1e-3);
    if arguments.is_sharded {
        let mut sharded = Sharded::new(parallel, adam);
        return timed(arguments.steps, |step| {
            sharded.step(|shard| compute(shard, step));
        });
    }
    let mut adam = adam(network.named());
    if arguments.is_whole {
        return timed(arguments.steps, |step| adam.step_taking(compute(Shard { index: 0, shards: 1 }, step).2));
    }
    timed(arguments.steps, |step| adam.step_taking(parallel.gradients(|shard| compute(shard, step)).gradients))
}

/// Calls `step` for some steps, and returns how long all but the first ones took.
fn timed(steps: usize, mut step: impl FnMut(usize)) -> Duration {
    (0..WARM).for_each(&mut step);
    [&BYTES, &MESSAGES, &MICROSECONDS].iter().for_each(|count| count.store(0, Ordering::Relaxed));
    let start = Instant::now();
    (WARM..WARM + steps).for_each(step);
    start.elapsed()
}
