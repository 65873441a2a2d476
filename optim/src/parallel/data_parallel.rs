//! The gradients of a step, of all shards on all ranks.

use autograd::{Float, Gradients};

use super::agree::agree;
use super::group::{Group, GroupError};
use super::layout::{Cut, Layout};
use super::norm::{chunk_sums, norm_of};
use super::reduce::{Reduced, Reducer, Shard};
use crate::parameter::IntoParameter;

/// Data-parallel training: each batch is cut into a fixed number of shards, the ranks compute the gradients of their
/// shards, and all of them get the same sum, whose bits do not depend on the number of ranks.
///
/// Each rank has the whole model and takes the same step with the same gradients, so the weights stay the same without
/// being sent.
///
/// ```
/// use autograd::{Gradients, Param, Tensor};
/// use optim::parallel::{Group, Parallel, Threads};
/// use optim::{Optimizer, Sgd};
///
/// // Five rows, of which the mean is looked for.
/// let rows: Tensor = Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0, 5.0], [5]);
/// let train = |rank: Threads| {
///     let weight: Param = Param::new(Tensor::zeros([1]));
///     let mut sgd = Sgd::new([("weight", weight.clone())], 0.25);
///     let mut parallel = Parallel::new(rank, [("weight", weight.clone())], 4).unwrap();
///     for _ in 0..20 {
///         let step = parallel.gradients(|shard| {
///             let own = shard.of(5);
///             let loss = (rows.narrow(0, own.start, own.len()) - weight.tensor()).powf(2.0).mean();
///             (own.len(), f64::from(loss.item()), loss.backward())
///         });
///         sgd.step_taking(step.gradients);
///     }
///     weight.tensor().item()
/// };
/// let alone = Threads::run(1, train);
/// assert!((alone[0] - 3.0).abs() < 1e-3);
/// assert_eq!(Threads::run(3, train), [alone[0]; 3]);
/// ```
pub struct Parallel<T: Float = f32> {
    pub(crate) reducer: Reducer<T>,
}

impl<T: Float> Parallel<T> {
    /// Makes one model of those of all ranks: compares the parameters' names and shapes, the number of shards, the
    /// version and the instruction set, and replaces weights and buffers by those of rank 0. All ranks call this with
    /// the same parameters, or pairs of a name and a parameter.
    ///
    /// Settings of the program, such as the seed, are compared by [`agree`](super::agree).
    ///
    /// # Errors
    /// If there are more ranks than shards, or something differs: the same line on all ranks, which names it and the
    /// rank.
    ///
    /// # Panics
    /// If there are no shards or no parameters.
    #[track_caller]
    pub fn new<P: IntoParameter<T>>(
        group: impl Group<T> + 'static,
        parameters: impl IntoIterator<Item = P>,
        shards: usize,
    ) -> Result<Self, GroupError> {
        let mut group: Box<dyn Group<T>> = Box::new(group);
        let layout = Layout::new(parameters);
        assert!(shards > 0, "Parallel::new: a batch has at least one shard");
        assert!(layout.weights > 0, "Parallel::new: there are no parameters");
        let element = if size_of::<T>() == 4 { "f32" } else { "f64" };
        let described = layout.members.iter().map(|member| {
            let kind = if member.is_buffer() { "buffer" } else { "parameter" };
            (format!("{kind} {}", member.name), format!("{element} {}", member.param.tensor().shape()))
        });
        agree(&mut *group, [("shards".to_owned(), shards.to_string())].into_iter().chain(described))?;
        check_ranks(group.ranks(), shards)?;
        for member in &layout.members {
            let mut values = member.param.tensor().to_vec();
            group.broadcast(&mut values);
            member.param.update(|own| own.copy_from_slice(&values));
        }
        let pieces = layout.pieces(group.ranks(), Cut::Chunks);
        Ok(Parallel { reducer: Reducer::new(group, layout, shards, pieces) })
    }

    /// The group, for what a program has to tell its ranks beside the gradients.
    pub fn group(&mut self) -> &mut dyn Group<T> {
        &mut *self.reducer.group
    }

    /// How many shards a batch has.
    pub fn shards(&self) -> usize {
        self.reducer.shards
    }

    /// Computes a step's gradients: `compute(shard)` returns the number of the shard's rows, the mean loss over them,
    /// and its gradients. It is called for each shard of this rank, in order; shards count by their rows. A shard of no
    /// rows may return anything.
    ///
    /// Several micro-batches of a shard are accumulated by `compute`, before it returns. Whatever is random is a
    /// function of the shard: see [`Shard::random`].
    ///
    /// A parameter that has no gradient in some shards counts as zero there; if it has none in all, it has none in the
    /// result. Each shard starts from the step's buffers (the running statistics of a batch normalisation, say), and
    /// the buffers afterwards are the means of what the shards made of them.
    ///
    /// # Panics
    /// If no shard has a row.
    #[track_caller]
    pub fn gradients(&mut self, mut compute: impl FnMut(Shard) -> (usize, f64, Gradients<T>)) -> Reduced<T> {
        let (tally, piece) = self.reducer.reduce(&mut compute);
        let vector = self.reducer.gather(piece);
        self.reducer.change_buffers(&vector);
        let gradients = self.reducer.layout.gradients(&vector, &tally.is_present);
        self.reducer.recycle(vector);
        Reduced { rows: tally.rows, loss: tally.loss, gradients }
    }

    /// The norm √(Σ g²) over all elements of all gradients, for clipping: summed in `f64` in fixed chunks.
    /// [`Sharded`](super::Sharded) computes the same bits from its pieces.
    pub fn norm(&self, gradients: &Gradients<T>) -> f64 {
        let layout = &self.reducer.layout;
        let mut vector = vec![T::ZERO; layout.length];
        for member in layout.weights() {
            if let Some(gradient) = gradients.of(&member.param) {
                super::layout::with_elements(gradient, |values| vector[member.range.clone()].copy_from_slice(values));
            }
        }
        norm_of(&chunk_sums(layout, &(0..layout.length), &vector))
    }
}

/// Each rank computes a shard at least.
///
/// # Errors
/// If there are more ranks than shards.
pub fn check_ranks(ranks: usize, shards: usize) -> Result<(), GroupError> {
    if ranks <= shards {
        return Ok(());
    }
    Err(GroupError(format!("found {ranks} ranks for {shards} shards, expected at most one rank for each shard")))
}
