//! A group of one process.

use autograd::Float;

use super::group::{Group, check_exchange, check_lengths};

/// One process, which computes all shards itself: the same bits as on many ranks, without anything installed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

impl<T: Float> Group<T> for Alone {
    fn rank(&self) -> usize {
        0
    }

    fn ranks(&self) -> usize {
        1
    }

    fn broadcast(&mut self, _values: &mut [T]) {}

    fn exchange(&mut self, send: &[T], send_lengths: &[usize], receive: &mut [T], receive_lengths: &[usize]) {
        check_lengths("Group::exchange", 1, send_lengths, send.len());
        check_exchange(0, [send_lengths, receive_lengths], [send.len(), receive.len()]);
    }

    fn gather(&mut self, own: &[T], all: &mut [T], lengths: &[usize]) {
        check_lengths("Group::gather", 1, lengths, all.len());
        all.copy_from_slice(own);
    }

    fn gather_bytes(&mut self, own: &[u8], lengths: &[usize]) -> Vec<u8> {
        check_lengths("Group::gather_bytes", 1, lengths, own.len());
        own.to_vec()
    }
}
