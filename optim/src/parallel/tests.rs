//! The same bits for any number of ranks and threads.

use autograd::{Float, Gradients, Param, Random, Tensor, with_threads};

use super::*;
use crate::{Adam, Sgd};

/// A network of everything that is difficult: parameters without a gradient in some or in all shards, a buffer that
/// each shard changes, one that counts, one that is infinite and stays, random numbers in each shard, and batches of
/// another length.
pub(crate) struct Net<T: Float = f32> {
    w1: Param<T>,
    b1: Param<T>,
    w2: Param<T>,
    sometimes: Param<T>,
    never: Param<T>,
    running_mean: Param<T>,
    count: Param<T>,
    mask: Param<T>,
    x: Tensor<T>,
    /// Where the noise of each step comes from.
    noise: Random,
}

const ROWS: usize = 200;

impl<T: Float> Net<T> {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        Net {
            w1: Param::new(Tensor::randn([60, 50], &mut random) * T::from_f64(0.1)),
            b1: Param::new(Tensor::zeros([60])),
            w2: Param::new(Tensor::randn([10, 60], &mut random) * T::from_f64(0.1)),
            sometimes: Param::new(Tensor::ones([10])),
            never: Param::new(Tensor::ones([3])),
            running_mean: Param::buffer(Tensor::zeros([60])),
            count: Param::buffer(Tensor::zeros([1])),
            mask: Param::buffer(Tensor::full([2], T::NEG_INFINITY)),
            x: Tensor::randn([ROWS, 50], 77),
            noise: Random::new(seed).stream(5),
        }
    }

    pub(crate) fn named(&self) -> Vec<(String, Param<T>)> {
        let all = [
            ("w1", &self.w1),
            ("mean", &self.running_mean),
            ("b1", &self.b1),
            ("w2", &self.w2),
            ("sometimes", &self.sometimes),
            ("never", &self.never),
            ("count", &self.count),
            ("mask", &self.mask),
        ];
        all.map(|(name, param)| (name.to_owned(), param.clone())).into()
    }

    /// The rows of a step: every third batch has fewer rows than some tests have shards.
    fn batch(step: usize) -> (usize, usize) {
        let rows = if step % 3 == 2 { 5 } else { 29 };
        (step * 31 % (ROWS - rows), rows)
    }

    pub(crate) fn shard(&self, shard: Shard, step: usize) -> (usize, f64, Gradients<T>) {
        let (first, rows) = Self::batch(step);
        let own = shard.of(rows);
        if own.is_empty() {
            return (0, f64::NAN, Gradients::default());
        }
        let x = self.x.narrow(0, first + own.start, own.len());
        let mut random = shard.random(&self.noise.stream(step as u64));
        let noise = Tensor::randn([own.len(), 60], &mut random) * T::from_f64(0.01);
        let hidden = x.linear(&self.w1.tensor(), Some(&self.b1.tensor())) + noise;
        let mean = hidden.detach().mean_dim(0, false);
        self.running_mean.set(&(self.running_mean.tensor() * T::from_f64(0.9) + mean * T::from_f64(0.1)));
        self.count.set(&(self.count.tensor() + T::ONE));
        let mut y = (hidden - self.running_mean.tensor()).tanh().linear(&self.w2.tensor(), None);
        if shard.index % 2 == 1 {
            y = y * self.sometimes.tensor();
        }
        let loss = (y.powf(T::from_f64(2.0)).sum() * T::from_f64(3.0) + T::ONE) * T::from_f64(1.0 / own.len() as f64);
        (own.len(), loss.item().to_f64(), loss.backward())
    }
}

/// All weights and buffers, bit by bit.
pub(crate) fn bits<T: Float>(net: &Net<T>) -> Vec<u64> {
    net.named().iter().flat_map(|(_, param)| param.tensor().to_vec()).map(|value| value.to_f64().to_bits()).collect()
}

/// The losses of some steps, and the weights and buffers afterwards, of each rank.
fn trained<T: Float>(ranks: usize, threads: usize, shards: usize) -> Vec<(Vec<f64>, Vec<u64>)> {
    Threads::run(ranks, |rank| {
        // Each rank begins with other weights, of which those of rank 0 count.
        let net = Net::<T>::new(Group::<T>::rank(&rank) as u64);
        let net = Net { noise: Random::new(9), ..net };
        let mut parallel = Parallel::new(rank, net.named(), shards).unwrap();
        let mut adam = Adam::new(net.named(), 0.01);
        let step = |step| {
            let compute = |shard| with_threads(threads, || net.shard(shard, step));
            let Reduced { rows, loss, gradients } = parallel.gradients(compute);
            assert_eq!(rows, Net::<T>::batch(step).1);
            assert!(gradients.of(&net.never).is_none());
            assert_eq!(gradients.of(&net.sometimes).is_some(), shards > 1);
            with_threads(threads, || adam.step_taking(gradients));
            loss
        };
        ((0..6).map(step).collect(), bits(&net))
    })
}

fn same_bits_on_any_ranks<T: Float>() {
    for shards in [1, 6, 8] {
        let alone = trained::<T>(1, 1, shards);
        assert!(alone[0].0.iter().all(|loss| loss.is_finite()), "{:?}", alone[0].0);
        for ranks in [1, 2, 3, 4, 5, 8].into_iter().filter(|&ranks| ranks <= shards) {
            for threads in [1, 2] {
                for found in trained::<T>(ranks, threads, shards) {
                    assert!(found == alone[0], "{shards} shards on {ranks} ranks of {threads} threads: other bits");
                }
            }
        }
    }
}

#[test]
fn the_bits_of_f32_do_not_depend_on_ranks_and_threads() {
    same_bits_on_any_ranks::<f32>();
}

#[test]
fn the_bits_of_f64_do_not_depend_on_ranks_and_threads() {
    same_bits_on_any_ranks::<f64>();
}

#[test]
fn alone_is_a_group_of_one_rank() {
    let net = Net::<f32>::new(0);
    let of_threads = trained::<f32>(1, 1, 8);
    let net = Net { noise: Random::new(9), ..net };
    let mut parallel = Parallel::new(Alone, net.named(), 8).unwrap();
    let mut adam = Adam::new(net.named(), 0.01);
    for step in 0..6 {
        adam.step_taking(parallel.gradients(|shard| net.shard(shard, step)).gradients);
    }
    assert!(bits(&net) == of_threads[0].1);
}

#[test]
fn shards_count_by_their_rows() {
    // The mean of 29 rows in 8 shards, some of 3 rows and some of 4, against the whole batch at once.
    let x = Tensor::<f64>::randn([29, 4], 3);
    let weight = Param::new(Tensor::<f64>::randn([4], 4));
    let loss = |rows: std::ops::Range<usize>| {
        (x.narrow(0, rows.start, rows.len()) * weight.tensor()).powf(2.0).sum_dim(1, false).mean()
    };
    let whole = loss(0..29);
    let mut parallel = Parallel::new(Alone, [weight.clone()], 8).unwrap();
    let reduced = parallel.gradients(|shard| {
        let loss = loss(shard.of(29));
        (shard.of(29).len(), loss.item(), loss.backward())
    });
    assert!((reduced.loss - whole.item()).abs() < 1e-14);
    let whole = whole.backward();
    let pairs = reduced.gradients.of(&weight).unwrap().to_vec().into_iter().zip(whole.of(&weight).unwrap().to_vec());
    pairs.for_each(|(found, expected)| assert!((found - expected).abs() < 1e-14, "found {found}, expected {expected}"));
}

#[test]
fn one_shard_is_the_whole_batch_without_rounding() {
    let (net, plain) = (Net::<f32>::new(1), Net::<f32>::new(1));
    let mut parallel = Parallel::new(Alone, net.named(), 1).unwrap();
    let (mut one, mut other) = (Sgd::new(net.named(), 0.1), Sgd::new(plain.named(), 0.1));
    for step in 0..4 {
        one.step_taking(parallel.gradients(|shard| net.shard(shard, step)).gradients);
        other.step_taking(plain.shard(Shard { index: 0, shards: 1 }, step).2);
    }
    assert!(bits(&net) == bits(&plain));
}

#[test]
fn a_parameter_counts_as_zero_where_it_has_no_gradient() {
    let (used, twice): (Param<f64>, Param<f64>) = (Param::new(Tensor::ones([1])), Param::new(Tensor::ones([1])));
    let mut parallel =
        Parallel::new(Alone, [("a", used.clone()), ("b", twice.clone()), ("c", used.clone())], 4).unwrap();
    let reduced = parallel.gradients(|shard| {
        let loss = if shard.index == 2 { used.tensor() + twice.tensor() * 8.0 } else { used.tensor() };
        (1, 1.0, loss.sum().backward())
    });
    assert_eq!(reduced.gradients.of(&used).unwrap().item(), 1.0);
    assert_eq!(reduced.gradients.of(&twice).unwrap().item(), 2.0);
}

#[test]
fn buffers_become_the_means_of_what_shards_made_of_them() {
    let weight: Param<f64> = Param::new(Tensor::ones([1]));
    let [mean, count, mask] = [0.5, 7.0, f64::INFINITY].map(|value| Param::buffer(Tensor::full([1], value)));
    let named = [("w", &weight), ("mean", &mean), ("count", &count), ("mask", &mask)];
    let named = named.map(|(name, param)| (name, param.clone()));
    let mut parallel = Parallel::new(Alone, named, 3).unwrap();
    parallel.gradients(|shard| {
        assert_eq!((mean.tensor().item(), count.tensor().item()), (0.5, 7.0), "each shard starts from the step's");
        mean.set(&Tensor::full([1], shard.index as f64));
        count.set(&(count.tensor() + 1.0));
        (shard.index + 1, 0.0, weight.tensor().sum().backward())
    });
    // (0 · 1 + 1 · 2 + 2 · 3) / 6
    assert!((mean.tensor().item() - 8.0 / 6.0).abs() < 1e-15);
    assert_eq!((count.tensor().item(), mask.tensor().item()), (8.0, f64::INFINITY));
}

#[test]
fn micro_batches_of_a_shard_accumulate() {
    let net = Net::<f64>::new(2);
    let mut parallel = Parallel::new(Alone, net.named(), 2).unwrap();
    let weight = &net.w2;
    let loss = |row: usize| net.x.narrow(0, row, 1).linear(&net.w1.tensor(), None).linear(&weight.tensor(), None).sum();
    let in_parts = parallel.gradients(|shard| {
        let own = shard.of(10);
        let (mut sum, mut gradients) = (0.0, Gradients::default());
        for row in own.clone() {
            let loss = loss(row) * (1.0 / own.len() as f64);
            sum += loss.item();
            gradients.merge(loss.backward());
        }
        (own.len(), sum, gradients)
    });
    let whole = (0..10).map(loss).reduce(|a, b| a + b).unwrap() * 0.1;
    assert!((whole.item() - in_parts.loss).abs() < 1e-12);
    let whole = whole.backward();
    let pairs = in_parts.gradients.of(weight).unwrap().to_vec().into_iter().zip(whole.of(weight).unwrap().to_vec());
    pairs.for_each(|(found, expected)| assert!((found - expected).abs() < 1e-12));
}

/// What all ranks are told that cannot train together.
fn refused(ranks: usize, shards: usize, net: impl Fn(usize) -> Vec<(String, Param)> + Sync) -> String {
    let outcomes = Threads::run(ranks, |rank| {
        let own = Group::<f32>::rank(&rank);
        let shards = if shards == 0 { 4 + own } else { shards };
        Parallel::new(rank, net(own), shards).map(|_| ()).unwrap_err().to_string()
    });
    assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]), "{outcomes:?}");
    outcomes[0].clone()
}

#[test]
fn ranks_that_differ_are_refused_in_words() {
    let param = |length| Param::new(Tensor::zeros([length]));
    let shape = refused(3, 4, |rank| vec![("w".to_owned(), param(2 + rank / 2))]);
    assert_eq!(shape, "rank 2: parameter w: found f32 [3], expected f32 [2], as on rank 0");
    let name = refused(2, 4, |rank| vec![(format!("w{rank}"), param(2))]);
    assert_eq!(name, "rank 1: found parameter w1, expected parameter w0, as on rank 0");
    let shards = refused(2, 0, |_| vec![("w".to_owned(), param(2))]);
    assert_eq!(shards, "rank 1: shards: found 5, expected 4, as on rank 0");
    let ranks = refused(5, 4, |_| vec![("w".to_owned(), param(2))]);
    assert_eq!(ranks, "found 5 ranks for 4 shards, expected at most one rank for each shard");
}

#[test]
#[should_panic(expected = "none of the 2 shards has a row")]
fn a_step_has_rows() {
    let weight: Param = Param::new(Tensor::ones([1]));
    let mut parallel = Parallel::new(Alone, [weight], 2).unwrap();
    parallel.gradients(|_| (0, f64::NAN, Gradients::default()));
}
