//! A parameter: the only mutable value of the engine.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use crate::error::{argument_error, shape_error};
use crate::float::Float;
use crate::graph::{Edge, Gradients, Id};
use crate::kernels::map::map;
use crate::layout::Layout;
use crate::lock::{ShortLock, none_is_held};
use crate::mode::{self, LOGGED, REPLAYED};
use crate::pool::count_copy_on_write;
use crate::replay;
use crate::storage::Storage;
use crate::tensor::Tensor;

/// The kind of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParamKind {
    /// A weight with gradients, which an optimizer changes.
    Trainable,
    /// A weight that is not changed for now. It has no gradient, but is saved with the others.
    Frozen,
    /// Values that are not weights but are saved with them, such as running statistics.
    Buffer,
}

/// A tensor that training changes.
///
/// Tensors are immutable; a `Param` holds the current one. Cloning creates another handle to the same parameter: a
/// model, an optimizer and other threads can each hold one.
///
/// A change is written to a second buffer, which then replaces the old one in a single step. So a reader always gets a
/// complete version, the old or the new one, and never waits. Two changes at the same time would lose one of them;
/// therefore the second one panics.
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
    /// The layout of all versions, which is row-major.
    layout: Arc<Layout>,
    /// Whether an update or a set is running.
    is_changing: AtomicBool,
    /// The current version. It is locked only to clone or to replace it, never while a new version is computed.
    value: ShortLock<Storage<T>>,
}

impl<T: Float> Param<T> {
    /// A trainable parameter with these initial values.
    pub fn new(value: Tensor<T>) -> Self {
        Param::of_kind(value, ParamKind::Trainable)
    }

    /// A buffer: values that are saved with the weights but not trained.
    pub fn buffer(value: Tensor<T>) -> Self {
        Param::of_kind(value, ParamKind::Buffer)
    }

    #[inline(never)]
    fn of_kind(value: Tensor<T>, kind: ParamKind) -> Self {
        Param(Arc::new(Cell {
            id: Id::next(),
            kind: AtomicU8::new(kind as u8),
            layout: Arc::new(Layout::contiguous(value.shape().clone())),
            is_changing: AtomicBool::new(false),
            value: ShortLock::new(own_copy(&value)),
        }))
    }

    /// The kind of the parameter.
    pub fn kind(&self) -> ParamKind {
        match self.0.kind.load(Ordering::Relaxed) {
            0 => ParamKind::Trainable,
            1 => ParamKind::Frozen,
            _ => ParamKind::Buffer,
        }
    }

    /// Stops gradients and updates until [`unfreeze`](Param::unfreeze). A buffer stays a buffer.
    pub fn freeze(&self) {
        self.change_kind(ParamKind::Trainable, ParamKind::Frozen);
    }

    /// Makes a frozen parameter trainable again.
    pub fn unfreeze(&self) {
        self.change_kind(ParamKind::Frozen, ParamKind::Trainable);
    }

    fn change_kind(&self, from: ParamKind, to: ParamKind) {
        let _ = self.0.kind.compare_exchange(from as u8, to as u8, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// The current values: a leaf of the graph if the parameter is trainable, otherwise a constant. No element is
    /// copied.
    ///
    /// Inside of an [`update`](Param::update) of this parameter these are the old values.
    #[inline(never)]
    pub fn tensor(&self) -> Tensor<T> {
        let edge = if self.kind() == ParamKind::Trainable { Edge::Leaf(self.0.id) } else { Edge::Constant };
        let tensor = Tensor { storage: self.current(), layout: Arc::clone(&self.0.layout), edge };
        // In a segment that is computed twice, both times the same version.
        if mode::has(LOGGED) { replay::read(self.0.id.number(), tensor) } else { tensor }
    }

    /// Changes the values, in row-major order: `change` gets a copy, which becomes the current version when `change`
    /// returns.
    ///
    /// Until then all readers get the old values. If `change` panics, the old values stay.
    ///
    /// # Panics
    /// If an update or a set of this parameter is running, on this thread or on another one.
    #[track_caller]
    pub fn update<R>(&self, change: impl FnOnce(&mut [T]) -> R) -> R {
        self.write("Param::update", |old, new| {
            new.copy_from_slice(old);
            change(new)
        })
    }

    /// Computes new values from the old ones with `write(old, new)`, both in row-major order. This avoids the copy of
    /// [`update`](Param::update).
    ///
    /// `write` must set every element of `new`: the buffer is recycled and contains old values. It becomes the current
    /// version when `write` returns.
    ///
    /// ```
    /// use autograd::{Param, Tensor};
    /// let weight = Param::new(Tensor::from_vec(vec![1.0, 2.0], [2]));
    /// weight.update_from(|old, new| new.iter_mut().zip(old).for_each(|(new, old)| *new = old * 10.0));
    /// assert_eq!(weight.tensor().to_vec(), [10.0, 20.0]);
    /// ```
    ///
    /// # Panics
    /// If an update or a set of this parameter is running, on this thread or on another one.
    #[track_caller]
    pub fn update_from<R>(&self, write: impl FnOnce(&[T], &mut [T]) -> R) -> R {
        self.write("Param::update_from", write)
    }

    /// Computes new values from the old ones in the buffer of a tensor that is not needed any more:
    /// `write(old, buffer)`. `buffer` has the elements of `donor` and must be overwritten with the new values. If the
    /// donor is the gradient, a training step needs no extra buffer for the new weights.
    ///
    /// # Errors
    /// Returns the donor if its buffer cannot be used: it is shared, or the donor is not row-major.
    ///
    /// # Panics
    /// If the donor has another shape, or an update or a set of this parameter is running, on this thread or on another
    /// one.
    #[track_caller]
    pub fn update_over<R>(
        &self,
        mut donor: Tensor<T>,
        write: impl FnOnce(&[T], &mut [T]) -> R,
    ) -> Result<R, Tensor<T>> {
        let shape = &self.0.layout.shape;
        if *donor.shape() != *shape {
            let other = donor.shape();
            shape_error("Param::update_over", format_args!("the parameter has shape {shape}, the donor {other}"));
        }
        if !donor.layout.is_row_major() || donor.storage.as_slice().len() != shape.numel() || donor.storage.is_shared()
        {
            return Err(donor);
        }
        let _changing = self.begin("Param::update_over");
        let old = self.current();
        let result = write(old.as_slice(), donor.storage.get_mut().expect("the buffer is not shared"));
        self.swap(old, donor.storage);
        Ok(result)
    }

    /// Replaces the values by a copy of `value`.
    ///
    /// # Panics
    /// If the shape is another, or an update or a set of this parameter is running, on this thread or on another one.
    #[inline(never)]
    #[track_caller]
    pub fn set(&self, value: &Tensor<T>) {
        let own = &self.0.layout.shape;
        if *own != *value.shape() {
            let other = value.shape();
            shape_error("Param::set", format_args!("the parameter has shape {own}, the new value {other}"));
        }
        self.write("Param::set", |_, new| map([value.as_view()], own, new, |[x]| x));
    }

    #[inline(never)]
    fn current(&self) -> Storage<T> {
        self.0.value.with(|value| value.clone())
    }

    /// Computes the next version and makes it the current one. No lock is held while `write` runs, because it may start
    /// parallel tasks, wait, read this parameter, or panic.
    #[track_caller]
    fn write<R>(&self, operation: &str, write: impl FnOnce(&[T], &mut [T]) -> R) -> R {
        let _changing = self.begin(operation);
        let (old, mut result) = (self.current(), None);
        let new = Storage::build(self.0.layout.numel(), |new| result = Some(write(old.as_slice(), new)));
        self.swap(old, new);
        result.expect("`Storage::build` calls its closure once")
    }

    /// The right to change the values, until what is returned is dropped.
    #[inline(never)]
    #[track_caller]
    fn begin(&self, operation: &str) -> Changing<'_> {
        debug_assert!(none_is_held(), "{operation}: a lock is held");
        let shape = &self.0.layout.shape;
        match Changing::begin(&self.0.is_changing) {
            Some(changing) => changing,
            None => argument_error(
                operation,
                format_args!("an update or a set of this parameter of shape {shape} is running already"),
            ),
        }
    }

    /// Makes `new` the current version, and lets go of the `old` one.
    #[inline(never)]
    fn swap(&self, old: Storage<T>, new: Storage<T>) {
        if mode::has(REPLAYED) {
            return; // This change was made when the segment was computed first.
        }
        let replaced = self.0.value.with(|value| std::mem::replace(value, new));
        drop(old);
        if replaced.is_shared() {
            count_copy_on_write();
        }
    }

    /// Whether both are handles to the same parameter.
    pub fn is(&self, other: &Param<T>) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(crate) fn id(&self) -> Id {
        self.0.id
    }
}

/// A buffer of the parameter's own, so that nobody else keeps it in use when it has been replaced.
#[inline(never)]
fn own_copy<T: Float>(value: &Tensor<T>) -> Storage<T> {
    Storage::build(value.numel(), |out| map([value.as_view()], value.shape(), out, |[x]| x))
}

/// The guard of a running change. Dropping it, also by a panic, ends the change.
struct Changing<'a>(&'a AtomicBool);

impl<'a> Changing<'a> {
    #[inline(never)]
    fn begin(is_changing: &'a AtomicBool) -> Option<Self> {
        (!is_changing.swap(true, Ordering::Acquire)).then_some(Changing(is_changing))
    }
}

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl<T: Float> fmt::Debug for Param<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.kind(), self.tensor())
    }
}

/// The gradients of parameters.
impl<T: Float> Gradients<T> {
    /// The gradient with respect to a parameter; `None` if the result does not depend on it.
    #[inline(never)]
    pub fn of(&self, parameter: &Param<T>) -> Option<&Tensor<T>> {
        self.by_id(parameter.id())
    }

    /// Takes the gradient with respect to a parameter out; `None` if the result does not depend on it.
    #[inline(never)]
    pub fn take(&mut self, parameter: &Param<T>) -> Option<Tensor<T>> {
        self.take_by_id(parameter.id())
    }

    /// Replaces the gradient with respect to a parameter, or adds one that is not there, such as one that was received
    /// from another process.
    ///
    /// ```
    /// use autograd::{Param, Tensor};
    /// let weight = Param::new(Tensor::from_vec(vec![1.0, 2.0], [2]));
    /// let mut gradients = (weight.tensor() * 3.0).sum().backward();
    /// let halved = gradients.of(&weight).unwrap() * 0.5;
    /// gradients.set(&weight, halved);
    /// assert_eq!(gradients.of(&weight).unwrap().to_vec(), [1.5, 1.5]);
    /// ```
    ///
    /// # Panics
    /// If the shapes of the parameter and of the gradient differ.
    #[track_caller]
    pub fn set(&mut self, parameter: &Param<T>, gradient: Tensor<T>) {
        let value = parameter.tensor();
        if value.shape() != gradient.shape() {
            let (own, other) = (value.shape(), gradient.shape());
            shape_error("Gradients::set", format_args!("a gradient of shape {other} for a parameter {own}"));
        }
        self.insert(parameter.id(), gradient);
    }
}

instances!(Param: of_kind tensor set current begin swap);
instances!(Gradients: of take);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gradient_that_was_set_is_like_a_computed_one() {
        let weight: Param<f64> = Param::new(Tensor::ones([3]));
        let computed = (weight.tensor() * 2.0).sum().backward();
        let mut gradients = Gradients::default();
        gradients.set(&weight, Tensor::full([3], 2.0));
        assert_eq!(gradients.of(&weight).unwrap().to_vec(), computed.of(&weight).unwrap().to_vec());
        gradients.merge(computed);
        assert_eq!(gradients.of(&weight).unwrap().to_vec(), [4.0; 3]);
        gradients.set(&weight, Tensor::zeros([3]));
        assert_eq!((gradients.len(), gradients.take(&weight).unwrap().to_vec()), (1, vec![0.0; 3]));
    }

    #[test]
    #[should_panic(expected = "Gradients::set: a gradient of shape [1, 3] for a parameter [3]")]
    fn a_gradient_has_the_shape_of_its_parameter() {
        let weight: Param = Param::new(Tensor::ones([3]));
        Gradients::default().set(&weight, Tensor::ones([1, 3]));
    }
}
