//! One step's sums: each rank computes its shards, and the owner of each piece of the vector adds the ranks' blocks
//! along the tree.

use std::ops::Range;

use autograd::{Float, Gradients, Random, Tensor};

use super::group::Group;
use super::layout::{Layout, with_elements};
use super::tree::{TreeSum, blocks, shards_of};

/// A part of each batch, whose gradients one rank computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Its number, from 0.
    pub index: usize,
    /// How many shards there are.
    pub shards: usize,
}

impl Shard {
    /// The rows of a batch of `rows` rows that belong to this shard: as many as of the others, or one more or less;
    /// none, if there are fewer rows than shards.
    pub fn of(self, rows: usize) -> Range<usize> {
        shards_of(self.index, self.shards, rows)
    }

    /// The shard's own stream of random numbers in a step whose stream is `step`.
    pub fn random(self, step: &Random) -> Random {
        step.stream(self.index as u64)
    }
}

/// What the shards of a step make together.
#[derive(Debug)]
pub struct Reduced<T: Float = f32> {
    /// The rows of all shards.
    pub rows: usize,
    /// The mean of the loss over these.
    pub loss: f64,
    /// The gradients of that mean.
    pub gradients: Gradients<T>,
}

/// What is known of a step on all ranks before the vectors are exchanged.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tally {
    pub(crate) rows: usize,
    /// The sum over the rows.
    pub(crate) loss: f64,
    /// Of each weight, whether a shard has a gradient of it.
    pub(crate) is_present: Vec<bool>,
}

impl Tally {
    fn add(&mut self, other: Tally) {
        self.rows += other.rows;
        self.loss += other.loss;
        self.is_present.iter_mut().zip(other.is_present).for_each(|(own, other)| *own |= other);
    }

    fn to_bytes(&self) -> Vec<u8> {
        let numbers = [(self.rows as u64).to_le_bytes(), self.loss.to_le_bytes()].concat();
        numbers.into_iter().chain(self.is_present.iter().map(|&is_present| is_present.into())).collect()
    }

    fn bytes(weights: usize) -> usize {
        size_of::<u64>() + size_of::<f64>() + weights
    }

    fn from_bytes(bytes: &[u8]) -> Self {
        let (numbers, is_present) = bytes.split_at(Tally::bytes(0));
        let numbers = numbers.as_chunks().0;
        Tally {
            rows: u64::from_le_bytes(numbers[0]) as usize,
            loss: f64::from_le_bytes(numbers[1]),
            is_present: is_present.iter().map(|&byte| byte != 0).collect(),
        }
    }
}

/// The sums of a rank's shards, of one block of the tree.
type Sums<T> = (Tally, Vec<T>);

/// Sums what the shards compute, over all ranks.
pub(crate) struct Reducer<T: Float> {
    pub(crate) group: Box<dyn Group<T>>,
    pub(crate) layout: Layout<T>,
    pub(crate) shards: usize,
    /// What each rank owns of the vector.
    pub(crate) pieces: Vec<Range<usize>>,
    /// Vectors of earlier steps, to be used again.
    free: Vec<Vec<T>>,
    /// What is received in an exchange.
    received: Vec<T>,
}

impl<T: Float> Reducer<T> {
    pub(crate) fn new(group: Box<dyn Group<T>>, layout: Layout<T>, shards: usize, pieces: Vec<Range<usize>>) -> Self {
        Reducer { group, layout, shards, pieces, free: Vec::new(), received: Vec::new() }
    }

    fn shards_of(&self, rank: usize) -> Range<usize> {
        shards_of(rank, self.group.ranks(), self.shards)
    }

    /// The piece of this rank.
    pub(crate) fn own_piece(&self) -> Range<usize> {
        self.pieces[self.group.rank()].clone()
    }

    /// Computes the shards of this rank and sums over all: what is known of the step, and this rank's piece of the
    /// means.
    ///
    /// The means of the buffers are those of their changes in the step; the buffers are as they were before it.
    #[track_caller]
    pub(crate) fn reduce(&mut self, compute: &mut dyn FnMut(Shard) -> (usize, f64, Gradients<T>)) -> (Tally, Vec<T>) {
        let (tallies, sums): (Vec<Tally>, Vec<Vec<T>>) = self.compute(compute).into_iter().unzip();
        let total = self.sum_tallies(&tallies);
        assert!(total.rows > 0, "Parallel: none of the {} shards has a row", self.shards);
        let piece = self.mean_piece(sums, self.weight_of(total.rows));
        (Tally { loss: total.loss / total.rows as f64, ..total }, piece)
    }

    /// How much a shard of so many rows counts. A shard alone is the whole batch, whose means are what it computed,
    /// without rounding.
    fn weight_of(&self, rows: usize) -> T {
        if self.shards == 1 { T::ONE } else { T::from_f64(rows as f64) }
    }

    /// The sums of this rank's blocks.
    fn compute(&mut self, compute: &mut dyn FnMut(Shard) -> (usize, f64, Gradients<T>)) -> Vec<Sums<T>> {
        let start: Vec<Tensor<T>> = self.layout.buffers().iter().map(|member| member.param.tensor()).collect();
        let mut tree: TreeSum<Sums<T>> = TreeSum::new();
        let mut free = std::mem::take(&mut self.free);
        for index in self.shards_of(self.group.rank()) {
            let (rows, loss, gradients) = compute(Shard { index, shards: self.shards });
            // A shard without rows has a mean loss of NaN, which is not to be multiplied by its 0 rows.
            let loss = if rows == 0 { 0.0 } else { loss * rows as f64 };
            let of = |param| gradients.of(param).filter(|_| rows > 0);
            let is_present = self.layout.weights().iter().map(|member| of(&member.param).is_some()).collect();
            let tally = Tally { rows, loss, is_present };
            let shard = Values {
                layout: &self.layout,
                gradients: &gradients,
                start: &start,
                weight: self.weight_of(rows),
                rows,
            };
            let merge = |left: &mut Sums<T>, right: Sums<T>| free.push(merged(left, right));
            match tree.take_buddy(index, 1) {
                // One pass less than to store the shard's values first.
                Some((mut left, mut values)) => {
                    shard.write(&mut values, |sum, value| *sum += value);
                    left.add(tally);
                    tree.push(index - 1, 2, (left, values), merge);
                }
                None => {
                    let mut values = free.pop().unwrap_or_default();
                    values.resize(self.layout.length, T::ZERO);
                    shard.write(&mut values, |stored, value| *stored = value);
                    tree.push(index, 1, (tally, values), |left, right| free.push(merged(left, right)));
                }
            }
            if self.shards > 1 {
                self.layout.buffers().iter().zip(&start).for_each(|(member, start)| member.param.set(start));
            }
        }
        self.free = free;
        tree.into_blocks()
    }

    /// The sum of the tallies of all ranks.
    fn sum_tallies(&mut self, own: &[Tally]) -> Tally {
        let length = Tally::bytes(self.layout.weights);
        let own: Vec<u8> = own.iter().flat_map(Tally::to_bytes).collect();
        let blocks = self.all_blocks();
        let lengths: Vec<usize> = blocks.iter().map(|blocks| blocks.len() * length).collect();
        let all = self.group.gather_bytes(&own, &lengths);
        let mut tree = TreeSum::new();
        for ((start, shards), bytes) in blocks.into_iter().flatten().zip(all.chunks_exact(length)) {
            tree.push(start, shards, Tally::from_bytes(bytes), Tally::add);
        }
        tree.finish(Tally::add).expect("there is a shard")
    }

    /// The blocks of each rank.
    fn all_blocks(&self) -> Vec<Vec<(usize, usize)>> {
        (0..self.group.ranks()).map(|rank| blocks(self.shards_of(rank))).collect()
    }

    /// The sum over all ranks divided by `rows`, of this rank's piece; `sums` are those of its blocks.
    fn mean_piece(&mut self, mut sums: Vec<Vec<T>>, rows: T) -> Vec<T> {
        let blocks = self.all_blocks();
        if let [own] = blocks.as_slice() {
            let mut tree = TreeSum::new();
            for (&(start, shards), values) in own.iter().zip(sums) {
                tree.push(start, shards, values, |left, right| self.free.push(added(left, right)));
            }
            let sum = tree.finish(|left, right| self.free.push(added(left, right)));
            let mut sum = sum.expect("there is a shard");
            sum.iter_mut().for_each(|value| *value /= rows);
            return sum;
        }
        let mut received = self.exchange(&sums, &blocks);
        let (piece, rank) = (self.own_piece(), self.group.rank());
        let mut rest = received.as_mut_slice();
        let mut own = sums.iter_mut();
        let mut values_of = |from: usize| match from == rank {
            true => &mut own.next().expect("a sum for each block")[piece.clone()],
            false => rest.split_off_mut(..piece.len()).expect("a part for each block"),
        };
        let mut parts: Vec<Part<'_, T>> = Vec::new();
        for (from, blocks) in blocks.iter().enumerate() {
            let part = |&(start, shards): &(usize, usize)| Part { start, shards, values: values_of(from) };
            parts.extend(blocks.iter().map(part));
        }
        let mean = mean_of(&mut parts, piece.len(), rows);
        self.received = received;
        self.free.extend(sums);
        mean
    }

    /// Sends to each rank its piece of this rank's sums, and returns what the others' sums have in this rank's piece.
    fn exchange(&mut self, sums: &[Vec<T>], blocks: &[Vec<(usize, usize)>]) -> Vec<T> {
        let (rank, length) = (self.group.rank(), self.own_piece().len());
        let receive_lengths = blocks.iter().enumerate();
        let receive_lengths: Vec<usize> =
            receive_lengths.map(|(from, blocks)| if from == rank { 0 } else { blocks.len() * length }).collect();
        let mut received = std::mem::take(&mut self.received);
        received.resize(receive_lengths.iter().sum(), T::ZERO);
        let send_lengths: Vec<usize> = self.pieces.iter().map(|piece| sums.len() * piece.len()).collect();
        if let [sum] = sums {
            self.group.exchange(sum, &send_lengths, &mut received, &receive_lengths);
        } else {
            let send = self.in_pieces(sums);
            self.group.exchange(&send, &send_lengths, &mut received, &receive_lengths);
            self.free.push(send);
        }
        received
    }

    /// The sums of this rank's blocks, as they are sent: for each rank its piece of all of them.
    fn in_pieces(&mut self, sums: &[Vec<T>]) -> Vec<T> {
        let mut send = self.free.pop().unwrap_or_default();
        send.clear();
        for piece in &self.pieces {
            sums.iter().for_each(|values| send.extend_from_slice(&values[piece.clone()]));
        }
        send
    }

    /// The whole vector, of the pieces of all ranks. Give it back with [`recycle`](Reducer::recycle).
    pub(crate) fn gather(&mut self, own: Vec<T>) -> Vec<T> {
        if self.group.ranks() == 1 {
            return own;
        }
        let mut all = self.free.pop().unwrap_or_default();
        all.resize(self.layout.length, T::ZERO);
        let lengths: Vec<usize> = self.pieces.iter().map(Range::len).collect();
        self.group.gather(&own, &mut all, &lengths);
        all
    }

    pub(crate) fn recycle(&mut self, vector: Vec<T>) {
        self.free.push(vector);
    }

    /// Changes the buffers by their mean changes in a step, which are in the whole vector.
    pub(crate) fn change_buffers(&self, changes: &[T]) {
        if self.shards == 1 {
            return; // They are what the only shard made of them.
        }
        for member in self.layout.buffers() {
            let changes = &changes[member.range.clone()];
            member.param.update(|values| {
                for (value, &change) in values.iter_mut().zip(changes) {
                    // What no shard changed stays, also where it is infinite.
                    *value = if change == T::ZERO { *value } else { *value + change };
                }
            });
        }
    }
}

/// What the sum of a block has in a piece.
struct Part<'a, T> {
    /// The block's first shard, and how many it has.
    start: usize,
    shards: usize,
    values: &'a mut [T],
}

/// The sum of the parts along the tree, divided by `rows`. The parts are in the order of the shards; they are
/// overwritten.
fn mean_of<T: Float>(parts: &mut [Part<'_, T>], length: usize, rows: T) -> Vec<T> {
    /// So few elements that the parts of a few blocks stay in the cache nearest to the core while they are added.
    const STRIP: usize = 1024;
    let mut mean = Vec::with_capacity(length);
    for start in (0..length).step_by(STRIP) {
        let strip = start..length.min(start + STRIP);
        let mut tree = TreeSum::new();
        for Part { start, shards, values } in parts.iter_mut() {
            tree.push(*start, *shards, &mut values[strip.clone()], |left, right| add_to(left, right));
        }
        let sum = tree.finish(|left, right| add_to(left, right)).expect("there is a shard");
        mean.extend(sum.iter().map(|&value| value / rows));
    }
    mean
}

/// Adds the right sums to the left ones, and returns a vector to be used again.
fn merged<T: Float>(left: &mut Sums<T>, right: Sums<T>) -> Vec<T> {
    left.0.add(right.0);
    added(&mut left.1, right.1)
}

fn added<T: Float>(left: &mut [T], right: Vec<T>) -> Vec<T> {
    add_to(left, &right);
    right
}

fn add_to<T: Float>(left: &mut [T], right: &[T]) {
    left.iter_mut().zip(right).for_each(|(left, &right)| *left += right);
}

/// What a shard computed.
struct Values<'a, T: Float> {
    layout: &'a Layout<T>,
    gradients: &'a Gradients<T>,
    /// The buffers before the step.
    start: &'a [Tensor<T>],
    rows: usize,
    weight: T,
}

impl<T: Float> Values<'_, T> {
    /// Calls `put(place, value)` for each element of the vector, with the shard's weighted value: that of a gradient,
    /// or the change of a buffer.
    fn write(&self, vector: &mut [T], put: impl Fn(&mut T, T)) {
        let Values { layout, gradients, start, rows, weight } = *self;
        for member in layout.weights() {
            let out = &mut vector[member.range.clone()];
            match gradients.of(&member.param).filter(|_| rows > 0) {
                Some(gradient) => with_elements(gradient, |gradient| {
                    out.iter_mut().zip(gradient).for_each(|(place, &value)| put(place, weight * value));
                }),
                None => out.iter_mut().for_each(|place| put(place, T::ZERO)),
            }
        }
        for (member, start) in layout.buffers().iter().zip(start) {
            let out = &mut vector[member.range.clone()];
            with_elements(start, |start| {
                with_elements(&member.param.tensor(), |values| {
                    for ((place, &value), &start) in out.iter_mut().zip(values).zip(start) {
                        let is_same = rows == 0 || value == start;
                        put(place, if is_same { T::ZERO } else { weight * (value - start) });
                    }
                });
            });
        }
    }
}
