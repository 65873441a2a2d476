"""The text of the small GPT of the benchmarks, the same as in `benches/src/networks/gpt.rs`."""

from pathlib import Path

import numpy as np

from start import hashed

CONTEXT, CHARACTERS, WIDTH, HEADS, BLOCKS, BOUND = 64, 65, 128, 4, 2, 0.035


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
