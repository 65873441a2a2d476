//! Gradients through views, that they share their storage, and what they refuse.

use crate::tensor::Tensor;

gradients!(transpose: |x| x.transpose(0, 1) * x.transpose(0, 1), [3, 4]);
gradients!(permute: |x| x.permute([2, 0, 1]).powf(2.0), [2, 3, 4]);
gradients!(reshape: |x| x.reshape([2, -1]).powf(2.0), [3, 4]; fixed);
gradients!(reshape_with_a_copy: |x| x.t().reshape([12]).powf(2.0), [3, 4]; fixed);
gradients!(flatten: |x| x.flatten(1, 2).powf(2.0), [2, 3, 4]);
gradients!(squeeze: |x| x.unsqueeze(1).squeeze(1).powf(2.0), [3, 4]);
gradients!(unsqueeze: |x| x.unsqueeze(-1).powf(2.0), [3, 4]);
gradients!(expand: |x| x.expand([2, 3, 4]).powf(2.0), [3, 1]; fixed);
gradients!(narrow: |x| x.narrow(1, 1, 2).powf(2.0), [3, 4]; fixed);
gradients!(slice: |x| x.slice(1, 0, 4, 3).powf(2.0), [3, 4]; fixed);
gradients!(select: |x| x.select(1, -2).powf(2.0), [3, 4]; fixed);
gradients!(flip: |x| x.flip([0, 1]) * x, [3, 4]);
gradients!(contiguous: |x| x.t().contiguous().powf(2.0), [3, 4]);

#[test]
fn views_share_their_storage() {
    let x = Tensor::<f32>::arange(0.0, 24.0, 1.0).reshape([2, 3, 4]);
    let storage = x.storage.as_slice().as_ptr();
    let views = [
        x.t_of_last(),
        x.flip([1]),
        x.narrow(2, 1, 2),
        x.reshape([6, 4]),
        x.select(0, 1),
        x.unsqueeze(0).expand([5, 2, 3, 4]),
    ];
    assert!(views.iter().all(|view| view.storage.as_slice().as_ptr() == storage));
}

impl Tensor<f32> {
    fn t_of_last(&self) -> Tensor<f32> {
        self.transpose(-1, -2)
    }
}

#[test]
#[should_panic(expected = "reshape: shape [3, 4] has 12 elements and does not fit [5, -1]")]
fn a_reshape_keeps_the_count() {
    Tensor::<f32>::zeros([3, 4]).reshape([5, -1]);
}

#[test]
#[should_panic(expected = "narrow: 3 elements from 2 on are not in dimension 1 of shape [3, 4]")]
fn a_part_lies_inside_the_whole() {
    Tensor::<f32>::zeros([3, 4]).narrow(-1, 2, 3);
}

#[test]
#[should_panic(expected = "permute: dimension 0 is named twice")]
fn an_order_names_each_dimension_once() {
    Tensor::<f32>::zeros([3, 4]).permute([0, 0]);
}
