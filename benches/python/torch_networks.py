"""The networks of `train --model` and `inference --model` in PyTorch: the same as in `benches/src/networks`.

A function for each network prepares its training step, or its scores: given the problem, the examples in a batch, and
how PyTorch is run, it returns a function of the repetitions.
"""

import torch
from torch import nn
from torch.nn import functional

import gpt
import word_pairs
from contender import MULTIPLIERS, centred
from start import by_fan_in, first_weights
from torch_gpt import Gpt


class How:
    """How PyTorch is run."""

    def __init__(self, compiles, channels_last):
        self.compiles, self.channels_last = compiles, channels_last

    def layout(self, images_or_model):
        """Stores images and filters in the layout that is wanted."""
        return images_or_model.to(memory_format=torch.channels_last) if self.channels_last else images_or_model

    def compiled(self, function):
        return torch.compile(function) if self.compiles else function


def with_first_values(model, bound=by_fan_in):
    """Sets the first values: hashed ones in matrices and filters, 1 in other weights, 0 in biases."""
    matrix = 0
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() >= 2:
                parameter.copy_(torch.from_numpy(first_weights(matrix, parameter.shape, bound(parameter.shape))))
                matrix += 1
            else:
                parameter.fill_(1 if name.endswith("weight") else 0)
    return model


def learn(model, loss_of):
    """Training steps with Adam; the value to agree on is the last loss."""
    adam = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    step = 0

    def work(repeats):
        nonlocal step
        for _ in range(repeats):
            loss = loss_of(step)
            adam.zero_grad()
            loss.backward()
            adam.step()
            step += 1
        return loss.item()

    return work


def repeat_block(model, forward, x, seed):
    """Forward and backward through a block; to agree on is the sum of the root mean squares of all gradients."""
    leaves = [x.requires_grad_(), *model.parameters()]

    def work(repeats):
        for _ in range(repeats):
            gradients = torch.autograd.grad(forward(x), leaves, seed)
        return sum(gradient.square().mean().sqrt().item() for gradient in gradients)

    return work


def image_block(layers, size, how):
    """A block from `[size, 64, 32, 32]` to the same shape."""
    model = how.layout(with_first_values(layers))
    shape = size, 64, 32, 32
    x, seed = (how.layout(torch.from_numpy(centred(shape, multiplier))) for multiplier in MULTIPLIERS)
    return repeat_block(model, how.compiled(model), x, seed)


def cnn_model(how):
    layers = nn.Sequential(
        nn.Conv2d(1, 16, 5, padding=2), nn.ReLU(inplace=True), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 5, padding=2), nn.ReLU(inplace=True), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(1568, 128), nn.ReLU(inplace=True), nn.Linear(128, 10),
    )  # fmt: skip
    return how.layout(with_first_values(layers))


def cnn(problem, size, how):
    model = cnn_model(how)
    forward = how.compiled(model)
    images = torch.from_numpy(problem.images.copy()).view(-1, 1, 28, 28)
    labels = torch.from_numpy(problem.labels.astype("int64"))
    batches = list(torch.from_numpy(problem.batches(size).astype("int64")))

    def loss_of(step):
        rows = batches[step % len(batches)]
        pixels = how.layout(images.index_select(0, rows).float().div_(255))
        return functional.cross_entropy(forward(pixels), labels.index_select(0, rows))

    return learn(model, loss_of)


def cnn_scores(problem, size, how):
    model = cnn_model(how)
    pixels = how.layout(torch.from_numpy(problem.pixels(size)).view(-1, 1, 28, 28))

    def work(repeats):
        with torch.inference_mode():
            for _ in range(repeats):
                scores = model(pixels)
        return scores[-1, -1].item()

    return work


def train_gpt(_, size, how):
    model, text = with_first_values(Gpt(), lambda _: gpt.BOUND), gpt.text()
    forward = how.compiled(model)

    def loss_of(step):
        seen, following = map(torch.from_numpy, gpt.batch(text, step, size))
        return functional.cross_entropy(forward(seen).flatten(0, 1), following)

    return learn(model, loss_of)


def generate(_, size, how):
    """Whole sequences, a character at a time, with cached keys and values."""
    model = with_first_values(Gpt(), lambda _: gpt.BOUND)
    seen, _ = gpt.batch(gpt.text(), 0, size)
    columns = torch.from_numpy(seen).split(1, 1)

    def work(repeats):
        with torch.inference_mode():
            for _ in range(repeats):
                caches = model.empty_caches(size)
                for position, characters in enumerate(columns):
                    scores = model.forward_next(characters, position, caches)
        return scores.view(-1)[-1].item()

    return work


class ResidualBlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(64, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64)
        self.conv2, self.norm2 = nn.Conv2d(64, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64)

    def forward(self, x):
        y = functional.relu(self.norm1(self.conv1(x)), inplace=True)
        return functional.relu(x + self.norm2(self.conv2(y)), inplace=True)


def resnet_block(_, size, how):
    return image_block(ResidualBlock(), size, how)


def depthwise(_, size, how):
    layers = nn.Sequential(
        nn.Conv2d(64, 64, 3, padding=1, groups=64, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True),
        nn.Conv2d(64, 64, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True),
    )  # fmt: skip
    return image_block(layers, size, how)


def lstm(_, size, how):
    model = with_first_values(nn.LSTM(128, 256))
    forward = how.compiled(model)
    x, seed = (
        torch.from_numpy(centred((64, size, width), multiplier)) for width, multiplier in zip((128, 256), MULTIPLIERS)
    )
    return repeat_block(model, lambda x: forward(x)[0], x, seed)


class SkipGram(nn.Module):
    def __init__(self, count):
        super().__init__()
        self.words = nn.Embedding(count, word_pairs.WIDTH)
        self.neighbours = nn.Embedding(count, word_pairs.WIDTH)

    def forward(self, words, neighbours, drawn):
        word = self.words(words).unsqueeze(1)
        near = functional.logsigmoid((word * self.neighbours(neighbours)).sum(2)).sum()
        far = functional.logsigmoid(-(word * self.neighbours(drawn)).sum(2)).sum()
        return -(near + far) / len(words)


def skip_gram(_, size, how):
    count, text = word_pairs.words()
    model = with_first_values(SkipGram(count), lambda _: word_pairs.BOUND)
    forward = how.compiled(model)
    examples = (word_pairs.examples(text, number, size) for number in range(word_pairs.BATCHES))
    batches = [tuple(map(torch.from_numpy, arrays)) for arrays in examples]
    return learn(model, lambda step: forward(*batches[step % len(batches)]))


STEPS = {
    "cnn": cnn,
    "gpt": train_gpt,
    "resnet-block": resnet_block,
    "depthwise": depthwise,
    "lstm": lstm,
    "skip-gram": skip_gram,
}
SCORES = {"cnn": cnn_scores, "gpt": generate}
# Networks to whose speed the layout of images makes a difference.
CONVOLUTIONAL = ["cnn", "resnet-block", "depthwise"]
