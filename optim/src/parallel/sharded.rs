//! An optimizer that is shared out: each rank steps a piece of the weights, and has the state of this piece alone.

use std::ops::Range;

use autograd::{Float, Gradients, Param, StateError, Tensor};

use super::agree::gather_texts;
use super::data_parallel::Parallel;
use super::layout::{Cut, Member};
use super::norm::{chunk_count, chunk_sums, norm_of};
use super::reduce::Shard;
use crate::optimizer::Optimizer;

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

/// The state that the ranks' optimizers have of one parameter, put together.
#[derive(Clone, Debug, PartialEq)]
pub struct WholeState<T> {
    /// The parameter's name.
    pub name: String,
    /// How many steps it has taken.
    pub step: u64,
    /// The values of each slot by its name, as many as the parameter has elements, or one if it is of the whole
    /// parameter; no slots before the first step.
    pub slots: Vec<(String, Vec<T>)>,
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
    pub fn step(&mut self, mut compute: impl FnMut(Shard) -> (usize, f64, Gradients<T>)) -> Stepped {
        let (tally, mut piece) = self.parallel.reducer.reduce(&mut compute);
        let weights = self.parallel.reducer.layout.weights;
        assert!(tally.is_present.contains(&true), "Sharded::step: none of the {weights} parameters has a gradient");
        let norm = self.max_norm.map(|max_norm| self.clip(&mut piece, max_norm));
        self.step_parts(&mut piece, &tally.is_present);
        let reducer = &mut self.parallel.reducer;
        let vector = reducer.gather(piece);
        for (member, _) in reducer.layout.weights().iter().zip(&tally.is_present).filter(|(_, is_present)| **is_present)
        {
            member.param.update_from(|_, new| new.copy_from_slice(&vector[member.range.clone()]));
        }
        reducer.change_buffers(&vector);
        reducer.recycle(vector);
        Stepped { rows: tally.rows, loss: tally.loss, norm }
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
            let values = piece[range.start - start..range.end - start].to_vec();
            gradients.set(param, Tensor::from_vec(values, param.tensor().shape().clone()));
            // Whatever became of the whole parameter since the last step: weights that were loaded, say.
            reducer.layout.members[*member]
                .read(range, |weights| param.update_from(|_, new| new.copy_from_slice(weights)));
        }
        if !gradients.is_empty() {
            self.optimizer.step_taking(gradients);
        }
        for Part { range, param, .. } in &self.parts {
            let out = &mut piece[range.start - start..range.end - start];
            super::layout::with_elements(&param.tensor(), |weights| out.copy_from_slice(weights));
        }
    }

    /// The state of all parameters, put together of the ranks' pieces, for a checkpoint: the same as that of an
    /// optimizer that is not shared out. All ranks call this, and all get it.
    pub fn state(&mut self) -> Vec<WholeState<T>> {
        let own = self.optimizer.state();
        let described: Vec<String> = self
            .parts
            .iter()
            .zip(&own)
            .map(|(part, state)| {
                let slots: Vec<String> =
                    state.slots.iter().map(|(slot, values)| format!("{slot}={}", values.len())).collect();
                format!("{}\t{}\t{}", part.member, state.step, slots.join(","))
            })
            .collect();
        let reducer = &mut self.parallel.reducer;
        let texts = gather_texts(&mut *reducer.group, &described.join("\n"));
        let empty = |member: &Member<T>| WholeState { name: member.name.clone(), step: 0, slots: Vec::new() };
        let mut whole: Vec<WholeState<T>> = reducer.layout.weights().iter().map(empty).collect();
        let (mut slots_of, mut names) = (vec![Vec::new(); whole.len()], Vec::<String>::new());
        let length_of = |(slot, length): (&str, &str)| (slot.to_owned(), length.parse().expect("a number of values"));
        for line in texts.iter().flat_map(|text| text.lines()) {
            let mut fields = line.split('\t');
            let mut field = || fields.next().expect("three fields");
            let member: usize = field().parse().expect("the index of a parameter");
            whole[member].step = field().parse().expect("a number of steps");
            slots_of[member] = field().split(',').filter_map(|slot| slot.split_once('=')).map(length_of).collect();
            for (name, _) in &slots_of[member] {
                if !names.contains(name) {
                    names.push(name.clone());
                }
            }
        }
        let piece = reducer.own_piece();
        for name in names {
            let mut values = vec![T::ZERO; piece.len()];
            for (part, state) in self.parts.iter().zip(&own) {
                if let Some((_, slot)) = state.slots.iter().find(|(slot, _)| *slot == name) {
                    values[part.range.start - piece.start..][..slot.len()].copy_from_slice(slot);
                }
            }
            let vector = reducer.gather(values);
            for (index, member) in reducer.layout.weights().iter().enumerate() {
                let Some((_, length)) = slots_of[index].iter().find(|(slot, _)| *slot == name) else { continue };
                // A slot of a whole parameter may have one value for all of it.
                let length: usize = if self.cut == Cut::Parameters { *length } else { member.range.len() };
                whole[index].slots.push((name.clone(), vector[member.range.clone()][..length].to_vec()));
            }
            reducer.recycle(vector);
        }
        whole
    }

    /// Replaces the state of the parameter `name` by a saved one, of the whole parameter; each rank keeps what is in
    /// its piece.
    ///
    /// # Errors
    /// If there is no such parameter or a slot has another length, on all ranks; if the slots are not this optimizer's,
    /// on the ranks that have a piece of the parameter.
    pub fn restore(&mut self, name: &str, step: u64, slots: &[(&str, &[T])]) -> Result<(), StateError> {
        let members = self.parallel.reducer.layout.weights();
        let Some(index) = members.iter().position(|member| member.name == name) else {
            let names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
            let expected = format!("one of the parameters {}", names.join(", "));
            return Err(StateError::new(name, "a parameter's state", expected));
        };
        let (start, length) = (members[index].range.start, members[index].range.len());
        let fits = |found: usize| found == length || found == 1 && self.cut == Cut::Parameters;
        if let Some((slot, values)) = slots.iter().find(|(_, values)| !fits(values.len())) {
            let found = format!("{} values", values.len());
            return Err(StateError::new(format!("{name}.{slot}"), found, length.to_string()));
        }
        let Some(part) = self.parts.iter().find(|part| part.member == index) else { return Ok(()) };
        if self.cut == Cut::Parameters {
            return self.optimizer.restore(name, step, slots);
        }
        let own = part.range.start - start..part.range.end - start;
        let slots: Vec<(&str, &[T])> = slots.iter().map(|(slot, values)| (*slot, &values[own.clone()])).collect();
        self.optimizer.restore(name, step, &slots)
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
mod tests {
    use super::*;
    use crate::parallel::Threads;
    use crate::parallel::tests::{Net, bits};
    use crate::{Adadelta, Adagrad, Adam, AdamW, Adamax, Asgd, Lamb, Lion, NAdam, RAdam, RMSprop, Rprop, Sgd};

    type Built = Box<dyn Optimizer<f32>>;
    type Build = fn(Vec<(String, Param)>) -> Built;

    const BUILDERS: [(&str, Build); 13] = [
        ("sgd", |named| Box::new(Sgd::new(named, 0.05).momentum(0.9))),
        ("adam", |named| Box::new(Adam::new(named, 0.01).amsgrad(true))),
        ("adamw", |named| Box::new(AdamW::new(named, 0.01))),
        ("lamb", |named| Box::new(Lamb::new(named, 0.02))),
        ("adadelta", |named| Box::new(Adadelta::new(named, 0.5))),
        ("adagrad", |named| Box::new(Adagrad::new(named, 0.02))),
        ("adamax", |named| Box::new(Adamax::new(named, 0.01))),
        ("asgd", |named| Box::new(Asgd::new(named, 0.05).t0(1.0))),
        ("lion", |named| Box::new(Lion::new(named, 0.002))),
        ("nadam", |named| Box::new(NAdam::new(named, 0.01))),
        ("radam", |named| Box::new(RAdam::new(named, 0.01))),
        ("rmsprop", |named| Box::new(RMSprop::new(named, 0.01).momentum(0.9).centered(true))),
        ("rprop", |named| Box::new(Rprop::new(named, 0.01))),
    ];

    /// The weights after some steps of the whole optimizer, clipped.
    fn replicated(build: Build) -> Vec<u64> {
        let weights = Threads::run(1, |rank| {
            let net = Net::<f32>::new(3);
            let mut parallel = Parallel::new(rank, net.named(), 4).unwrap();
            let mut optimizer = build(net.named());
            for step in 0..6 {
                let mut gradients = parallel.gradients(|shard| net.shard(shard, step)).gradients;
                let norm = parallel.norm(&gradients);
                if norm > 0.5 {
                    gradients.map(|gradient| gradient * (0.5 / norm) as f32);
                }
                optimizer.step_taking(gradients);
            }
            bits(&net)
        });
        weights[0].clone()
    }

    #[test]
    fn weights_and_state_have_the_bits_of_an_optimizer_that_is_not_shared_out() {
        for (name, build) in BUILDERS {
            let expected = replicated(build);
            let mut states = Vec::new();
            for ranks in [1, 2, 3, 4] {
                let outcomes = Threads::run(ranks, |rank| {
                    let net = Net::<f32>::new(3);
                    let parallel = Parallel::new(rank, net.named(), 4).unwrap();
                    let mut sharded = Sharded::new(parallel, build).clip_norm(0.5);
                    (0..3).for_each(|step| assert!(sharded.step(|shard| net.shard(shard, step)).norm.is_some()));
                    // The state goes into a new optimizer, as from a checkpoint.
                    let saved = sharded.state();
                    let Sharded { parallel, .. } = sharded;
                    let mut sharded = Sharded::new(parallel, build).clip_norm(0.5);
                    for WholeState { name, step, slots } in &saved {
                        let slots: Vec<(&str, &[f32])> =
                            slots.iter().map(|(n, v)| (n.as_str(), v.as_slice())).collect();
                        sharded.restore(name, *step, &slots).unwrap();
                    }
                    assert_eq!(sharded.state(), saved);
                    let norms = (3..6).map(|step| sharded.step(|shard| net.shard(shard, step)).norm.unwrap());
                    assert!(norms.map(|norm| usize::from(norm > 0.5)).sum::<usize>() > 0, "{name}: never clipped");
                    (bits(&net), saved)
                });
                for (found, state) in outcomes {
                    assert!(found == expected, "{name}: other weights on {ranks} ranks");
                    states.push(state);
                }
            }
            assert!(states.iter().all(|state| *state == states[0]), "{name}");
        }
    }

    #[test]
    fn the_memory_of_the_state_is_shared_out() {
        let whole = Net::<f32>::new(3).named().iter().map(|(_, param)| param.tensor().numel()).sum::<usize>();
        let lengths = Threads::run(4, |rank| {
            let net = Net::<f32>::new(3);
            let parallel = Parallel::new(rank, net.named(), 4).unwrap();
            let mut sharded = Sharded::new(parallel, |named| Adam::new(named, 0.01));
            sharded.step(|shard| net.shard(shard, 0));
            let states = sharded.optimizer().state();
            states.iter().flat_map(|state| &state.slots).map(|(_, values)| values.len()).sum::<usize>()
        });
        assert!(lengths.iter().all(|&length| length < whole), "each has less than half: {lengths:?} of 2 x {whole}");
        assert!(lengths.iter().max().unwrap() - lengths.iter().min().unwrap() <= 4 * 1024, "{lengths:?}");
    }

    #[test]
    fn a_state_of_another_model_is_refused() {
        Threads::run(2, |rank| {
            let net = Net::<f32>::new(3);
            let parallel = Parallel::new(rank, net.named(), 2).unwrap();
            let mut sharded = Sharded::new(parallel, |named| Sgd::new(named, 0.1));
            let refused = |outcome: Result<(), StateError>| outcome.unwrap_err().to_string();
            assert!(refused(sharded.restore("nobody", 1, &[])).contains("nobody"));
            assert!(refused(sharded.restore("w1", 1, &[("momentum_buffer", &[0.0])])).contains("1 values"));
        });
    }
}
