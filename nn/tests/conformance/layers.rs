//! Normalizations, convolutions, pools and attention, by the names of the manifest.

use autograd::{
    Attention, AvgPool, Convolution, Float, Interpolation, MaxPool, Padding, Tensor, TransposedConvolution,
};
use nn::{Layer, Mode, Upsample};

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
        "embedding" | "embedding_padding" => {
            let padding = c.integer("padding_idx").map(|row| row as i64);
            c.input("weight").embedding(&c.index("input"), padding)
        }
        "dropout_eval" => nn::Dropout::new(c.number("p").unwrap_or(0.5)).forward(&c.a(), Mode::Eval),
        "upsample_nearest" | "upsample_linear" | "upsample_bilinear" => upsample(c, op)?.forward(&c.a(), Mode::Eval),
        "sdpa" | "sdpa_mask" => {
            let (attn_mask, is_causal, scale) = (c.find("mask"), c.flag("is_causal"), c.number("scale"));
            let options = Attention { attn_mask, is_causal, scale, dropout: None };
            c.input("q").scaled_dot_product_attention(&c.input("k"), &c.input("v"), &options)
        }
        "conv1d" => c.input("input").conv1d(&c.input("weight"), bias, &convolution(c)),
        "conv2d" => c.input("input").conv2d(&c.input("weight"), bias, &convolution(c)),
        "second_conv2d" => c.input("input").conv2d(&c.input("weight"), bias, &convolution(c)).tanh(),
        "conv_transpose1d" => c.input("input").conv_transpose1d(&c.input("weight"), bias, &transposed(c)),
        "conv_transpose2d" => c.input("input").conv_transpose2d(&c.input("weight"), bias, &transposed(c)),
        "max_pool1d" => c.a().max_pool1d(&max_pool(c)),
        "max_pool2d" | "max_pool2d_dilated" => c.a().max_pool2d(&max_pool(c)),
        "avg_pool1d" | "avg_pool1d_exclude_pad" => c.a().avg_pool1d(&avg_pool(c)),
        "avg_pool2d" | "avg_pool2d_exclude_pad" => c.a().avg_pool2d(&avg_pool(c)),
        "adaptive_avg_pool1d" => c.a().adaptive_avg_pool1d(each::<T, 1>(c, "output_size")?[0]),
        "adaptive_avg_pool2d" => c.a().adaptive_avg_pool2d(each(c, "output_size")?),
        _ => return None,
    })
}

fn upsample<T: Float>(c: &Case<'_, T>, op: &str) -> Option<Upsample> {
    let layer = match extents(c, "size") {
        Some(size) => Upsample::to(size),
        None => Upsample::by(c.number("scale_factor")?),
    };
    let align_corners = c.flag("align_corners");
    Some(if op == "upsample_nearest" { layer } else { layer.mode(Interpolation::Linear { align_corners }) })
}

/// An attribute with one value for each dimension, or one for all.
fn each<T: Float, const DIMS: usize>(c: &Case<'_, T>, name: &str) -> Option<[usize; DIMS]> {
    let values = extents(c, name)?;
    Some(std::array::from_fn(|dim| values[dim.min(values.len() - 1)]))
}

fn convolution<T: Float, const DIMS: usize>(c: &Case<'_, T>) -> Convolution<DIMS> {
    let padding = match c.attribute("padding").as_str() {
        Some("same") => Padding::Same,
        _ => Padding::Zeros(each(c, "padding").unwrap_or([0; DIMS])),
    };
    Convolution {
        stride: each(c, "stride").unwrap_or([1; DIMS]),
        padding,
        dilation: each(c, "dilation").unwrap_or([1; DIMS]),
        groups: c.integer("groups").map_or(1, |groups| groups as usize),
    }
}

fn transposed<T: Float, const DIMS: usize>(c: &Case<'_, T>) -> TransposedConvolution<DIMS> {
    TransposedConvolution {
        stride: each(c, "stride").unwrap_or([1; DIMS]),
        padding: each(c, "padding").unwrap_or([0; DIMS]),
        output_padding: each(c, "output_padding").unwrap_or([0; DIMS]),
        dilation: each(c, "dilation").unwrap_or([1; DIMS]),
        groups: c.integer("groups").map_or(1, |groups| groups as usize),
    }
}

fn max_pool<T: Float, const DIMS: usize>(c: &Case<'_, T>) -> MaxPool<DIMS> {
    let pool = MaxPool::new(each(c, "kernel_size").expect("a pool has windows"));
    MaxPool {
        stride: each(c, "stride"),
        padding: each(c, "padding").unwrap_or(pool.padding),
        dilation: each(c, "dilation").unwrap_or(pool.dilation),
        ceil_mode: c.flag("ceil_mode"),
        ..pool
    }
}

fn avg_pool<T: Float, const DIMS: usize>(c: &Case<'_, T>) -> AvgPool<DIMS> {
    let pool = AvgPool::new(each(c, "kernel_size").expect("a pool has windows"));
    AvgPool {
        stride: each(c, "stride"),
        padding: each(c, "padding").unwrap_or(pool.padding),
        ceil_mode: c.flag("ceil_mode"),
        count_include_pad: *c.attribute("count_include_pad") != false,
        divisor_override: c.integer("divisor_override").map(|divisor| divisor as usize),
        ..pool
    }
}
