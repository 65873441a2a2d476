//! Weights of layers and states of optimizers to PyTorch and back, with the same outputs and steps on both sides.
//!
//! `nn/tests/pytorch/exchange` does that where PyTorch is installed. Without it, each layer and each optimizer reads
//! its own file.

#[path = "exchange/optimizers.rs"]
mod optimizers;

use std::path::{Path, PathBuf};

use autograd::{Float, Indices, Param, Tensor};
use nn::recurrent::{Cell, GruCell, LstmCell, Recurrence, Recurrent, RnnCell, RnnReluCell, State};
use nn::{
    AttentionMask, BatchNorm1d, BatchNorm2d, Bilinear, Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d, Embedding,
    FeedForwardActivation, GroupNorm, InstanceNorm1d, InstanceNorm2d, Layer, LayerNorm, Linear, Member, Mode, Module,
    MultiheadAttention, PReLU, RmsNorm, Sequential, TransformerEncoderLayer, TransformerOptions, checkpoint,
};

/// An input and an output.
struct Example {
    x: Param<f64>,
    y: Param<f64>,
}
nn::module!(impl[] Module<f64> for Example { x, y });

impl Example {
    fn new(x: &Tensor<f64>, y: &Tensor<f64>) -> Self {
        Example { x: Param::new(x.detach()), y: Param::new(y.detach()) }
    }
}

/// A module with another signature as a layer, under its own kind and settings.
struct As<M, F>(M, F);

impl<M: Module<f64>, F: Fn(&M, &Tensor<f64>) -> Tensor<f64> + Send + Sync> Module<f64> for As<M, F> {
    fn kind(&self) -> &'static str {
        self.0.kind()
    }

    fn settings(&self) -> String {
        self.0.settings()
    }

    fn members(&self, f: &mut dyn FnMut(&str, Member<'_, f64>)) {
        self.0.members(f);
    }
}

impl<M: Module<f64>, F: Fn(&M, &Tensor<f64>) -> Tensor<f64> + Send + Sync> Layer<f64> for As<M, F> {
    fn forward(&self, x: &Tensor<f64>, _: Mode<'_>) -> Tensor<f64> {
        (self.1)(&self.0, x)
    }
}

fn recurrent<C: Cell<f64> + 'static>(options: Recurrence) -> Box<dyn Layer<f64>> {
    let network: Recurrent<C> = Recurrent::new(3, 4, options, 7);
    Box::new(As(network, |network: &Recurrent<C>, x: &Tensor<f64>| network.forward(x, None, Mode::Eval).0))
}

/// A cell whose input and state lie side by side, `[N, in + hidden]`, or `[N, in + 2 hidden]` for an LSTM's.
fn cell<C: Cell<f64> + 'static>() -> Box<dyn Layer<f64>> {
    let step = |cell: &C, x: &Tensor<f64>| {
        let [inputs, hidden] = [cell.weights().inputs(), cell.weights().hidden()];
        let state = (0..C::State::PARTS).map(|part| x.narrow(1, inputs + part * hidden, hidden)).collect();
        let next = cell.step(&x.narrow(1, 0, inputs), Some(&C::State::from_parts(state)));
        Tensor::cat(&next.parts(), 1)
    };
    Box::new(As(C::new(3, 4, true, 8), step))
}

/// Layers, and inputs for them.
fn layers() -> Vec<(Box<dyn Layer<f64>>, Tensor<f64>)> {
    let of_indices = |table: &Embedding<f64>, x: &Tensor<f64>| {
        let index: Vec<i64> = x.to_vec().into_iter().map(|value| value as i64).collect();
        table.forward(&Indices::new(index, x.shape()), Mode::Eval)
    };
    let index = Tensor::from_vec(vec![4.0, 0.0, 1.0, 2.0, 1.0, 4.0], [2, 3]);
    let tables = [
        Embedding::new(5, 3, 8),
        Embedding::new(5, 3, 8).padding_idx(1),
        Embedding::new(5, 3, 8).max_norm(0.5).norm_type(1.0),
    ];
    let tables = tables.map(|table| -> Box<dyn Layer<f64>> { Box::new(As(table, of_indices)) });
    let of_tensors = layers_of_tensors().into_iter().map(|(layer, shape)| (layer, Tensor::randn(shape, 9)));
    of_tensors.chain(tables.map(|table| (table, index.clone()))).collect()
}

fn layers_of_tensors() -> Vec<(Box<dyn Layer<f64>>, Vec<usize>)> {
    let both = Recurrence { num_layers: 2, bidirectional: true, ..Recurrence::default() };
    let first = Recurrence { batch_first: true, ..Recurrence::default() };
    let options = TransformerOptions {
        dim_feedforward: 16,
        activation: FeedForwardActivation::Gelu,
        norm_first: true,
        ..TransformerOptions::default()
    };
    let attend =
        |heads: &MultiheadAttention<f64>, x: &Tensor<f64>| heads.forward(x, x, x, &AttentionMask::none(), Mode::Eval);
    let halves = |layer: &Bilinear<f64>, x: &Tensor<f64>| layer.forward(&x.narrow(1, 0, 3), &x.narrow(1, 3, 4));
    vec![
        (Box::new(Linear::new(3, 2, 0)), vec![4, 3]),
        (Box::new(Linear::without_bias(3, 2, 0)), vec![4, 3]),
        (Box::new(As(Bilinear::new(3, 4, 2, 0), halves)), vec![4, 7]),
        (Box::new(Conv1d::new(4, 6, 3, 1).padding(1).stride(2)), vec![2, 4, 7]),
        (Box::new(Conv2d::grouped(4, 6, [3, 2], 2, 2).dilation([1, 2]).without_bias()), vec![2, 4, 5, 5]),
        (Box::new(ConvTranspose1d::new(4, 6, 3, 3).stride(2)), vec![2, 4, 3]),
        (Box::new(ConvTranspose2d::grouped(4, 6, 3, 2, 4).stride(2).padding(1).output_padding(1)), vec![1, 4, 3, 2]),
        (Box::new(PReLU::new(3)), vec![2, 3, 4]),
        (Box::new(LayerNorm::new([3, 4])), vec![2, 3, 4]),
        (Box::new(LayerNorm::new([4]).without_bias()), vec![2, 3, 4]),
        (Box::new(RmsNorm::new([4]).eps(1e-3)), vec![2, 3, 4]),
        (Box::new(GroupNorm::new(2, 4)), vec![2, 4, 3]),
        (Box::new(InstanceNorm1d::new(3).track_running_stats()), vec![2, 3, 4]),
        (Box::new(InstanceNorm2d::new(3).affine()), vec![2, 3, 2, 2]),
        (Box::new(InstanceNorm2d::new(3).affine().track_running_stats()), vec![2, 3, 2, 2]),
        (Box::new(BatchNorm1d::new(3)), vec![4, 3]),
        (Box::new(BatchNorm2d::new(3)), vec![2, 3, 2, 2]),
        (cell::<RnnCell<f64>>(), vec![2, 7]),
        (cell::<RnnReluCell<f64>>(), vec![2, 7]),
        (cell::<GruCell<f64>>(), vec![2, 7]),
        (cell::<LstmCell<f64>>(), vec![2, 11]),
        (recurrent::<RnnCell<f64>>(first), vec![2, 5, 3]),
        (recurrent::<GruCell<f64>>(both), vec![5, 2, 3]),
        (recurrent::<LstmCell<f64>>(both), vec![5, 2, 3]),
        (Box::new(As(MultiheadAttention::new(8, 2, 5), attend)), vec![2, 3, 8]),
        (Box::new(TransformerEncoderLayer::new(8, 2, options, 6)), vec![2, 3, 8]),
        (Box::new(Sequential::new().named("first", Linear::new(3, 2, 7)).named("second", PReLU::new(1))), vec![4, 3]),
    ]
}

fn assert_same<T: Float>(what: &str, found: &Tensor<T>, expected: &Tensor<T>) {
    let tolerance = T::from_f64(1e-11);
    assert!(found.allclose(expected, tolerance, tolerance, false), "{what}: {found:?}, expected {expected:?}");
}

/// The folder that PyTorch reads and writes too, or one of its own.
fn exchange_folder(own: &tempfile::TempDir) -> PathBuf {
    std::env::var_os("EXCHANGE_DIR").map_or_else(|| own.path().to_owned(), PathBuf::from)
}

#[test]
fn layers_and_pytorch_read_each_others_weights() {
    let own = tempfile::tempdir().unwrap();
    let folder = exchange_folder(&own);
    let path = |index: usize, ending: &str| folder.join(format!("{index:02}.{ending}"));
    for (index, (layer, x)) in layers().into_iter().enumerate() {
        let y = layer.forward(&x, Mode::Eval);
        std::fs::write(path(index, "txt"), layer.to_string()).unwrap();
        checkpoint::save(&layer, path(index, "safetensors")).unwrap();
        checkpoint::save(&Example::new(&x, &y), path(index, "example.safetensors")).unwrap();
        let expected =
            read_from_pytorch(&layer, &path(index, "torch.safetensors"), &path(index, "torch.example.safetensors"));
        if let Some((x, y)) = expected {
            assert_same(&format!("{layer} with PyTorch's weights"), &layer.forward(&x, Mode::Eval), &y);
        }
        checkpoint::load(&layer, path(index, "safetensors")).unwrap();
        assert_same(&layer.to_string(), &layer.forward(&x, Mode::Eval), &y);
    }
}

/// Loads PyTorch's weights, if they are there, and returns its input and output.
fn read_from_pytorch(layer: &dyn Layer<f64>, weights: &Path, example: &Path) -> Option<(Tensor<f64>, Tensor<f64>)> {
    if !weights.exists() {
        return None;
    }
    checkpoint::load(layer, weights).unwrap();
    let header = safetensors::SafeTensors::deserialize(&std::fs::read(example).unwrap())
        .map(|file| ["x", "y"].map(|name| file.tensor(name).unwrap().shape().to_vec()))
        .unwrap();
    let [x, y] = header.map(Tensor::zeros);
    let example_of = Example::new(&x, &y);
    checkpoint::load(&example_of, example).unwrap();
    Some((example_of.x.tensor().detach(), example_of.y.tensor().detach()))
}
