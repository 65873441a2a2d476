"""The networks of `train --model` and `inference --model` in JAX: the same as in `benches/src/networks`.

A function for each network prepares its training step, or its scores: given the problem and the examples in a batch, it
returns a function of the repetitions. Images are channels-last, in which XLA computes convolutions.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

import gpt
import jax_gpt
import word_pairs
from contender import MULTIPLIERS, centred
from jax_layers import (
    batch_norm, channels_last, convolution, cross_entropy, depthwise_convolution, first_values, learn, linear, max_pool,
    pointwise_convolution,
)  # fmt: skip


def repeat_block(forward, parameters, running, x, seed):
    """Forward and backward through a block; to agree on is the sum of the root mean squares of all gradients.

    `forward` returns the output and the running statistics, which take the place of those before.
    """

    @partial(jax.jit, donate_argnums=1)
    def step(parameters, running, x, seed):
        y, backward, running = jax.vjp(lambda *leaves: forward(*leaves, running), parameters, x, has_aux=True)
        return y, backward(seed), running

    def work(repeats):
        nonlocal running
        for _ in range(repeats):
            # Steps that do not wait for each other would run at the same time.
            _, gradients, running = jax.block_until_ready(step(parameters, running, x, seed))
        return sum(float(jnp.sqrt(jnp.square(gradient).mean())) for gradient in jax.tree.leaves(gradients))

    return work


def image_block(forward, shapes, size):
    """A block with two batch norms from 64 channels of 32×32 pixels to the same shape."""
    for name in ("norm1", "norm2"):
        shapes |= {f"{name}.weight": (64,), f"{name}.bias": (64,)}
    x, seed = (channels_last(centred((size, 64, 32, 32), multiplier)) for multiplier in MULTIPLIERS)
    running = [[jnp.zeros(64), jnp.ones(64)] for _ in range(2)]
    return repeat_block(forward, first_values(shapes), running, x, seed)


CNN = {
    "conv1.weight": (16, 1, 5, 5), "conv1.bias": (16,),
    "conv2.weight": (32, 16, 5, 5), "conv2.bias": (32,),
    "linear1.weight": (128, 1568), "linear1.bias": (128,),
    "linear2.weight": (10, 128), "linear2.bias": (10,),
}  # fmt: skip


def scores_of(parameters, pixels):
    x = pixels.reshape(-1, 28, 28, 1)
    for name in ("conv1", "conv2"):
        x = max_pool(jax.nn.relu(convolution(parameters, name, x)))
    # The weight was made for features that are sorted by channels.
    features = x.transpose(0, 3, 1, 2).reshape(len(x), -1)
    return linear(parameters, "linear2", jax.nn.relu(linear(parameters, "linear1", features)))


def learn_digits(problem, size, parameters, scores_of):
    """Training steps of a network from rows of pixels to scores."""
    images, labels = jnp.array(problem.images), jnp.array(problem.labels.astype("int32"))
    batches = [jnp.array(rows.astype("int32")) for rows in problem.batches(size)]

    def loss_of(parameters, images, labels, rows):
        pixels = images[rows].astype(jnp.float32) / 255
        return cross_entropy(scores_of(parameters, pixels), labels[rows])

    return learn(parameters, loss_of, lambda step: (images, labels, batches[step % len(batches)]))


def cnn(problem, size):
    return learn_digits(problem, size, first_values(CNN), scores_of)


def cnn_scores(problem, size):
    return repeat_scores(scores_of, first_values(CNN), jnp.array(problem.pixels(size)))


def repeat_scores(scores_of, parameters, x):
    """The scores of the same examples again and again, of which the last is the value to agree on."""
    function = jax.jit(scores_of)

    def work(repeats):
        for _ in range(repeats):
            scores = None  # So that the next ones can use its memory.
            scores = function(parameters, x).block_until_ready()
        return float(scores[-1, -1])

    return work


def train_gpt(_, size):
    text = gpt.text()

    def loss_of(parameters, seen, following):
        return cross_entropy(jax_gpt.scores_of(parameters, seen).reshape(-1, gpt.CHARACTERS), following)

    def inputs_of(step):
        return (part.astype("int32") for part in gpt.batch(text, step, size))

    return learn(first_values(jax_gpt.SHAPES, lambda _: gpt.BOUND), loss_of, inputs_of)


def generate(_, size):
    """Whole sequences, a character at a time, with cached keys and values."""
    parameters = first_values(jax_gpt.SHAPES, lambda _: gpt.BOUND)
    seen, _ = gpt.batch(gpt.text(), 0, size)
    columns = [jnp.array(column.astype("int32")) for column in np.split(seen, seen.shape[1], 1)]

    def work(repeats):
        for _ in range(repeats):
            caches = jax_gpt.empty_caches(size)
            for position, characters in enumerate(columns):
                scores, caches = jax_gpt.scores_of_next(parameters, caches, characters, position)
            scores.block_until_ready()
        return float(scores.ravel()[-1])

    return work


def residual_block(parameters, x, running):
    y, first = batch_norm(parameters, "norm1", convolution(parameters, "conv1", x), running[0])
    y, second = batch_norm(parameters, "norm2", convolution(parameters, "conv2", jax.nn.relu(y)), running[1])
    return jax.nn.relu(x + y), [first, second]


def resnet_block(_, size):
    return image_block(residual_block, {"conv1.weight": (64, 64, 3, 3), "conv2.weight": (64, 64, 3, 3)}, size)


def separable_block(parameters, x, running):
    y, first = batch_norm(parameters, "norm1", depthwise_convolution(parameters, "conv1", x), running[0])
    y, second = batch_norm(parameters, "norm2", pointwise_convolution(parameters, "conv2", jax.nn.relu(y)), running[1])
    return jax.nn.relu(y), [first, second]


def depthwise(_, size):
    return image_block(separable_block, {"conv1.weight": (64, 1, 3, 3), "conv2.weight": (64, 64, 1, 1)}, size)


LSTM = {"weight_ih": (1024, 128), "weight_hh": (1024, 256), "bias_ih": (1024,), "bias_hh": (1024,)}


def hidden_states(parameters, x, running):
    """Those of an LSTM at all times; the products with the inputs of all times are one."""
    of_inputs = x @ parameters["weight_ih"].T + parameters["bias_ih"] + parameters["bias_hh"]

    def cell(state, of_input):
        hidden, memory = state
        gates = of_input + hidden @ parameters["weight_hh"].T
        enter, keep, candidate, leave = jnp.split(gates, 4, axis=1)
        memory = jax.nn.sigmoid(keep) * memory + jax.nn.sigmoid(enter) * jnp.tanh(candidate)
        hidden = jax.nn.sigmoid(leave) * jnp.tanh(memory)
        return (hidden, memory), hidden

    start = jnp.zeros((x.shape[1], 256))
    return lax.scan(cell, (start, start), of_inputs)[1], running


def lstm(_, size):
    x, seed = (jnp.array(centred((64, size, width), of)) for width, of in zip((128, 256), MULTIPLIERS))
    return repeat_block(hidden_states, first_values(LSTM), [], x, seed)


def skip_gram(_, size):
    count, text = word_pairs.words()
    shape = count, word_pairs.WIDTH
    parameters = first_values({"words": shape, "neighbours": shape}, lambda _: word_pairs.BOUND)

    def loss_of(parameters, words, neighbours, drawn):
        word = parameters["words"][words][:, None]
        near = jax.nn.log_sigmoid((word * parameters["neighbours"][neighbours]).sum(2)).sum()
        far = jax.nn.log_sigmoid(-(word * parameters["neighbours"][drawn]).sum(2)).sum()
        return -(near + far) / len(words)

    examples = (word_pairs.examples(text, number, size) for number in range(word_pairs.BATCHES))
    batches = [[jnp.array(indices.astype("int32")) for indices in arrays] for arrays in examples]
    return learn(parameters, loss_of, lambda step: batches[step % len(batches)])


STEPS = {
    "cnn": cnn,
    "gpt": train_gpt,
    "resnet-block": resnet_block,
    "depthwise": depthwise,
    "lstm": lstm,
    "skip-gram": skip_gram,
}
SCORES = {"cnn": cnn_scores, "gpt": generate}
