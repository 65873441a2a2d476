//! Printing in PyTorch's format: nested brackets, columns of equal width, four decimals, an ellipsis in long tensors.

use std::fmt::{self, Write};

use crate::float::Float;
use crate::graph::Edge;
use crate::tensor::Tensor;

/// The maximum number of elements of a tensor that is printed completely.
const WHOLE: usize = 1000;
/// The number of elements at each end of a shortened dimension.
const EDGE: usize = 3;
/// The maximum length of a line in characters.
const LINE: usize = 80;

/// The format of the elements, the same for all elements of a tensor.
#[derive(Clone, Copy, Debug)]
struct Format {
    scientific: bool,
    /// All elements are integers; they are written as `1.`.
    whole: bool,
    decimals: usize,
    width: usize,
}

impl Format {
    /// PyTorch's rule. Scientific notation is used if the largest element is more than 1000 times the smallest one, or
    /// above 10⁸, or if the smallest is below 10⁻⁴.
    fn of(values: &[f64], decimals: Option<usize>) -> Format {
        let decimals = decimals.unwrap_or(4);
        let magnitudes =
            || values.iter().map(|value| value.abs()).filter(|&magnitude| magnitude.is_finite() && magnitude != 0.0);
        let (smallest, largest) = (magnitudes().fold(f64::INFINITY, f64::min), magnitudes().fold(0.0, f64::max));
        let whole = magnitudes().all(|magnitude| magnitude == magnitude.ceil());
        let spread = largest / smallest > 1000.0;
        let scientific =
            largest > 0.0 && (spread || largest > 1e8 || smallest < 1e-4) && (!whole || spread || largest > 1e8);
        let mut format = Format { scientific, whole, decimals, width: 0 };
        format.width = values.iter().map(|&value| format.write(value).len()).max().unwrap_or(0);
        format
    }

    fn write(&self, value: f64) -> String {
        if !value.is_finite() {
            return if value.is_nan() { "nan".into() } else { format!("{value}") };
        }
        if self.scientific {
            // Rust writes 1.5e-7, PyTorch 1.5000e-07.
            let text = format!("{value:.*e}", self.decimals);
            let (mantissa, exponent) = text.split_once('e').expect("scientific notation has an exponent");
            let (sign, digits) = match exponent.strip_prefix('-') {
                Some(digits) => ('-', digits),
                None => ('+', exponent),
            };
            return format!("{mantissa}e{sign}{digits:0>2}");
        }
        if self.whole { format!("{value:.0}.") } else { format!("{value:.*}", self.decimals) }
    }
}

impl<T: Float> Tensor<T> {
    /// The printed indices of a dimension, and whether some are left out after the first three.
    fn shown(&self, dim: usize) -> (Vec<usize>, bool) {
        let extent = self.shape()[dim];
        if self.numel() <= WHOLE || extent <= 2 * EDGE {
            return ((0..extent).collect(), false);
        }
        ((0..EDGE).chain(extent - EDGE..extent).collect(), true)
    }

    /// Collects the printed elements, in order.
    fn shown_values(&self, dim: usize, position: isize, values: &mut Vec<f64>) {
        if dim == self.rank() {
            values.push(self.storage.as_slice()[position as usize].to_f64());
            return;
        }
        for index in self.shown(dim).0 {
            self.shown_values(dim + 1, position + index as isize * self.strides()[dim], values);
        }
    }

    /// Writes the block of the dimensions from `dim` on, at one index of each dimension before. `indent` is the column
    /// of its first character.
    fn write_block(&self, dim: usize, indent: usize, texts: &mut impl Iterator<Item = String>, out: &mut String) {
        if dim == self.rank() {
            out.push_str(&texts.next().expect("a text for each printed element"));
            return;
        }
        let (indices, shortened) = self.shown(dim);
        out.push('[');
        if dim + 1 == self.rank() {
            let texts: Vec<String> = texts.take(indices.len()).collect();
            write_row(&texts, shortened, indent + 1, out);
        } else {
            // Rows are on separate lines; blocks of higher rank have an additional blank line between them.
            let separator = format!(",{}{}", "\n".repeat(self.rank() - 1 - dim), " ".repeat(indent + 1));
            for index in 0..indices.len() {
                if index > 0 {
                    out.push_str(&separator);
                }
                if shortened && index == EDGE {
                    out.push_str("...");
                    out.push_str(&separator);
                }
                self.write_block(dim + 1, indent + 1, texts, out);
            }
        }
        out.push(']');
    }

    #[inline(never)]
    fn write_tensor(&self, decimals: Option<usize>, with_shape: bool) -> String {
        let mut out = String::from("tensor(");
        let mut values = Vec::new();
        if self.numel() > 0 {
            self.shown_values(0, self.layout.offset as isize, &mut values);
            let format = Format::of(&values, decimals);
            let width = if self.rank() == 0 { 0 } else { format.width };
            let mut texts = values.iter().map(|&value| format!("{:>width$}", format.write(value)));
            self.write_block(0, "tensor(".len(), &mut texts, &mut out);
        } else {
            out.push_str("[]");
        }
        let mut suffixes = Vec::new();
        if with_shape || (self.numel() == 0 && self.rank() != 1) {
            suffixes.push(format!("shape={}", self.shape()));
        }
        if with_shape || T::NAME != "f32" {
            suffixes.push(format!("dtype={}", T::NAME));
        }
        match &self.edge {
            Edge::Constant => {}
            Edge::Leaf(_) => suffixes.push("requires_grad=true".into()),
            Edge::Node(node) => suffixes.push(format!("grad_fn=<{}>", node.name)),
        }
        for suffix in suffixes {
            // A suffix that does not fit in the line is written on its own line.
            let last = out.rsplit('\n').next().map_or(0, str::len);
            let separator = if last + suffix.len() + 3 > LINE { ",\n       " } else { ", " };
            let _ = write!(out, "{separator}{suffix}");
        }
        out.push(')');
        out
    }
}

/// Writes the elements of a row, as many per line as fit.
fn write_row(texts: &[String], shortened: bool, indent: usize, out: &mut String) {
    let width = texts.first().map_or(0, String::len);
    let in_a_line = ((LINE.saturating_sub(indent)) / (width + 2)).max(1);
    let mut cells: Vec<&str> = texts.iter().map(String::as_str).collect();
    if shortened {
        cells.insert(EDGE, " ...");
    }
    for (index, cell) in cells.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
            if index % in_a_line == 0 {
                let _ = write!(out, "\n{}", " ".repeat(indent));
            } else {
                out.push(' ');
            }
        }
        out.push_str(cell);
    }
}

/// PyTorch's format; a precision (`{:.2}`) sets the number of decimals.
///
/// ```
/// use autograd::Tensor;
/// let x = Tensor::from_vec(vec![1.5_f32, -2.0, 0.25, 10.0], [2, 2]);
/// assert_eq!(x.to_string(), "tensor([[ 1.5000, -2.0000],\n        [ 0.2500, 10.0000]])");
/// assert_eq!(format!("{:.1}", x.select(0, 0)), "tensor([ 1.5, -2.0])");
/// ```
impl<T: Float> fmt::Display for Tensor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.write_tensor(f.precision(), false))
    }
}

/// As [`Display`](fmt::Display), always with shape and dtype.
impl<T: Float> fmt::Debug for Tensor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.write_tensor(f.precision(), true))
    }
}

instances!(write_tensor);

#[cfg(test)]
mod tests {
    use crate::Tensor;

    fn range(count: usize) -> Tensor {
        Tensor::arange(0.0, count as f32, 1.0)
    }

    #[test]
    fn whole_numbers_have_a_point_and_others_four_decimals() {
        assert_eq!(range(3).to_string(), "tensor([0., 1., 2.])");
        assert_eq!(Tensor::scalar(2.5_f32).to_string(), "tensor(2.5000)");
        assert_eq!(
            Tensor::from_vec(vec![1.0, -0.5, f32::NAN, f32::INFINITY], [4]).to_string(),
            "tensor([ 1.0000, -0.5000,     nan,     inf])"
        );
        assert_eq!(Tensor::from_vec(vec![1e-5_f32, 1.0], [2]).to_string(), "tensor([1.0000e-05, 1.0000e+00])");
        assert_eq!(Tensor::from_vec(vec![2e9_f32], [1]).to_string(), "tensor([2.0000e+09])");
        assert_eq!(Tensor::<f32>::zeros([2]).to_string(), "tensor([0., 0.])");
    }

    #[test]
    fn blocks_are_on_separate_lines() {
        let x = range(8).reshape([2, 2, 2]);
        assert_eq!(
            x.to_string(),
            "tensor([[[0., 1.],\n         [2., 3.]],\n\n        [[4., 5.],\n         [6., 7.]]])"
        );
        assert_eq!(x.select(0, 0).t().to_string(), "tensor([[0., 2.],\n        [1., 3.]])");
    }

    #[test]
    fn long_rows_are_broken_and_many_elements_left_out() {
        assert_eq!(
            range(20).to_string(),
            "tensor([ 0.,  1.,  2.,  3.,  4.,  5.,  6.,  7.,  8.,  9., 10., 11., 12., 13.,\n        \
             14., 15., 16., 17., 18., 19.])"
        );
        assert_eq!(range(1001).to_string(), "tensor([   0.,    1.,    2.,  ...,  998.,  999., 1000.])");
        let spread = "tensor([0.0000e+00, 1.0000e+00, 2.0000e+00,  ..., 9.9900e+02, 1.0000e+03,\n        1.0010e+03])";
        assert_eq!(range(1002).to_string(), spread);
        let wide = Tensor::<f32>::ones([40, 40]).to_string();
        assert_eq!(wide.lines().count(), 7);
        assert!(wide.starts_with("tensor([[1., 1., 1.,  ..., 1., 1., 1.],\n"), "{wide}");
        assert_eq!(wide.lines().nth(3).unwrap(), "        ...,");
    }

    #[test]
    fn dtype_shape_and_graph_are_shown() {
        assert_eq!(Tensor::<f64>::ones([1]).to_string(), "tensor([1.], dtype=f64)");
        assert_eq!(Tensor::<f32>::ones([0, 3]).to_string(), "tensor([], shape=[0, 3])");
        let x = Tensor::<f32>::ones([1]).requires_grad();
        assert_eq!(x.to_string(), "tensor([1.], requires_grad=true)");
        assert_eq!((&x * &x).to_string(), "tensor([1.], grad_fn=<mul>)");
        assert_eq!(format!("{x:?}"), "tensor([1.], shape=[1], dtype=f32, requires_grad=true)");
    }
}
