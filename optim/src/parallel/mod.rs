//! Data-parallel training on several processes or machines, with **the same bits for any number of ranks and threads**.
//!
//! A batch is cut into a fixed number of shards. The ranks (processes) compute the gradients of their shards, and these
//! are added along one fixed binary tree over the shards, whoever computed which of them: so the sum, and with it the
//! weights, are those that one rank alone would compute. What the result depends on is the number of shards.
//!
//! - A [`Group`] connects the ranks: [`Alone`] is one process, [`Threads`] are threads of one process, `Mpi` (with the
//!   cargo feature `mpi`) are processes that an installed MPI starts, on one machine or on many. [`Watched`] bounds the
//!   time that a rank waits for the others.
//! - [`Parallel`] computes the gradients of a step, for any optimizer: each rank takes the same step.
//! - [`Sharded`] also shares out the optimizer: each rank steps a piece of the weights and has the state of this piece
//!   alone.
//! - [`agree`] refuses ranks that are not about to do the same.
//!
//! To sum a vector, each rank adds its own shards as far as the tree allows and sends to each rank a piece of every
//! block it has (`MPI_Alltoallv`); the owner of a piece merges the blocks of all ranks, and the pieces are put together
//! (`MPI_Allgatherv`). That moves as many bytes as the usual reduce-scatter and all-gather (Thakur, Rabenseifner and
//! Gropp, *Optimization of collective communication operations in MPICH*, 2005), where each rank has one block; the
//! order of additions there depends on the number of ranks.

mod agree;
mod alone;
mod data_parallel;
mod group;
mod layout;
#[cfg(feature = "mpi")]
mod mpi;
mod norm;
mod reduce;
mod sharded;
#[cfg(test)]
mod tests;
mod threads;
mod tree;
mod watched;

#[cfg(feature = "mpi")]
pub use self::mpi::Mpi;
pub use agree::{agree, gather_texts};
pub use alone::Alone;
pub use data_parallel::{Parallel, check_ranks};
pub use group::{Group, GroupError};
pub use reduce::{Reduced, Shard};
pub use sharded::{OwnGradients, Sharded, Stepped, WholeState};
pub use threads::Threads;
pub use watched::Watched;
