//! `scale`: data-parallel training on ranks, beside one process, beside PyTorch's, and a model of many machines.
//!
//! The ranks are processes of the example `data_parallel` of the crate `optim`, which `mpirun` starts: so this program
//! needs no MPI itself.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Serialize;

use super::positive;
use crate::peers::Peer;
use crate::record::write_json;
use crate::table::Table;

/// The options of `scale`.
#[derive(Args)]
pub struct Arguments {
    /// Images in a step of the perceptron, a list
    #[arg(long, value_delimiter = ',', default_value = "512,2048,8192", value_parser = positive)]
    batch: Vec<usize>,
    /// Images in a step of the convolutional network, a list
    #[arg(long, value_delimiter = ',', default_value = "128", value_parser = positive)]
    cnn_batch: Vec<usize>,
    /// Into how many shards a batch is cut
    #[arg(long, default_value = "2", value_parser = positive)]
    shards: usize,
    /// How often it is everybody's turn
    #[arg(long, default_value = "5", value_parser = positive)]
    rounds: usize,
    /// Whom to compare with: torch (with --python)
    #[arg(long, value_delimiter = ',')]
    peers: Vec<Peer>,
    /// A Python that has torch
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
    /// The program that is run on ranks: cargo build --release -p optim --example data_parallel --features mpi
    /// [default: examples/data_parallel beside this program]
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// What starts the ranks, before -n
    #[arg(long, default_value = "mpirun -q --bind-to none --oversubscribe --mca mpi_yield_when_idle 1")]
    mpirun: String,
    /// Microseconds that a message takes in the network of the model; otherwise those of this machine's memory
    #[arg(long)]
    latency: Option<f64>,
    /// Gigabytes a second that a rank sends in the network of the model; otherwise those of this machine's memory
    #[arg(long)]
    bandwidth: Option<f64>,
    /// Where to write all figures
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Ranks and threads of each.
const JOBS: [(usize, usize); 3] = [(1, 1), (1, 2), (2, 1)];
/// Images that a run trains on, about: a second or so.
const IMAGES: [(&str, usize); 2] = [("mlp", 200_000), ("cnn", 8_000)];
/// Trained values of the perceptron.
const WEIGHTS: usize = 235_146;

/// The figures of one task.
#[derive(Serialize)]
struct Record {
    network: &'static str,
    batch: usize,
    contender: String,
    ranks: usize,
    threads: usize,
    /// Images a second, a number for each turn.
    speeds: Vec<f64>,
}

impl Record {
    fn median(&self) -> f64 {
        let mut speeds = self.speeds.clone();
        speeds.sort_by(f64::total_cmp);
        speeds[speeds.len() / 2]
    }
}

/// What a run says.
struct Run {
    speed: f64,
    /// Bytes, messages, and microseconds in the group, of a step on rank 0.
    step: [f64; 3],
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let program = arguments.program.clone().map_or_else(beside, Ok)?;
    let torch = arguments.peers.contains(&Peer::Torch);
    let python = arguments.python.as_deref().filter(|_| torch);
    if torch && python.is_none() {
        bail!("--peers torch wants --python PATH");
    }
    let mut records = Vec::new();
    let tasks = arguments.batch.iter().map(|&batch| ("mlp", batch));
    for (network, batch) in tasks.chain(arguments.cnn_batch.iter().map(|&batch| ("cnn", batch))) {
        records.extend(task(arguments, &program, python, network, batch)?);
    }
    println!("{}", table(&records));
    model(arguments, &program)?;
    arguments.json.as_deref().map_or(Ok(()), |path| write_json(path, &records))
}

/// The example in the folder of this program.
fn beside() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let path = own.with_file_name("examples").join("data_parallel");
    if !path.exists() {
        let build = "cargo build --release -p optim --example data_parallel --features mpi";
        bail!("{}: found no such program, expected the one of: {build}", path.display());
    }
    Ok(path)
}

/// All contenders by turns.
fn task(
    arguments: &Arguments,
    program: &Path,
    python: Option<&Path>,
    network: &'static str,
    batch: usize,
) -> Result<Vec<Record>> {
    let images = IMAGES.iter().find(|(name, _)| *name == network).expect("a known network").1;
    let steps = (images / batch).max(10);
    let record = |contender: &str, (ranks, threads)| {
        let contender = contender.to_owned();
        Record { network, batch, contender, ranks, threads, speeds: Vec::new() }
    };
    let mut records: Vec<Record> = JOBS.iter().map(|&job| record("Gradus", job)).collect();
    // What is to be divided by: a process that knows nothing of shards.
    records.push(record("Gradus, one process", (1, 1)));
    if python.is_some() {
        records.extend(JOBS.iter().map(|&job| record("PyTorch", job)));
    }
    for _ in 0..arguments.rounds {
        for record in &mut records {
            let job = (record.ranks, record.threads);
            record.speeds.push(match (record.contender.as_str(), python) {
                ("PyTorch", Some(python)) => torch(python, network, job, batch, steps)?,
                (name, _) => {
                    let mut more = vec![network.to_owned(), format!("--shards={}", arguments.shards)];
                    more.push(if name == "Gradus" { "--sharded" } else { "--whole" }.to_owned());
                    gradus(arguments, program, job, &more, batch, steps)?.speed
                }
            });
        }
    }
    Ok(records)
}

/// Runs the program on ranks.
fn ranks(arguments: &Arguments, program: &Path, ranks: usize, words: &[String]) -> Result<String> {
    let mut start = arguments.mpirun.split_whitespace();
    let mut command = Command::new(start.next().context("--mpirun is empty")?);
    command.args(start).args(["-n", &ranks.to_string()]).arg(program).args(words);
    command.envs([("OMPI_ALLOW_RUN_AS_ROOT", "1"), ("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")]);
    output(command)
}

fn output(mut command: Command) -> Result<String> {
    let words = format!("{command:?}");
    let output = command.stderr(Stdio::inherit()).output().with_context(|| words.clone())?;
    if !output.status.success() {
        bail!("{words}: {}", output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn gradus(
    arguments: &Arguments,
    program: &Path,
    (count, threads): (usize, usize),
    more: &[String],
    batch: usize,
    steps: usize,
) -> Result<Run> {
    let numbers = [("--threads", threads), ("--batch", batch), ("--steps", steps)];
    let words: Vec<String> = numbers.iter().flat_map(|(name, value)| [(*name).to_owned(), value.to_string()]).collect();
    let more = more.iter().flat_map(|word| word.split('=')).map(str::to_owned);
    let said = ranks(arguments, program, count, &words.into_iter().chain(more).collect::<Vec<_>>())?;
    let speed = number_before(&said, " images/s");
    let step = [" bytes", " messages", " microseconds"].map(|word| number_before(&said, word));
    match (speed, step) {
        (Some(speed), [Some(bytes), Some(messages), Some(time)]) => Ok(Run { speed, step: [bytes, messages, time] }),
        _ => bail!("{}: \"{said}\" is not what it says after a run", program.display()),
    }
}

/// The number before some words.
fn number_before(text: &str, words: &str) -> Option<f64> {
    text.split_once(words)?.0.split_whitespace().next_back()?.parse().ok()
}

fn torch(python: &Path, network: &str, (ranks, threads): (usize, usize), batch: usize, steps: usize) -> Result<f64> {
    // A port that is free now.
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/torch_ddp.py");
    let command = |rank: usize| {
        let mut command = Command::new(python);
        command.arg(&script).args([rank, ranks, threads, port.into()].map(|number: usize| number.to_string()));
        command.arg(network).args([batch, steps].map(|number| number.to_string()));
        command
    };
    let others: Vec<_> = (1..ranks).map(|rank| command(rank).spawn()).collect::<Result<_, _>>()?;
    let said = output(command(0));
    for mut other in others {
        if said.is_err() {
            other.kill()?;
        }
        other.wait()?;
    }
    let said = said?;
    said.trim().parse().with_context(|| format!("PyTorch: \"{said}\" is not a number of images a second"))
}

/// Thousand images a second, and the efficiency against one process of one thread.
fn table(records: &[Record]) -> Table {
    let jobs = JOBS.map(|(ranks, threads)| format!("{ranks} × {threads}"));
    let head = ["network, batch".to_owned(), "contender".to_owned()].into_iter().chain(jobs);
    let mut table = Table::new(head.chain(["efficiency 1 × 2".to_owned(), "efficiency 2 × 1".to_owned()]));
    for one in records.iter().filter(|record| record.ranks * record.threads == 1 && !record.contender.contains(',')) {
        let of = |contender: &str, job: (usize, usize)| {
            let is_it = |other: &&Record| {
                let is_task = (other.network, other.batch) == (one.network, one.batch);
                is_task && other.contender == contender && (other.ranks, other.threads) == job
            };
            records.iter().find(is_it).map(Record::median)
        };
        let speeds = JOBS.map(|job| of(&one.contender, job).unwrap_or(f64::NAN));
        let base = of(&format!("{}, one process", one.contender), (1, 1)).unwrap_or(speeds[0]);
        let cells = speeds.map(|speed| format!("{:.1}", speed / 1e3));
        let efficiencies = [speeds[1], speeds[2]].map(|speed| format!("{:.0}%", 50.0 * speed / base));
        let start = [format!("{}, {}", one.network, one.batch), one.contender.clone()];
        table.row(start.into_iter().chain(cells).chain(efficiencies));
    }
    table
}

/// What a step of a rank sends, with one block for each rank: the tallies of the shards, the pieces of its sums, its
/// piece of the sum.
fn sent(ranks: usize) -> [f64; 2] {
    let others = ranks as f64 - 1.0;
    let tallies = others * (16.0 + 6.0);
    [tallies + 2.0 * 4.0 * WEIGHTS as f64 * others / ranks as f64, 3.0 * others]
}

/// The microseconds in which that is sent.
fn time_of(ranks: usize, latency: f64, bandwidth: f64) -> f64 {
    let [bytes, messages] = sent(ranks);
    messages * latency + bytes / bandwidth
}

/// Compares the model with what is measured, and says what it predicts for many machines.
fn model(arguments: &Arguments, program: &Path) -> Result<()> {
    let said = ranks(arguments, program, 2, &["--transfer".to_owned()])?;
    let mut numbers = said.split_whitespace().filter_map(|word| word.parse::<f64>().ok());
    let (Some(latency), Some(bandwidth)) = (numbers.next(), numbers.next()) else {
        bail!("{}: \"{said}\" is not a latency and a bandwidth", program.display());
    };
    println!("a message takes {latency:.1} µs, a rank sends {:.2} GB/s to another on this machine", bandwidth / 1e3);
    let mut check = Table::new(["ranks", "bytes a step", "of the model", "messages", "of the model"]);
    let mut measured = 0.0;
    for count in 2..=8 {
        let more = [format!("--shards={count}"), "--together".to_owned(), "--sharded".to_owned()];
        let run = gradus(arguments, program, (count, 1), &more, 64 * count, if count == 2 { 100 } else { 10 })?;
        let [bytes, messages, time] = run.step;
        measured = if count == 2 { time } else { measured };
        let model = sent(count);
        check.row([count as f64, bytes, model[0], messages, model[1]].map(|number| format!("{number:.0}")));
    }
    println!("\n{check}");
    let own = time_of(2, latency, bandwidth);
    println!("2 ranks: {measured:.0} µs in the group, without waiting; the model says {own:.0} µs\n");
    let one = gradus(arguments, program, (1, 1), &["--whole".to_owned()], 512, 200)?;
    let (latency, bandwidth) =
        (arguments.latency.unwrap_or(latency), arguments.bandwidth.map_or(bandwidth, |gigabytes| 1e3 * gigabytes));
    let mut many = Table::new(["ranks", "µs computed", "µs sent", "efficiency"]);
    for count in [2, 4, 8, 16, 32, 64] {
        let (computed, sent) = (512.0 / one.speed * 1e6, time_of(count, latency, bandwidth));
        let efficiency = format!("{:.0}%", 100.0 * computed / (computed + sent));
        many.row([count.to_string(), format!("{computed:.0}"), format!("{sent:.0}"), efficiency]);
    }
    let network = format!("{latency:.1} µs a message and {:.2} GB/s", bandwidth / 1e3);
    println!("the model, 512 images on each rank of one thread, {network}:\n\n{many}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_run_says_is_read() {
        let said = "ranks 2 threads 1 shards 8 batch 64: 1234 images/s\n\
                    a step: 56 bytes and 7 messages to others, 8 microseconds in the group\n";
        let words = [" images/s", " bytes", " messages", " microseconds", " hours"];
        assert_eq!(words.map(|word| number_before(said, word)), [Some(1234.0), Some(56.0), Some(7.0), Some(8.0), None]);
    }

    #[test]
    fn bytes_grow_towards_two_vectors() {
        let vector = 4.0 * WEIGHTS as f64;
        assert!((sent(2)[0] - (vector + 22.0)).abs() < 1e-6 && sent(64)[0] < 2.0 * vector + 63.0 * 22.0);
        assert_eq!(sent(8)[1], 21.0);
        assert!(time_of(64, 1.0, 1000.0) > time_of(2, 1.0, 1000.0));
    }
}
