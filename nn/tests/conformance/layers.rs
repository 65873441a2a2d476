//! Normalizations, convolutions, pools and attention, by the names of the manifest.

use autograd::{Float, Tensor};

use crate::cases::Case;
use crate::operations::Output;

/// An attribute of extents.
fn extents<T: Float>(c: &Case<'_, T>, name: &str) -> Option<Vec<usize>> {
    Some(c.integers(name)?.into_iter().map(|extent| extent as usize).collect())
}

/// The normalized input, and the running statistics after a step.
pub fn batch_norm<T: Float>(c: &Case<'_, T>) -> Vec<Output<T>> {
    let momentum = c.number("momentum").unwrap_or(0.1);
    let (y, mean, variance) = c.input("input").batch_norm(c.find("weight").as_ref(), c.find("bias").as_ref(), eps(c));
    let step = |running: Tensor<T>, new: Tensor<T>| running * T::from_f64(1.0 - momentum) + new * T::from_f64(momentum);
    vec![y.into(), step(c.input("running_mean"), mean).into(), step(c.input("running_var"), variance).into()]
}

fn eps<T: Float>(c: &Case<'_, T>) -> f64 {
    c.number("eps").unwrap_or(1e-5)
}

pub fn layer<T: Float>(c: &Case<'_, T>, op: &str) -> Option<Tensor<T>> {
    let (weight, bias) = (c.find("weight"), c.find("bias"));
    let (weight, bias) = (weight.as_ref(), bias.as_ref());
    Some(match op {
        "layer_norm" | "layer_norm_plain" | "layer_norm_of_equal" => {
            c.input("input").layer_norm(extents(c, "normalized_shape")?, weight, bias, eps(c))
        }
        "second_layer_norm" => c.a().layer_norm([c.a().size(-1)], None, None, eps(c)),
        "rms_norm" => c.input("input").rms_norm(extents(c, "normalized_shape")?, weight, c.number("eps")),
        "group_norm" => c.input("input").group_norm(c.integer("num_groups")? as usize, weight, bias, eps(c)),
        "instance_norm" => c.input("input").instance_norm(weight, bias, eps(c)),
        "batch_norm_eval" => {
            let (mean, variance) = (c.input("running_mean"), c.input("running_var"));
            c.input("input").batch_norm_with(&mean, &variance, weight, bias, eps(c))
        }
        _ => return None,
    })
}
