"""PyTorch as a contender: `python torch_contender.py THREADS`."""

import sys

import torch
from torch import nn
from torch.nn import functional

from contender import CHAIN, GRADIENT, MULTIPLIERS, operand, operands, serve

THREADS = int(sys.argv[1])
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
    images = torch.from_numpy(problem.images.copy())
    labels = torch.from_numpy(problem.labels.astype("int64"))
    batches = list(torch.from_numpy(problem.batches(size).astype("int64")))
    step = 0

    def work(repeats):
        nonlocal step
        for _ in range(repeats):
            rows = batches[step % len(batches)]
            pixels = images.index_select(0, rows).float().div_(255)
            loss = functional.cross_entropy(model(pixels), labels.index_select(0, rows))
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
    "mul": lambda x, y: x * y,
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
}


def elementwise(name):
    forward = FUNCTIONS[name.removesuffix(GRADIENT)]
    x, y = map(torch.from_numpy, operands())
    goes_back = name.endswith(GRADIENT)
    x.requires_grad_(goes_back)

    def function(x, y):
        return torch.autograd.grad(forward(x, y), x, y)[0] if goes_back else forward(x, y)

    def work(repeats):
        with torch.inference_mode(not goes_back):
            for _ in range(repeats):
                result = function(x, y)
        return result.view(-1)[-1].item()

    return work


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


def prepare(problem, words):
    match words:
        case ["train", size]:
            return train(problem, int(size))
        case ["infer", size]:
            return infer(problem, int(size))
        case ["chain", extent, backward]:
            return chain(int(extent), backward == "1")
        case ["elementwise", name]:
            return elementwise(name)
        case ["optimize", rule, count]:
            return optimize(rule, int(count))


serve("PyTorch", torch.__version__.split("+")[0], "fused optimizers", prepare)
