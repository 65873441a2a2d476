"""First weights and inputs of the networks, the same as in `benches/src/networks/start.rs`."""

import math

import numpy as np


def hashed(indices):
    """Integers that look random: the last steps of MurmurHash3 on 32 bits."""
    bits = np.asarray(indices, dtype=np.uint32)
    bits = (bits ^ (bits >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    bits = (bits ^ (bits >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return bits ^ (bits >> np.uint32(16))


def first_weights(matrix, shape, bound):
    """The first weights of a network's matrix or filters, of which this is number `matrix`."""
    indices = (matrix << 20) | np.arange(np.prod(shape), dtype=np.uint32)
    return ((2 * (hashed(indices) / 2.0**32) - 1) * bound).astype(np.float32).reshape(shape)


def by_fan_in(shape):
    """PyTorch's bound for linear layers and convolutions."""
    return 1 / math.sqrt(math.prod(shape[1:]))
