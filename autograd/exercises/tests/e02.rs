use autograd::Tensor;

use super::{expect, expect_close};
use crate::e02_broadcast::sum_to;

#[test]
fn each_element_gets_the_sum_of_its_uses() {
    let six = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    let think = "the row was used twice: which elements of the large gradient belong to element 0 of the row?";
    expect("sum_to(&[1, 2, 3, 4, 5, 6], &[2, 3], &[3])", sum_to(&six, &[2, 3], &[3]), [5.0, 7.0, 9.0], think);
    let think = "the column was used three times: what is the stride of a dimension of extent 1?";
    expect("sum_to(&[1, 2, 3, 4, 5, 6], &[2, 3], &[2, 1])", sum_to(&six, &[2, 3], &[2, 1]), [6.0, 15.0], think);
    let think = "a tensor without dimensions has one element, which was used everywhere";
    expect("sum_to(&[1, 2, 3], &[3], &[])", sum_to(&six[..3], &[3], &[]), [6.0], think);
}

#[test]
fn it_is_what_the_engine_does() {
    let shapes: [(&[usize], &[usize]); 6] = [
        (&[2, 3, 4], &[2, 3, 4]),
        (&[2, 3, 4], &[3, 1]),
        (&[2, 3, 4], &[2, 1, 4]),
        (&[2, 3, 4], &[1, 1, 1]),
        (&[5, 1, 4], &[1, 4]),
        (&[0, 3], &[3]),
    ];
    for (large, small) in shapes {
        let x = Tensor::<f64>::zeros(small).requires_grad();
        let gradient = Tensor::randn(large, 0);
        let gradients = x.expand(large.to_vec()).backward_with(&gradient);
        let sums = sum_to(&gradient.to_vec(), large, small);
        let think = "align the shapes at their last dimensions; each element of the large one adds to exactly one of \
                     the small one";
        let expected = gradients.get(&x).unwrap().to_vec();
        expect_close(&format!("sum_to(.., &{large:?}, &{small:?})"), &sums, &expected, 1e-12, think);
    }
}
