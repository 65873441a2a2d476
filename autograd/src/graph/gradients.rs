//! What backward returns: gradients are a value.

use crate::error::shape_error;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::{AddAssign, MulAssign};

use super::broadcast::accumulate;
use super::node::Id;
use crate::float::Float;
use crate::tensor::Tensor;

/// The gradients of a scalar with respect to every leaf and parameter that it depends on.
///
/// There is nothing to zero: each backward returns its own. To accumulate over parts of a batch is to add them up, and
/// their mean is the gradient of the mean loss, if the parts are of one size:
///
/// ```
/// use autograd::{Gradients, Tensor};
/// let x = Tensor::from_vec(vec![1.0, 2.0], [2]).requires_grad();
/// let mut gradients = Gradients::default();
/// for factor in [3.0, 5.0] {
///     gradients += (&x * factor).sum().backward();
/// }
/// gradients *= 1.0 / 2.0;
/// assert_eq!(gradients.get(&x).unwrap().to_vec(), [4.0, 4.0]);
/// ```
///
/// To clip them: `clip_grad_norm` and `clip_grad_value` in the crate `optim`.
#[derive(Clone, Debug)]
pub struct Gradients<T: Float = f32> {
    of: BTreeMap<Id, Tensor<T>>,
}

impl<T: Float> Default for Gradients<T> {
    fn default() -> Self {
        Gradients { of: BTreeMap::new() }
    }
}

impl<T: Float> Gradients<T> {
    /// The gradient with respect to a leaf; `None` if the result does not depend on it.
    #[inline(never)]
    pub fn get(&self, leaf: &Tensor<T>) -> Option<&Tensor<T>> {
        self.of.get(&leaf.edge.id()?)
    }

    /// Adds the gradients of another backward to these, as `+=` does.
    #[inline(never)]
    pub fn merge(&mut self, other: Gradients<T>) {
        for (id, gradient) in other.of {
            self.add(id, gradient);
        }
    }

    /// Replaces every gradient by what `change` makes of it: to scale them, say, or to clip them.
    ///
    /// # Panics
    /// If `change` returns another shape.
    #[track_caller]
    pub fn map(&mut self, mut change: impl FnMut(&Tensor<T>) -> Tensor<T>) {
        for gradient in self.of.values_mut() {
            let changed = change(gradient);
            if changed.shape() != gradient.shape() {
                let message = format_args!("a gradient of shape {} became {}", gradient.shape(), changed.shape());
                shape_error("Gradients::map", message);
            }
            *gradient = changed;
        }
    }

    /// All the gradients, in the order in which their leaves were made.
    pub fn iter(&self) -> impl Iterator<Item = &Tensor<T>> {
        self.of.values()
    }

    /// How many leaves and parameters have a gradient.
    pub fn len(&self) -> usize {
        self.of.len()
    }

    /// Whether there is no gradient at all.
    pub fn is_empty(&self) -> bool {
        self.of.is_empty()
    }

    #[inline(never)]
    pub(crate) fn add(&mut self, id: Id, gradient: Tensor<T>) {
        match self.of.entry(id) {
            Entry::Occupied(mut sum) => accumulate(sum.get_mut(), gradient),
            Entry::Vacant(entry) => drop(entry.insert(gradient)),
        }
    }

    pub(crate) fn by_id_mut(&mut self, id: Id) -> Option<&mut Tensor<T>> {
        self.of.get_mut(&id)
    }

    pub(crate) fn by_id(&self, id: Id) -> Option<&Tensor<T>> {
        self.of.get(&id)
    }

    pub(crate) fn insert(&mut self, id: Id, gradient: Tensor<T>) {
        self.of.insert(id, gradient);
    }

    pub(crate) fn take_by_id(&mut self, id: Id) -> Option<Tensor<T>> {
        self.of.remove(&id)
    }
}

impl<T: Float> AddAssign for Gradients<T> {
    fn add_assign(&mut self, other: Self) {
        self.merge(other);
    }
}

/// Multiplies every gradient.
impl<T: Float> MulAssign<T> for Gradients<T> {
    fn mul_assign(&mut self, factor: T) {
        self.map(|gradient| gradient * factor);
    }
}

instances!(Gradients: get merge add);
