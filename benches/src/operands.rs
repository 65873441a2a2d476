//! The matrices of a case, and what their product should be.

use autograd::ndarray::{ArrayView2, ArrayView3, ArrayViewMut2, ArrayViewMut3, Axis};

use crate::aligned::Aligned;
use crate::products::Element;
use crate::shapes::Case;

/// A and B of a case, filled with values between -1 and 1, and room for C.
pub struct Operands<T> {
    case: Case,
    a: Aligned<T>,
    b: Aligned<T>,
    c: Aligned<T>,
}

impl<T: Element> Operands<T> {
    /// The same values at every call.
    pub fn new(case: &Case) -> Self {
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let mut random = || {
            // Marsaglia's xorshift: enough for values that only have to differ.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            T::from_f64((state >> 40) as f64 / (1_u64 << 23) as f64 - 1.0)
        };
        let a = Aligned::new(case.count * case.m * case.k, &mut random);
        let b = Aligned::new(case.count * case.k * case.n, &mut random);
        let c = Aligned::new(case.count * case.m * case.n, || T::NAN);
        Self { case: case.clone(), a, b, c }
    }

    /// A, B and C, of a stack the first ones.
    pub fn views(&mut self) -> (ArrayView2<'_, T>, ArrayView2<'_, T>, ArrayViewMut2<'_, T>) {
        let (a, b, c) = self.stacks();
        let first = Axis(0);
        (a.index_axis_move(first, 0), b.index_axis_move(first, 0), c.index_axis_move(first, 0))
    }

    /// The stacks of all A, B and C: a matrix of each for each product.
    pub fn stacks(&mut self) -> (ArrayView3<'_, T>, ArrayView3<'_, T>, ArrayViewMut3<'_, T>) {
        let Case { m, n, k, count, a_transposed, b_transposed, .. } = self.case;
        let view = |elements, rows: usize, columns: usize, transposed| {
            let (extents, axes) =
                if transposed { ((count, columns, rows), [0, 2, 1]) } else { ((count, rows, columns), [0, 1, 2]) };
            ArrayView3::from_shape(extents, elements).expect("there are as many elements").permuted_axes(axes)
        };
        (
            view(&self.a, m, k, a_transposed),
            view(&self.b, k, n, b_transposed),
            ArrayViewMut3::from_shape((count, m, n), &mut self.c[..]).expect("there are as many elements"),
        )
    }
}

/// What a product should be: computed in `f64` by three loops, with |A|·|B| for each element, the scale of its rounding
/// errors.
pub struct Oracle {
    rows: Vec<usize>,
    value: Vec<f64>,
    magnitude: Vec<f64>,
    columns: usize,
    depth: usize,
}

/// Terms up to which every row is computed; of larger products at least sixteen rows, spread over all of C.
const ALL_ROWS: usize = 1 << 27;

impl Oracle {
    /// Computes what A·B should be.
    pub fn new<T: Element>(a: ArrayView2<'_, T>, b: ArrayView2<'_, T>) -> Self {
        let ((m, depth), columns) = (a.dim(), b.ncols());
        let count = (ALL_ROWS / (columns * depth).max(1)).max(16).min(m);
        let rows: Vec<usize> =
            if count == m { (0..m).collect() } else { (0..count).map(|i| i * (m - 1) / (count - 1)).collect() };
        let b: Vec<f64> = b.as_standard_layout().iter().map(|element| element.to_f64()).collect();
        let (mut value, mut magnitude) = (vec![0.0; rows.len() * columns], vec![0.0; rows.len() * columns]);
        for (index, &row) in rows.iter().enumerate() {
            let range = index * columns..(index + 1) * columns;
            let (value, magnitude) = (&mut value[range.clone()], &mut magnitude[range]);
            for (step, of_a) in a.row(row).iter().enumerate() {
                let of_a = of_a.to_f64();
                for ((value, magnitude), of_b) in
                    value.iter_mut().zip(&mut *magnitude).zip(&b[step * columns..][..columns])
                {
                    let term = of_a * of_b;
                    *value += term;
                    *magnitude += term.abs();
                }
            }
        }
        Self { rows, value, magnitude, columns, depth }
    }

    /// One for each product of a stack.
    pub fn of_stack<T: Element>(a: ArrayView3<'_, T>, b: ArrayView3<'_, T>) -> Vec<Self> {
        a.outer_iter().zip(b.outer_iter()).map(|(a, b)| Self::new(a, b)).collect()
    }

    /// Compares a stack of C with as many oracles.
    ///
    /// # Errors
    /// Those of [`check`](Self::check), with the number of the product if there are several.
    pub fn check_stack<T: Element>(oracles: &[Self], c: ArrayView3<'_, T>) -> Result<(), String> {
        assert_eq!(oracles.len(), c.len_of(Axis(0)));
        for (index, (oracle, c)) in oracles.iter().zip(c.outer_iter()).enumerate() {
            let position = if oracles.len() > 1 { format!("product {index}: ") } else { String::new() };
            oracle.check(c).map_err(|error| format!("{position}{error}"))?;
        }
        Ok(())
    }

    /// Compares a C.
    ///
    /// # Errors
    /// The first element that differs by more than (k + 2)·ε·(|A|·|B|): its index, what it is and what it should be.
    pub fn check<T: Element>(&self, c: ArrayView2<'_, T>) -> Result<(), String> {
        let tolerance = (self.depth + 2) as f64 * T::EPSILON.to_f64();
        for (index, &row) in self.rows.iter().enumerate() {
            for column in 0..self.columns {
                let at = index * self.columns + column;
                let (found, expected) = (c[(row, column)].to_f64(), self.value[at]);
                let bound = tolerance * self.magnitude[at];
                let is_right = (found - expected).abs() <= bound; // false for NaN
                if !is_right {
                    return Err(format!(
                        "C[{row}, {column}] is {found:e}, but should be {expected:e} within {bound:.1e}"
                    ));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shapes::Shapes;
    use autograd::ndarray::{Array2, array};

    #[test]
    fn a_product_worked_out_by_hand() {
        let (a, b) = (array![[1.0_f32, 2.0], [3.0, 4.0]], array![[5.0_f32, 6.0], [7.0, 8.0]]);
        let oracle = Oracle::new(a.view(), b.view());
        oracle.check(array![[19.0_f32, 22.0], [43.0, 50.0]].view()).unwrap();
        let error = oracle.check(array![[19.0_f32, 22.0], [43.0, 50.01]].view()).unwrap_err();
        assert!(error.contains("C[1, 1] is 5.00"), "{error}");
        assert!(oracle.check(array![[f32::NAN, 22.0], [43.0, 50.0]].view()).is_err());
    }

    #[test]
    fn operands_have_the_layout_of_the_case() {
        for case in Shapes::All.cases().iter().filter(|case| case.largest() <= 1024) {
            let mut operands = Operands::<f32>::new(case);
            let (a, b, c) = operands.views();
            assert_eq!((a.dim(), b.dim(), c.dim()), ((case.m, case.k), (case.k, case.n), (case.m, case.n)));
            assert!(a.iter().chain(&b).all(|value| value.abs() <= 1.0) && c.iter().all(|value| value.is_nan()));
            assert_eq!([a.as_ptr(), b.as_ptr(), c.as_ptr()].map(|start| start.addr() % 64), [0; 3]);
            assert!(case.m == 1 || case.k == 1 || (a.strides()[0] == 1) == case.a_transposed);
        }
    }

    #[test]
    fn the_values_are_the_same_each_time() {
        let case = Case::new("x", (7, 5, 3));
        let (mut one, mut other) = (Operands::<f32>::new(&case), Operands::<f32>::new(&case));
        assert_eq!(one.views().0, other.views().0);
        assert_eq!(one.views().1, other.views().1);
    }

    #[test]
    fn of_a_large_product_some_rows_are_computed_from_first_to_last() {
        let (a, b) = (Array2::<f32>::ones((4096, 64)), Array2::<f32>::ones((64, 4096)));
        let oracle = Oracle::new(a.view(), b.view());
        assert!(oracle.rows.len() >= 16 && oracle.rows.len() < 4096);
        assert_eq!((oracle.rows[0], *oracle.rows.last().unwrap()), (0, 4095));
    }
}
