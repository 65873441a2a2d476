"""The small GPT of the benchmarks: its text and first weights, the same as in `benches/src/gpt.rs`."""

from pathlib import Path

import numpy as np

CONTEXT, CHARACTERS, WIDTH, HEADS, BLOCKS, BOUND = 64, 65, 128, 4, 2, 0.035


def hashed(indices):
    """Integers that look random: the last steps of MurmurHash3 on 32 bits."""
    bits = np.asarray(indices, dtype=np.uint32)
    bits = (bits ^ (bits >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    bits = (bits ^ (bits >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return bits ^ (bits >> np.uint32(16))


def first_weights(matrix, shape):
    indices = (matrix << 20) | np.arange(np.prod(shape), dtype=np.uint32)
    return ((2 * (hashed(indices) / 2.0**32) - 1) * BOUND).astype(np.float32).reshape(shape)


def text():
    """The text as indices of its characters, which are sorted by how frequent they are, then by their code."""
    file = Path(__file__).parent / "../../nn/examples/data/shakespeare.txt"
    data = np.frombuffer(file.read_bytes(), np.uint8)
    counts = np.bincount(data, minlength=256)
    order = sorted(range(256), key=lambda byte: (-counts[byte], byte))
    indices = np.empty(256, np.int64)
    indices[order] = np.minimum(np.arange(256), CHARACTERS - 1)
    return indices[data]


def batch(data, step, size):
    """The sequences of a step, `[size, CONTEXT]`, and the characters after theirs, `[size * CONTEXT]`."""
    rows = np.arange(step * size, (step + 1) * size)
    starts = hashed(rows).astype(np.int64) % (len(data) - CONTEXT)
    positions = starts[:, None] + np.arange(CONTEXT)
    return data[positions], data[positions + 1].reshape(-1)
