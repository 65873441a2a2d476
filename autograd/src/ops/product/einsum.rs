//! Sums of products in Einstein notation.

use std::borrow::Borrow;

use super::named;
use crate::dimensions::pushed;
use crate::error::shape_error;
use crate::float::Float;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// The label of a dimension: a letter, or for a dimension of an ellipsis its position from the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Label {
    Ellipsis(usize),
    Letter(char),
}

/// The labels of each operand's dimensions and of the result's.
struct Equation {
    operands: Vec<Vec<Label>>,
    result: Vec<Label>,
}

/// Parses the labels of one term; an ellipsis stands for `hidden` dimensions. The error is a sentence.
fn labels(term: &str, hidden: usize) -> Result<Vec<Label>, String> {
    let mut found = Vec::new();
    let (before, after) = term.split_once("...").unwrap_or((term, ""));
    let letters = |part: &str, found: &mut Vec<Label>| {
        part.chars().try_for_each(|letter| match letter {
            letter if letter.is_ascii_alphabetic() => {
                found.push(Label::Letter(letter));
                Ok(())
            }
            other => Err(format!("'{other}' in '{term}' is not a letter, and '...' may stand there once")),
        })
    };
    letters(before, &mut found)?;
    if term.contains("...") {
        found.extend((0..hidden).rev().map(Label::Ellipsis));
    }
    letters(after, &mut found)?;
    Ok(found)
}

impl Equation {
    /// Reads `ij,jk->ik`, for operands of the given shapes.
    #[track_caller]
    fn read(equation: &str, shapes: &[&Shape]) -> Result<Self, String> {
        let equation: String = equation.chars().filter(|letter| !letter.is_whitespace()).collect();
        let (inputs, output) = match equation.split_once("->") {
            Some((inputs, output)) => (inputs, Some(output)),
            None => (equation.as_str(), None),
        };
        let terms: Vec<&str> = inputs.split(',').collect();
        if terms.len() != shapes.len() {
            return Err(format!("it has {} terms, but there are {} operands", terms.len(), shapes.len()));
        }
        let mut operands = Vec::new();
        let mut most_hidden = 0;
        for (term, shape) in terms.into_iter().zip(shapes) {
            let named = labels(term, 0)?.len();
            let hidden = shape.rank().checked_sub(named).filter(|&rest| rest == 0 || term.contains("..."));
            let Some(hidden) = hidden else {
                return Err(format!("'{term}' names {named} dimensions, but shape {shape} has {}", shape.rank()));
            };
            most_hidden = most_hidden.max(hidden);
            operands.push(labels(term, hidden)?);
        }
        let result = match output {
            Some(output) => labels(output, most_hidden)?,
            None => implied(&operands, most_hidden),
        };
        for (position, label) in result.iter().enumerate() {
            if let Label::Letter(letter) = label {
                if result[..position].contains(label) {
                    return Err(format!("'{letter}' stands twice in the result"));
                }
                if !operands.iter().any(|operand| operand.contains(label)) {
                    return Err(format!("'{letter}' of the result stands in no operand"));
                }
            }
        }
        Ok(Equation { operands, result })
    }
}

/// The result of an equation without `->`: the dimensions of the ellipses, then the letters that occur once, in
/// alphabetical order.
fn implied(operands: &[Vec<Label>], hidden: usize) -> Vec<Label> {
    let count = |letter| operands.iter().flatten().filter(|label| **label == Label::Letter(letter)).count();
    let letters = ('A'..='Z').chain('a'..='z').filter(|&letter| count(letter) == 1).map(Label::Letter);
    (0..hidden).rev().map(Label::Ellipsis).chain(letters).collect()
}

/// A tensor whose dimensions have distinct labels.
struct Labelled<T: Float> {
    tensor: Tensor<T>,
    labels: Vec<Label>,
}

impl<T: Float> Labelled<T> {
    /// Of dimensions with one label the diagonal is taken.
    #[track_caller]
    fn new(tensor: &Tensor<T>, labels: &[Label]) -> Result<Self, String> {
        let (mut tensor, mut labels) = (tensor.clone(), labels.to_vec());
        while let Some((first, second)) = repeated(&labels) {
            let (a, b) = (tensor.shape()[first], tensor.shape()[second]);
            if a != b {
                return Err(format!("a letter stands for the extents {a} and {b} of shape {}", tensor.shape()));
            }
            tensor = tensor.diagonal(0, first as isize, second as isize);
            let label = labels.remove(second);
            labels.remove(first);
            labels.push(label);
        }
        Ok(Labelled { tensor, labels })
    }

    /// The extent of a label; 1 if the tensor does not have it.
    fn extent(&self, label: Label) -> usize {
        extent(&self.labels, self.tensor.shape(), label)
    }

    fn has(&self, label: Label) -> bool {
        self.labels.contains(&label)
    }

    /// Sums over the labels that are not to be kept.
    #[track_caller]
    fn sum_other_than(self, is_kept: &dyn Fn(Label) -> bool) -> Self {
        let labels = chosen(&self.labels, is_kept);
        if labels.len() == self.labels.len() {
            return self;
        }
        let mut summed: Vec<isize> = (0..self.labels.len() as isize).collect();
        summed.retain(|&dim| !is_kept(self.labels[dim as usize]));
        Labelled { tensor: self.tensor.sum_dim(summed, false), labels }
    }

    /// The tensor with a dimension for each group of labels, in their order: one of extent 1 for labels that are not
    /// there.
    #[track_caller]
    fn grouped(&self, groups: &[impl AsRef<[Label]>]) -> Tensor<T> {
        let (order, extents) = grouped(&self.labels, self.tensor.shape(), groups);
        self.tensor.permute(order).reshape(extents)
    }
}

/// The extent of a label; 1 if it is not there.
fn extent(labels: &[Label], shape: &Shape, label: Label) -> usize {
    labels.iter().position(|own| *own == label).map_or(1, |dim| shape[dim])
}

/// Apart from [`Labelled::grouped`], as it does not know the element type: an order of the dimensions and the extents.
fn grouped(labels: &[Label], shape: &Shape, groups: &[impl AsRef<[Label]>]) -> (Vec<isize>, Shape) {
    let (mut order, mut extents) = (Vec::new(), Vec::new());
    for group in groups.iter().map(AsRef::as_ref) {
        order.extend(
            group.iter().filter_map(|label| labels.iter().position(|own| own == label)).map(|dim| dim as isize),
        );
        extents.push(group.iter().map(|&label| extent(labels, shape, label)).product());
    }
    (order, Shape::from(extents))
}

/// Groups of one label each, and two more.
fn with_last<'a>(stack: &'a [Label], last: [&'a [Label]; 2]) -> Vec<&'a [Label]> {
    stack.chunks(1).chain(last).collect()
}

/// The labels that are chosen, in their order.
fn chosen(labels: &[Label], is_chosen: &dyn Fn(Label) -> bool) -> Vec<Label> {
    labels.iter().copied().filter(|&label| is_chosen(label)).collect()
}

fn repeated(labels: &[Label]) -> Option<(usize, usize)> {
    labels.iter().enumerate().find_map(|(second, label)| {
        labels[..second].iter().position(|first| first == label).map(|first| (first, second))
    })
}

/// The product of two, summed over the labels that are not to be kept: a product of stacks of matrices where both have
/// such labels, an elementwise one otherwise.
#[track_caller]
fn contract<T: Float>(a: Labelled<T>, b: Labelled<T>, is_kept: &dyn Fn(Label) -> bool) -> Labelled<T> {
    // A label that only one operand has, or that has extent 1 in one operand, is summed before the product.
    let shared = chosen(&a.labels, &|label| b.has(label));
    let alike = chosen(&shared, &|label| a.extent(label) == b.extent(label));
    let stays = |label: Label| is_kept(label) || alike.contains(&label);
    let (a, b) = (a.sum_other_than(&stays), b.sum_other_than(&stays));

    let summed = chosen(&shared, &|label| stays(label) && !is_kept(label));
    let stack = chosen(&shared, is_kept);
    let is_own = |label: Label| !shared.contains(&label);
    let (rows, columns) = (chosen(&a.labels, &is_own), chosen(&b.labels, &is_own));
    let labels: Vec<Label> = [&stack[..], &rows, &columns].concat();
    if summed.is_empty() {
        let apart: Vec<&[Label]> = labels.chunks(1).collect();
        return Labelled { tensor: a.grouped(&apart) * b.grouped(&apart), labels };
    }
    let mut extents = Vec::with_capacity(labels.len());
    for &label in &labels {
        let own = a.extent(label);
        extents.push(if own == 1 { b.extent(label) } else { own });
    }
    let shape = Shape::from(extents);
    let (left, right) = (with_last(&stack, [&rows, &summed]), with_last(&stack, [&summed, &columns]));
    let product = a.grouped(&left).matmul(&b.grouped(&right));
    Labelled { tensor: product.reshape(shape), labels }
}

/// A sentence if a label stands for two extents of which none is 1.
fn check_extents<T: Float>(operands: &[Labelled<T>]) -> Result<(), String> {
    for operand in operands {
        for &label in &operand.labels {
            let mut distinct = Vec::new();
            for other in operands {
                distinct.push(other.extent(label));
            }
            distinct.retain(|&extent| extent != 1);
            distinct.dedup();
            if distinct.len() > 1 {
                let name = match label {
                    Label::Letter(letter) => format!("'{letter}'"),
                    Label::Ellipsis(_) => "'...'".to_owned(),
                };
                return Err(format!("{name} stands for the extents {} and {}", distinct[0], distinct[1]));
            }
        }
    }
    Ok(())
}

/// # Products of matrices: sums of products, as Einstein's convention writes them
impl<T: Float> Tensor<T> {
    /// The sum of products that an equation describes: a letter for each dimension of each operand, `->`, and those of
    /// the result. A letter that the result does not have is summed over; one that stands twice in an operand takes
    /// its diagonal; `...` stands for any number of dimensions, which are broadcast, as extents of 1 are. Without
    /// `->` the result has what `...` stands for and the letters that stand once, in alphabetical order.
    ///    dx = for each operand, the sum of products of dy and the other operands
    ///
    /// Like [`torch.einsum`](https://docs.pytorch.org/docs/stable/generated/torch.einsum.html). Operands are multiplied
    /// from left to right, with [`matmul`](Tensor::matmul) if a letter of both is summed.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let (a, b) = (Tensor::<f32>::ones([5, 2, 3]), Tensor::ones([5, 3, 4]));
    /// assert_eq!(*Tensor::einsum("bij,bjk->bik", &[&a, &b]).shape(), [5, 2, 4]);
    /// assert_eq!(Tensor::einsum("ii->", &[&Tensor::<f32>::eye(3)]).item(), 3.0);
    /// ```
    ///
    /// # Panics
    /// If the equation is malformed, does not have a term for each operand and a letter for each dimension, its result
    /// has a letter twice or one that no operand has, or the extents of a letter do not broadcast.
    #[track_caller]
    pub fn einsum(equation: &str, operands: &[impl Borrow<Tensor<T>>]) -> Tensor<T> {
        let tensors = pushed(operands.iter().map(Borrow::borrow));
        match sum_of_products(equation, &tensors) {
            Ok(result) => result,
            Err(message) => {
                let shapes = named(&Tensor::shapes(&tensors));
                shape_error("einsum", format_args!("equation '{equation}', shapes {shapes}: {message}"))
            }
        }
    }
}

#[track_caller]
#[inline(never)]
fn sum_of_products<T: Float>(equation: &str, tensors: &[&Tensor<T>]) -> Result<Tensor<T>, String> {
    let shapes = Tensor::shapes(tensors);
    let Equation { operands, result } = Equation::read(equation, &shapes)?;
    let mut waiting = Vec::new();
    for (tensor, labels) in tensors.iter().zip(&operands) {
        waiting.push(Labelled::new(tensor, labels)?);
    }
    check_extents(&waiting)?;
    let mut waiting = waiting.into_iter();
    let mut product = waiting.next().expect("an equation has a term");
    while let Some(next) = waiting.next() {
        let later = waiting.as_slice();
        product =
            contract(product, next, &|label| result.contains(&label) || later.iter().any(|operand| operand.has(label)));
    }
    let product = product.sum_other_than(&|label| result.contains(&label));
    let apart: Vec<&[Label]> = result.chunks(1).collect();
    Ok(product.grouped(&apart))
}

instances!(|x| Tensor::einsum("ij->ji", &[x]));

#[cfg(test)]
mod tests {
    use crate::Tensor;

    gradients!(einsum: |a, b| Tensor::einsum("ij,jk->ik", &[a, b]), [2, 3], [3, 4]);
    gradients!(stacks: |a, b| Tensor::einsum("bhqd,bhkd->bhqk", &[a, b]), [2, 3, 2, 4], [2, 3, 5, 4]; fixed);
    gradients!(elementwise: |a, b| Tensor::einsum("ij,kj->ikj", &[a, b]), [2, 3], [4, 3]);
    gradients!(trace: |a| Tensor::einsum("ii", &[a * a]), [3, 3]);
    gradients!(three: |a, b, c| Tensor::einsum("ab,bc,ac->c", &[a, b, c]), [2, 3], [3, 4], [2, 4]);
    gradients!(ellipsis: |a, b| Tensor::einsum("...ij,j...->...i", &[a, b]), [2, 3, 4], [4, 2]; fixed);

    #[test]
    fn sums_are_those_of_the_loops() {
        let (a, b) = (Tensor::<f64>::randn([2, 3, 3], 1), Tensor::randn([3, 4], 2));
        let found = Tensor::einsum("bii,ij->jb", &[&a, &b]).to_vec();
        let (x, y) = (a.to_vec(), b.to_vec());
        for j in 0..4 {
            for batch in 0..2 {
                let sum: f64 = (0..3).map(|i| x[batch * 9 + i * 4] * y[i * 4 + j]).sum();
                assert!((found[j * 2 + batch] - sum).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn extents_of_1_are_stretched() {
        let (a, b) = (Tensor::<f32>::ones([1, 3]), Tensor::ones([2, 3]));
        assert_eq!(Tensor::einsum("ij,ij->i", &[&a, &b]).to_vec(), [3.0; 2]);
        assert_eq!(Tensor::einsum("ij,ij->j", &[&a, &b]).to_vec(), [2.0; 3]);
        assert_eq!(Tensor::einsum("i,...", &[&Tensor::<f32>::ones([2]), &Tensor::ones([3])]).numel(), 6);
    }

    #[test]
    fn a_wrong_equation_is_refused_in_plain_words() {
        let (a, b) = (Tensor::<f32>::ones([2, 3]), Tensor::ones([4, 5]));
        for (equation, words) in [
            ("ij->i", "it has 1 terms, but there are 2 operands"),
            ("ij,k->i", "'k' names 1 dimensions, but shape [4, 5] has 2"),
            ("ij,jk->ik", "'j' stands for the extents 3 and 4"),
            ("ij,kl->im", "'m' of the result stands in no operand"),
            ("ij,kl->ii", "'i' stands twice in the result"),
            ("i1,kl->i", "'1' in 'i1' is not a letter"),
            ("ii,kl->i", "a letter stands for the extents 2 and 3 of shape [2, 3]"),
        ] {
            let message = super::sum_of_products(equation, &[&a, &b]).expect_err("a refusal");
            assert!(message.contains(words), "{equation}: {message}");
        }
    }

    #[test]
    #[should_panic(expected = "einsum: equation 'ij,jk', shapes [2, 3] and [4, 5]: 'j' stands for the extents 3 and 4")]
    fn a_refusal_names_the_equation_and_the_shapes() {
        Tensor::einsum("ij,jk", &[&Tensor::<f32>::ones([2, 3]), &Tensor::ones([4, 5])]);
    }
}
