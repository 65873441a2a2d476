//! Convolutions and their gradients.

use autograd::{Convolution, Padding, Tensor, with_threads};

use super::element;
use crate::benchmark::{Work, last_of};
use crate::problem::{MULTIPLIERS, centred};
use crate::task::{ConvolutionTask, Pass};

/// The output of a convolution; or one of its gradients, for an output that was computed before.
pub(super) fn work(task: ConvolutionTask, threads: usize) -> Work {
    let ConvolutionTask { extents, pass } = task;
    let [first, second] = MULTIPLIERS;
    let tensor =
        |shape: [usize; 4], multiplier: u32| Tensor::from_vec(centred(shape.iter().product(), multiplier), shape);
    let (x, weight) = (tensor(extents.input(), first), tensor(extents.weight(), second));
    let seed = tensor(extents.output(), second);
    let options = Convolution {
        stride: [extents.stride; 2],
        padding: Padding::Zeros([extents.padding; 2]),
        groups: extents.groups,
        ..Convolution::default()
    };
    // Only what is a leaf gets a gradient.
    let (x, weight) = match pass {
        Pass::Forward => (x, weight),
        Pass::ToInput => (x.requires_grad(), weight),
        Pass::ToWeight => (x, weight.requires_grad()),
    };
    let output = with_threads(threads, || x.conv2d(&weight, None, &options));
    Box::new(move |repeats| {
        with_threads(threads, || {
            let compute = || match pass {
                Pass::Forward => x.conv2d(&weight, None, &options),
                Pass::ToInput | Pass::ToWeight => {
                    let leaf = if pass == Pass::ToInput { &x } else { &weight };
                    output.backward_with_retain_graph(&seed).get(leaf).expect("it is a leaf").clone()
                }
            };
            element(&last_of(repeats, compute))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Extents;

    #[test]
    fn each_pass_has_the_last_element_of_its_definition() {
        let extents =
            Extents { images: 1, channels: 1, filters: 1, side: 3, kernel: 2, stride: 1, padding: 0, groups: 1 };
        let [first, second] = MULTIPLIERS;
        let (x, seed, weight) = (centred(9, first), centred(4, second), centred(4, second));
        let sum = |pairs: [(f32, f32); 4]| pairs.iter().map(|(a, b)| f64::from(a * b)).sum::<f64>();
        let forward = sum([(x[4], weight[0]), (x[5], weight[1]), (x[7], weight[2]), (x[8], weight[3])]);
        let to_weight = sum([(x[4], seed[0]), (x[5], seed[1]), (x[7], seed[2]), (x[8], seed[3])]);
        let to_input = f64::from(seed[3] * weight[3]);
        for (pass, expected) in [(Pass::Forward, forward), (Pass::ToInput, to_input), (Pass::ToWeight, to_weight)] {
            let value = work(ConvolutionTask { extents, pass }, 1)(2);
            assert!((value - expected).abs() < 1e-5, "{pass:?}: {value}, not {expected}");
        }
    }
}
