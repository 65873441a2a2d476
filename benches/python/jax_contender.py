"""JAX as a contender: `python jax_contender.py THREADS`.

Everything is compiled with `jit`, and the weights' memory is donated.
"""

import os
import sys

# XLA starts as many threads as there are cores to run on.
THREADS = int(sys.argv[1])
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])
os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import jax.numpy as jnp

from contender import GRADIENT, operands, serve
from jax_networks import SCORES, STEPS, learn_digits, repeat_scores


def scores_of(parameters, x):
    pairs = list(zip(parameters[::2], parameters[1::2]))
    for weight, bias in pairs[:-1]:
        x = jax.nn.relu(x @ weight.T + bias)
    weight, bias = pairs[-1]
    return x @ weight.T + bias


def train(problem, size):
    parameters = [jnp.array(values) for values in problem.parameters]
    return learn_digits(problem, size, parameters, scores_of)


def infer(problem, size):
    parameters = [jnp.array(values) for values in problem.parameters]
    return repeat_scores(scores_of, parameters, jnp.array(problem.pixels(size)))


FUNCTIONS = {
    "add": lambda x, y: x + y,
    "mul": lambda x, y: x * y,
    "scale": lambda x, _: x * 0.3,
    "relu": lambda x, _: jax.nn.relu(x),
    "exp": lambda x, _: jnp.exp(x),
    "tanh": lambda x, _: jnp.tanh(x),
    "sigmoid": lambda x, _: jax.nn.sigmoid(x),
    "gelu": lambda x, _: jax.nn.gelu(x, approximate=False),
    "gelu_tanh": lambda x, _: jax.nn.gelu(x, approximate=True),
    "erf": lambda x, _: jax.scipy.special.erf(x),
    "sum": lambda x, _: x.sum(),
    "sum_rows": lambda x, _: x.sum(0),
    "sum_columns": lambda x, _: x.sum(1),
    "max": lambda x, _: x.max(),
    "max_rows": lambda x, _: x.max(0),
    "argmax": lambda x, _: x.argmax(1),
    "softmax": lambda x, _: jax.nn.softmax(x, 1),
    "softmax_rows": lambda x, _: jax.nn.softmax(x, 0),
    "log_softmax": lambda x, _: jax.nn.log_softmax(x, 1),
    "transpose": lambda x, _: x.T,
}


def elementwise(name):
    forward = FUNCTIONS.get(name.removesuffix(GRADIENT))
    if forward is None:
        return None
    if name.endswith(GRADIENT):
        function = jax.jit(lambda x, y: jax.vjp(lambda x: forward(x, y), x)[1](y)[0])
    else:
        function = jax.jit(forward)
    x, y = map(jnp.array, operands())

    def work(repeats):
        for _ in range(repeats):
            result = None  # So that the next one can use its memory.
            result = function(x, y).block_until_ready()
        return float(result.ravel()[-1])

    return work


def prepare(problem, words):
    match words:
        case ["train", size]:
            return train(problem, int(size))
        case ["train", name, size]:
            return STEPS[name](problem, int(size))
        case ["infer", size]:
            return infer(problem, int(size))
        case ["infer", name, size]:
            return SCORES[name](problem, int(size))
        case ["elementwise", name, *_]:
            return elementwise(name)
    # A chain of operations would be compiled into one.
    return None


serve("JAX", jax.__version__, "jit, donated memory", prepare)
