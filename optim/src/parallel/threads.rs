//! A group of threads in one process.

use std::any::Any;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use autograd::{Float, is_in_pool};

use super::group::{Group, check_exchange, check_lengths};

/// A rank that is a thread of this process: for tests, and for whoever wants several ranks without MPI.
///
/// Each pair of ranks has a channel, so a rank waits only for messages, and a rank that ends closes its channels: the
/// others then panic instead of waiting for ever.
///
/// [`with_threads`](autograd::with_threads) is called around what a rank computes, not around the calls of the group:
/// all ranks of the process share its threads, and one that waits for another rank would hold the thread on which that
/// one is to run. A rank that waits there panics.
///
/// ```
/// use optim::parallel::{Group, Threads};
/// let sums = Threads::run(3, |mut rank| {
///     let mut all = [0.0_f32; 3];
///     let own = Group::<f32>::rank(&rank) as f32;
///     rank.gather(&[own], &mut all, &[1; 3]);
///     all.iter().sum::<f32>()
/// });
/// assert_eq!(sums, [3.0; 3]);
/// ```
#[derive(Debug)]
pub struct Threads {
    rank: usize,
    /// One for each rank.
    senders: Vec<Sender<Message>>,
    receivers: Vec<Receiver<Message>>,
}

/// Values of some type, and the operation that they belong to.
#[derive(Debug)]
struct Message {
    operation: &'static str,
    values: Box<dyn Any + Send>,
}

/// How a rank's panic begins that only follows another one's end.
const GONE: &str = "a group of threads: rank ";

impl Threads {
    /// The ranks of a new group, in order: one for each thread.
    ///
    /// # Panics
    /// If `ranks` is 0.
    #[track_caller]
    pub fn group(ranks: usize) -> Vec<Threads> {
        assert!(ranks > 0, "Threads::group: a group has at least one rank");
        let mut group: Vec<Threads> =
            (0..ranks).map(|rank| Threads { rank, senders: Vec::new(), receivers: Vec::new() }).collect();
        for from in 0..ranks {
            for to in 0..ranks {
                let (sender, receiver) = channel();
                group[from].senders.push(sender);
                group[to].receivers.push(receiver);
            }
        }
        group
    }

    /// Runs `body` on as many threads as there are to be ranks, and returns what each returned.
    ///
    /// # Panics
    /// If `body` panics on some rank, with its message; the other ranks end then too, as soon as they wait for that
    /// one.
    #[track_caller]
    pub fn run<R: Send>(ranks: usize, body: impl Fn(Threads) -> R + Sync) -> Vec<R> {
        let group = Threads::group(ranks);
        let body = &body;
        let outcomes: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = group.into_iter().map(|rank| scope.spawn(move || body(rank))).collect();
            threads.into_iter().map(|thread| thread.join()).collect()
        });
        let (mut results, mut first) = (Vec::new(), None);
        for outcome in outcomes {
            match outcome {
                Ok(result) => results.push(result),
                // The cause, rather than the ranks that it took with it.
                Err(panic) if first.as_ref().is_none_or(follows) => first = Some(panic),
                Err(_) => {}
            }
        }
        first.map_or(results, |panic| resume_unwind(panic))
    }

    fn send<T: Clone + Send + 'static>(&self, operation: &'static str, to: usize, values: &[T]) {
        let message = Message { operation, values: Box::new(values.to_vec()) };
        // A rank that has ended needs nothing. If this one needs something of it, it is found out when it receives.
        let _ = self.senders[to].send(message);
    }

    fn receive<T: 'static>(&self, operation: &'static str, from: usize) -> Vec<T> {
        assert!(
            !is_in_pool() || from == self.rank,
            "Group::{operation}: rank {} waits inside of with_threads, on a thread that another rank may need: \
             call with_threads inside of what the rank computes",
            self.rank
        );
        let Ok(message) = self.receivers[from].recv() else { self.is_gone(operation, from) };
        let other = message.operation;
        let values = message.values.downcast().ok().filter(|_| other == operation);
        *values.unwrap_or_else(|| {
            panic!("Group::{operation} of rank {} meets Group::{other} of rank {from}", self.rank);
        })
    }

    fn is_gone(&self, operation: &str, other: usize) -> ! {
        panic!("{GONE}{other} ended, while rank {} waits for it in Group::{operation}", self.rank)
    }

    /// Receives the values of each rank, and copies them one after the other.
    fn receive_all<T: Copy + 'static>(&self, operation: &'static str, all: &mut [T], lengths: &[usize]) {
        let mut rest = all;
        for (from, &length) in lengths.iter().enumerate() {
            let values = self.receive::<T>(operation, from);
            let found = values.len();
            assert!(found == length, "Group::{operation}: rank {from} sent {found} values, expected {length}");
            rest[..length].copy_from_slice(&values);
            rest = &mut rest[length..];
        }
    }

    fn send_to_all<T: Clone + Send + 'static>(&self, operation: &'static str, own: &[T]) {
        (0..self.senders.len()).for_each(|to| self.send(operation, to, own));
    }
}

fn follows(panic: &Box<dyn Any + Send>) -> bool {
    panic.downcast_ref::<String>().is_some_and(|message| message.starts_with(GONE))
}

impl<T: Float> Group<T> for Threads {
    fn rank(&self) -> usize {
        self.rank
    }

    fn ranks(&self) -> usize {
        self.senders.len()
    }

    fn broadcast(&mut self, values: &mut [T]) {
        if self.rank == 0 {
            self.send_to_all("broadcast", values);
        }
        let received = self.receive::<T>("broadcast", 0);
        let (found, expected) = (received.len(), values.len());
        assert!(found == expected, "Group::broadcast: rank 0 sent {found} values, expected {expected}");
        values.copy_from_slice(&received);
    }

    fn exchange(&mut self, send: &[T], send_lengths: &[usize], receive: &mut [T], receive_lengths: &[usize]) {
        check_lengths("Group::exchange", self.senders.len(), send_lengths, send.len());
        check_exchange(self.rank, [send_lengths, receive_lengths], [send.len(), receive.len()]);
        let mut rest = send;
        for (to, &length) in send_lengths.iter().enumerate() {
            let part = if to == self.rank { &[] } else { &rest[..length] };
            self.send("exchange", to, part);
            rest = &rest[length..];
        }
        self.receive_all("exchange", receive, receive_lengths);
    }

    fn gather(&mut self, own: &[T], all: &mut [T], lengths: &[usize]) {
        check_lengths("Group::gather", self.senders.len(), lengths, all.len());
        self.send_to_all("gather", own);
        self.receive_all("gather", all, lengths);
    }

    fn gather_bytes(&mut self, own: &[u8], lengths: &[usize]) -> Vec<u8> {
        let mut all = vec![0; lengths.iter().sum()];
        check_lengths("Group::gather_bytes", self.senders.len(), lengths, all.len());
        self.send_to_all("gather_bytes", own);
        self.receive_all("gather_bytes", &mut all, lengths);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_gets_what_is_theirs() {
        let results = Threads::run(3, |mut rank| {
            let own = Group::<f64>::rank(&rank);
            let mut first = [own as f64 + 1.0];
            rank.broadcast(&mut first);
            // To rank r go r values, each ten times the sender plus the receiver; to itself, none.
            let send: Vec<f64> = [1, 2, 2].map(|to| (10 * own + to) as f64).to_vec();
            let mut received = vec![0.0; 2 * own];
            let lengths = [0, 1, 2].map(|from| if from == own { 0 } else { own });
            rank.exchange(&send, &[0, 1, 2], &mut received, &lengths);
            (first, received, Group::<f64>::gather_bytes(&mut rank, &vec![own as u8; own], &[0, 1, 2]))
        });
        assert!(results.iter().all(|(first, _, bytes)| *first == [1.0] && *bytes == [1, 2, 2]));
        assert_eq!(results[0].1, [0.0; 0]);
        assert_eq!(results[1].1, [1.0, 21.0]);
        assert_eq!(results[2].1, [2.0, 2.0, 12.0, 12.0]);
    }

    #[test]
    #[should_panic(expected = "the cause")]
    fn a_rank_that_panics_ends_the_others_and_its_message_is_the_one_that_is_seen() {
        Threads::run(3, |mut rank| {
            assert!(Group::<f32>::rank(&rank) != 1, "the cause");
            rank.broadcast(&mut [0.0_f32]);
            rank.gather(&[0.0_f32], &mut [0.0; 3], &[1; 3]);
        });
    }

    #[test]
    #[should_panic(expected = "ended, while rank 0 waits for it in Group::gather")]
    fn a_rank_that_leaves_is_not_waited_for() {
        Threads::run(2, |mut rank| {
            if Group::<f32>::rank(&rank) == 0 {
                rank.gather(&[0.0_f32], &mut [0.0; 2], &[1; 2]);
            }
        });
    }

    #[test]
    #[should_panic(expected = "meets Group::broadcast of rank 0")]
    fn ranks_that_call_different_methods_are_found_out() {
        Threads::run(2, |mut rank| match Group::<f32>::rank(&rank) {
            0 => rank.broadcast(&mut [0.0_f32]),
            _ => rank.gather(&[0.0_f32], &mut [0.0; 2], &[1; 2]),
        });
    }

    #[test]
    #[should_panic(expected = "waits inside of with_threads")]
    fn a_rank_may_not_wait_on_a_thread_that_others_need() {
        Threads::run(2, |mut rank| autograd::with_threads(1, || rank.broadcast(&mut [0.0_f32])));
    }
}
