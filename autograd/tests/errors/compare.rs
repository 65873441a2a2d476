//! Mistakes with compare.

use autograd::Mask;

use crate::{check, x};

#[test]
fn mistakes_are_answered_in_plain_words() {
    check(
        file!(),
        &[
            ("gt: shapes [2] and [3] do not broadcast: dimension -1 is 2 and 3", &|| drop(x(&[2]).gt(&x(&[3])))),
            ("eq: shapes [2, 3] and [2] do not broadcast: dimension -1 is 3 and 2", &|| drop(x(&[2, 3]).eq(&x(&[2])))),
            ("le: shapes [2] and [3] do not broadcast: dimension -1 is 2 and 3", &|| drop(x(&[2]).le(&x(&[3])))),
            ("isclose: shapes [2] and [3] do not broadcast: dimension -1 is 2 and 3", &|| {
                drop(x(&[2]).isclose(&x(&[3]), 0.0, 0.0, false))
            }),
            ("allclose: shapes [2] and [3] do not broadcast: dimension -1 is 2 and 3", &|| {
                let _ = x(&[2]).allclose(&x(&[3]), 0.0, 0.0, false);
            }),
            ("where: the mask's shape [2] and the tensors' [2, 3] and [] do not broadcast", &|| {
                drop(x(&[2, 3]).where_(&Mask::from([true, false]), 0.0))
            }),
            ("where: the mask's shape [2] and the tensors' [2] and [3] do not broadcast", &|| {
                drop(x(&[2]).where_(&Mask::from([true, false]), &x(&[3])))
            }),
            ("masked_fill: the mask's shape [2] and the tensors' [] and [2, 3] do not broadcast", &|| {
                drop(x(&[2, 3]).masked_fill(&Mask::from([true, false]), 0.0))
            }),
            ("masked_select: the mask's shape [2] and the tensor's [2, 3] do not broadcast", &|| {
                drop(x(&[2, 3]).masked_select(&Mask::from([true, false])))
            }),
            ("and: mask shapes [2] and [3] do not broadcast", &|| {
                drop(Mask::from([true, false]) & Mask::from([true, false, true]))
            }),
            ("Mask: shape [2, 2] has 4 elements, but 3 are given", &|| drop(Mask::new(vec![true; 3], [2, 2]))),
            ("Mask: shape [3] has 3 elements, but 2 are given", &|| drop(Mask::from([true, false]).reshape([3]))),
        ],
    );
}
