//! First weights and inputs that any language can make: see `benches/python/start.py`.

use autograd::{Param, Tensor};

use crate::problem::centred;

/// An integer that looks random: the last steps of MurmurHash3 on 32 bits.
pub(super) fn hash(index: u32) -> u32 {
    let mut bits = index;
    bits = (bits ^ (bits >> 16)).wrapping_mul(0x85eb_ca6b);
    bits = (bits ^ (bits >> 13)).wrapping_mul(0xc2b2_ae35);
    bits ^ (bits >> 16)
}

/// Sets the first values: those of matrices and filters are hashed, between minus and plus the bound of their shape;
/// other weights are 1, biases 0.
pub(super) fn set_first_values(parameters: &[(String, Param)], bound: impl Fn(&[usize]) -> f64) {
    let mut matrix = 0;
    for (name, parameter) in parameters {
        let shape = parameter.tensor().shape().clone();
        if shape.rank() < 2 {
            parameter.update(|values| values.fill(if name.ends_with("weight") { 1.0 } else { 0.0 }));
            continue;
        }
        let bound = bound(&shape);
        parameter.update(|values| {
            for (index, weight) in values.iter_mut().enumerate() {
                let unit = f64::from(hash((matrix << 20 | index) as u32)) / 2_f64.powi(32);
                *weight = ((2.0 * unit - 1.0) * bound) as f32;
            }
        });
        matrix += 1;
    }
}

/// 1/√n for filters and rows of n weights: PyTorch's bound for linear layers and convolutions.
pub(super) fn by_fan_in(shape: &[usize]) -> f64 {
    (shape[1..].iter().product::<usize>() as f64).sqrt().recip()
}

/// A tensor of [`centred`] values.
pub(super) fn centred_tensor(shape: &[usize], multiplier: u32) -> Tensor {
    Tensor::from_vec(centred(shape.iter().product(), multiplier), shape)
}
