"""Reads each layer's file as PyTorch's layer of the same printed form, compares the outputs, and writes other weights.

    python exchange.py FOLDER
"""

import glob
import sys
from collections import OrderedDict

import torch
from safetensors.torch import load_file, save_file

# What PyTorch does not print completely.
SPECIAL = {
    "MultiheadAttention": lambda: torch.nn.MultiheadAttention(8, 2, batch_first=True),
    "TransformerEncoderLayer": lambda: torch.nn.TransformerEncoderLayer(
        8, 2, dim_feedforward=16, activation="gelu", batch_first=True, norm_first=True
    ),
    "Sequential": lambda: torch.nn.Sequential(
        OrderedDict(first=torch.nn.Linear(3, 2), second=torch.nn.PReLU(num_parameters=1))
    ),
}


def build(text):
    name = text.split("(")[0]
    layer = SPECIAL[name]() if name in SPECIAL else eval(text, dict(vars(torch.nn), relu="relu"))
    return layer.double().eval()


def run(layer, x):
    """The output; several inputs lie side by side in x, and several outputs in the result."""
    match layer:
        case torch.nn.MultiheadAttention():
            return layer(x, x, x)[0]
        case torch.nn.Embedding():
            return layer(x.long())
        case torch.nn.Bilinear():
            return layer(x[..., : layer.in1_features], x[..., layer.in1_features :])
        case torch.nn.LSTMCell():
            x, h, c = x.split([layer.input_size, layer.hidden_size, layer.hidden_size], -1)
            return torch.cat(layer(x, (h, c)), -1)
        case torch.nn.RNNCellBase():
            x, h = x.split([layer.input_size, layer.hidden_size], -1)
            return layer(x, h)
    y = layer(x)
    return y[0] if isinstance(y, tuple) else y


torch.manual_seed(0)
worst = 0.0
paths = sorted(glob.glob(f"{sys.argv[1]}/*.txt"))
with torch.no_grad():
    for path in paths:
        stem = path[: -len(".txt")]
        text = open(path).read()
        layer, example = build(text), load_file(f"{stem}.example.safetensors")
        layer.load_state_dict(load_file(f"{stem}.safetensors"), strict=True)
        distance = (run(layer, example["x"]) - example["y"]).abs().max().item()
        if "\n" not in text:
            assert repr(layer) == text, f"{repr(layer)} is printed as {text}"
        assert distance < 1e-11, f"{text}: the outputs differ by {distance}"
        worst = max(worst, distance)
        for tensor in layer.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(torch.rand_like(tensor) + 0.1)
        is_index = isinstance(layer, torch.nn.Embedding)
        x = example["x"].flip(0) if is_index else torch.randn_like(example["x"])
        save_file(layer.state_dict(), f"{stem}.torch.safetensors")
        save_file({"x": x, "y": run(layer, x).contiguous()}, f"{stem}.torch.example.safetensors")
        print(text.splitlines()[0])
print(f"PyTorch {torch.__version__} reads {len(paths)} layers; largest distance of the outputs {worst:.1e}")
