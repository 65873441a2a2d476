//! An optimizer that is shared out: each rank steps a piece of the weights, and has the state of this piece alone.

use std::ops::Range;

use autograd::{Float, Gradients, Param, Tensor};

use super::data_parallel::Parallel;
use super::layout::{Cut, Member, with_elements};
use super::norm::{chunk_count, chunk_sums, norm_of};
use super::reduce::{Shard, Tally};
use crate::optimizer::Optimizer;

pub use state::WholeState;

mod state;

/// Data-parallel training with a sharded optimizer: after a step's gradients have been summed, each rank changes the
/// weights that it owns, and all get the new weights of all. So a rank needs the memory of the optimizer's state
/// divided by the number of ranks. The weights are those of [`Parallel`], bit by bit (Rajbhandari et al., *ZeRO: memory
/// optimizations toward training trillion parameter models*, 2020, stage 1 and 2 for the gradients' sums).
///
/// A rule that is elementwise ([`Rule::is_elementwise`](crate::Rule::is_elementwise)) may be cut inside of a parameter.
/// Of the others, such as LAMB with its norms, or NAdam with a value for the whole parameter, each rank gets whole
/// parameters.
///
/// ```
/// use autograd::{Param, Tensor};
/// use optim::parallel::{Parallel, Sharded, Threads};
/// use optim::{Adam, Optimizer};
/// let trained = Threads::run(2, |rank| {
///     let weight: Param = Param::new(Tensor::ones([3000]));
///     let parallel = Parallel::new(rank, [("weight", weight.clone())], 2).unwrap();
///     let mut sharded = Sharded::new(parallel, |pieces| Adam::new(pieces, 0.1));
///     sharded.step(|shard| {
///         let loss = weight.tensor().powf(2.0).sum();
///         (shard.of(10).len(), f64::from(loss.item()), loss.backward())
///     });
///     (weight.tensor().to_vec(), sharded.optimizer().state()[0].slots[0].1.len())
/// });
/// assert!(trained[0].0 == trained[1].0 && trained[0].1 + trained[1].1 == 3000);
/// ```
pub struct Sharded<T: Float, O> {
    parallel: Parallel<T>,
    /// Where the pieces were cut.
    cut: Cut,
    /// What this rank owns of the parameters.
    parts: Vec<Part<T>>,
    optimizer: O,
    max_norm: Option<f64>,
}

/// A part of a parameter, as a parameter of the optimizer.
struct Part<T: Float> {
    /// The index of the parameter.
    member: usize,
    /// Where it is in the vector of all parameters.
    range: Range<usize>,
    param: Param<T>,
}

/// The gradients of a step in a rank's piece, summed over all ranks.
#[derive(Debug)]
pub struct OwnGradients<T: Float> {
    /// The rows of all shards.
    pub rows: usize,
    /// The mean of the loss over these.
    pub loss: f64,
    /// Of each weight, whether it has a gradient.
    is_present: Vec<bool>,
    /// The values of the piece.
    values: Vec<T>,
}

/// What a step of [`Sharded`] did.
#[derive(Clone, Debug, PartialEq)]
pub struct Stepped {
    /// The rows of all shards.
    pub rows: usize,
    /// The mean of the loss over these.
    pub loss: f64,
    /// The norm of the gradients before they were clipped, if they are.
    pub norm: Option<f64>,
}

impl<T: Float, O: Optimizer<T>> Sharded<T, O> {
    /// Shares out the optimizer that `build` makes of parameters with names. It is called with all parameters first, to
    /// find out whether its rule is elementwise, and then with those that take the place of this rank's pieces, under
    /// the same names: settings for some of the parameters go by the name.
    pub fn new(mut parallel: Parallel<T>, build: impl Fn(Vec<(String, Param<T>)>) -> O) -> Self {
        let reducer = &mut parallel.reducer;
        let named = |member: &Member<T>| (member.name.clone(), member.param.clone());
        let is_elementwise = build(reducer.layout.weights().iter().map(named).collect()).is_elementwise();
        let cut = if is_elementwise { Cut::Chunks } else { Cut::Parameters };
        reducer.pieces = reducer.layout.pieces(reducer.group.ranks(), cut);
        let piece = reducer.own_piece();
        let parts: Vec<Part<T>> = (reducer.layout.weights().iter().enumerate())
            .filter_map(|(index, member)| Part::new(index, member, &piece, cut))
            .collect();
        let name = |part: &Part<T>| (reducer.layout.members[part.member].name.clone(), part.param.clone());
        let optimizer = build(parts.iter().map(name).collect());
        Sharded { parallel, cut, parts, optimizer, max_norm: None }
    }

    /// Scales the gradients of each step whose norm, over all parameters, is larger than `max_norm`, to this norm.
    ///
    /// # Panics
    /// If it is not above 0.
    #[track_caller]
    pub fn clip_norm(mut self, max_norm: f64) -> Self {
        assert!(max_norm > 0.0, "Sharded::clip_norm: a norm of {max_norm} is not above 0");
        self.max_norm = Some(max_norm);
        self
    }

    /// The optimizer of this rank's piece.
    pub fn optimizer(&self) -> &O {
        &self.optimizer
    }

    /// The optimizer of this rank's piece, to change its learning rate: on all ranks alike.
    pub fn optimizer_mut(&mut self) -> &mut O {
        &mut self.optimizer
    }

    /// The shards and the group.
    pub fn parallel(&mut self) -> &mut Parallel<T> {
        &mut self.parallel
    }

    /// Takes a step: as [`Parallel::gradients`] and a step of the optimizer.
    ///
    /// # Panics
    /// If no shard has a row, or no parameter has a gradient.
    #[track_caller]
    pub fn step(&mut self, compute: impl FnMut(Shard) -> (usize, f64, Gradients<T>)) -> Stepped {
        let own = self.gradients(compute);
        let OwnGradients { rows, loss, .. } = own;
        Stepped { rows, loss, norm: self.apply(own) }
    }

    /// The first half of a [step](Sharded::step), as [`Parallel::gradients`] but of this rank's piece alone: no weight
    /// and no buffer has changed. For whoever looks at the loss before the second half, [`apply`](Sharded::apply).
    ///
    /// # Panics
    /// If no shard has a row.
    #[track_caller]
    pub fn gradients(&mut self, mut compute: impl FnMut(Shard) -> (usize, f64, Gradients<T>)) -> OwnGradients<T> {
        let (Tally { rows, loss, is_present }, values) = self.parallel.reducer.reduce(&mut compute);
        OwnGradients { rows, loss, is_present, values }
    }

    /// The second half of a [step](Sharded::step): changes the weights and the buffers, on all ranks. Returns the norm
    /// of the gradients before they were clipped, if they are.
    ///
    /// # Panics
    /// If no parameter has a gradient.
    #[track_caller]
    pub fn apply(&mut self, gradients: OwnGradients<T>) -> Option<f64> {
        let OwnGradients { is_present, values: mut piece, .. } = gradients;
        let weights = self.parallel.reducer.layout.weights;
        assert!(is_present.contains(&true), "Sharded::step: none of the {weights} parameters has a gradient");
        let norm = self.max_norm.map(|max_norm| self.clip(&mut piece, max_norm));
        self.step_parts(&mut piece, &is_present);
        let reducer = &mut self.parallel.reducer;
        let vector = reducer.gather(piece);
        for (member, _) in reducer.layout.weights().iter().zip(&is_present).filter(|(_, is_present)| **is_present) {
            member.param.update_from(|_, new| new.copy_from_slice(&vector[member.range.clone()]));
        }
        reducer.change_buffers(&vector);
        reducer.recycle(vector);
        norm
    }

    /// Clips the gradients in a piece by the norm of all; returns this.
    fn clip(&mut self, piece: &mut [T], max_norm: f64) -> f64 {
        let reducer = &mut self.parallel.reducer;
        let own = chunk_sums(&reducer.layout, &reducer.own_piece(), piece);
        let own: Vec<u8> = own.iter().flat_map(|sum| sum.to_le_bytes()).collect();
        let bytes = |piece| size_of::<f64>() * chunk_count(&reducer.layout, piece);
        let lengths: Vec<usize> = reducer.pieces.iter().map(bytes).collect();
        let all = reducer.group.gather_bytes(&own, &lengths);
        let sums: Vec<f64> = all.as_chunks().0.iter().map(|&bytes| f64::from_le_bytes(bytes)).collect();
        let norm = norm_of(&sums);
        if norm > max_norm {
            let factor = T::from_f64(max_norm / norm);
            let start = reducer.own_piece().start;
            for Part { range, .. } in &self.parts {
                piece[range.start - start..range.end - start].iter_mut().for_each(|value| *value *= factor);
            }
        }
        norm
    }

    /// Replaces the gradients in the piece by the new weights.
    fn step_parts(&mut self, piece: &mut [T], is_present: &[bool]) {
        let reducer = &self.parallel.reducer;
        let start = reducer.own_piece().start;
        let mut gradients = Gradients::default();
        for Part { member, range, param } in self.parts.iter().filter(|part| is_present[part.member]) {
            let values = &piece[range.start - start..range.end - start];
            gradients.set(param, Tensor::from_slice(values, param.tensor().shape().clone()));
            // Whatever became of the whole parameter since the last step: weights that were loaded, say.
            reducer.layout.members[*member]
                .read(range, |weights| param.update_from(|_, new| new.copy_from_slice(weights)));
        }
        if !gradients.is_empty() {
            self.optimizer.step_taking(gradients);
        }
        for Part { range, param, .. } in &self.parts {
            let out = &mut piece[range.start - start..range.end - start];
            with_elements(&param.tensor(), |weights| out.copy_from_slice(weights));
        }
    }
}

impl<T: Float> Part<T> {
    /// What of a parameter is in a piece.
    fn new(index: usize, member: &Member<T>, piece: &Range<usize>, cut: Cut) -> Option<Self> {
        let range = member.range.start.max(piece.start)..member.range.end.min(piece.end);
        if range.is_empty() {
            return None;
        }
        let values = member.read(&range, |values| values.to_vec());
        let shape = match cut {
            Cut::Parameters => member.param.tensor().shape().clone(),
            Cut::Chunks => [values.len()].into(),
        };
        Some(Part { member: index, range, param: Param::new(Tensor::from_vec(values, shape)) })
    }
}

#[cfg(test)]
mod tests;
