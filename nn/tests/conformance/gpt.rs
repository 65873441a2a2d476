//! The trajectory of a small transformer of layers, whose state has names of its own.

use autograd::{Indices, Stream, Tensor};
use nn::{
    AttentionMask, CrossEntropyLoss, Embedding, FeedForwardActivation, Layer, LayerNorm, Linear, Mode, Module,
    TransformerEncoderLayer, TransformerOptions, checkpoint,
};
use optim::AdamW;
use safetensors::SafeTensors;

use crate::cases::{Golden, Row, indices};
use crate::training::{extents, same_trajectory};

const HEADS: usize = 2;

/// One block: x = tok + pos; x += proj(attention(qkv(ln1 x))); x += down(gelu(up(ln2 x))); head(ln x).
struct Gpt {
    tok: Embedding,
    pos: Embedding,
    block: TransformerEncoderLayer,
    ln: LayerNorm,
    head: Linear,
    // The parameters of the block, by the names that they have in the saved state.
    ln1: LayerNorm,
    qkv: Linear,
    proj: Linear,
    ln2: LayerNorm,
    up: Linear,
    down: Linear,
}

nn::module!(Gpt { tok, pos, ln1, qkv, proj, ln2, up, down, ln, head });

impl Gpt {
    /// A model of the saved one's extents.
    fn new(start: &SafeTensors<'_>) -> Result<Self, String> {
        let (tok, pos) = (extents(start, "tok")?, extents(start, "pos")?);
        let (classes, width) = (tok[0], tok[1]);
        let options = TransformerOptions {
            dim_feedforward: extents(start, "up")?[0],
            dropout: 0.0,
            activation: FeedForwardActivation::GeluTanh,
            norm_first: true,
        };
        let block = TransformerEncoderLayer::new(width, HEADS, options, 0);
        let attention = block.self_attn.clone();
        Ok(Gpt {
            tok: Embedding::new(classes, width, 0),
            pos: Embedding::new(pos[0], width, 0),
            ln: LayerNorm::new([width]),
            head: Linear::without_bias(width, classes, 0),
            ln1: block.norm1.clone(),
            qkv: Linear { weight: attention.in_proj_weight, bias: attention.in_proj_bias },
            proj: attention.out_proj,
            ln2: block.norm2.clone(),
            up: block.linear1.clone(),
            down: block.linear2.clone(),
            block,
        })
    }

    /// The scores of the token that follows each of `tokens`, `[N, L]`: `[N, L, classes]`.
    fn forward(&self, tokens: &Indices, mode: Mode<'_>) -> Tensor {
        let positions: Indices = (0..tokens.shape()[1]).collect();
        let x = self.tok.forward(tokens, mode) + self.pos.forward(&positions, mode);
        let x = self.block.forward_masked(&x, &AttentionMask::causal(), mode);
        self.head.forward(&self.ln.forward(&x, mode), mode)
    }
}

pub fn train_gpt(golden: &Golden, row: &Row) -> Result<(), String> {
    let model = Gpt::new(&golden.file(row, "start").ok_or("the case has no start")?)?;
    let path = golden.folder.join(row.json["files"]["start"].as_str().unwrap_or_default());
    checkpoint::load(&model, path).map_err(|error| error.to_string())?;
    let batches = golden.file(row, "batches").ok_or("the case has no batches")?;
    let (x, y) = (indices(&batches, "x").ok_or("no x")?, indices(&batches, "y").ok_or("no y")?);
    let batch = |all: &Indices, step: usize| {
        let shape = &all.shape()[1..];
        let length: usize = shape.iter().product();
        Indices::new(&all.as_slice()[step * length..][..length], shape)
    };
    let number = |name: &str| row.json["attrs"][name].as_f64();
    let adamw = AdamW::new(model.parameters(), number("lr").ok_or("no learning rate")?);
    let mut adamw = adamw.weight_decay(number("weight_decay").unwrap_or(0.01));
    let (criterion, stream) = (CrossEntropyLoss::new(), Stream::new(0));
    let mut losses = Vec::new();
    for step in 0..x.shape()[0] {
        let scores = model.forward(&batch(&x, step), Mode::Train(&stream)).flatten(0, 1);
        let loss = criterion.forward(&scores, &batch(&y, step).reshape([scores.size(0)]));
        losses.push(loss.item());
        adamw.step(&loss.backward());
    }
    same_trajectory(golden, row, losses, &model.named_parameters())
}
