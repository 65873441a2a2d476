//! From the name of an operation in the manifest to the operation. To support one more is to add a line.

use autograd::{Float, Indices, Mask, Tensor};

use nn::recurrent::{GruCell, LstmCell, RnnCell, RnnReluCell};

use crate::cases::Case;
use crate::{layers, losses, parts, recurrent};

/// A result of an operation.
pub enum Output<T: Float> {
    Tensor(Tensor<T>),
    Indices(Indices),
}

impl<T: Float> From<Tensor<T>> for Output<T> {
    fn from(tensor: Tensor<T>) -> Self {
        Output::Tensor(tensor)
    }
}

impl<T: Float> From<Indices> for Output<T> {
    fn from(indices: Indices) -> Self {
        Output::Indices(indices)
    }
}

impl<T: Float> From<Mask> for Output<T> {
    fn from(mask: Mask) -> Self {
        let numbers: Vec<i64> = mask.as_slice().iter().map(|&is| i64::from(is)).collect();
        Output::Indices(Indices::new(numbers, mask.shape()))
    }
}

/// Endings that tell what is special about a case's numbers, not about its operation.
const VARIANTS: [&str; 9] =
    ["_views", "_extreme", "_ties", "_at_zero", "_at_bound", "_self", "_empty", "_many", "_scale"];

/// The outputs of the case's operation; `None` if it is not known.
pub fn apply<T: Float>(case: &Case<'_, T>) -> Option<Vec<Output<T>>> {
    let op = case.row.op.as_str();
    if let found @ Some(_) = several(case, op).or_else(|| single(case, op).map(|output| vec![output])) {
        return found;
    }
    let base = VARIANTS.iter().find_map(|variant| op.strip_suffix(variant))?;
    several(case, base).or_else(|| single(case, base).map(|output| vec![output]))
}

fn several<T: Float>(c: &Case<'_, T>, op: &str) -> Option<Vec<Output<T>>> {
    let pair = |(values, places): (Tensor<T>, Indices)| vec![values.into(), places.into()];
    let all = |parts: Vec<Tensor<T>>| parts.into_iter().map(Output::from).collect();
    let flag_or = |name: &str, default: bool| c.attribute(name).as_bool().unwrap_or(default);
    let dim = || c.integer("dim").unwrap_or(0);
    Some(match op {
        "sort" => pair(c.a().sort(c.integer("dim").unwrap_or(-1), flag_or("descending", false))),
        "topk" => {
            let count = c.integer("k")? as usize;
            pair(c.a().topk(count, c.integer("dim").unwrap_or(-1), flag_or("largest", true)))
        }
        "cummax" => pair(c.a().cummax(c.integer("dim")?)),
        "cummin" => pair(c.a().cummin(c.integer("dim")?)),
        "split" => match c.attribute("sizes").as_i64() {
            Some(size) => all(c.a().split(size as usize, dim())),
            None => all(c.a().split_with_sizes(&c.sizes("sizes")?, dim())),
        },
        "chunk" => all(c.a().chunk(c.integer("chunks")? as usize, dim())),
        "unbind" => all(c.a().unbind(dim())),
        "var_mean" | "std_mean" => {
            let (dims, correction, keepdim) = spread(c);
            let (variance, mean) = c.a().var_mean(&dims, correction, keepdim);
            let first = if op == "std_mean" { c.a().std(&dims, correction, keepdim) } else { variance };
            vec![first.into(), mean.into()]
        }
        "max_dim" => pair(c.a().max_dim(c.integer("dim")?, c.flag("keepdim"))),
        "batch_norm_train" => layers::batch_norm(c),
        "rnn_tanh_cell" => recurrent::cell::<T, RnnCell<T>>(c),
        "rnn_relu_cell" => recurrent::cell::<T, RnnReluCell<T>>(c),
        "gru_cell" => recurrent::cell::<T, GruCell<T>>(c),
        "lstm_cell" => recurrent::cell::<T, LstmCell<T>>(c),
        "rnn_tanh" | "rnn" => recurrent::layer::<T, RnnCell<T>>(c),
        "rnn_relu" => recurrent::layer::<T, RnnReluCell<T>>(c),
        "gru" => recurrent::layer::<T, GruCell<T>>(c),
        "lstm" => recurrent::layer::<T, LstmCell<T>>(c),
        "multi_head_attention" => recurrent::attention(c),
        "min_dim" => pair(c.a().min_dim(c.integer("dim")?, c.flag("keepdim"))),
        _ => return None,
    })
}

fn single<T: Float>(c: &Case<'_, T>, op: &str) -> Option<Output<T>> {
    Some(match op {
        "argmax" => place(c, Tensor::argmax).into(),
        "argmin" => place(c, Tensor::argmin).into(),
        "eq" => c.a().eq(&c.b()).into(),
        "ne" => c.a().ne(&c.b()).into(),
        "lt" => c.a().lt(&c.b()).into(),
        "le" => c.a().le(&c.b()).into(),
        "gt" => c.a().gt(&c.b()).into(),
        "ge" => c.a().ge(&c.b()).into(),
        "argsort" => {
            c.a().argsort(c.integer("dim").unwrap_or(-1), c.attribute("descending").as_bool().unwrap_or(false)).into()
        }
        _ => pointwise(c, op)
            .or_else(|| bent(c, op))
            .or_else(|| reduction(c, op))
            .or_else(|| shape(c, op))
            .or_else(|| parts::part(c, op))
            .or_else(|| parts::index(c, op))
            .or_else(|| parts::product(c, op))
            .or_else(|| layer(c, op))
            .or_else(|| losses::loss(c, op))
            .or_else(|| layers::layer(c, op))
            .or_else(|| graph(c, op))?
            .into(),
    })
}

/// Along a dimension, or without one over all elements.
fn place<T: Float>(c: &Case<'_, T>, find: fn(&Tensor<T>, isize, bool) -> Indices) -> Indices {
    match c.integer("dim") {
        Some(dim) => find(&c.a(), dim, c.flag("keepdim")),
        None => find(&c.a().reshape([-1]), 0, false).reshape(()),
    }
}

fn pointwise<T: Float>(c: &Case<'_, T>, op: &str) -> Option<Tensor<T>> {
    Some(match op {
        "neg" => -c.a(),
        "exp" | "second_exp" => c.a().exp(),
        "log" | "second_log" => c.a().ln(),
        "sqrt" | "second_sqrt" => c.a().sqrt(),
        "abs" => c.a().abs(),
        "sign" => c.a().sign(),
        "sin" | "second_sin" => c.a().sin(),
        "cos" => c.a().cos(),
        "tan" => c.a().tan(),
        "tanh" | "second_tanh" => c.a().tanh(),
        "sigmoid" | "second_sigmoid" => c.a().sigmoid(),
        "relu" => c.a().relu(),
        "expm1" => c.a().exp_m1(),
        "log1p" => c.a().ln_1p(),
        "erf" => c.a().erf(),
        "silu" | "second_silu" => c.a().silu(),
        "gelu_none" | "second_gelu" => c.a().gelu(),
        "gelu_tanh" => c.a().gelu_tanh(),
        "softplus" | "second_softplus" => {
            let or = |name: &str, default: f64| T::from_f64(c.number(name).unwrap_or(default));
            c.a().softplus(or("beta", 1.0), or("threshold", 20.0))
        }
        "square" => c.a().square(),
        "reciprocal" => c.a().reciprocal(),
        "rsqrt" => c.a().rsqrt(),
        "asin" => c.a().asin(),
        "acos" => c.a().acos(),
        "atan" => c.a().atan(),
        "sinh" => c.a().sinh(),
        "cosh" => c.a().cosh(),
        "asinh" => c.a().asinh(),
        "acosh" => c.a().acosh(),
        "atanh" => c.a().atanh(),
        "log2" => c.a().log2(),
        "log10" => c.a().log10(),
        "exp2" => c.a().exp2(),
        "floor" => c.a().floor(),
        "ceil" => c.a().ceil(),
        "round" => match c.integer("decimals") {
            Some(decimals) => c.a().round_decimals(decimals as i32),
            None => c.a().round(),
        },
        "trunc" => c.a().trunc(),
        "frac" => c.a().frac(),
        "nan_to_num" => {
            let or_none = |name: &str| c.number(name).map(T::from_f64);
            c.a().nan_to_num(or_none("nan").unwrap_or(T::ZERO), or_none("posinf"), or_none("neginf"))
        }
        "clamp" | "clip" => c.a().clamp(c.number("min").map(T::from_f64), c.number("max").map(T::from_f64)),
        "clamp_min" => c.a().clamp_min(c.scalar("min")),
        "clamp_max" => c.a().clamp_max(c.scalar("max")),
        "pow_scalar" => c.a().powf(c.scalar("exponent")),
        "add_scalar" => c.a() + c.scalar("scalar"),
        "sub_scalar" => c.a() - c.scalar("scalar"),
        "mul_scalar" => c.a() * c.scalar("scalar"),
        "div_scalar" => c.a() / c.scalar("scalar"),
        "rsub_scalar" => Tensor::scalar(c.scalar("scalar")) - c.a(),
        "rdiv_scalar" => Tensor::scalar(c.scalar("scalar")) / c.a(),
        "add" => c.a() + c.b(),
        "sub" => c.a() - c.b(),
        "mul" | "second_mul" => c.a() * c.b(),
        "div" | "second_div" => c.a() / c.b(),
        "where" => c.a().where_(&c.mask("condition"), &c.b()),
        "masked_fill" => c.a().masked_fill(&c.mask("mask"), c.scalar("value")),
        "masked_select" => c.a().masked_select(&c.mask("mask")),
        "masked_softmax" => c.a().masked_fill(&c.mask("mask"), c.scalar("value")).softmax(-1),
        "maximum" => c.a().maximum(&c.b()),
        "minimum" => c.a().minimum(&c.b()),
        _ => return None,
    })
}

/// Activations, and binary operations beyond arithmetic.
fn bent<T: Float>(c: &Case<'_, T>, op: &str) -> Option<Tensor<T>> {
    let or = |name: &str, default: f64| T::from_f64(c.number(name).unwrap_or(default));
    Some(match op {
        "hardtanh" => c.a().hardtanh(or("min_val", -1.0), or("max_val", 1.0)),
        "relu6" => c.a().relu6(),
        "leaky_relu" => c.a().leaky_relu(or("negative_slope", 0.01)),
        "elu" => c.a().elu(or("alpha", 1.0)),
        "selu" => c.a().selu(),
        "celu" => c.a().celu(or("alpha", 1.0)),
        "hardsigmoid" => c.a().hardsigmoid(),
        "hardswish" => c.a().hardswish(),
        "hardshrink" => c.a().hardshrink(or("lambd", 0.5)),
        "softshrink" => c.a().softshrink(or("lambd", 0.5)),
        "tanhshrink" => c.a().tanhshrink(),
        "threshold" => c.a().threshold(c.scalar("threshold"), c.scalar("value")),
        "softsign" => c.a().softsign(),
        "logsigmoid" | "log_sigmoid" => c.a().log_sigmoid(),
        "mish" => c.a().mish(),
        "pow" => c.a().pow(&c.b()),
        "scalar_pow" => Tensor::scalar(c.scalar("base")).pow(&c.a()),
        "xlogy" => c.a().xlogy(&c.b()),
        "atan2" => c.a().atan2(&c.b()),
        "hypot" => c.a().hypot(&c.b()),
        "fmod" => c.a().fmod(&c.b()),
        "remainder" => c.a().remainder(&c.b()),
        "lerp" => c.a().lerp(&c.b(), c.scalar("weight")),
        _ => return None,
    })
}

/// The dimensions, the correction and `keepdim` of a variance.
fn spread<T: Float>(c: &Case<'_, T>) -> (Vec<isize>, usize, bool) {
    (c.integers("dim").unwrap_or_default(), c.integer("correction").unwrap_or(1) as usize, c.flag("keepdim"))
}

fn reduction<T: Float>(c: &Case<'_, T>, op: &str) -> Option<Tensor<T>> {
    let dims = c.integers("dim");
    let keepdim = c.flag("keepdim");
    Some(match (op, dims) {
        ("sum", None) => c.a().sum(),
        ("sum", Some(dims)) => c.a().sum_dim(dims, keepdim),
        ("mean", None) => c.a().mean(),
        ("mean", Some(dims)) => c.a().mean_dim(dims, keepdim),
        ("max_all", _) | ("amax", None) => c.a().max(),
        ("min_all", _) | ("amin", None) => c.a().min(),
        ("amax", Some(dims)) => c.a().amax(dims, keepdim),
        ("amin", Some(dims)) => c.a().amin(dims, keepdim),
        ("logsumexp", Some(dims)) => c.a().logsumexp(dims, keepdim),
        ("var" | "var_of_one", _) => {
            let (dims, correction, keepdim) = spread(c);
            c.a().var(dims, correction, keepdim)
        }
        ("std" | "std_of_equal", _) => {
            let (dims, correction, keepdim) = spread(c);
            c.a().std(dims, correction, keepdim)
        }
        ("norm_of_zero" | "second_norm", None) => c.a().norm(2.0, -1, false),
        ("norm" | "norm_of_zero", dims) => c.a().norm(c.number("p").unwrap_or(2.0), dims.unwrap_or_default(), keepdim),
        ("prod" | "prod_zeros", None) => c.a().prod(),
        ("prod" | "prod_zeros", Some(dims)) => c.a().prod_dim(dims[0], keepdim),
        ("cumprod", Some(dims)) => c.a().cumprod(dims[0]),
        ("logcumsumexp", Some(dims)) => c.a().logcumsumexp(dims[0]),
        ("second_logsumexp", _) => c.a().logsumexp(-1, false),
        ("cumsum", Some(dims)) => c.a().cumsum(dims[0]),
        ("softmax" | "softmax_inf", Some(dims)) => c.a().softmax(dims[0]),
        ("log_softmax", Some(dims)) => c.a().log_softmax(dims[0]),
        ("second_softmax", _) => c.a().softmax(-1),
        ("second_log_softmax", _) => c.a().log_softmax(-1),
        _ => return None,
    })
}

fn shape<T: Float>(c: &Case<'_, T>, op: &str) -> Option<Tensor<T>> {
    let size = |name: &str| c.integer(name).map(|number| number as usize);
    Some(match op {
        "reshape" => c.a().reshape(c.integers("shape")?),
        "permute" => c.a().permute(c.integers("dims")?),
        "transpose" => c.a().transpose(c.integer("dim0")?, c.integer("dim1")?),
        "expand" => c.a().expand(c.integers("shape")?),
        "flip" => c.a().flip(c.integers("dims")?),
        "roll" => c.a().roll(c.integers("shifts")?, c.integers("dims")?),
        "slice" => c.a().slice(c.integer("dim")?, size("start")?, size("stop")?, size("step")?),
        "narrow" => c.a().narrow(c.integer("dim")?, size("start")?, size("length")?),
        "select" => c.a().select(c.integer("dim")?, c.integer("index")?),
        "flatten" => c.a().flatten(c.integer("start_dim").unwrap_or(0), c.integer("end_dim").unwrap_or(-1)),
        "squeeze" => match c.integer("dim") {
            Some(dim) => c.a().squeeze(dim),
            None => c.a().squeeze_all(),
        },
        "unsqueeze" => c.a().unsqueeze(c.integer("dim")?),
        "view_chain" => {
            let turned = c.a().transpose(0, 1);
            let part = turned.slice(0, 1, turned.size(0), 1).slice(1, 0, turned.size(1), 2);
            part.unsqueeze(0).expand([3, -1, -1]).permute([2, 0, 1])
        }
        _ => return None,
    })
}

fn layer<T: Float>(c: &Case<'_, T>, op: &str) -> Option<Tensor<T>> {
    Some(match op {
        "matmul_self" => c.a().matmul(&c.a().transpose(-1, -2)),
        "matmul" | "matmul_nan" => c.a().matmul(&c.b()),
        "linear" => c.input("input").linear(&c.input("weight"), c.find("bias").as_ref()),
        _ => return None,
    })
}

/// Small programs, as the manifest's notes spell them.
fn graph<T: Float>(c: &Case<'_, T>, op: &str) -> Option<Tensor<T>> {
    let number = T::from_f64;
    Some(match op {
        "diamond" => c.a() * c.a() + c.a(),
        "reuse" => {
            let b = c.a().tanh();
            &b * b.sum() + b.exp() * c.a()
        }
        "detach" => c.a() * (c.a() * number(2.0)).detach() + c.a(),
        "two_views" => c.a().select(0, 0) * c.a().select(0, -1) + c.a().sum_dim(0, false),
        "fan_out" => {
            let copies = (1..=8).map(|k| c.a() * number(f64::from(k)));
            copies.reduce(|sum, copy| sum + copy)? * c.a()
        }
        "standardise" => {
            let centred = c.a() - c.a().mean_dim(-1, true);
            let variance = (&centred * &centred).mean_dim(-1, true);
            centred / (variance + number(1e-5)).sqrt()
        }
        "softmax_by_hand" => {
            let e = (c.a() - c.a().amax(-1, true)).exp();
            &e / e.sum_dim(-1, true)
        }
        "polynomial" => ((c.a() + T::ONE) * c.a() - number(3.0)) * c.a() / (c.a() * c.a() + T::ONE),
        "deep_chain" => (0..c.integer("n")?).fold(c.a(), |a, _| a * number(1.0001) + number(0.001)),
        "wide_tree" => {
            let mut layer: Vec<Tensor<T>> = (0..c.integer("n")?).map(|k| (c.a() + number(k as f64)).sin()).collect();
            while layer.len() > 1 {
                layer = layer.chunks(2).map(|pair| &pair[0] * number(0.5) + &pair[1] * number(0.5)).collect();
            }
            layer.remove(0)
        }
        "mlp_loss" => {
            let hidden = c.input("x").linear_relu(&c.input("w1"), c.find("b1").as_ref());
            hidden.linear(&c.input("w2"), c.find("b2").as_ref()).cross_entropy(&c.index("y"))
        }
        "second_cube" => c.a() * c.a() * c.a(),
        "second_mean_square" => (c.a() * c.a()).mean(),
        "second_relu_square" => c.a().relu() * c.a().relu(),
        "second_sum_dim" => c.a() * c.a().sum_dim(0, false),
        "second_broadcast" => {
            let first = c.a().select(0, 0);
            c.a() * c.a().sum_dim(1, true) / (&first * &first + T::ONE)
        }
        "second_matmul_tanh" => c.a().matmul(&c.b().t()).tanh(),
        "gradient_penalty" => c.input("x").matmul(&c.input("w1").t()).tanh().matmul(&c.input("w2").t()),
        _ => return None,
    })
}
