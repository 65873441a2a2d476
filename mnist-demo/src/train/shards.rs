//! Steps whose batches are cut into shards, on one rank or on several.

use autograd::{Gradients, Random, Stream};
use nn::{CrossEntropyLoss, Layer, Mode, Sequential};
use optim::Optimizer;
use optim::parallel::{Group, GroupError, OwnGradients, Sharded};

use super::optimizer::RunOptimizer;
use super::{Trainer, count_correct, evaluate_batches};
use crate::dataset::Images;
use crate::interrupt;
use crate::model::Model;
use crate::recipe::Recipe;

/// What a network learns from images.
pub(crate) struct Learner<'a> {
    /// Which network it is.
    pub network: Model,
    pub model: &'a Sequential,
    pub criterion: &'a CrossEntropyLoss,
    pub recipe: Recipe,
    pub images: &'a Images,
}

/// The random numbers of a step.
pub(crate) struct Randoms {
    /// For the distortions of the images.
    pub batches: Random,
    /// For layers such as dropout.
    pub layers: Random,
}

/// What the network learned from some images.
pub(crate) struct Learned<G> {
    /// The mean loss.
    pub loss: f64,
    /// The number of images that were classified correctly.
    pub correct: usize,
    pub gradients: G,
}

impl<G> Learned<G> {
    pub fn map<H>(self, change: impl FnOnce(G) -> H) -> Learned<H> {
        Learned { loss: self.loss, correct: self.correct, gradients: change(self.gradients) }
    }
}

/// The gradients of a step.
pub(crate) enum Summed {
    /// Those of a batch as a whole.
    Whole(Gradients),
    /// Those of all shards, in the piece of the weights that this rank steps.
    Own(OwnGradients<f32>),
}

impl Learner<'_> {
    /// Learns from the chosen images.
    pub fn learn(&self, chosen: &[usize], random: Randoms) -> Learned<Gradients> {
        let (images, labels) = self.recipe.batch(self.network, self.images, chosen, random.batches);
        let scores = self.model.forward(&images, Mode::Train(&Stream::of(random.layers)));
        let loss = self.criterion.forward(&scores, &labels);
        let correct = count_correct(&scores, &labels);
        Learned { loss: f64::from(loss.item()), correct, gradients: loss.backward() }
    }

    /// Learns from the shards of the chosen images. Also returns whether Ctrl-C was pressed, on any rank.
    pub fn learn_shards<O: Optimizer>(
        &self,
        sharded: &mut Sharded<f32, O>,
        chosen: &[usize],
        random: &Randoms,
    ) -> (Learned<Summed>, bool) {
        let mut correct = 0;
        let own = sharded.gradients(|shard| {
            let own = shard.of(chosen.len());
            let rows = own.len();
            if rows == 0 {
                return (0, 0.0, Gradients::default());
            }
            let random = Randoms { batches: shard.random(&random.batches), layers: shard.random(&random.layers) };
            let learned = self.learn(&chosen[own], random);
            correct += learned.correct;
            (rows, learned.loss, learned.gradients)
        });
        // One message for both. The counts are integers, so that the order of their sum does not matter.
        let [correct, interrupts] = sums(sharded.parallel().group(), [correct, interrupt::raised().into()]);
        (Learned { loss: own.loss, correct, gradients: Summed::Own(own) }, interrupts > 0)
    }
}

/// The sums of counts over all ranks.
fn sums<const COUNTS: usize>(group: &mut dyn Group, own: [usize; COUNTS]) -> [usize; COUNTS] {
    let bytes: Vec<u8> = own.iter().flat_map(|&count| (count as u64).to_le_bytes()).collect();
    let all = group.gather_bytes(&bytes, &vec![bytes.len(); group.ranks()]);
    let counts: Vec<usize> = all.as_chunks().0.iter().map(|&bytes| u64::from_le_bytes(bytes) as usize).collect();
    std::array::from_fn(|index| counts.iter().skip(index).step_by(COUNTS).sum())
}

impl Trainer<'_> {
    /// Shares out the shards of each step among the ranks of a group, all of which have such a run and are about to
    /// take the same step.
    ///
    /// # Errors
    /// On all ranks alike, if their networks differ or there are more of them than shards.
    ///
    /// # Panics
    /// If the run has no shards.
    pub fn share(&mut self, group: Box<dyn Group>) -> Result<(), GroupError> {
        // Each rank has the whole state before, that of a checkpoint, and keeps that of its piece.
        let state = self.optimizer.state();
        self.optimizer = RunOptimizer::shared(&self.model, &self.settings, group)?;
        for parameter in &state {
            let slots: Vec<(&str, &[f32])> =
                parameter.slots.iter().map(|(slot, values)| (slot.as_str(), values.as_slice())).collect();
            let restored = self.optimizer.restore(&parameter.name, parameter.step, &slots);
            restored.expect("it is the state of such an optimizer");
        }
        Ok(())
    }

    /// The ranks of this run, if it has shards.
    pub fn group(&mut self) -> Option<&mut dyn Group> {
        self.optimizer.group()
    }

    /// Lets go of the other ranks, and of the optimizer's state: no more steps are taken.
    pub fn leave(&mut self) {
        self.optimizer = RunOptimizer::new(&self.model, &self.settings);
    }

    /// Whether Ctrl-C was pressed before the end of the last step. All ranks get the same answer.
    pub fn is_interrupted(&self) -> bool {
        if self.settings.shards.is_some() { self.interrupted } else { interrupt::raised() }
    }

    /// Whether any rank says so. All ranks call this, and get the same answer.
    pub fn does_any(&mut self, own: bool) -> bool {
        self.group().map_or(own, |group| sums(group, [own.into()])[0] > 0)
    }

    /// The fraction of test images that are classified correctly. Each rank evaluates some of the batches.
    pub(super) fn test_accuracy(&mut self) -> f64 {
        let Some((rank, ranks)) = self.group().map(|group| (group.rank(), group.ranks())) else {
            return super::accuracy(&self.model, &self.data.test);
        };
        let mut count = 0;
        let is_own = |batch: usize| batch % ranks == rank;
        evaluate_batches(&self.model, &self.data.test, is_own, |scores, labels| count += count_correct(scores, labels));
        let [count] = sums(self.group().expect("as before"), [count]);
        count as f64 / self.data.test.len() as f64
    }
}
