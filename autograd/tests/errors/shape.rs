//! Mistakes with shape.

use autograd::{PadMode, Tensor};

use crate::{check, x};

#[test]
fn mistakes_are_answered_in_plain_words() {
    check(
        file!(),
        &[
            ("reshape: shape [2, 3] has 6 elements and does not fit [4]", &|| drop(x(&[2, 3]).reshape([4]))),
            ("reshape: shape [2, 3] has 6 elements and does not fit [-1, 4]", &|| drop(x(&[2, 3]).reshape([-1, 4]))),
            ("transpose: dimension 2 is out of range for 2 dimensions (from -2 to 1)", &|| {
                drop(x(&[2, 3]).transpose(0, 2))
            }),
            ("permute: dimension 0 is named twice", &|| drop(x(&[2, 3]).permute([0, 0]))),
            ("permute: 1 dimensions are named, shape [2, 3] has 2", &|| drop(x(&[2, 3]).permute([0]))),
            ("t: shape [2, 3, 4] is not a matrix: use transpose or permute", &|| drop(x(&[2, 3, 4]).t())),
            ("expand: shape [2, 3] does not stretch to [3, 3]", &|| drop(x(&[2, 3]).expand([3, 3]))),
            ("unsqueeze: dimension 4 is out of range for 3 dimensions (from -3 to 2)", &|| {
                drop(x(&[2, 3]).unsqueeze(4))
            }),
            ("squeeze: dimension 2 is out of range for 2 dimensions (from -2 to 1)", &|| drop(x(&[2, 3]).squeeze(2))),
            ("cat: shapes [2, 3] and [2, 4] differ in more than dimension 0", &|| {
                drop(Tensor::cat(&[x(&[2, 3]), x(&[2, 4])], 0))
            }),
            ("stack: shapes [2] and [3] differ", &|| drop(Tensor::stack(&[x(&[2]), x(&[3])], 0))),
            ("cat: there are no tensors to join", &|| drop(Tensor::cat(&Vec::<Tensor>::new(), 0))),
            ("narrow: 2 elements from 2 on are not in dimension 1 of shape [2, 3]", &|| {
                drop(x(&[2, 3]).narrow(1, 2, 2))
            }),
            ("slice: 0..4 in steps of 1 is not in dimension 1 of shape [2, 3]", &|| drop(x(&[2, 3]).slice(1, 0, 4, 1))),
            ("select: index 2 is not in dimension 0 of shape [2, 3]", &|| drop(x(&[2, 3]).select(0, 2))),
            ("split: parts of 0 elements along dimension 0 of shape [4]", &|| drop(x(&[4]).split(0, 0))),
            ("split_with_sizes: sizes [1, 2] do not add up to dimension 0 of shape [4]", &|| {
                drop(x(&[4]).split_with_sizes(&[1, 2], 0))
            }),
            ("chunk: 0 parts of shape [4]", &|| drop(x(&[4]).chunk(0, 0))),
            ("pad: 4 and 0 elements do not fit dimension 1 of shape [2, 3] (reflect)", &|| {
                drop(x(&[2, 3]).pad([4, 0], PadMode::Reflect))
            }),
            ("pad: 1 amounts for shape [2, 3]: wanted two for each of the last dimensions", &|| {
                drop(x(&[2, 3]).pad([1], PadMode::Constant(0.0)))
            }),
            ("flip: dimension 0 is named twice", &|| drop(x(&[2, 3]).flip([0, 0]))),
            ("roll: 2 shifts and 1 dimensions: wanted as many", &|| drop(x(&[2, 3]).roll([1, 2], 0))),
            ("repeat: repeats [2] for shape [2, 3]: wanted one, not negative, for each dimension", &|| {
                drop(x(&[2, 3]).repeat([2]))
            }),
            ("flatten: dimension 0 lies before 1 in shape [2, 3]", &|| drop(x(&[2, 3]).flatten(1, 0))),
            ("unflatten: dimension 0 of shape [6] does not fit [4, -1]", &|| drop(x(&[6]).unflatten(0, [4, -1]))),
            ("unfold: windows of 4 in steps of 1 do not fit dimension 1 of shape [2, 3]", &|| {
                drop(x(&[2, 3]).unfold(1, 4, 1))
            }),
            ("tril: shape [3] has less than two dimensions", &|| drop(x(&[3]).tril(0))),
            ("diagonal: dimensions 1 and 1 of shape [2, 3] are the same", &|| drop(x(&[2, 3]).diagonal(0, 1, 1))),
            ("movedim: 1 sources and 2 destinations: wanted as many", &|| drop(x(&[2, 3]).movedim(0, [0, 1]))),
            ("slice_scatter: the source has shape [2, 2], the slice [2, 3]", &|| {
                drop(x(&[2, 3]).slice_scatter(&x(&[2, 2]), 1, 0, 3, 1))
            }),
        ],
    );
}
