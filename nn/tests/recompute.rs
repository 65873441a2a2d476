//! A part of a model that is computed twice to save memory.

use std::sync::Arc;

use autograd::{Stream, Tensor, recompute};
use nn::{Dropout, Layer, Linear, Mode, Module, Sequential};

#[test]
fn layers_draw_the_same_when_they_are_recomputed() {
    let block: Arc<Sequential> = Arc::new(Sequential::new().add(Linear::new(6, 6, 0)).add(Dropout::new(0.5)));
    let x = Tensor::randn([4, 6], 1).requires_grad();
    let run = |is_recomputed: bool| {
        let stream = Stream::new(3);
        // A segment takes the numbers of one call, and makes a stream of them each time.
        let (random, block) = (stream.next_call(), block.clone());
        let segment = {
            let block = block.clone();
            move |x: Tensor| block.forward(&x, Mode::Train(&Stream::of(random.clone())))
        };
        let y = if is_recomputed { recompute(segment, &x) } else { segment(x.clone()) };
        let values = y.to_vec();
        let gradients = (y * Tensor::randn([4, 6], 2)).sum().backward();
        let of_parameters: Vec<Vec<f32>> =
            block.parameters().iter().map(|param| gradients.of(param).unwrap().to_vec()).collect();
        (values, gradients.get(&x).unwrap().to_vec(), of_parameters, stream.state())
    };
    let (plain, recomputed) = (run(false), run(true));
    assert!(plain.0.contains(&0.0) && plain.0.iter().any(|&y| y != 0.0));
    assert_eq!(plain, recomputed);
}
