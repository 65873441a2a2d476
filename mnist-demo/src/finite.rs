//! Finds elements of weights and optimizer states that are NaN or infinite. A network with such weights gives wrong
//! answers without an error.

use std::fmt::Display;

use nn::Module;

/// The first element of these tensors that is NaN or infinite, and the name of its tensor.
pub fn first_non_finite<N>(tensors: impl IntoIterator<Item = (N, impl AsRef<[f32]>)>) -> Option<(N, f32)> {
    tensors.into_iter().find_map(|(name, elements)| {
        let element = elements.as_ref().iter().find(|element| !element.is_finite())?;
        Some((name, *element))
    })
}

/// The names and elements of a network's parameters.
pub fn tensors_of(model: &impl Module) -> impl Iterator<Item = (String, Vec<f32>)> {
    model.named_parameters().into_iter().map(|(name, param)| (name, param.tensor().to_vec()))
}

/// Checks that all elements of tensors that were read from a file are finite.
///
/// # Errors
/// If an element is NaN or infinite: what was found and what was expected.
pub fn require<N: Display>(tensors: impl IntoIterator<Item = (N, impl AsRef<[f32]>)>) -> Result<(), [String; 2]> {
    match first_non_finite(tensors) {
        Some((name, element)) => {
            let expected = "finite ones: the values of a training that diverged are of no use";
            Err([format!("an element of {name} that is {element}"), expected.to_owned()])
        }
        None => Ok(()),
    }
}
