//! Mistakes with index.

use autograd::{Indices, Tensor, s};

use crate::{check, x};

#[test]
fn mistakes_are_answered_in_plain_words() {
    check(
        file!(),
        &[
            ("index_select: index 2 is not in dimension 0 of shape [2, 3]", &|| drop(x(&[2, 3]).index_select(0, [2]))),
            (
                "index_select: wants an index of one dimension into a tensor of at least one, not [2, 2] into [2, 3]",
                &|| drop(x(&[2, 3]).index_select(0, Indices::new(vec![0; 4], [2, 2]))),
            ),
            ("gather: the index has shape [1], the tensor [2, 3]: not as many dimensions", &|| {
                drop(x(&[2, 3]).gather(1, &Indices::from([0])))
            }),
            ("gather: index 3 is not in dimension 1 of shape [2, 3]", &|| {
                drop(x(&[2, 3]).gather(1, &Indices::new(vec![3, 0], [2, 1])))
            }),
            ("take_along_dim: the index has shape [3, 1], the tensor [2, 3]: they do not broadcast", &|| {
                drop(x(&[2, 3]).take_along_dim(&Indices::new(vec![0; 3], [3, 1]), 1))
            }),
            ("scatter: index 5 is not in dimension 1 of shape [2, 3]", &|| {
                drop(x(&[2, 3]).scatter(1, &Indices::new(vec![0, 5], [2, 1]), &x(&[2, 1])))
            }),
            (
                "scatter_add: the index has shape [2, 2], the source [2, 1], the tensor [2, 3]: dimension 1 of the \
                index is larger",
                &|| drop(x(&[2, 3]).scatter_add(1, &Indices::new(vec![0; 4], [2, 2]), &x(&[2, 1]))),
            ),
            ("index_add: an index of shape [2] into shape [2, 3] wants a source of [2, 3], not [3, 3]", &|| {
                drop(x(&[2, 3]).index_add(0, [0, 1], &x(&[3, 3]), 1.0))
            }),
            ("embedding: index 4 is not in dimension 0 of shape [4, 2]", &|| {
                drop(x(&[4, 2]).embedding(&Indices::from([4]), None))
            }),
            ("embedding: the table has shape [4]: wanted [rows, width]", &|| {
                drop(x(&[4]).embedding(&Indices::from([0]), None))
            }),
            ("embedding: padding_idx 7 is no row of shape [4, 2]", &|| {
                drop(x(&[4, 2]).embedding(&Indices::from([0]), Some(7)))
            }),
            ("one_hot: index 3 is none of 3 classes", &|| drop(Tensor::<f32>::one_hot(&Indices::from([3]), 3))),
            ("topk: 4 elements are not in dimension 1 of shape [2, 3]", &|| drop(x(&[2, 3]).topk(4, 1, true))),
            ("sort: dimension 2 is out of range for 2 dimensions (from -2 to 1)", &|| drop(x(&[2, 3]).sort(2, false))),
            ("at: 3 items name 3 dimensions and 0 ellipses of shape [2, 3]", &|| drop(x(&[2, 3]).at(s![0, 0, 0]))),
            ("at: index 2 is not in dimension 0 of shape [2, 3]", &|| drop(x(&[2, 3]).at(s![2]))),
            ("s!: a step is not 0", &|| drop(x(&[2, 3]).at(s![0..1;0]))),
            ("s!: a step of 2 belongs to a range, not to Single(0)", &|| drop(x(&[2, 3]).at(s![0;2]))),
            ("at: 2 items name 0 dimensions and 2 ellipses of shape [2, 3]", &|| {
                drop(x(&[2, 3]).at(s![Ellipsis, Ellipsis]))
            }),
            ("at: the mask has shape [3], the tensor [2, 3] from dimension 0 on", &|| {
                drop(x(&[2, 3]).at(s![x(&[3]).gt(0.0)]))
            }),
            ("at: only one of the items may be indices or a mask: see Tensor::index for several", &|| {
                drop(x(&[2, 3]).at(s![Indices::from([0]), Indices::from([0])]))
            }),
            ("at: index 3 is not in dimension 1 of shape [2, 3]", &|| drop(x(&[2, 3]).at(s![.., Indices::from([3])]))),
            ("slice_assign: the source has shape [3], the part [2, 2]: it does not broadcast", &|| {
                drop(x(&[2, 3]).slice_assign(s![.., 1..], &x(&[3])))
            }),
            ("slice_assign: takes no indices and no mask: see index_put and masked_fill", &|| {
                drop(x(&[2, 3]).slice_assign(s![Indices::from([0])], 0.0))
            }),
            ("index: 0 indices into shape [2, 3]: wanted 1 to 2", &|| drop(x(&[2, 3]).index(&[]))),
            ("index: indices of shapes [[2], [3]] do not broadcast", &|| {
                drop(x(&[2, 3]).index(&[Indices::from([0, 1]), Indices::from([0, 1, 2])]))
            }),
            ("index_put: index 2 is not in dimension 0 of shape [2, 3]", &|| {
                drop(x(&[2, 3]).index_put(&[Indices::from([2])], &x(&[3]), false))
            }),
            ("index_put: values of shape [4] do not broadcast to the [2, 3] that are named", &|| {
                drop(x(&[2, 3]).index_put(&[Indices::from([0, 1])], &x(&[4]), true))
            }),
        ],
    );
}
