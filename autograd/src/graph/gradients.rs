//! What backward returns: gradients are a value.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::broadcast::accumulate;
use super::node::Id;
use crate::float::Float;
use crate::param::Param;
use crate::tensor::Tensor;

/// The gradients of a scalar with respect to every leaf and parameter that it depends on.
///
/// There is nothing to zero: each backward returns its own. Accumulating over micro-batches is [`merge`](Gradients::merge).
///
/// ```
/// use autograd::Tensor;
/// let x = Tensor::from_vec(vec![1.0, 2.0], [2]).requires_grad();
/// let mut gradients = (&x * 3.0).sum().backward();
/// gradients.merge((&x * &x).sum().backward());
/// assert_eq!(gradients.get(&x).unwrap().to_vec(), [5.0, 7.0]);
/// ```
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
    pub fn get(&self, leaf: &Tensor<T>) -> Option<&Tensor<T>> {
        self.of.get(&leaf.edge.id()?)
    }

    /// The gradient with respect to a parameter; `None` if the result does not depend on it.
    pub fn of(&self, parameter: &Param<T>) -> Option<&Tensor<T>> {
        self.of.get(&parameter.id())
    }

    /// Takes the gradient with respect to a parameter out; `None` if the result does not depend on it.
    pub fn take(&mut self, parameter: &Param<T>) -> Option<Tensor<T>> {
        self.of.remove(&parameter.id())
    }

    /// Sets the gradient with respect to a parameter, and returns the one that was there: for gradients that were not computed by a backward on this machine, but
    /// read, received or summed elsewhere.
    ///
    /// ```
    /// use autograd::{Gradients, Param, Tensor};
    /// let weight: Param = Param::new(Tensor::zeros([2]));
    /// let mut gradients = Gradients::default();
    /// assert!(gradients.insert(&weight, Tensor::ones([2])).is_none());
    /// assert_eq!(gradients.of(&weight).unwrap().to_vec(), [1.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If the gradient's shape is not the parameter's.
    #[track_caller]
    pub fn insert(&mut self, parameter: &Param<T>, gradient: Tensor<T>) -> Option<Tensor<T>> {
        let shape = parameter.tensor().shape().clone();
        if gradient.shape() != &shape {
            let message = format_args!("the parameter has shape {shape}, the gradient {}", gradient.shape());
            crate::error::mistake("Gradients::insert", message);
        }
        self.of.insert(parameter.id(), gradient)
    }

    /// Adds the gradients of another backward to these.
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
                crate::error::mistake("Gradients::map", message);
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

    pub(crate) fn add(&mut self, id: Id, gradient: Tensor<T>) {
        match self.of.entry(id) {
            Entry::Occupied(mut sum) => accumulate(sum.get_mut(), gradient),
            Entry::Vacant(entry) => drop(entry.insert(gradient)),
        }
    }

    pub(crate) fn by_id(&self, id: Id) -> Option<&Tensor<T>> {
        self.of.get(&id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inserted_gradient_is_like_a_computed_one() {
        let weight: Param<f64> = Param::new(Tensor::ones([3]));
        let computed = (weight.tensor() * 2.0).sum().backward();
        let mut inserted = Gradients::default();
        assert!(inserted.insert(&weight, Tensor::full([3], 2.0)).is_none());
        assert_eq!(inserted.of(&weight).unwrap().to_vec(), computed.of(&weight).unwrap().to_vec());
        inserted.merge(computed);
        assert_eq!(inserted.insert(&weight, Tensor::zeros([3])).unwrap().to_vec(), [4.0; 3]);
        assert_eq!((inserted.len(), inserted.take(&weight).unwrap().to_vec()), (1, vec![0.0; 3]));
    }

    #[test]
    #[should_panic(expected = "Gradients::insert: the parameter has shape [3], the gradient [1, 3]")]
    fn an_inserted_gradient_has_the_shape_of_its_parameter() {
        let weight: Param = Param::new(Tensor::ones([3]));
        Gradients::default().insert(&weight, Tensor::ones([1, 3]));
    }
}
