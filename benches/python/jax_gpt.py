"""The small GPT of the benchmarks in JAX: the same as in `benches/src/networks/gpt.rs`."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

import gpt
from jax_layers import layer_norm, linear


def shapes():
    """The names and shapes of the parameters."""
    width = gpt.WIDTH
    sizes = {"qkv": (3 * width, width), "out": (width, width), "up": (4 * width, width), "down": (width, 4 * width)}
    result = {"characters": (gpt.CHARACTERS, width), "positions": (gpt.CONTEXT, width)}
    for block in range(gpt.BLOCKS):
        for name, size in sizes.items():
            result |= {f"{block}.{name}.weight": size, f"{block}.{name}.bias": size[:1]}
        for name in ("norm1", "norm2"):
            result |= {f"{block}.{name}.weight": (width,), f"{block}.{name}.bias": (width,)}
    return result | {"norm.weight": (width,), "norm.bias": (width,), "head.weight": (gpt.CHARACTERS, width)}


SHAPES = shapes()


def block_of(parameters, name, x, attention):
    """x + attention(norm(x)), then x + feed_forward(norm(x))."""
    qkv = linear(parameters, f"{name}.qkv", layer_norm(parameters, f"{name}.norm1", x))
    q, k, v = qkv.reshape(*x.shape[:2], 3, gpt.HEADS, -1).transpose(2, 0, 1, 3, 4)
    x = x + linear(parameters, f"{name}.out", attention(q, k, v).reshape(x.shape))
    up = linear(parameters, f"{name}.up", layer_norm(parameters, f"{name}.norm2", x))
    return x + linear(parameters, f"{name}.down", jax.nn.gelu(up, approximate=True))


def scores_behind(parameters, x):
    return layer_norm(parameters, "norm", x) @ parameters["head.weight"].T


def scores_of(parameters, characters):
    x = parameters["characters"][characters] + parameters["positions"][: characters.shape[1]]
    for block in range(gpt.BLOCKS):
        x = block_of(parameters, block, x, partial(jax.nn.dot_product_attention, is_causal=True))
    return scores_behind(parameters, x)


@partial(jax.jit, donate_argnums=1)
def scores_of_next(parameters, caches, characters, position):
    """The scores of the characters, `[batch, 1]`, that stand at a position behind those in the caches.

    The caches hold the keys and values of each block, with room for a whole sequence; they are returned, too.
    """
    caches, x = list(caches), parameters["characters"][characters] + parameters["positions"][position]
    for block in range(gpt.BLOCKS):

        def attention(q, k, v):
            kept = [lax.dynamic_update_slice_in_dim(old, new, position, 1) for old, new in zip(caches[block], (k, v))]
            caches[block] = kept
            return jax.nn.dot_product_attention(q, *kept, key_value_seq_lengths=jnp.full(len(q), position + 1))

        x = block_of(parameters, block, x, attention)
    return scores_behind(parameters, x), caches


def empty_caches(batch):
    shape = batch, gpt.CONTEXT, gpt.HEADS, gpt.WIDTH // gpt.HEADS
    return [[jnp.zeros(shape), jnp.zeros(shape)] for _ in range(gpt.BLOCKS)]
