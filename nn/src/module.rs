//! What a layer is.

use std::collections::HashMap;

use autograd::{Float, Param, ParamKind, Shape, Tensor};

/// Whether a network is being trained or used: some layers (dropout, batch normalisation) behave differently. It is an argument, not a hidden flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Training.
    Train,
    /// Using what was trained.
    Eval,
}

/// A layer, or a network of layers.
///
/// ```
/// use autograd::{Param, Tensor};
/// use nn::{Mode, Module};
///
/// /// y = scale · x
/// struct Scale { scale: Param }
///
/// impl Module for Scale {
///     fn forward(&self, x: &Tensor, _mode: Mode) -> Tensor { x * self.scale.tensor() }
///     fn visit<'a>(&'a self, f: &mut dyn FnMut(&str, &'a Param)) { f("scale", &self.scale) }
/// }
///
/// let layer = Scale { scale: Param::new(Tensor::full([1], 3.0)) };
/// assert_eq!(layer.forward(&Tensor::ones([2]), Mode::Eval).to_vec(), [3.0, 3.0]);
/// assert_eq!(layer.parameters().len(), 1);
/// ```
pub trait Module<T: Float = f32>: Send + Sync {
    /// The output for an input.
    fn forward(&self, x: &Tensor<T>, mode: Mode) -> Tensor<T>;

    /// Calls `f` with each parameter and buffer and its dotted name, as in a PyTorch `state_dict`. A layer without any
    /// leaves this out.
    ///
    /// One parameter may have several names (tied weights), but no two parameters may have the same.
    fn visit<'a>(&'a self, f: &mut dyn FnMut(&str, &'a Param<T>)) {
        let _ = f;
    }

    /// The output passed through a rectifier. A layer that can do both in one pass overrides this; [`Sequential`](crate::Sequential) asks for it where a
    /// [`ReLU`](crate::ReLU) follows.
    fn forward_relu(&self, x: &Tensor<T>, mode: Mode) -> Tensor<T> {
        self.forward(x, mode).relu()
    }

    /// Whether this layer is a rectifier and nothing else.
    fn is_relu(&self) -> bool {
        false
    }

    /// All parameters and buffers with their dotted names, in the order of the layers. A parameter with several names
    /// comes under each of them, as in a PyTorch `state_dict`.
    ///
    /// # Panics
    /// If two different parameters have the same name: in a file or a map, one of them would be lost.
    #[track_caller]
    fn named_parameters(&self) -> Vec<(String, Param<T>)> {
        match named(self) {
            Ok(named) => named,
            Err(SameName { name, shapes }) => panic!("Module::named_parameters: {}", same_name(&name, &shapes)),
        }
    }

    /// Handles to the parameters that are trained, for an optimizer: each once, however many names it has.
    fn parameters(&self) -> Vec<Param<T>> {
        let mut trainable: Vec<Param<T>> = Vec::new();
        self.visit(&mut |_, param| {
            if param.kind() == ParamKind::Trainable && !trainable.iter().any(|known| known.is(param)) {
                trainable.push(param.clone());
            }
        });
        trainable
    }

    /// How many elements are trained. Those of a parameter with several names count once.
    fn parameter_count(&self) -> usize {
        self.parameters().iter().map(|param| param.tensor().numel()).sum()
    }
}

impl<T: Float, M: Module<T> + ?Sized> Module<T> for Box<M> {
    fn forward(&self, x: &Tensor<T>, mode: Mode) -> Tensor<T> {
        (**self).forward(x, mode)
    }

    fn visit<'a>(&'a self, f: &mut dyn FnMut(&str, &'a Param<T>)) {
        (**self).visit(f);
    }

    fn forward_relu(&self, x: &Tensor<T>, mode: Mode) -> Tensor<T> {
        (**self).forward_relu(x, mode)
    }

    fn is_relu(&self) -> bool {
        (**self).is_relu()
    }
}

/// Two different parameters of a model with the same name.
pub(crate) struct SameName {
    pub(crate) name: String,
    pub(crate) shapes: Box<[Shape; 2]>,
}

/// A [`SameName`] as a part of a sentence.
pub(crate) fn same_name(name: &str, [first, second]: &[Shape; 2]) -> String {
    format!("found two parameters named {name}, of shapes {first} and {second}, expected a name for each")
}

/// All parameters and buffers with their names; a pair that is visited twice comes once.
pub(crate) fn named<T: Float>(model: &(impl Module<T> + ?Sized)) -> Result<Vec<(String, Param<T>)>, SameName> {
    let mut named: Vec<(String, Param<T>)> = Vec::new();
    let mut index_of: HashMap<String, usize> = HashMap::new();
    let mut result = Ok(());
    model.visit(&mut |name, param| match index_of.get(name) {
        None => {
            index_of.insert(name.to_owned(), named.len());
            named.push((name.to_owned(), param.clone()));
        }
        Some(&index) if named[index].1.is(param) => {}
        Some(&index) if result.is_ok() => {
            let shapes = [&named[index].1, param].map(|param| param.tensor().shape().clone());
            result = Err(SameName { name: name.to_owned(), shapes: Box::new(shapes) });
        }
        Some(_) => {}
    });
    result.map(|()| named)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Linear;

    /// Two layers whose parameters are visited under the given prefixes.
    struct Pair([Linear; 2], [&'static str; 2]);

    impl Module for Pair {
        fn forward(&self, x: &Tensor, mode: Mode) -> Tensor {
            self.0[1].forward(&self.0[0].forward(x, mode), mode)
        }

        fn visit<'a>(&'a self, f: &mut dyn FnMut(&str, &'a Param)) {
            for (layer, prefix) in self.0.iter().zip(self.1) {
                layer.visit(&mut |name, param| f(&format!("{prefix}{name}"), param));
            }
        }
    }

    #[test]
    fn a_parameter_with_two_names_counts_once() {
        let layer = Linear::new(3, 3, 0);
        let tied = Pair([layer.clone(), layer.clone()], ["a.", "b."]);
        assert_eq!((tied.parameters().len(), tied.parameter_count()), (2, 12));
        let names: Vec<String> = tied.named_parameters().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["a.weight", "a.bias", "b.weight", "b.bias"]);
        let twice = Pair([layer.clone(), layer], ["a.", "a."]);
        assert_eq!((twice.parameter_count(), twice.named_parameters().len()), (12, 2));
    }

    #[test]
    #[should_panic(
        expected = "found two parameters named weight, of shapes [4, 3] and [2, 4], expected a name for each"
    )]
    fn two_parameters_with_one_name_are_refused() {
        let _ = Pair([Linear::new(3, 4, 0), Linear::new(4, 2, 1)], ["", ""]).named_parameters();
    }
}
