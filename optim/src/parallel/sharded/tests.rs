//! The bits of an optimizer that is shared out are those of one that is not.

use autograd::StateError;

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
                    let slots: Vec<(&str, &[f32])> = slots.iter().map(|(n, v)| (n.as_str(), v.as_slice())).collect();
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
