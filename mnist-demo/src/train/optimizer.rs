//! The optimizer of a run: whole, or shared out among the ranks that compute the shards.

use autograd::StateError;
use nn::{Module, Sequential};
use optim::Optimizer;
use optim::parallel::{Alone, Group, GroupError, Parallel, Sharded, WholeState};

use super::Settings;
use super::shards::{Learned, Learner, Randoms, Summed};

/// An optimizer in a box, since the recipe chooses it.
type Chosen = Box<dyn Optimizer + Send>;

/// The optimizer of a run.
pub(crate) enum RunOptimizer {
    /// One process that takes each batch as a whole.
    Whole(Chosen),
    /// Batches of shards, which the ranks of a group share, perhaps a group of this process alone. Each rank steps a
    /// piece of the weights and has the optimizer's state of this piece.
    Shared(Box<Sharded<f32, Chosen>>),
}

impl RunOptimizer {
    /// An optimizer before its first step, of a run that has no other ranks yet.
    pub fn new(model: &Sequential, settings: &Settings) -> Self {
        match settings.shards {
            None => {
                let Settings { recipe, model: network, learning_rate, .. } = *settings;
                RunOptimizer::Whole(recipe.optimizer(network, model.named_parameters(), learning_rate))
            }
            Some(_) => {
                let group = Box::new(Alone);
                RunOptimizer::shared(model, settings, group).expect("one rank agrees with itself")
            }
        }
    }

    /// An optimizer before its first step, of a run whose shards a group computes.
    ///
    /// # Errors
    /// If the ranks differ.
    ///
    /// # Panics
    /// If the run has no shards.
    pub fn shared(model: &Sequential, settings: &Settings, group: Box<dyn Group>) -> Result<Self, GroupError> {
        let shards = settings.shards.expect("a run that is shared has shards");
        let parallel = Parallel::new(group, model.named_parameters(), shards)?;
        let build = |named| settings.recipe.optimizer(settings.model, named, settings.learning_rate);
        Ok(RunOptimizer::Shared(Box::new(Sharded::new(parallel, build))))
    }

    /// The ranks, if the run has shards.
    pub fn group(&mut self) -> Option<&mut dyn Group> {
        match self {
            RunOptimizer::Whole(_) => None,
            RunOptimizer::Shared(sharded) => Some(sharded.parallel().group()),
        }
    }

    /// The first half of a step: what the network learns from the chosen images, on all ranks. Also returns whether
    /// Ctrl-C was pressed on any of them.
    pub fn learn(&mut self, learner: &Learner<'_>, chosen: &[usize], random: Randoms) -> (Learned<Summed>, bool) {
        match self {
            RunOptimizer::Whole(_) => (learner.learn(chosen, random).map(Summed::Whole), false),
            RunOptimizer::Shared(sharded) => learner.learn_shards(sharded, chosen, &random),
        }
    }

    /// The second half of a step: changes the weights, on all ranks.
    pub fn step(&mut self, learning_rate: f64, gradients: Summed) {
        match (self, gradients) {
            (RunOptimizer::Whole(optimizer), Summed::Whole(gradients)) => {
                optimizer.set_learning_rate(learning_rate);
                optimizer.step_taking(gradients);
            }
            (RunOptimizer::Shared(sharded), Summed::Own(gradients)) => {
                sharded.optimizer_mut().set_learning_rate(learning_rate);
                sharded.apply(gradients);
            }
            _ => unreachable!("the gradients are those of `learn`"),
        }
    }

    /// The state of all parameters. All ranks call this, and get the same.
    pub fn state(&mut self) -> Vec<WholeState<f32>> {
        let optimizer = match self {
            RunOptimizer::Whole(optimizer) => optimizer,
            RunOptimizer::Shared(sharded) => return sharded.state(),
        };
        let whole = |state: optim::ParameterState<'_, f32>| WholeState {
            name: state.name.to_owned(),
            step: state.step,
            slots: state.slots.iter().map(|(slot, values)| ((*slot).to_owned(), values.to_vec())).collect(),
        };
        optimizer.state().into_iter().map(whole).collect()
    }

    /// Replaces the state of a parameter. All ranks call this with the same state, of which each keeps its piece.
    ///
    /// # Errors
    /// If it is not a state of this optimizer.
    pub fn restore(&mut self, name: &str, step: u64, slots: &[(&str, &[f32])]) -> Result<(), StateError> {
        match self {
            RunOptimizer::Whole(optimizer) => optimizer.restore(name, step, slots),
            RunOptimizer::Shared(sharded) => sharded.restore(name, step, slots),
        }
    }
}
