//! Other libraries as contenders, each in a process of its own, so that its threads, its allocator and its settings
//! don't disturb the others.
//!
//! - candle and burn are compiled in with the feature `peers`; their process is this program again, as `peer NAME`;
//! - PyTorch and JAX run in a Python that the user names, from the scripts in `benches/python`.

#[cfg(feature = "peers")]
mod burn;
#[cfg(feature = "peers")]
mod candle;
mod remote;
mod serve;

use std::fmt;
use std::path::Path;
use std::process::Command;
use std::str::FromStr;

use anyhow::{Context, Result, bail};

use crate::benchmark::{Contender, Library};
use crate::problem::Problem;
use crate::record::ContenderInfo;

pub use remote::Remote;
pub use serve::serve;

/// A library to compare with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// [candle](https://github.com/huggingface/candle), with the AVX-512 kernels of its matrix product.
    Candle,
    /// [burn](https://burn.dev) on its back end flex, with the same.
    Burn,
    /// [PyTorch](https://pytorch.org), with its fused Adam.
    Torch,
    /// The same, with networks compiled by `torch.compile`.
    CompiledTorch,
    /// PyTorch with images and filters channels-last, for tasks with convolutions.
    ChannelsLastTorch,
    /// [JAX](https://docs.jax.dev), compiled by XLA.
    Jax,
}

/// Settings of glibc's allocator in the peers' processes. By default it gives each large buffer back to the system and
/// faults it in again at the next step, which costs candle, for example, most of its speed. (This engine needs no such
/// setting: it has a pool.)
pub const ALLOCATOR: [(&str, &str); 3] = [
    ("MALLOC_TRIM_THRESHOLD_", "4294967296"),
    ("MALLOC_MMAP_THRESHOLD_", "4294967296"),
    ("MALLOC_TOP_PAD_", "268435456"),
];

impl Peer {
    const ALL: [(&'static str, Peer); 6] = [
        ("candle", Peer::Candle),
        ("burn", Peer::Burn),
        ("torch", Peer::Torch),
        ("torch-compile", Peer::CompiledTorch),
        ("torch-channels-last", Peer::ChannelsLastTorch),
        ("jax", Peer::Jax),
    ];

    /// The library and what it is, if it is one that can be compiled into this program, and was.
    ///
    /// # Errors
    /// If it was not.
    pub fn library(self) -> Result<(ContenderInfo, Library)> {
        match self {
            #[cfg(feature = "peers")]
            Peer::Candle => Ok((compiled_in("candle", "candle-core", "gemm with x86-v4"), candle::candle)),
            #[cfg(feature = "peers")]
            Peer::Burn => Ok((compiled_in("burn", "burn", "flex, gemm with x86-v4"), burn::burn)),
            _ => bail!("{self} is not part of this program: build it with --features peers"),
        }
    }

    /// Starts the library in a process of its own.
    ///
    /// # Errors
    /// If it can't be started.
    fn start(self, python: Option<&Path>, problem: &Problem, threads: usize) -> Result<Remote> {
        let mut command = match self {
            Peer::Candle | Peer::Burn => {
                self.library()?;
                let mut command = Command::new(std::env::current_exe().context("this program does not find itself")?);
                command.args(["peer", &self.to_string(), "--threads", &threads.to_string()]);
                command
            }
            Peer::Torch | Peer::CompiledTorch | Peer::ChannelsLastTorch | Peer::Jax => {
                let python = python.with_context(|| format!("{self} needs --python PATH, a Python that has it"))?;
                let library = if self == Peer::Jax { "jax" } else { "torch" };
                let script = format!("{}/python/{library}_contender.py", env!("CARGO_MANIFEST_DIR"));
                let mut command = Command::new(python);
                command.args([script, threads.to_string()]);
                command.args(match self {
                    Peer::CompiledTorch => Some("compile"),
                    Peer::ChannelsLastTorch => Some("channels-last"),
                    _ => None,
                });
                command
            }
        };
        for variable in ["RAYON_NUM_THREADS", "OMP_NUM_THREADS"] {
            command.env(variable, threads.to_string());
        }
        command.envs(ALLOCATOR);
        let variables = ALLOCATOR.iter().map(|(name, value)| format!("{name}={value}"));
        let variables: Vec<String> = variables.collect();
        let wants_the_problem = !matches!(self, Peer::Candle | Peer::Burn);
        Remote::start(self.to_string(), command, &variables.join(", "), wants_the_problem.then_some(problem))
    }
}

/// A library that was compiled into this program.
#[cfg(feature = "peers")]
fn compiled_in(name: &str, package: &str, settings: &str) -> ContenderInfo {
    ContenderInfo::peer(name, crate::versions::version_of(package, ""), settings)
}

/// Starts all of them, which takes a while: so they do it at the same time.
///
/// # Errors
/// If one of them can't be started.
pub fn start(
    peers: &[Peer],
    python: Option<&Path>,
    problem: &Problem,
    threads: usize,
) -> Result<Vec<Box<dyn Contender>>> {
    let started: Vec<Remote> = peers.iter().map(|peer| peer.start(python, problem, threads)).collect::<Result<_>>()?;
    let ready = started.into_iter().map(|remote| Ok(Box::new(remote.ready()?) as Box<dyn Contender>));
    ready.collect()
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, _) = Peer::ALL.into_iter().find(|(_, peer)| peer == self).expect("all of them are listed");
        f.write_str(name)
    }
}

impl FromStr for Peer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Peer::ALL.into_iter().find(|(name, _)| *name == text.trim());
        let names = || Peer::ALL.map(|(name, _)| name).join(", ");
        known.map(|(_, peer)| peer).ok_or_else(|| format!("\"{text}\" is none of {}", names()))
    }
}

#[cfg(all(test, feature = "peers"))]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::ours::gradus;

    #[test]
    fn libraries_of_this_program_compute_the_values_of_the_engine() {
        let problem = Arc::new(Problem::dots(8));
        for task in ["train 4", "infer 4", "train cnn 4", "infer cnn 4"] {
            let value = |library: Library| {
                let mut work = library(&problem, task.parse().unwrap(), 1).expect("it has this task");
                work(3)
            };
            let expected = value(gradus);
            for peer in [Peer::Candle, Peer::Burn] {
                let (_, library) = peer.library().unwrap();
                let value = value(library);
                assert!((value - expected).abs() < 1e-3 * expected.abs(), "{task}: {peer} {value}, ours {expected}");
            }
        }
    }
}
