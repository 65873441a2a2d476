//! A group of processes that MPI started.

use std::fmt;
use std::thread;

use ::mpi::collective::{CommunicatorCollectives, Root};
use ::mpi::datatype::{Partition, PartitionMut};
use ::mpi::environment::Universe;
use ::mpi::topology::{Communicator, SimpleCommunicator};
use ::mpi::{Count, Threading, initialize_with_threading};

use super::group::{Group, GroupError, check_exchange, check_lengths};

/// The processes that `mpirun`, or Slurm's `srun`, started together: the ranks of MPI's world. A program that was
/// started alone is a world of one rank.
///
/// Needs the cargo feature `mpi`, an installed MPI (OpenMPI or MPICH), and libclang to build.
///
/// Only one thread at a time may call MPI, which `&mut self` makes sure of. Dropping the group ends MPI: on the thread
/// that started it, when all ranks have come so far. If the thread is panicking, the other ranks are ended instead,
/// since they would wait for this one.
///
/// A rank that dies ends the whole job, which MPI sees to. One that is stopped or cannot be reached any more does not:
/// see [`Watched`](super::Watched).
pub struct Mpi {
    rank: usize,
    ranks: usize,
    /// Dropped last: that ends MPI.
    _universe: Universe,
}

/// The exit code of ranks that were ended because another one panicked: that of a Rust program which panics.
const PANICKED: i32 = 101;

impl Mpi {
    /// Starts MPI, once in a process.
    ///
    /// # Errors
    /// If it was started already, or the installed MPI does not allow calls from several threads, one at a time.
    pub fn start() -> Result<Self, GroupError> {
        let Some((universe, threading)) = initialize_with_threading(Threading::Serialized) else {
            return Err(GroupError("MPI: it was started in this process before".to_owned()));
        };
        if !matches!(threading, Threading::Serialized | Threading::Multiple) {
            let expected = "calls from several threads, one at a time (MPI_THREAD_SERIALIZED)";
            return Err(GroupError(format!("MPI: found support for {threading:?} alone, expected {expected}")));
        }
        let world = universe.world();
        let (rank, ranks) = (world.rank() as usize, world.size() as usize);
        Ok(Mpi { rank, ranks, _universe: universe })
    }
}

impl fmt::Debug for Mpi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mpi {{ rank: {}, ranks: {} }}", self.rank, self.ranks)
    }
}

impl Drop for Mpi {
    fn drop(&mut self) {
        if thread::panicking() && self.ranks > 1 {
            SimpleCommunicator::world().abort(PANICKED);
        }
    }
}

/// Lengths as MPI counts them, and where each part begins.
#[track_caller]
fn counts(operation: &str, lengths: &[usize]) -> (Vec<Count>, Vec<Count>) {
    let count = |length: usize| {
        let most = Count::MAX;
        Count::try_from(length).unwrap_or_else(|_| panic!("{operation}: {length} values, but MPI counts to {most}"))
    };
    let mut end = 0;
    let parts = lengths.iter().map(|&length| {
        end += length;
        (count(length), count(end) - count(length))
    });
    parts.unzip()
}

/// The values, at an address that MPI takes for that of values: the address of a slice that is empty may be any number,
/// such as the 1 with which OpenMPI asks for an operation in place.
fn at_an_address<'a, T>(values: &'a [T], nothing: &'a [T; 1]) -> &'a [T] {
    if values.is_empty() { &nothing[..0] } else { values }
}

macro_rules! group {
    ($element:ty) => {
        impl Group<$element> for Mpi {
            fn rank(&self) -> usize {
                self.rank
            }

            fn ranks(&self) -> usize {
                self.ranks
            }

            fn broadcast(&mut self, values: &mut [$element]) {
                if values.is_empty() {
                    return; // On all ranks.
                }
                SimpleCommunicator::world().process_at_rank(0).broadcast_into(values);
            }

            fn exchange(
                &mut self,
                send: &[$element],
                send_lengths: &[usize],
                receive: &mut [$element],
                receive_lengths: &[usize],
            ) {
                check_lengths("Group::exchange", self.ranks, send_lengths, send.len());
                check_exchange(self.rank, [send_lengths, receive_lengths], [send.len(), receive.len()]);
                let (mut send_counts, send_starts) = counts("Group::exchange", send_lengths);
                send_counts[self.rank] = 0;
                let (counts, starts) = counts("Group::exchange", receive_lengths);
                let send = at_an_address(send, &[0.0]);
                let receive = if receive.is_empty() { &mut [0.0][..0] } else { receive };
                SimpleCommunicator::world().all_to_all_varcount_into(
                    &Partition::new(send, send_counts, send_starts),
                    &mut PartitionMut::new(receive, counts, starts),
                );
            }

            fn gather(&mut self, own: &[$element], all: &mut [$element], lengths: &[usize]) {
                check_lengths("Group::gather", self.ranks, lengths, all.len());
                if all.is_empty() {
                    return; // On all ranks.
                }
                let own = at_an_address(own, &[0.0]);
                let (counts, starts) = counts("Group::gather", lengths);
                let mut all = PartitionMut::new(all, counts, starts);
                SimpleCommunicator::world().all_gather_varcount_into(own, &mut all);
            }

            fn gather_bytes(&mut self, own: &[u8], lengths: &[usize]) -> Vec<u8> {
                let mut all = vec![0; lengths.iter().sum()];
                check_lengths("Group::gather_bytes", self.ranks, lengths, all.len());
                if all.is_empty() {
                    return all; // On all ranks.
                }
                let own = at_an_address(own, &[0]);
                let (counts, starts) = counts("Group::gather_bytes", lengths);
                let mut parts = PartitionMut::new(&mut all[..], counts, starts);
                SimpleCommunicator::world().all_gather_varcount_into(own, &mut parts);
                all
            }
        }
    };
}

group!(f32);
group!(f64);
