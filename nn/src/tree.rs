//! The tree of a model's modules, as PyTorch prints it.

use autograd::Float;

use crate::module::{Member, Module};

/// The printed lines of a module, and of those within it.
pub(crate) fn of<T: Float>(module: &(impl Module<T> + ?Sized)) -> String {
    let mut children: Vec<(String, String)> = Vec::new();
    module.members(&mut |name, member| {
        if let Member::Module(child) = member {
            children.push((name.to_owned(), child.tree()));
        }
    });
    printed(module.kind(), &module.settings(), &children)
}

/// A module as it is printed. (By itself, so that it is not compiled for each kind of module.)
fn printed(kind: &str, settings: &str, children: &[(String, String)]) -> String {
    if children.is_empty() && !settings.contains('\n') {
        return format!("{kind}({settings})");
    }
    let lines = if kind == "ModuleList" { grouped(children) } else { named(children) };
    let settings = settings.lines().map(str::to_owned);
    let body: String = settings.chain(lines).flat_map(|line| ["\n  ".to_owned(), line.replace('\n', "\n  ")]).collect();
    format!("{kind}({body}\n)")
}

fn named(children: &[(String, String)]) -> Vec<String> {
    children.iter().map(|(name, tree)| format!("({name}): {tree}")).collect()
}

/// As PyTorch prints a list: neighbours that print the same take one line.
fn grouped(children: &[(String, String)]) -> Vec<String> {
    let position = |name: &str| name.parse::<usize>().ok();
    let are_neighbours = |one: &str, other: &str| position(one).map(|one| one + 1) == position(other);
    let same = children.chunk_by(|(one, tree), (other, next)| tree == next && are_neighbours(one, other));
    same.map(|run| match run {
        [(name, tree)] => format!("({name}): {tree}"),
        run => format!("({}-{}): {} x {}", run[0].0, run[run.len() - 1].0, run.len(), run[0].1),
    })
    .collect()
}

/// A truth value as Python prints it.
pub(crate) fn python_bool(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}

/// A number as Python prints a float.
pub(crate) fn python_float(value: f64) -> String {
    let printed = format!("{value:?}");
    // Rust has `1e-5` where Python has `1e-05`.
    let Some((mantissa, exponent)) = printed.split_once('e') else { return printed.replace("NaN", "nan") };
    let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
    format!("{mantissa}e{sign}{digits:0>2}")
}

/// Extents as Python prints a tuple.
pub(crate) fn python_tuple(values: &[usize]) -> String {
    let printed: Vec<String> = values.iter().map(usize::to_string).collect();
    format!("({}{})", printed.join(", "), if values.len() == 1 { "," } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Linear, ReLU, Sequential};

    struct Net {
        blocks: Vec<Linear>,
        tail: Sequential,
    }

    crate::module!(Net { blocks, tail }, |net| format!("depth={}", net.blocks.len()));

    #[test]
    fn a_tree_looks_as_pytorchs_does() {
        let block = || Linear::without_bias(4, 4, 0);
        let tail = Sequential::new().named("fc", Linear::new(4, 2, 0)).named("relu", ReLU);
        let wanted = "\
Sequential(
  (fc): Linear(in_features=4, out_features=2, bias=True)
  (relu): ReLU()
)";
        assert_eq!(tail.to_string(), wanted);
        let wanted = "\
Net(
  depth=4
  (blocks): ModuleList(
    (0-2): 3 x Linear(in_features=4, out_features=4, bias=False)
    (3): Linear(in_features=4, out_features=1, bias=False)
  )
  (tail): Sequential(
    (fc): Linear(in_features=4, out_features=2, bias=True)
    (relu): ReLU()
  )
)";
        let net = Net { blocks: vec![block(), block(), block(), Linear::without_bias(4, 1, 0)], tail };
        assert_eq!(net.to_string(), wanted);
        assert_eq!(Sequential::<f32>::new().to_string(), "Sequential()");
    }

    #[test]
    fn values_are_printed_as_python_does() {
        assert_eq!(["1e-05", "0.1", "1.0", "1e+20", "inf"], [1e-5, 0.1, 1.0, 1e20, f64::INFINITY].map(python_float));
        assert_eq!([&[3, 4][..], &[3], &[]].map(python_tuple), ["(3, 4)", "(3,)", "()"]);
    }
}
