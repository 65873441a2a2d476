//! What a model is: parameters and modules with names.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use autograd::{Float, Param, ParamKind, Shape};

use crate::tree;

/// A part of a [`Module`].
pub enum Member<'a, T: Float = f32> {
    /// A parameter or a buffer of its own.
    Param(&'a Param<T>),
    /// A module within it.
    Module(&'a (dyn Module<T> + 'a)),
}

/// A model or a part of one: named parameters and buffers, and modules within it.
///
/// It says nothing about how the model is called: an embedding takes indices, attention takes a mask, a network of your
/// own takes what it likes. A module from a tensor to a tensor is a [`Layer`](crate::Layer) too. Optimizers,
/// checkpoints and summaries need a `Module` only.
///
/// The macro [`module!`](crate::module!) implements it for a struct in one line:
///
/// ```
/// use autograd::{Param, Tensor};
/// use nn::{Linear, Module};
///
/// struct Scaled { linear: Linear, scale: Param }
/// nn::module!(Scaled { linear, scale });
///
/// impl Scaled {
///     fn forward(&self, x: &Tensor) -> Tensor { x.linear(&self.linear.weight.tensor(), None) * self.scale.tensor() }
/// }
///
/// let model = Scaled { linear: Linear::without_bias(2, 3, 0), scale: Param::new(Tensor::full([1], 3.0)) };
/// let names: Vec<String> = model.named_parameters().into_iter().map(|(name, _)| name).collect();
/// assert_eq!(names, ["scale", "linear.weight"]);
/// assert_eq!(model.forward(&Tensor::ones([5, 2])).shape(), &[5, 3]);
/// println!("{model}");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `Module` with elements of `{T}`",
    label = "its parameters are not declared",
    note = "a line of `nn::module!` declares the fields that are parameters or layers: \
            `nn::module!(Net {{ hidden, output }});`",
    note = "a model of `f64` is one whose layers are: `nn::module!(Net<T> {{ hidden, output }});` serves both"
)]
pub trait Module<T: Float = f32>: Send + Sync {
    /// The name of the type, as PyTorch prints it: `Linear`.
    fn kind(&self) -> &'static str;

    /// The settings, as PyTorch prints them between the parentheses: `in_features=4, out_features=16, bias=True`.
    fn settings(&self) -> String {
        String::new()
    }

    /// Calls `f` with each member and its name, in the order in which they are printed.
    fn members(&self, f: &mut dyn FnMut(&str, Member<'_, T>));

    /// Calls `f` with each parameter and buffer and its dotted name, in the order of a PyTorch `state_dict`: a module's
    /// own ones first, then those of the modules within it.
    ///
    /// One parameter may have several names (tied weights), but no two parameters may have the same.
    fn visit(&self, f: &mut dyn FnMut(&str, &Param<T>)) {
        self.members(&mut |name, member| {
            if let Member::Param(param) = member {
                f(name, param);
            }
        });
        self.members(&mut |name, member| {
            if let Member::Module(module) = member {
                module.visit(&mut |inner, param| f(&format!("{name}.{inner}"), param));
            }
        });
    }

    /// All parameters and buffers with their dotted names, in the order of [`visit`](Module::visit). A parameter with
    /// several names comes under each of them, as in a PyTorch `state_dict`.
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
        let mut parameters = distinct(self);
        parameters.retain(|param| param.kind() == ParamKind::Trainable);
        parameters
    }

    /// How many elements are trained. Those of a parameter with several names count once.
    fn parameter_count(&self) -> usize {
        self.parameters().iter().map(|param| param.tensor().numel()).sum()
    }

    /// The tree of modules, as `print(model)` shows it in PyTorch. `println!("{model}")` prints it.
    fn tree(&self) -> String {
        tree::of(self)
    }
}

/// The parameters and buffers of a model, each once.
pub(crate) fn distinct<T: Float>(model: &(impl Module<T> + ?Sized)) -> Vec<Param<T>> {
    let mut parameters: Vec<Param<T>> = Vec::new();
    model.visit(&mut |_, param| {
        if !parameters.iter().any(|known| known.is(param)) {
            parameters.push(param.clone());
        }
    });
    parameters
}

/// A module behind a pointer is that module.
macro_rules! behind_a_pointer {
    ($($pointer:ident),+) => {$(
        impl<T: Float, M: Module<T> + ?Sized> Module<T> for $pointer<M> {
            fn kind(&self) -> &'static str {
                (**self).kind()
            }

            fn settings(&self) -> String {
                (**self).settings()
            }

            fn members(&self, f: &mut dyn FnMut(&str, Member<'_, T>)) {
                (**self).members(f);
            }

            fn visit(&self, f: &mut dyn FnMut(&str, &Param<T>)) {
                (**self).visit(f);
            }
        }
    )+};
}

behind_a_pointer!(Box, Arc);

impl<T: Float> fmt::Display for dyn Module<T> + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.tree())
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

    /// Two layers under the given names, which may be the same.
    struct Pair([Linear; 2], [&'static str; 2]);

    impl Module for Pair {
        fn kind(&self) -> &'static str {
            "Pair"
        }

        fn members(&self, f: &mut dyn FnMut(&str, Member<'_>)) {
            self.0.iter().zip(self.1).for_each(|(layer, name)| f(name, Member::Module(layer)));
        }
    }

    #[test]
    fn a_parameter_with_two_names_counts_once() {
        let layer = Linear::new(3, 3, 0);
        let tied = Pair([layer.clone(), layer.clone()], ["a", "b"]);
        assert_eq!((tied.parameters().len(), tied.parameter_count()), (2, 12));
        let names: Vec<String> = tied.named_parameters().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["a.weight", "a.bias", "b.weight", "b.bias"]);
        let twice = Pair([layer.clone(), layer], ["a", "a"]);
        assert_eq!((twice.parameter_count(), twice.named_parameters().len()), (12, 2));
    }

    #[test]
    #[should_panic(
        expected = "found two parameters named a.weight, of shapes [4, 3] and [2, 4], expected a name for each"
    )]
    fn two_parameters_with_one_name_are_refused() {
        let _ = Pair([Linear::new(3, 4, 0), Linear::new(4, 2, 1)], ["a", "a"]).named_parameters();
    }
}
