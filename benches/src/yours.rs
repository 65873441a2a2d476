//! Your own matrix product, in Rust. Write it here; `benches gemm --yours` checks it against the oracle and then
//! measures it beside the others. `benches/README.md` shows how, and how to bring one from a C library instead.

use autograd::ndarray::{ArrayView2, ArrayViewMut2};

use crate::products::Element;

/// Its name in tables.
pub const NAME: &str = "yours";

/// C ← A·B. What C holds before does not count: it may be NaN.
///
/// A and B are stored by rows or by columns (look at `strides()`), C by rows. The number of threads is that of the
/// surrounding rayon pool: `rayon::current_num_threads()`.
///
/// This example is the definition and nothing more: three loops.
pub fn multiply<T: Element>(a: ArrayView2<'_, T>, b: ArrayView2<'_, T>, mut c: ArrayViewMut2<'_, T>) {
    for i in 0..a.nrows() {
        for j in 0..b.ncols() {
            let mut sum = T::ZERO;
            for p in 0..a.ncols() {
                sum += a[(i, p)] * b[(p, j)];
            }
            c[(i, j)] = sum;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operands::{Operands, Oracle};
    use crate::shapes::Shapes;

    fn is_right<T: Element>() {
        for case in Shapes::All.cases().iter().filter(|case| case.flop() < 3e6) {
            let mut operands = Operands::<T>::new(case);
            let (a, b, mut c) = operands.views();
            c.fill(T::NAN);
            multiply(a, b, c.view_mut());
            if let Err(error) = Oracle::new(a, b).check(c.view()) {
                panic!("{}, {}: {error}", case.name, case.formula());
            }
        }
    }

    #[test]
    fn it_is_right_in_single_precision() {
        is_right::<f32>();
    }

    #[test]
    fn it_is_right_in_double_precision() {
        is_right::<f64>();
    }
}
