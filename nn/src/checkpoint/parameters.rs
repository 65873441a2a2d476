//! The parameters of a model, each once, with all its names.

use std::path::Path;

use autograd::{Float, Param};

use super::error::CheckpointError;
use crate::module::{self, Module};

/// The key of a safetensors header that is not a tensor.
const METADATA: &str = "__metadata__";

/// A parameter with its names, more than one if weights are tied.
pub(super) struct Parameter<T: Float> {
    pub(super) param: Param<T>,
    pub(super) names: Vec<String>,
}

/// The parameters and buffers of a model, in the order of the layers.
///
/// # Errors
/// If two have the same name, or one has a name that no tensor of the file at `path` can have.
pub(super) fn of<T: Float>(
    model: &(impl Module<T> + ?Sized),
    path: &Path,
) -> Result<Vec<Parameter<T>>, CheckpointError> {
    let same_name = |same: module::SameName| CheckpointError::SameName {
        path: path.to_owned(),
        name: same.name,
        shapes: same.shapes,
    };
    let mut parameters: Vec<Parameter<T>> = Vec::new();
    for (name, param) in module::named(model).map_err(same_name)? {
        if name == METADATA {
            let reason =
                format!("found a parameter named {METADATA}, expected a name that the format does not reserve");
            return Err(CheckpointError::Format { path: path.to_owned(), reason });
        }
        match parameters.iter_mut().find(|known| known.param.is(&param)) {
            Some(known) => known.names.push(name),
            None => parameters.push(Parameter { param, names: vec![name] }),
        }
    }
    Ok(parameters)
}
