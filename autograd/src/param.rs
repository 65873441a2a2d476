//! A parameter: the only cell of the engine that changes.

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::error::mistake;
use crate::float::Float;
use crate::graph::{Edge, Id};
use crate::tensor::Tensor;

/// What a parameter is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParamKind {
    /// Gradients flow to it and an optimizer changes it.
    Trainable,
    /// A weight that is kept as it is for now: no gradient, but saved with the others.
    Frozen,
    /// Not a weight at all, but saved with them: running statistics, say.
    Buffer,
}

/// A named place for a tensor that training changes.
///
/// Tensors are immutable; a `Param` holds the current one. Cloning makes another handle to the same parameter: a model, an optimizer and other
/// threads may all hold one.
///
/// ```
/// use autograd::{Param, Tensor};
/// let weight = Param::new(Tensor::from_vec(vec![1.0, 2.0], [2]));
/// let gradients = (weight.tensor() * 3.0).sum().backward();
/// let gradient = gradients.of(&weight).unwrap().to_vec();
/// weight.update(|w| w.iter_mut().zip(&gradient).for_each(|(w, g)| *w -= 0.1 * g));
/// assert_eq!(weight.tensor().to_vec(), [0.7, 1.7]);
/// ```
#[derive(Clone)]
pub struct Param<T: Float = f32>(Arc<Cell<T>>);

struct Cell<T: Float> {
    id: Id,
    kind: AtomicU8,
    value: RwLock<Tensor<T>>,
}

impl<T: Float> Param<T> {
    /// A trainable parameter that starts with these numbers.
    pub fn new(value: Tensor<T>) -> Self {
        Param::of_kind(value, ParamKind::Trainable)
    }

    /// A buffer: numbers that are saved with the weights but not trained.
    pub fn buffer(value: Tensor<T>) -> Self {
        Param::of_kind(value, ParamKind::Buffer)
    }

    fn of_kind(value: Tensor<T>, kind: ParamKind) -> Self {
        // A buffer of its own, so that the first update finds it unshared.
        let value = RwLock::new(own_copy(&value));
        Param(Arc::new(Cell { id: Id::next(), kind: AtomicU8::new(kind as u8), value }))
    }

    /// What the parameter is for.
    pub fn kind(&self) -> ParamKind {
        match self.0.kind.load(Ordering::Relaxed) {
            0 => ParamKind::Trainable,
            1 => ParamKind::Frozen,
            _ => ParamKind::Buffer,
        }
    }

    /// Stops gradients and updates until [`unfreeze`](Param::unfreeze). A buffer stays a buffer.
    pub fn freeze(&self) {
        self.turn(ParamKind::Trainable, ParamKind::Frozen);
    }

    /// Makes a frozen parameter trainable again.
    pub fn unfreeze(&self) {
        self.turn(ParamKind::Frozen, ParamKind::Trainable);
    }

    fn turn(&self, from: ParamKind, to: ParamKind) {
        let _ = self.0.kind.compare_exchange(from as u8, to as u8, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// The current numbers: a leaf of the graph if the parameter is trainable, a constant otherwise. No number is copied.
    pub fn tensor(&self) -> Tensor<T> {
        let mut value = self.0.value.read().unwrap_or_else(PoisonError::into_inner).clone();
        if self.kind() == ParamKind::Trainable {
            value.edge = Edge::Leaf(self.0.id);
        }
        value
    }

    /// Changes the numbers, in row-major order: in place if no graph or tensor holds the old ones any more, in a (counted) copy otherwise.
    pub fn update<R>(&self, change: impl FnOnce(&mut [T]) -> R) -> R {
        let mut value = self.0.value.write().unwrap_or_else(PoisonError::into_inner);
        change(value.storage.make_mut())
    }

    /// Replaces the numbers.
    ///
    /// # Panics
    /// If the shape is another.
    #[track_caller]
    pub fn set(&self, value: &Tensor<T>) {
        let mut current = self.0.value.write().unwrap_or_else(PoisonError::into_inner);
        if current.shape() != value.shape() {
            let (own, other) = (current.shape().clone(), value.shape());
            drop(current);
            mistake("Param::set", format_args!("the parameter has shape {own}, the new value {other}"));
        }
        *current = own_copy(value);
    }

    /// Whether both are handles to the same parameter.
    pub fn is(&self, other: &Param<T>) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(crate) fn id(&self) -> Id {
        self.0.id
    }
}

fn own_copy<T: Float>(value: &Tensor<T>) -> Tensor<T> {
    Tensor::build(value.shape().clone(), |out| {
        crate::kernels::map::map([value.view()], value.shape(), out, |[x]| x);
    })
}

impl<T: Float> fmt::Debug for Param<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.kind(), self.tensor())
    }
}
