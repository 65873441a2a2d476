"""Layers of the networks in JAX: functions of a dictionary of parameters, the name of a layer in it, and an input."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from start import by_fan_in, first_weights


def first_values(shapes, bound=by_fan_in):
    """Parameters of these shapes, in PyTorch's order: hashed ones for matrices and filters, 1 for other weights, 0."""
    parameters, matrix = {}, 0
    for name, shape in shapes.items():
        if len(shape) >= 2:
            parameters[name] = jnp.array(first_weights(matrix, shape, bound(shape)))
            matrix += 1
        else:
            parameters[name] = jnp.full(shape, 1.0 if name.endswith("weight") else 0.0)
    return parameters


def channels_last(images):
    """Images of PyTorch's layout in the one that XLA computes convolutions in."""
    return jnp.array(images.transpose(0, 2, 3, 1))


def linear(parameters, name, x):
    return x @ parameters[f"{name}.weight"].T + parameters[f"{name}.bias"]


def convolution(parameters, name, x):
    """A convolution that keeps the size of images, which are channels-last; filters have PyTorch's layout."""
    filters = parameters[f"{name}.weight"]
    layout = lax.conv_dimension_numbers(x.shape, filters.shape, ("NHWC", "OIHW", "NHWC"))
    y = lax.conv_general_dilated(x, filters, (1, 1), "SAME", dimension_numbers=layout)
    bias = parameters.get(f"{name}.bias")
    return y if bias is None else y + bias


def depthwise_convolution(parameters, name, x):
    """A 3×3 convolution of each channel, as a sum of shifted images: three times as fast as a grouped one."""
    filters, (_, height, width, _) = parameters[f"{name}.weight"], x.shape
    padded = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))

    def shifted(row, column):
        return padded[:, row : row + height, column : column + width] * filters[:, 0, row, column]

    return sum(shifted(row, column) for row in range(3) for column in range(3))


def pointwise_convolution(parameters, name, x):
    """A 1×1 convolution, as a matrix product: twice as fast as a convolution."""
    return x @ parameters[f"{name}.weight"][:, :, 0, 0].T


def max_pool(x):
    """The greatest of each 2×2 pixels; the gradient of `lax.reduce_window` takes much longer."""
    images, height, width, channels = x.shape
    return x.reshape(images, height // 2, 2, width // 2, 2, channels).max((2, 4))


def batch_norm(parameters, name, x, running):
    """Normalizes the channels of images; returns the new running mean and variance, too."""
    mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    scale = parameters[f"{name}.weight"] * lax.rsqrt(variance + 1e-5)
    count = x.size // x.shape[-1]
    running = [0.9 * old + 0.1 * new for old, new in zip(running, (mean, variance * count / (count - 1)))]
    return (x - mean) * scale + parameters[f"{name}.bias"], running


def layer_norm(parameters, name, x):
    normalized = (x - x.mean(-1, keepdims=True)) * lax.rsqrt(x.var(-1, keepdims=True) + 1e-5)
    return normalized * parameters[f"{name}.weight"] + parameters[f"{name}.bias"]


def cross_entropy(scores, labels):
    logarithms = jax.nn.log_softmax(scores)
    return -jnp.take_along_axis(logarithms, labels[:, None], axis=1).mean()


def learn(parameters, loss_of, inputs_of):
    """Training steps with Adam, given the loss and the inputs of a step; the value to agree on is the last loss."""

    @partial(jax.jit, donate_argnums=0)
    def step(state, *inputs):
        parameters, means, squares, count = state
        loss, gradients = jax.value_and_grad(loss_of)(parameters, *inputs)
        count += 1
        means = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, means, gradients)
        squares = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, squares, gradients)
        size, root = 1e-3 / (1 - 0.9**count), jnp.sqrt(1 - 0.999**count)
        parameters = jax.tree.map(
            lambda w, m, v: w - size * m / (jnp.sqrt(v) / root + 1e-8), parameters, means, squares
        )
        return (parameters, means, squares, count), loss

    zeros = partial(jax.tree.map, jnp.zeros_like)
    state = parameters, zeros(parameters), zeros(parameters), jnp.float32(0)
    done = 0

    def work(repeats):
        nonlocal state, done
        for _ in range(repeats):
            state, loss = step(state, *inputs_of(done))
            done += 1
        jax.block_until_ready(state)
        return float(loss)

    return work
