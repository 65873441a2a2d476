//! The gradients of three parameters, clipped together.

use autograd::{Float, Gradients, Param, Tensor};
use optim::{ClipGradNorm, clip_grad_value};

use crate::cases::Case;
use crate::kinds::agrees;

pub fn clip<T: Float>(case: &Case<'_, T>) -> Option<Result<(), String>> {
    let inputs: Vec<Tensor<T>> = (0..).map_while(|index| case.golden(&format!("in/{index}"))).collect();
    let params: Vec<Param<T>> = inputs.iter().map(|input| Param::new(Tensor::zeros(input.shape()))).collect();
    let mut gradients = Gradients::default();
    for (param, input) in params.iter().zip(&inputs) {
        gradients.set(param, input.clone());
    }
    let norm = match case.row.op.as_str() {
        "clip_grad_norm" => {
            let clip = ClipGradNorm::new(case.number("max_norm")?);
            match clip.norm_type(case.number("norm_type").unwrap_or(2.0)).clip(&mut gradients, &params) {
                Ok(norm) => Some(norm),
                Err(error) => return Some(Err(error.to_string())),
            }
        }
        "clip_grad_value" => {
            clip_grad_value(&mut gradients, &params, case.number("clip_value")?);
            None
        }
        _ => return None,
    };
    let check = || {
        for (index, param) in params.iter().enumerate() {
            agrees(case, &format!("out/{index}"), gradients.of(param).ok_or("a gradient is lost")?)?;
        }
        match norm.zip(case.golden("total_norm")) {
            Some((norm, want)) => agrees(case, "total_norm", &Tensor::full(want.shape(), T::from_f64(norm))),
            None => Ok(()),
        }
    };
    Some(check())
}
