//! Mistakes with product.

use autograd::Tensor;

use crate::{check, x};

#[test]
fn mistakes_are_answered_in_plain_words() {
    check(
        file!(),
        &[
            ("matmul: shapes [2, 3] and [4, 5]: dimension -1 of the left is 3, dimension -2 of the right 4", &|| {
                drop(x(&[2, 3]).matmul(&x(&[4, 5])))
            }),
            ("matmul: shapes [2, 3] and []: a single number is multiplied with *", &|| {
                drop(x(&[2, 3]).matmul(&x(&[])))
            }),
            ("matmul: shapes [2, 3, 4] and [3, 4, 5]: the stacks [2] and [3] do not broadcast", &|| {
                drop(x(&[2, 3, 4]).matmul(&x(&[3, 4, 5])))
            }),
            ("matmul: shapes [3] and [4]: dimension -1 of the left is 3, dimension -1 of the right 4", &|| {
                drop(x(&[3]).matmul(&x(&[4])))
            }),
            ("linear: the input has shape [2, 3], the weight [5, 4]: wanted [..., in] and [out, in]", &|| {
                drop(x(&[2, 3]).linear(&x(&[5, 4]), None))
            }),
            ("linear: the bias has shape [4], the weight [5, 3]: wanted [5]", &|| {
                drop(x(&[2, 3]).linear(&x(&[5, 3]), Some(&x(&[4]))))
            }),
            ("linear: the input has shape [2, 3], the weight [3]: wanted [..., in] and [out, in]", &|| {
                drop(x(&[2, 3]).linear(&x(&[3]), None))
            }),
            ("linear_relu: the input has shape [2, 3], the weight [5, 4]: wanted [..., in] and [out, in]", &|| {
                drop(x(&[2, 3]).linear_relu(&x(&[5, 4]), None))
            }),
            ("dot: shapes [2, 3] and [3]: wanted [1, 1] dimensions", &|| drop(x(&[2, 3]).dot(&x(&[3])))),
            ("dot: shapes [3] and [4]: the inner extents are 3 and 4", &|| drop(x(&[3]).dot(&x(&[4])))),
            ("mv: shapes [2, 3] and [2]: the inner extents are 3 and 2", &|| drop(x(&[2, 3]).mv(&x(&[2])))),
            ("bmm: shapes [2, 3] and [3, 4]: wanted [3, 3] dimensions", &|| drop(x(&[2, 3]).bmm(&x(&[3, 4])))),
            ("bmm: shapes [2, 3, 4] and [3, 4, 5]: the stacks differ in number", &|| {
                drop(x(&[2, 3, 4]).bmm(&x(&[3, 4, 5])))
            }),
            ("addmm: shape [7] does not stretch to the product's [2, 4]", &|| {
                drop(x(&[7]).addmm(&x(&[2, 3]), &x(&[3, 4]), 1.0, 1.0))
            }),
            ("outer: shapes [2, 2] and [3]: wanted [1, 1] dimensions", &|| drop(x(&[2, 2]).outer(&x(&[3])))),
            ("tensordot: dimensions [1] of shape [2, 3] and [0] of [4, 5] do not pair", &|| {
                drop(x(&[2, 3]).tensordot(&x(&[4, 5]), 1, 0))
            }),
            ("einsum: equation 'ij,jk->ik', shapes [2, 3] and [4, 5]: 'j' stands for the extents 3 and 4", &|| {
                drop(Tensor::einsum("ij,jk->ik", &[x(&[2, 3]), x(&[4, 5])]))
            }),
            ("einsum: equation 'ij->ik', shapes [2, 3]: 'k' of the result stands in no operand", &|| {
                drop(Tensor::einsum("ij->ik", &[x(&[2, 3])]))
            }),
            ("einsum: equation 'ij,jk', shapes [2, 3]: it has 2 terms, but there are 1 operands", &|| {
                drop(Tensor::einsum("ij,jk", &[x(&[2, 3])]))
            }),
            ("einsum: equation 'i->i', shapes [2, 3]: 'i' names 1 dimensions, but shape [2, 3] has 2", &|| {
                drop(Tensor::einsum("i->i", &[x(&[2, 3])]))
            }),
        ],
    );
}
