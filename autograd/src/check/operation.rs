//! The check of an operation's gradients at all samples.

use std::fs;
use std::panic::Location;
use std::path::Path;

use super::samples::{Sample, View, samples};
use super::{along_a_line, gradcheck, gradgradcheck, second_order};
use crate::graph::detect_nan;
use crate::mode::watch;
use crate::tensor::Tensor;

/// Tests an operation's gradients in one line, `gradients!(name: |a, b| expression, [shape of a], [shape of b])`:
/// first and second order in `f64`; on contiguous, transposed, stepped, flipped and expanded inputs, with each extent
/// once replaced by 1 and once by 0, and of several values: at 26 samples at least. An expression that is bound to its
/// extents (a slice up to 4, say) says so with `; fixed` at the end and leaves the replaced extents out.
macro_rules! gradients {
    ($name:ident: |$($x:ident),+| $y:expr, $($shape:expr),+ $(; $fixed:ident)?) => {
        #[test]
        fn $name() {
            let is_fixed = $crate::check::operation::is_fixed(stringify!($($fixed)?));
            #[allow(unused_mut, unused_assignments)]
            $crate::check::operation::check_operation(file!(), &[$(&$shape[..]),+], is_fixed, &|inputs| {
                let mut position = 0;
                $(
                    let $x: &$crate::Tensor<f64> = &inputs[position];
                    position += 1;
                )+
                $y
            });
        }
    };
}

/// Whether `gradients!` was told that the expression is bound to its extents.
pub(crate) fn is_fixed(word: &str) -> bool {
    assert!(["", "fixed"].contains(&word), "gradients! knows the word `fixed`, not `{word}`");
    word == "fixed"
}

impl View {
    /// The shape of the tensor that an input of the given shape is a view of.
    fn source(self, shape: &[usize]) -> Vec<usize> {
        let last = shape.len().saturating_sub(1);
        let each = |change: &dyn Fn(usize, usize) -> usize| {
            shape.iter().enumerate().map(|(dim, &extent)| change(dim, extent)).collect()
        };
        match self {
            View::Contiguous | View::Flipped => shape.to_vec(),
            View::Transposed | View::TransposedAndFlipped => shape.iter().rev().copied().collect(),
            View::Stepped | View::SteppedAndFlipped => each(&|_, extent| 2 * extent),
            View::Part => each(&|_, extent| extent + 2),
            View::ExpandedFirst => each(&|dim, extent| if dim == 0 { 1 } else { extent }),
            View::ExpandedLast => each(&|dim, extent| if dim == last { 1 } else { extent }),
            View::ExpandedAll => each(&|_, _| 1),
        }
    }

    /// The input of the given shape, of a tensor of the shape of its source.
    fn of(self, x: &Tensor<f64>, shape: &[usize]) -> Tensor<f64> {
        let dims: Vec<isize> = (0..x.rank() as isize).collect();
        let transposed = |x: &Tensor<f64>| x.permute(dims.iter().rev().copied().collect::<Vec<_>>());
        let stepped = |x: &Tensor<f64>| dims.iter().fold(x.clone(), |x, &dim| x.slice(dim, 0, x.size(dim), 2));
        match self {
            View::Contiguous => x.clone(),
            View::Transposed => transposed(x),
            View::Stepped => stepped(x),
            View::Flipped => x.flip(dims),
            View::SteppedAndFlipped => stepped(x).flip(dims),
            View::TransposedAndFlipped => transposed(x).flip(dims),
            View::Part => dims.iter().fold(x.clone(), |x, &dim| x.narrow(dim, 1, x.size(dim) - 2)),
            View::ExpandedFirst | View::ExpandedLast | View::ExpandedAll => x.expand(shape),
        }
    }
}

impl Sample {
    /// The shape of an input, with the extents that this sample replaces.
    fn shape(&self, shape: &[usize]) -> Vec<usize> {
        let replace = |extent: usize| match self.replaced {
            Some((0, by)) if extent > 1 => by,
            Some((which, by)) if extent == which => by,
            _ => extent,
        };
        shape.iter().map(|&extent| replace(extent)).collect()
    }
}

/// A function that is checked. (A `dyn`: else the check would be compiled once more for each of hundreds of lines.)
type Checked<'a> = &'a dyn Fn(&[Tensor<f64>]) -> Tensor<f64>;

/// See `gradients!`.
pub(crate) fn check_operation(file: &str, shapes: &[&[usize]], is_fixed: bool, f: Checked<'_>) {
    for sample in samples(shapes, is_fixed) {
        check_sample(&sample, shapes, f);
    }
    check_lines(file, shapes, f);
}

/// Checks one sample: each element for itself, or, of values that are not the first ones, a random direction.
fn check_sample(sample: &Sample, shapes: &[&[usize]], f: Checked<'_>) {
    let shapes: Vec<Vec<usize>> = shapes.iter().map(|shape| sample.shape(shape)).collect();
    let seeds = (10..).map(|seed: u64| seed + 100 * sample.values);
    let inputs: Vec<Tensor<f64>> =
        shapes.iter().zip(seeds).map(|(shape, seed)| Tensor::randn(sample.view.source(shape), seed)).collect();
    let through_view = |inputs: &[Tensor<f64>]| {
        f(&inputs.iter().zip(&shapes).map(|(x, shape)| sample.view.of(x, shape)).collect::<Vec<_>>())
    };
    let tracked: Vec<Tensor<f64>> = inputs.iter().map(|input| input.clone().requires_grad()).collect();
    assert!(through_view(&tracked).is_tracked(), "{sample:?}: the gradient is lost in silence");
    let checked = if sample.values == 0 {
        gradcheck(through_view, &inputs).and_then(|()| gradgradcheck(through_view, &inputs))
    } else {
        let (of_gradients, all) = second_order(through_view, &inputs);
        along_a_line("first order", super::first_order(through_view), &inputs)
            .and_then(|()| along_a_line("second order", of_gradients, &all))
    };
    checked.unwrap_or_else(|error| panic!("{sample:?}: {error}"));
}

/// Whatever an expression records belongs to the line of its caller, not to a line of the engine: what [`detect_nan`]
/// will name.
fn check_lines(file: &str, shapes: &[&[usize]], f: Checked<'_>) {
    let source = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").join(file));
    let source = source.expect("the source of the test");
    let first = source.lines().position(|line| line == "mod tests {").unwrap_or(0) as u32;
    let inputs: Vec<Tensor<f64>> =
        shapes.iter().zip(10..).map(|(&shape, seed)| Tensor::randn(shape, seed).requires_grad()).collect();
    let lines: Vec<&Location<'_>> = detect_nan(|| {
        drop(f(&inputs));
        watch().expect("this is watched").lines.with(|lines| lines.values().copied().collect())
    });
    for line in lines {
        assert!(line.file() == file && line.line() > first, "an operation is attributed to {line}, not to its caller");
    }
}
