//! Every layer: names and shapes as in PyTorch's `state_dict`, and gradients that flow and are right.

use autograd::check::gradcheck;
use autograd::{Indices, PadMode, ParamKind, Random, Stream, Tensor};
use nn::{
    AdaptiveMaxPool1d, AdaptiveMaxPool2d, BatchNorm1d, BatchNorm2d, Bilinear, CELU, Conv1d, Conv2d, ConvTranspose1d,
    ConvTranspose2d, Dropout, Embedding, GELU, GroupNorm, InstanceNorm1d, InstanceNorm2d, Layer, LayerNorm, Linear,
    MaxPool2d, Mode, Module, PReLU, ReLU, Residual, RmsNorm, Sequential, SinusoidalPositions, Upsample, checkpoint,
};

/// `weight [2, 3], bias [2]`, buffers in parentheses.
fn described<T: autograd::Float>(module: &(impl Module<T> + ?Sized)) -> String {
    let one = |(name, param): (String, autograd::Param<T>)| match param.kind() {
        ParamKind::Buffer => format!("({name} {})", param.tensor().shape()),
        _ => format!("{name} {}", param.tensor().shape()),
    };
    module.named_parameters().into_iter().map(one).collect::<Vec<_>>().join(", ")
}

/// A layer, an input's shape, what PyTorch's `state_dict` has of it, and the output's shape.
type Row = (Box<dyn Layer<f64>>, Vec<usize>, &'static str, Vec<usize>);

fn with_windows() -> Vec<Row> {
    let mut random = Random::new(0);
    let mut next = || random.bits();
    vec![
        (
            Box::new(Conv1d::new(4, 6, 3, next()).padding(1).stride(2)),
            vec![2, 4, 7],
            "weight [6, 4, 3], bias [6]",
            vec![2, 6, 4],
        ),
        (
            Box::new(Conv2d::grouped(4, 6, [3, 2], 2, next()).dilation([1, 2]).without_bias()),
            vec![2, 4, 5, 5],
            "weight [6, 2, 3, 2]",
            vec![2, 6, 3, 3],
        ),
        (
            Box::new(Conv2d::new(1, 2, 3, next()).padding(1).padding_mode(PadMode::Reflect)),
            vec![1, 1, 4, 4],
            "weight [2, 1, 3, 3], bias [2]",
            vec![1, 2, 4, 4],
        ),
        (
            Box::new(ConvTranspose1d::new(4, 6, 3, next()).stride(2)),
            vec![2, 4, 3],
            "weight [4, 6, 3], bias [6]",
            vec![2, 6, 7],
        ),
        (
            Box::new(ConvTranspose2d::grouped(4, 6, 3, 2, next()).stride(2).padding(1).output_padding(1)),
            vec![1, 4, 3, 2],
            "weight [4, 3, 3, 3], bias [6]",
            vec![1, 6, 6, 4],
        ),
    ]
}

fn others() -> Vec<Row> {
    let mut random = Random::new(1);
    let mut next = || random.bits();
    vec![
        (Box::new(Linear::new(3, 2, next())), vec![4, 3], "weight [2, 3], bias [2]", vec![4, 2]),
        (Box::new(PReLU::new(3)), vec![2, 3, 4], "weight [3]", vec![2, 3, 4]),
        (Box::new(LayerNorm::new([3, 4])), vec![2, 3, 4], "weight [3, 4], bias [3, 4]", vec![2, 3, 4]),
        (Box::new(LayerNorm::new([4]).without_bias()), vec![2, 3, 4], "weight [4]", vec![2, 3, 4]),
        (Box::new(RmsNorm::new([4]).eps(1e-3)), vec![2, 3, 4], "weight [4]", vec![2, 3, 4]),
        (Box::new(GroupNorm::new(2, 4)), vec![2, 4, 3], "weight [4], bias [4]", vec![2, 4, 3]),
        (Box::new(InstanceNorm1d::new(3)), vec![2, 3, 4], "", vec![2, 3, 4]),
        (Box::new(InstanceNorm2d::new(3).affine()), vec![2, 3, 2, 2], "weight [3], bias [3]", vec![2, 3, 2, 2]),
        (Box::new(InstanceNorm1d::new(3).track_running_stats()), vec![2, 3, 4], STATISTICS, vec![2, 3, 4]),
        (Box::new(InstanceNorm2d::new(3).affine().track_running_stats()), vec![3, 2, 2], BATCH_NORM, vec![3, 2, 2]),
        (Box::new(AdaptiveMaxPool1d::new(3)), vec![2, 2, 7], "", vec![2, 2, 3]),
        (Box::new(AdaptiveMaxPool2d::new([2, 1])), vec![2, 2, 3, 4], "", vec![2, 2, 2, 1]),
        (Box::new(BatchNorm1d::new(3)), vec![4, 3], BATCH_NORM, vec![4, 3]),
        (Box::new(BatchNorm1d::new(3)), vec![4, 3, 2], BATCH_NORM, vec![4, 3, 2]),
        (Box::new(BatchNorm2d::new(3)), vec![2, 3, 2, 2], BATCH_NORM, vec![2, 3, 2, 2]),
        (
            Box::new(BatchNorm2d::new(3).without_affine().without_running_stats()),
            vec![2, 3, 2, 2],
            "",
            vec![2, 3, 2, 2],
        ),
        (Box::new(SinusoidalPositions::new(8, 4)), vec![2, 5, 4], "", vec![2, 5, 4]),
        (Box::new(Upsample::by(1.5)), vec![1, 2, 4], "", vec![1, 2, 6]),
        (
            Box::new(Residual::new(Linear::new(3, 3, next()))),
            vec![2, 3],
            "inner.weight [3, 3], inner.bias [3]",
            vec![2, 3],
        ),
    ]
}

const STATISTICS: &str = "(running_mean [3]), (running_var [3]), (num_batches_tracked [])";
const BATCH_NORM: &str = "weight [3], bias [3], (running_mean [3]), (running_var [3]), (num_batches_tracked [])";

#[test]
fn names_and_shapes_are_those_of_a_state_dict_and_gradients_are_right() {
    for (layer, input, names, output) in with_windows().into_iter().chain(others()) {
        assert_eq!(described(&layer), names, "{layer}");
        let (x, stream) = (Tensor::randn(input, 5), Stream::new(0));
        for mode in [Mode::Eval, Mode::Train(&stream)] {
            let y = layer.forward(&x, mode);
            assert_eq!(y.shape()[..], output, "{layer}");
            let weights = Tensor::randn(y.shape(), 6);
            let parameters = layer.parameters();
            if y.is_tracked() {
                let gradients = (y * weights).sum().backward();
                for param in &parameters {
                    let gradient = gradients.of(param).unwrap_or_else(|| panic!("{layer}: no gradient"));
                    assert!(gradient.abs().max().item() > 0.0, "{layer}: a gradient of zeros");
                }
            } else {
                assert!(parameters.is_empty(), "{layer}");
            }
            gradcheck(|x| layer.forward(&x[0], mode), std::slice::from_ref(&x))
                .unwrap_or_else(|error| panic!("{layer}: {error}"));
        }
    }
}

#[test]
fn modules_of_other_inputs_have_their_names_too() {
    assert_eq!(described(&Embedding::<f32>::new(5, 3, 0)), "weight [5, 3]");
    let bilinear = Bilinear::<f64>::new(3, 4, 2, 0);
    assert_eq!(described(&bilinear), "weight [2, 3, 4], bias [2]");
    let inputs = [Tensor::randn([5, 3], 1), Tensor::randn([5, 4], 2)];
    gradcheck(|x| bilinear.forward(&x[0], &x[1]), &inputs).unwrap();
    assert_eq!(bilinear.forward(&inputs[0], &inputs[1]).sum().backward().len(), 2);
    assert_eq!(*nn::sinusoidal_positions::<f32>(3, 5).shape(), [3, 5]);
}

#[test]
fn every_layer_goes_through_a_file_and_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    for (layer, ..) in with_windows().into_iter().chain(others()) {
        let values =
            || -> Vec<f64> { layer.named_parameters().iter().flat_map(|(_, param)| param.tensor().to_vec()).collect() };
        let before = values();
        checkpoint::save(&layer, &path).unwrap();
        layer.named_parameters().iter().for_each(|(_, param)| param.set(&Tensor::zeros(param.tensor().shape())));
        checkpoint::load(&layer, &path).unwrap();
        assert_eq!(values(), before, "{layer}");
    }
}

/// A convolutional network as the table shows it, with what may not change by that.
#[test]
fn a_summary_tells_shapes_and_changes_nothing() {
    let features = Sequential::<f32>::new()
        .named("conv", Conv2d::new(1, 4, 3, 0).padding(1))
        .named("bn", BatchNorm2d::new(4))
        .named("relu", ReLU)
        .named("pool", MaxPool2d::new(2));
    let model = Sequential::new()
        .named("features", features)
        .named("flatten", nn::Flatten::new())
        .named("drop", Dropout::new(0.5))
        .named("block", Residual::new(Sequential::new().add(Linear::new(16, 16, 1)).add(CELU::default())))
        .named("fc", Linear::new(16, 3, 2));
    let buffers = || model.named_parameters()[4].1.tensor().to_vec();
    let before = buffers();
    let summary = nn::summary(&model, [8, 1, 4, 4]);
    assert_eq!(buffers(), before);
    let shape = |name: &str| {
        let row = summary.rows.iter().find(|row| row.name == name).unwrap_or_else(|| panic!("no {name}"));
        (row.output.as_ref().map(ToString::to_string), row.parameters)
    };
    assert_eq!(shape("features.conv"), (Some("[8, 4, 4, 4]".to_owned()), 40));
    assert_eq!(shape("features.bn"), (Some("[8, 4, 4, 4]".to_owned()), 8));
    assert_eq!(shape("features.pool"), (Some("[8, 4, 2, 2]".to_owned()), 0));
    assert_eq!(shape("block"), (Some("[8, 16]".to_owned()), 0));
    assert_eq!(shape("block.inner.0"), (None, 272));
    assert_eq!(shape("fc"), (Some("[8, 3]".to_owned()), 51));
    assert_eq!((summary.trainable, summary.buffers), (371, 9));
    assert!(summary.to_string().ends_with("\n371 parameters, 9 in buffers, 1.5 KiB as f32"));
    let plain = nn::parameter_summary(&model);
    assert_eq!(plain.trainable, 371);
    assert!(plain.rows.iter().all(|row| row.output.is_none()));
}

/// A model that is no layer: its input is indices.
struct Classifier {
    embedding: Embedding,
    blocks: Vec<Linear>,
    head: Linear,
}

nn::module!(Classifier { embedding, blocks, head });

impl Classifier {
    fn forward(&self, words: &Indices, mode: Mode<'_>) -> Tensor {
        let x = self.embedding.forward(words, mode).mean_dim(1, false);
        let x = self.blocks.iter().fold(x, |x, block| &x + GELU::default().forward(&block.forward(&x, mode), mode));
        self.head.forward(&x, mode)
    }
}

#[test]
fn a_model_of_ones_own_is_trained_and_saved_in_a_few_lines() {
    let seeds = Stream::new(0);
    let model = Classifier {
        embedding: Embedding::new(10, 8, &seeds),
        blocks: (0..2).map(|_| Linear::new(8, 8, &seeds)).collect(),
        head: Linear::new(8, 2, &seeds),
    };
    let names = "embedding.weight [10, 8], blocks.0.weight [8, 8], blocks.0.bias [8], blocks.1.weight [8, 8], \
        blocks.1.bias [8], head.weight [2, 8], head.bias [2]";
    assert_eq!(described(&model), names);
    let words = Indices::new((0..40).map(|index| (index * 7) % 10).collect::<Vec<i64>>(), [10, 4]);
    let labels: Indices = words.as_slice().chunks(4).map(|row| usize::from(row[0] < 5)).collect();
    let mut adam = optim::Adam::new(model.parameters(), 0.05);
    let mut step = || {
        let loss = model.forward(&words, Mode::Train(&seeds)).cross_entropy(&labels);
        let value = loss.item();
        adam.step(&loss.backward());
        value
    };
    let first = step();
    let last = (0..60).map(|_| step()).last().unwrap();
    assert!(last < first / 10.0, "from {first} to {last}");
    let file = tempfile::NamedTempFile::new().unwrap();
    checkpoint::save(&model, file.path()).unwrap();
    checkpoint::load(&model, file.path()).unwrap();
}
