//! Trajectories of whole networks: their losses before each step, and their weights after the last.

use autograd::{Param, Stream, Tensor};
use nn::{
    AvgPool2d, BatchNorm2d, Conv2d, CrossEntropyLoss, Flatten, Layer, Linear, MaxPool2d, Mode, Module, ReLU,
    Sequential, checkpoint,
};
use optim::{Adam, Optimizer, Sgd};
use safetensors::SafeTensors;

use crate::cases::{Golden, Row, indices, tensor};
use crate::compare::{self, Tolerance};

/// The extents of a weight in the saved ones: they say how wide the network is.
pub fn extents(start: &SafeTensors<'_>, name: &str) -> Result<Vec<usize>, String> {
    Ok(start.tensor(&format!("{name}.weight")).map_err(|error| error.to_string())?.shape().to_vec())
}

fn linear(start: &SafeTensors<'_>, name: &str) -> Result<Linear, String> {
    let extents = extents(start, name)?;
    Ok(Linear::new(extents[1], extents[0], 0))
}

pub fn train_mlp(golden: &Golden, row: &Row) -> Result<(), String> {
    let start = golden.file(row, "start").ok_or("the case has no start")?;
    let model: Sequential = Sequential::new()
        .named("fc1", linear(&start, "fc1")?)
        .named("relu1", ReLU)
        .named("fc2", linear(&start, "fc2")?)
        .named("relu2", ReLU)
        .named("fc3", linear(&start, "fc3")?);
    let lr = row.json["attrs"]["lr"].as_f64().ok_or("no learning rate")?;
    train(golden, row, &model, &mut Adam::new(model.parameters(), lr))
}

/// As the manifest's note has it: conv1 3x3 pad 1, bn1, relu, max pool 2, conv2 3x3, relu, avg pool 2, flatten, fc.
pub fn train_cnn(golden: &Golden, row: &Row) -> Result<(), String> {
    let start = golden.file(row, "start").ok_or("the case has no start")?;
    let (first, second) = (extents(&start, "conv1")?, extents(&start, "conv2")?);
    let model: Sequential = Sequential::new()
        .named("conv1", Conv2d::new(first[1], first[0], [first[2], first[3]], 0).padding(1))
        .named("bn1", BatchNorm2d::new(first[0]))
        .named("relu1", ReLU)
        .named("pool1", MaxPool2d::new(2))
        .named("conv2", Conv2d::new(second[1], second[0], [second[2], second[3]], 0))
        .named("relu2", ReLU)
        .named("pool2", AvgPool2d::new(2))
        .named("flatten", Flatten::new())
        .named("fc", linear(&start, "fc")?);
    let number = |name: &str| row.json["attrs"][name].as_f64().ok_or(format!("no {name}"));
    let mut sgd = Sgd::new(model.parameters(), number("lr")?).momentum(number("momentum")?);
    train(golden, row, &model, &mut sgd)
}

/// A step on each batch, from the saved weights.
fn train(golden: &Golden, row: &Row, model: &Sequential, optimizer: &mut dyn Optimizer) -> Result<(), String> {
    let path = golden.folder.join(row.json["files"]["start"].as_str().unwrap_or_default());
    checkpoint::load(model, path).map_err(|error| error.to_string())?;
    let batches = golden.file(row, "batches").ok_or("the case has no batches")?;
    let (x, y) = (tensor::<f32>(&batches, "x"), indices(&batches, "y"));
    let (x, y) = (x.ok_or("no x")?, y.ok_or("no y")?);
    let steps = x.size(0);
    let classes = y.as_slice().chunks(y.numel() / steps);
    let (criterion, stream) = (CrossEntropyLoss::new(), Stream::new(0));
    let mut got = Vec::new();
    for (step, classes) in classes.enumerate() {
        let scores = model.forward(&x.select(0, step as isize), Mode::Train(&stream));
        let loss = criterion.forward(&scores, &classes.into());
        got.push(loss.item());
        optimizer.step(&loss.backward());
    }
    same_trajectory(golden, row, got, &model.named_parameters())
}

/// Whether the losses before each step, and the parameters after the last, are those of the case.
pub fn same_trajectory(golden: &Golden, row: &Row, losses: Vec<f32>, named: &[(String, Param)]) -> Result<(), String> {
    let batches = golden.file(row, "batches").ok_or("the case has no batches")?;
    let want = tensor::<f32>(&batches, "losses").ok_or("no losses")?;
    let steps = losses.len();
    let tolerance = Tolerance::of(&row.json["tol"]["losses"], "losses");
    compare::tensors("losses", &Tensor::from_vec(losses, [steps]), &want, &tolerance)?;
    let last = golden.file(row, "final").ok_or("the case has no final")?;
    for (name, param) in named {
        // A counter is an integer there.
        let count = || indices(&last, name).map(|count| Tensor::scalar(count.as_slice()[0] as f32));
        let want = tensor(&last, name).or_else(count).ok_or_else(|| format!("no {name} at the end"))?;
        compare::tensors(name, &param.tensor(), &want, &Tolerance::of(&row.json["tol"]["final"], name))?;
    }
    if named.len() == last.len() {
        Ok(())
    } else {
        Err(format!("{} weights at the end, not {}", last.len(), named.len()))
    }
}
