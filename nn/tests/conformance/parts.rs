//! Operations that take tensors apart, put them together, choose by index, and multiply vectors and matrices.

use autograd::{Float, PadMode, Tensor};

use crate::cases::Case;

/// Parts, repetitions and borders.
pub fn part<T: Float>(c: &Case<'_, T>, op: &str) -> Option<Tensor<T>> {
    let dim = || c.integer("dim").unwrap_or(0);
    let diagonal = c.integer("diagonal").or(c.integer("offset")).unwrap_or(0);
    Some(match op {
        "cat" => Tensor::cat(&c.operands(), dim()),
        "stack" => Tensor::stack(&c.operands(), dim()),
        "pad" | "pad_reflect" | "pad_replicate" | "pad_circular" => {
            let mode = match c.attribute("mode").as_str() {
                None | Some("constant") => PadMode::Constant(T::from_f64(c.number("value").unwrap_or(0.0))),
                Some("reflect") => PadMode::Reflect,
                Some("replicate") => PadMode::Replicate,
                Some("circular") => PadMode::Circular,
                Some(other) => panic!("a padding by {other}"),
            };
            c.a().pad(c.integers("pad")?, mode)
        }
        "tril" => c.a().tril(diagonal),
        "triu" => c.a().triu(diagonal),
        "diag" => c.a().diag(diagonal),
        "diag_embed" => c.a().diag_embed(diagonal),
        "diagonal" => c.a().diagonal(diagonal, c.integer("dim1").unwrap_or(0), c.integer("dim2").unwrap_or(1)),
        "repeat" => c.a().repeat(c.integers("repeats")?),
        "tile" => c.a().tile(c.integers("dims").or(c.integers("repeats"))?),
        "repeat_interleave" => {
            let (a, dim) = match c.integer("dim") {
                Some(dim) => (c.a(), dim),
                None => (c.a().reshape([-1]), 0),
            };
            match c.integer("repeats") {
                Some(repeats) => a.repeat_interleave(repeats as usize, dim),
                None => a.repeat_interleave_each(c.integers("repeats")?, dim),
            }
        }
        "movedim" => c.a().movedim(c.integers("source")?, c.integers("destination")?),
        "unflatten" => c.a().unflatten(c.integer("dim")?, c.integers("sizes")?),
        "broadcast_to" => c.a().broadcast_to(c.integers("shape")?),
        "unfold" => c.a().unfold(c.integer("dim")?, c.integer("size")? as usize, c.integer("step")? as usize),
        _ => return None,
    })
}

/// Elements chosen by index.
pub fn index<T: Float>(c: &Case<'_, T>, op: &str) -> Option<Tensor<T>> {
    Some(match op {
        "gather" => c.a().gather(c.integer("dim")?, &c.index("index")),
        "take_along_dim" => c.a().take_along_dim(&c.index("index"), c.integer("dim")?),
        "index_select" => c.a().index_select(c.integer("dim")?, c.index("index")),
        "scatter" => {
            let index = c.index("index");
            let source = c.find("src").unwrap_or_else(|| Tensor::full(index.shape(), c.scalar("value")));
            c.a().scatter(c.integer("dim")?, &index, &source)
        }
        "scatter_add" => c.a().scatter_add(c.integer("dim")?, &c.index("index"), &c.input("src")),
        "index_add" => {
            let alpha = T::from_f64(c.number("alpha").unwrap_or(1.0));
            c.a().index_add(c.integer("dim")?, c.index("index"), &c.input("src"), alpha)
        }
        _ => return None,
    })
}

/// Products of vectors and matrices, beside `matmul`.
pub fn product<T: Float>(c: &Case<'_, T>, op: &str) -> Option<Tensor<T>> {
    let factor = |name: &str| T::from_f64(c.number(name).unwrap_or(1.0));
    Some(match op {
        "outer" => c.a().outer(&c.b()),
        "dot" => c.a().dot(&c.b()),
        "mv" => c.a().mv(&c.b()),
        "bmm" => c.a().bmm(&c.b()),
        "addmm" => c.a().addmm(&c.b(), &c.input("c"), factor("beta"), factor("alpha")),
        "baddbmm" => c.a().baddbmm(&c.b(), &c.input("c"), factor("beta"), factor("alpha")),
        "einsum" => Tensor::einsum(c.attribute("equation").as_str()?, &c.operands()),
        _ => return None,
    })
}
