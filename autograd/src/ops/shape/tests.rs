//! Tests that views share their storage.

use crate::tensor::Tensor;

gradients!(expand: |x| x.expand([2, 3, 4]).powf(2.0), [3, 1]; fixed);

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
    #[track_caller]
    fn t_of_last(&self) -> Tensor<f32> {
        self.transpose(-1, -2)
    }
}
