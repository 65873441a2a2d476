//! `conv`: convolutions in shapes of real networks: forward, the gradient of the input, the gradient of the weight.

use anyhow::{Result, ensure};
use clap::Args;

use super::against_peak;
use super::options::{Agreement, Options};
use super::positive;
use crate::task::{ConvolutionTask, Extents, Pass, Task};

/// The options of `conv`.
#[derive(Args)]
pub struct Arguments {
    /// Images at once, instead of each network's usual number
    #[arg(long, value_name = "N", value_parser = positive)]
    images: Option<usize>,
    /// Only convolutions whose names contain this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    #[command(flatten)]
    options: Options,
}

/// Sums in other orders.
const AGREEMENT: Agreement = Agreement { warm_up: 2, tolerance: 5e-3 };

/// The convolutions, and whether a quick run has them.
fn convolutions() -> Vec<(&'static str, Extents, bool)> {
    let of = |images, [channels, filters, side, kernel]: [usize; 4]| {
        let (stride, padding, groups) = (1, kernel / 2, 1);
        Extents { images, channels, filters, side, kernel, stride, padding, groups }
    };
    let strided = |extents| Extents { stride: 2, ..extents };
    let depthwise = |extents: Extents| Extents { groups: extents.channels, ..extents };
    let residual = |shape| of(8, shape);
    vec![
        ("LeNet conv1", Extents { padding: 0, ..of(64, [1, 6, 32, 5]) }, false),
        ("LeNet conv2", Extents { padding: 0, ..of(64, [6, 16, 14, 5]) }, false),
        ("demo CNN conv1", of(64, [1, 16, 28, 5]), true),
        ("demo CNN conv2", of(64, [16, 32, 14, 5]), true),
        ("ResNet-18 conv1, stride 2", strided(residual([3, 64, 224, 7])), true),
        ("ResNet-18 layer1", residual([64, 64, 56, 3]), true),
        ("ResNet-18 layer2, stride 2", strided(residual([64, 128, 56, 3])), false),
        ("ResNet-18 layer2", residual([128, 128, 28, 3]), false),
        ("ResNet-18 layer3", residual([256, 256, 14, 3]), false),
        ("ResNet-18 layer4", residual([512, 512, 7, 3]), true),
        ("ResNet-18 shortcut, stride 2", strided(residual([64, 128, 56, 1])), false),
        ("MobileNet pointwise 28", of(8, [256, 256, 28, 1]), true),
        ("MobileNet pointwise 14", of(8, [512, 512, 14, 1]), false),
        ("MobileNet depthwise 28", depthwise(of(8, [256, 256, 28, 3])), true),
        ("MobileNet depthwise 56, stride 2", strided(depthwise(of(8, [128, 128, 56, 3]))), false),
    ]
}

impl Arguments {
    /// All passes of the wanted convolutions, with their names.
    fn tasks(&self) -> Vec<(String, Task)> {
        let mut tasks = Vec::new();
        for (name, extents, is_quick) in convolutions() {
            let extents = Extents { images: self.images.unwrap_or(extents.images), ..extents };
            let Extents { images, channels, filters, side, kernel, .. } = extents;
            let name = format!("{name}: {images}×{channels}→{filters}×{side}×{side}, {kernel}×{kernel}");
            let is_wanted = self.only.as_ref().map_or(is_quick || !self.options.effort.quick, |it| name.contains(it));
            for (pass, words) in [(Pass::Forward, ""), (Pass::ToInput, ", d input"), (Pass::ToWeight, ", d weight")] {
                if is_wanted {
                    tasks.push((format!("{name}{words}"), Task::Convolution(ConvolutionTask { extents, pass })));
                }
            }
        }
        tasks
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let tasks = arguments.tasks();
    ensure!(!tasks.is_empty(), "no convolution's name contains {:?}", arguments.only.as_deref().unwrap_or_default());
    against_peak::run("conv", &tasks, AGREEMENT, &arguments.options)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn tasks(line: &[&str]) -> Vec<(String, Task)> {
        Line::try_parse_from(["conv"].iter().chain(line)).unwrap().arguments.tasks()
    }

    #[test]
    fn each_convolution_has_three_passes_and_a_quick_run_some_of_them() {
        assert_eq!(tasks(&[]).len(), 3 * convolutions().len());
        assert_eq!(tasks(&["--quick"]).len(), 3 * 7);
        assert!(tasks(&["--only", "VGG"]).is_empty());
        let stem = tasks(&["--only", "conv1, stride 2", "--images", "2"]);
        assert_eq!(stem[1].0, "ResNet-18 conv1, stride 2: 2×3→64×224×224, 7×7, d input");
        assert_eq!(stem[1].1.to_string(), "conv input 2 3 64 224 7 2 3 1");
        assert_eq!(stem[1].1.amount().value, 2.0 * (2 * 64 * 112 * 112) as f64 * (3 * 49) as f64);
    }
}
