//! A model as a table.

use std::fmt;

use autograd::{Float, Param, ParamKind, Shape, Tensor, no_grad};

use crate::layer::Layer;
use crate::mode::Mode;
use crate::module::{Member, Module, distinct};

/// A model as a table: a row for each module that has parameters of its own or no modules within it.
///
/// Made by [`summary`] and [`parameter_summary`]; printed with `{}`.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// The rows, in the order of the modules.
    pub rows: Vec<SummaryRow>,
    /// Elements that are trained. Those of a parameter with several names count once, here and below.
    pub trainable: usize,
    /// Elements of frozen parameters.
    pub frozen: usize,
    /// Elements of buffers.
    pub buffers: usize,
    /// The memory of all these, in bytes.
    pub bytes: usize,
    element: &'static str,
}

/// A row of a [`Summary`].
#[derive(Clone, Debug, PartialEq)]
pub struct SummaryRow {
    /// The module's dotted name; empty for the model itself.
    pub name: String,
    /// Its type and settings: `Linear(in_features=4, out_features=16, bias=True)`.
    pub module: String,
    /// The shape of its output, where that is known.
    pub output: Option<Shape>,
    /// Elements of its own parameters, buffers not among them.
    pub parameters: usize,
}

/// The table of a layer, with the output's shape for an input of this shape behind each layer that is one of a
/// [`chain`](Layer::chain).
///
/// The layers are run on zeros, in [`Mode::Eval`] and without recording: no buffer changes and nothing is drawn at
/// random.
///
/// ```
/// use nn::{Linear, ReLU, Sequential};
/// let model: Sequential = Sequential::new()
///     .named("fc1", Linear::new(4, 16, 0))
///     .named("relu", ReLU)
///     .named("fc2", Linear::new(16, 3, 0));
/// let summary = nn::summary(&model, [8, 4]);
/// assert_eq!(summary.rows[2].output.as_ref().unwrap(), &[8, 3]);
/// assert_eq!(summary.trainable, 131);
/// println!("{summary}");
/// ```
///
/// # Panics
/// As the layer does, if the input's shape does not fit.
#[track_caller]
pub fn summary<T: Float>(layer: &(impl Layer<T> + ?Sized), shape: impl Into<Shape>) -> Summary {
    let mut rows = Vec::new();
    let input: Tensor<T> = Tensor::zeros(shape);
    no_grad(|| {
        let chain = layer.chain();
        if chain.is_empty() {
            let output = layer.forward(&input, Mode::Eval);
            add_rows(layer, "", Some(output.shape().clone()), &mut rows);
        } else {
            add_chain(&chain, "", input, &mut rows);
        }
    });
    Summary::of(layer, rows)
}

/// The table of any module, without the shapes of outputs.
///
/// ```
/// let summary = nn::parameter_summary(&nn::Linear::<f32>::new(4, 16, 0));
/// assert_eq!((summary.rows.len(), summary.trainable, summary.bytes), (1, 80, 320));
/// ```
pub fn parameter_summary<T: Float>(module: &(impl Module<T> + ?Sized)) -> Summary {
    let mut rows = Vec::new();
    add_rows(module, "", None, &mut rows);
    Summary::of(module, rows)
}

/// A name within another one.
fn dotted(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}

/// Rows for layers one after another; returns the last one's output.
fn add_chain<T: Float>(
    chain: &[(&str, &dyn Layer<T>)],
    prefix: &str,
    mut x: Tensor<T>,
    rows: &mut Vec<SummaryRow>,
) -> Tensor<T> {
    for &(name, layer) in chain {
        let (name, inner) = (dotted(prefix, name), layer.chain());
        x = if inner.is_empty() {
            let y = layer.forward(&x, Mode::Eval);
            add_rows(layer, &name, Some(y.shape().clone()), rows);
            y
        } else {
            add_chain(&inner, &name, x, rows)
        };
    }
    x
}

/// Rows for a module and those within it.
fn add_rows<T: Float>(
    module: &(impl Module<T> + ?Sized),
    name: &str,
    output: Option<Shape>,
    rows: &mut Vec<SummaryRow>,
) {
    let (mut has_own, mut parameters, mut has_modules) = (false, 0, false);
    module.members(&mut |_, member| match member {
        Member::Param(param) => {
            has_own = true;
            parameters += if param.kind() == ParamKind::Buffer { 0 } else { param.tensor().numel() };
        }
        Member::Module(_) => has_modules = true,
    });
    if has_own || !has_modules || output.is_some() {
        let module = format!("{}({})", module.kind(), module.settings());
        rows.push(SummaryRow { name: name.to_owned(), module, output, parameters });
    }
    module.members(&mut |inner, member| {
        if let Member::Module(module) = member {
            add_rows(module, &dotted(name, inner), None, rows);
        }
    });
}

impl Summary {
    fn of<T: Float>(module: &(impl Module<T> + ?Sized), rows: Vec<SummaryRow>) -> Self {
        let params: Vec<Param<T>> = distinct(module);
        let elements = |kind| -> usize {
            params.iter().filter(|param| param.kind() == kind).map(|param| param.tensor().numel()).sum()
        };
        let [trainable, frozen, buffers] = [ParamKind::Trainable, ParamKind::Frozen, ParamKind::Buffer].map(elements);
        let bytes = (trainable + frozen + buffers) * size_of::<T>();
        Summary { rows, trainable, frozen, buffers, bytes, element: T::NAME }
    }
}

impl fmt::Display for Summary {
    /// A line for each row below a headline, the columns padded, and a line with the sums.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headline = ["layer", "module", "output", "parameters"].map(str::to_owned);
        let lines = self.rows.iter().map(|row| {
            let output = row.output.as_ref().map(ToString::to_string).unwrap_or_default();
            [row.name.clone(), row.module.replace('\n', ", "), output, row.parameters.to_string()]
        });
        let lines: Vec<[String; 4]> = std::iter::once(headline).chain(lines).collect();
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
        let widths: [usize; 4] = std::array::from_fn(width);
        for [name, module, output, parameters] in &lines {
            let [first, second, third, last] = widths;
            writeln!(f, "{name:<first$}  {module:<second$}  {output:<third$}  {parameters:>last$}")?;
        }
        write!(f, "{} parameters", self.trainable)?;
        for (count, what) in [(self.frozen, "frozen"), (self.buffers, "in buffers")] {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        write!(f, ", {:.1} KiB as {}", self.bytes as f64 / 1024.0, self.element)
    }
}
