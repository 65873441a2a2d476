"""PyTorch as a contender: `python torch_contender.py THREADS [compile | channels-last]`.

With `compile`, networks are compiled; with `channels-last`, images and filters are stored channels-last.
"""

import math
import sys

import torch
from torch import nn
from torch.nn import functional

from contender import CHAIN, GRADIENT, MULTIPLIERS, PLANE, centred, operand, serve
from torch_networks import CONVOLUTIONAL, SCORES, STEPS, How

THREADS = int(sys.argv[1])
COMPILES = sys.argv[2:] == ["compile"]
CHANNELS_LAST = sys.argv[2:] == ["channels-last"]
HOW = How(COMPILES, CHANNELS_LAST)
torch.set_num_threads(THREADS)


def model_of(problem):
    layers = []
    for inputs, outputs in zip(problem.sizes, problem.sizes[1:]):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    with torch.no_grad():
        for parameter, values in zip(model.parameters(), problem.parameters):
            parameter.copy_(torch.from_numpy(values.copy()))
    return model


def train(problem, size):
    model = model_of(problem)
    adam = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    forward = torch.compile(model) if COMPILES else model
    images = torch.from_numpy(problem.images.copy())
    labels = torch.from_numpy(problem.labels.astype("int64"))
    batches = list(torch.from_numpy(problem.batches(size).astype("int64")))
    step = 0

    def work(repeats):
        nonlocal step
        for _ in range(repeats):
            rows = batches[step % len(batches)]
            pixels = images.index_select(0, rows).float().div_(255)
            loss = functional.cross_entropy(forward(pixels), labels.index_select(0, rows))
            adam.zero_grad()
            loss.backward()
            adam.step()
            step += 1
        return loss.item()

    return work


def infer(problem, size):
    model = model_of(problem)
    pixels = torch.from_numpy(problem.pixels(size))

    def work(repeats):
        with torch.inference_mode():
            for _ in range(repeats):
                scores = None  # So that the next ones can use its memory.
                scores = model(pixels)
        return scores.view(-1)[-1].item()

    return work


def chain(extent, backward):
    a, b, seed = torch.full((extent,), 0.999), torch.full((extent,), 0.001), torch.ones(extent)

    def run_chain(x):
        for _ in range(CHAIN // 2):
            x = x * a
            x = x + b
        return x

    def work(repeats):
        for _ in range(repeats):
            x = torch.full((extent,), 0.5, requires_grad=backward)
            if backward:
                run_chain(x).backward(seed)
                last = x.grad
            else:
                with torch.no_grad():
                    last = run_chain(x)
        return last[-1].item()

    return work


FUNCTIONS = {
    "add": lambda x, y: x + y,
    "scale": lambda x, _: x * 0.3,
    "relu": lambda x, _: torch.relu(x),
    "exp": lambda x, _: torch.exp(x),
    "tanh": lambda x, _: torch.tanh(x),
    "sigmoid": lambda x, _: torch.sigmoid(x),
    "gelu": lambda x, _: functional.gelu(x),
    "gelu_tanh": lambda x, _: functional.gelu(x, approximate="tanh"),
    "erf": lambda x, _: torch.erf(x),
    "sum": lambda x, _: x.sum(),
    "sum_rows": lambda x, _: x.sum(0),
    "sum_columns": lambda x, _: x.sum(1),
    "max": lambda x, _: x.max(),
    "max_rows": lambda x, _: x.amax(0),
    "argmax": lambda x, _: x.argmax(1),
    "softmax": lambda x, _: torch.softmax(x, 1),
    "softmax_rows": lambda x, _: torch.softmax(x, 0),
    "log_softmax": lambda x, _: torch.log_softmax(x, 1),
    "transpose": lambda x, _: x.t().contiguous(),
    "sin": lambda x, _: torch.sin(x),
    "cos": lambda x, _: torch.cos(x),
    "std": lambda x, _: x.std(1),
    "logsumexp": lambda x, _: x.logsumexp(1),
    "dropout": lambda x, _: functional.dropout(x, 0.1),
    "max_pool2d": lambda x, _: functional.max_pool2d(x, 3, 2, 1),
    "avg_pool2d": lambda x, _: functional.avg_pool2d(x, 2),
    "cumsum": lambda x, _: x.cumsum(1),
    "sort": lambda x, _: x.sort(1)[0],
    "topk": lambda x, _: x.topk(50, 1)[0],
}


def ramp(length, multiplier=MULTIPLIERS[1]):
    """A parameter with an element for each channel."""
    return torch.from_numpy(operand(length, multiplier))


def norm(function):
    """A normalization of x with a weight and a bias."""
    return lambda x, channels: ([x, ramp(channels), ramp(channels, MULTIPLIERS[0])], function)


# What has other inputs with a gradient than x alone: these inputs, and the function of them.
MODULES = {
    "pow": lambda x, _: ([x.abs()], lambda x: torch.pow(x, 0.75)),
    "cat": lambda x, y: ([x, y], lambda x, y: torch.cat([x, y], 1)),
    "mul": lambda x, y: ([x, y], lambda x, y: x * y),
    "where": lambda x, y: ([x, y], lambda x, y, mask=y > 2: torch.where(mask, x, y)),
    "layer_norm": lambda x, _: norm(lambda x, w, b: functional.layer_norm(x, x.shape[-1:], w, b))(x, x.shape[-1]),
    "batch_norm": lambda x, _: norm(lambda x, w, b: functional.batch_norm(x, None, None, w, b, True))(x, x.shape[1]),
    "group_norm": lambda x, _: norm(lambda x, w, b: functional.group_norm(x, 32, w, b))(x, x.shape[1]),
}

WORDS, WIDTH = 30522, 768


def embedding():
    share = (operand(4096, MULTIPLIERS[0]).astype("float64") + 2) / 8
    rows = torch.from_numpy((share * share * share * WORDS).astype("int64"))
    table = torch.from_numpy(operand(WORDS * WIDTH, MULTIPLIERS[0]).reshape(WORDS, WIDTH))
    return [table], lambda table: functional.embedding(rows, table)


def inputs_and_function(name, shape):
    if name == "embedding":
        return embedding()
    length = math.prod(shape)
    x, y = (torch.from_numpy(operand(length, multiplier).reshape(shape)) for multiplier in MULTIPLIERS)
    if name in MODULES:
        return MODULES[name](x, y)
    return [x], lambda x: FUNCTIONS[name](x, y)


def elementwise(name, shape):
    goes_back = name.endswith(GRADIENT)
    name = name.removesuffix(GRADIENT)
    inputs, forward = inputs_and_function(name, shape)
    for tensor in inputs:
        tensor.requires_grad_(goes_back)
    with torch.no_grad():
        shape = forward(*inputs).shape
    seed = ramp(math.prod(shape)).view(shape) if goes_back else None

    def function():
        result = forward(*inputs)
        return torch.autograd.grad(result, inputs, seed)[0] if goes_back else result

    def work(repeats):
        with torch.inference_mode(not goes_back):
            for _ in range(repeats):
                result = None  # So that the next one can use its memory.
                result = function()
        return (result.mean() if name in RANDOM else result.reshape(-1)[-1]).item()

    return work


def attention(batch, heads, queries, tokens, width, causal, backward):
    def heads_of(rows, multiplier):
        return torch.from_numpy(centred((batch, rows, heads, width), multiplier))

    first, second = MULTIPLIERS
    leaves = heads_of(queries, first), heads_of(tokens, second), heads_of(tokens, first)
    seed = heads_of(queries, second).transpose(1, 2)
    for leaf in leaves:
        leaf.requires_grad_(backward)

    def work(repeats):
        with torch.inference_mode(not backward):
            for _ in range(repeats):
                last = result = None  # So that the next ones can use their memory.
                q, k, v = (leaf.transpose(1, 2) for leaf in leaves)
                result = functional.scaled_dot_product_attention(q, k, v, is_causal=causal)
                last = torch.autograd.grad(result, leaves, seed)[1] if backward else result
        return last[-1, -1, -1, -1].item()

    return work


def convolution(which, images, channels, filters, side, kernel, stride, padding, groups):
    """The output of a convolution; or one of its gradients, for an output that was computed before."""
    first, second = MULTIPLIERS
    x = HOW.layout(torch.from_numpy(centred((images, channels, side, side), first)))
    weight = HOW.layout(torch.from_numpy(centred((filters, channels // groups, kernel, kernel), second)))

    def forward():
        return functional.conv2d(x, weight, None, stride, padding, groups=groups)

    if which == "forward":

        def work(repeats):
            with torch.inference_mode():
                for _ in range(repeats):
                    last = None  # So that the next one can use its memory.
                    last = forward()
            return last[-1, -1, -1, -1].item()

        return work
    leaf = (x if which == "input" else weight).requires_grad_()
    output = forward()
    seed = HOW.layout(torch.from_numpy(centred(output.shape, second)))

    def work(repeats):
        for _ in range(repeats):
            last = None
            (last,) = torch.autograd.grad(output, leaf, seed, retain_graph=True)
        return last[-1, -1, -1, -1].item()

    return work


# What draws random numbers is compared by the mean.
RANDOM = ["dropout"]


RULES = {
    "sgd": lambda weights: torch.optim.SGD(weights, lr=1e-3, fused=True),
    "momentum": lambda weights: torch.optim.SGD(weights, lr=1e-3, momentum=0.9, fused=True),
    "adam": lambda weights: torch.optim.Adam(weights, lr=1e-3, fused=True),
    "adamw": lambda weights: torch.optim.AdamW(weights, lr=1e-3, fused=True),
}


def optimize(rule, count):
    weights, gradient = (torch.from_numpy(operand(count, multiplier)) for multiplier in MULTIPLIERS)
    weights.requires_grad_().grad = gradient
    optimizer = RULES[rule]([weights])

    def work(repeats):
        for _ in range(repeats):
            optimizer.step()
        return weights[-1].item()

    return work


def is_wanted(words):
    """Whether this way of running PyTorch makes a difference to a task."""
    if COMPILES:
        return words[0] == "train"
    return not CHANNELS_LAST or words[0] == "conv" or words[0] in ["train", "infer"] and words[1] in CONVOLUTIONAL


def prepare(problem, words):
    match words:
        case _ if not is_wanted(words):
            return None
        case ["train", size]:
            return train(problem, int(size))
        case ["train", name, size]:
            return STEPS[name](problem, int(size), HOW)
        case ["infer", size]:
            return infer(problem, int(size))
        case ["infer", name, size]:
            return SCORES[name](problem, int(size), HOW)
        case ["chain", extent, backward]:
            return chain(int(extent), backward == "1")
        case ["attention", *extents, causal, backward]:
            return attention(*map(int, extents), causal == "1", backward == "1")
        case ["conv", which, *extents]:
            return convolution(which, *map(int, extents))
        case ["elementwise", name, *shape]:
            return elementwise(name, [int(extent) for extent in shape] or PLANE)
        case ["optimize", rule, count]:
            return optimize(rule, int(count))


NAME = "compiled PyTorch" if COMPILES else "PyTorch, channels-last" if CHANNELS_LAST else "PyTorch"
serve(NAME, torch.__version__.split("+")[0], "fused optimizers", prepare)
