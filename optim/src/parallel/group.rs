//! What data-parallel training needs of whatever connects the ranks.

use std::fmt;

use autograd::Float;

/// The processes or threads that train one model together, as one of them sees them. Each has a number, its *rank*.
///
/// All ranks call the same methods in the same order. A call returns when what it needs from the others has arrived. If
/// a rank is lost, a call may panic, end the process or wait for ever, as the implementation has it;
/// [`Watched`](super::Watched) bounds the waiting.
///
/// The methods only copy values: no sum is computed on the way, since its bits would depend on the number of ranks.
pub trait Group<T: Float = f32>: Send {
    /// The number of this rank, from 0.
    fn rank(&self) -> usize;

    /// How many ranks there are.
    fn ranks(&self) -> usize;

    /// Replaces the values on all ranks by those of rank 0. Their number is the same on all ranks.
    fn broadcast(&mut self, values: &mut [T]);

    /// Sends to each other rank its part of `send`, and receives from each its part for this rank. The parts follow one
    /// another in the order of the ranks, with these lengths. A rank sends nothing to itself: its own part of `send` is
    /// passed over, and it has none in `receive`, where its length is 0.
    ///
    /// # Panics
    /// If the lengths do not add up, or that of this rank in `receive_lengths` is not 0.
    fn exchange(&mut self, send: &[T], send_lengths: &[usize], receive: &mut [T], receive_lengths: &[usize]);

    /// Puts the values of all ranks together, in the order of the ranks; `lengths` has the number of each rank's
    /// values.
    ///
    /// # Panics
    /// If the lengths do not add up.
    fn gather(&mut self, own: &[T], all: &mut [T], lengths: &[usize]);

    /// As [`gather`](Group::gather), of bytes.
    ///
    /// # Panics
    /// If `own` has not the length that `lengths` has for this rank.
    fn gather_bytes(&mut self, own: &[u8], lengths: &[usize]) -> Vec<u8>;
}

impl<T: Float, G: Group<T> + ?Sized> Group<T> for Box<G> {
    fn rank(&self) -> usize {
        (**self).rank()
    }

    fn ranks(&self) -> usize {
        (**self).ranks()
    }

    fn broadcast(&mut self, values: &mut [T]) {
        (**self).broadcast(values);
    }

    fn exchange(&mut self, send: &[T], send_lengths: &[usize], receive: &mut [T], receive_lengths: &[usize]) {
        (**self).exchange(send, send_lengths, receive, receive_lengths);
    }

    fn gather(&mut self, own: &[T], all: &mut [T], lengths: &[usize]) {
        (**self).gather(own, all, lengths);
    }

    fn gather_bytes(&mut self, own: &[u8], lengths: &[usize]) -> Vec<u8> {
        (**self).gather_bytes(own, lengths)
    }
}

/// Why ranks cannot train together, in one line: the same on all ranks.
#[derive(Clone, PartialEq, Eq)]
pub struct GroupError(pub(crate) String);

/// The sentence of its `Display`: `unwrap()` prints what `Debug` writes.
impl fmt::Debug for GroupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for GroupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for GroupError {}

/// Checks the lengths of an exchange.
#[track_caller]
pub(crate) fn check_exchange(rank: usize, [send, receive]: [&[usize]; 2], [sent, received]: [usize; 2]) {
    check_lengths("Group::exchange", send.len(), send, sent);
    check_lengths("Group::exchange", send.len(), receive, received);
    assert!(receive[rank] == 0, "Group::exchange: rank {rank} has {} values to receive of itself", receive[rank]);
}

/// Checks the lengths of an exchange or of a gathering.
#[track_caller]
pub(crate) fn check_lengths(operation: &str, ranks: usize, lengths: &[usize], values: usize) {
    let sum: usize = lengths.iter().sum();
    assert!(
        lengths.len() == ranks && sum == values,
        "{operation}: {} lengths with the sum {sum}, for {ranks} ranks and {values} values",
        lengths.len()
    );
}
