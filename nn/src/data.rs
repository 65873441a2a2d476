//! Batches of a data set that lies in memory.
//!
//! ```
//! use autograd::{Indices, Random, Tensor};
//! use nn::data::Batches;
//! let data = (Tensor::<f32>::rand([100, 4], 0), Indices::from(vec![1; 100]));
//! let batches = Batches::new(32).shuffled(Random::new(0));
//! for epoch in 0..2 {
//!     let mut sizes = Vec::new();
//!     for (x, y) in batches.epoch(&data, epoch) {
//!         assert_eq!(x.size(0), y.numel());
//!         sizes.push(y.numel());
//!     }
//!     assert_eq!(sizes, [32, 32, 32, 4]);
//! }
//! ```

use autograd::{Float, Indices, Random, Tensor};

/// Examples that can be chosen by their positions: a tensor or indices along their first dimension, tuples of these
/// side by side, or what a program has of its own.
#[diagnostic::on_unimplemented(
    message = "batches cannot be taken of `{Self}`",
    label = "not examples",
    note = "examples are a `Tensor`, `Indices`, or a tuple of these side by side: `(inputs, targets)`",
    note = "a type of one's own becomes examples by `impl Examples`: how many there are, and those at given positions"
)]
pub trait Examples {
    /// Some of the examples.
    type Batch;

    /// How many examples there are.
    ///
    /// # Panics
    /// If the parts of a tuple do not have as many.
    fn count(&self) -> usize;

    /// The examples at these positions, in their order.
    ///
    /// # Panics
    /// If there is no such example.
    fn batch(&self, chosen: &[usize]) -> Self::Batch;
}

impl<T: Float> Examples for Tensor<T> {
    type Batch = Tensor<T>;

    #[track_caller]
    fn count(&self) -> usize {
        self.size(0)
    }

    #[track_caller]
    fn batch(&self, chosen: &[usize]) -> Tensor<T> {
        self.index_select(0, chosen)
    }
}

impl Examples for Indices {
    type Batch = Indices;

    #[track_caller]
    fn count(&self) -> usize {
        *self.shape().first().expect("Examples: indices of shape [] have no first dimension")
    }

    #[track_caller]
    fn batch(&self, chosen: &[usize]) -> Indices {
        self.index_select(chosen)
    }
}

impl<E: Examples + ?Sized> Examples for &E {
    type Batch = E::Batch;

    #[track_caller]
    fn count(&self) -> usize {
        (**self).count()
    }

    #[track_caller]
    fn batch(&self, chosen: &[usize]) -> E::Batch {
        (**self).batch(chosen)
    }
}

macro_rules! side_by_side {
    ($($($part:ident $index:tt),+;)+) => {$(
        impl<$($part: Examples),+> Examples for ($($part,)+) {
            type Batch = ($($part::Batch,)+);

            #[track_caller]
            fn count(&self) -> usize {
                let counts = [$(self.$index.count()),+];
                assert!(
                    counts.iter().all(|&count| count == counts[0]),
                    "Examples: the parts have {counts:?} examples: wanted as many in each"
                );
                counts[0]
            }

            #[track_caller]
            fn batch(&self, chosen: &[usize]) -> Self::Batch {
                ($(self.$index.batch(chosen),)+)
            }
        }
    )+};
}

side_by_side! {
    A 0;
    A 0, B 1;
    A 0, B 1, C 2;
    A 0, B 1, C 2, D 3;
    A 0, B 1, C 2, D 3, E 4;
}

/// How a data set is cut into batches, and in which order. The order of an epoch is a function of the random numbers'
/// key and of the epoch alone, so a run that goes on in the middle sees the same batches.
#[derive(Clone, Debug)]
pub struct Batches {
    size: usize,
    order: Option<Random>,
    keeps_last: bool,
}

impl Batches {
    /// Batches of `size` examples in their order; the last one has what is left.
    ///
    /// # Panics
    /// If `size` is 0.
    #[track_caller]
    pub fn new(size: usize) -> Self {
        assert!(size > 0, "Batches: a batch of 0 examples: wanted at least 1");
        Batches { size, order: None, keeps_last: true }
    }

    /// In another order for each epoch. The random numbers are those of `random`'s streams, whatever its position.
    pub fn shuffled(self, random: Random) -> Self {
        Batches { order: Some(random), ..self }
    }

    /// Without the last batch, if it has fewer examples than the others.
    pub fn drop_last(self) -> Self {
        Batches { keeps_last: false, ..self }
    }

    /// How many batches an epoch of `examples` has.
    pub fn count(&self, examples: usize) -> usize {
        if self.keeps_last { examples.div_ceil(self.size) } else { examples / self.size }
    }

    /// The positions of an epoch's examples, in the order in which it takes them.
    pub fn order(&self, examples: usize, epoch: u64) -> Vec<usize> {
        let mut order: Vec<usize> = (0..examples).collect();
        if let Some(random) = &self.order {
            random.stream(epoch).shuffle(&mut order);
        }
        order.truncate(self.count(examples).saturating_mul(self.size));
        order
    }

    /// The batches of an epoch.
    ///
    /// # Panics
    /// If parts of the data that lie side by side do not have as many examples.
    #[track_caller]
    pub fn epoch<'a, E: Examples + ?Sized>(&self, data: &'a E, epoch: u64) -> Epoch<'a, E> {
        Epoch { data, order: self.order(data.count(), epoch), seen: 0, size: self.size }
    }
}

/// The batches of an epoch, made as they are asked for: see [`Batches::epoch`].
#[derive(Debug)]
pub struct Epoch<'a, E: ?Sized> {
    data: &'a E,
    order: Vec<usize>,
    seen: usize,
    size: usize,
}

impl<E: Examples + ?Sized> Iterator for Epoch<'_, E> {
    type Item = E::Batch;

    fn next(&mut self) -> Option<E::Batch> {
        let rest = &self.order[self.seen..];
        let chosen = &rest[..rest.len().min(self.size)];
        self.seen += chosen.len();
        (!chosen.is_empty()).then(|| self.data.batch(chosen))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let batches = (self.order.len() - self.seen).div_ceil(self.size);
        (batches, Some(batches))
    }
}

impl<E: Examples + ?Sized> ExactSizeIterator for Epoch<'_, E> {}

#[cfg(test)]
mod tests {
    use super::*;

    fn data() -> (Tensor, Indices, Tensor<f64>) {
        (Tensor::arange(0.0, 7.0, 1.0).reshape([7, 1]), (0..7).collect(), Tensor::arange(0.0, 7.0, 1.0))
    }

    /// The batches' examples; those that lie side by side must stay together.
    fn seen(batches: &Batches, epoch: u64) -> Vec<Vec<i64>> {
        let numbers = |(x, y, z): (Tensor, Indices, Tensor<f64>)| {
            let numbers = y.as_slice().to_vec();
            assert!(x.to_vec().iter().zip(&numbers).all(|(&x, &number)| x == number as f32));
            assert!(z.to_vec().iter().zip(&numbers).all(|(&z, &number)| z == number as f64));
            numbers
        };
        let data = data();
        let epoch = batches.epoch(&data, epoch);
        assert_eq!(epoch.len(), batches.count(7));
        epoch.map(numbers).collect()
    }

    #[test]
    fn batches_come_in_order_and_the_last_one_is_kept_or_dropped() {
        let batches = Batches::new(3);
        assert_eq!(seen(&batches, 0), [vec![0, 1, 2], vec![3, 4, 5], vec![6]]);
        assert_eq!(seen(&batches.drop_last(), 0), [[0, 1, 2], [3, 4, 5]]);
        assert_eq!(seen(&Batches::new(9).drop_last(), 0), Vec::<Vec<i64>>::new());
        assert_eq!(Batches::new(3).epoch(&Tensor::<f32>::zeros([0, 2]), 0).count(), 0);
    }

    #[test]
    fn an_epochs_order_is_a_function_of_the_key_and_the_epoch() {
        let batches = Batches::new(7).shuffled(Random::new(5));
        let (first, second) = (seen(&batches, 0), seen(&batches, 1));
        assert_ne!(first, second);
        assert_eq!(seen(&batches, 0), first);
        let mut sorted = second[0].clone();
        sorted.sort_unstable();
        assert_eq!(sorted, [0, 1, 2, 3, 4, 5, 6]);
    }

    #[test]
    #[should_panic(expected = "Examples: the parts have [2, 3] examples: wanted as many in each")]
    fn parts_of_different_lengths_are_refused() {
        let _ = Batches::new(1).epoch(&(Tensor::<f32>::zeros([2]), Indices::from([0, 1, 2])), 0);
    }
}
