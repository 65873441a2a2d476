"""The text and the examples of the benchmarks' word vectors, the same as in `benches/src/networks/skip_gram.rs`."""

import re
from collections import Counter
from pathlib import Path

import numpy as np

from start import hashed

WIDTH, NEGATIVES, REACH, BATCHES, BOUND = 64, 5, 4, 64, 0.1


def words():
    """How many words are known, and the text as their indices: the most frequent word is 0."""
    file = Path(__file__).parent / "../../nn/examples/data/shakespeare.txt"
    text = [word.lower() for word in re.findall("[A-Za-z]+", file.read_text())]
    counts = Counter(text)
    known = sorted((word for word in counts if counts[word] >= 8), key=lambda word: (-counts[word], word))
    indices = {word: index for index, word in enumerate(known)}
    return len(known), np.array([indices[word] for word in text if word in indices])


def examples(text, number, size):
    """Words `[size]`, a neighbour of each `[size, 1]`, and words that are drawn for each `[size, NEGATIVES]`."""
    integers = 2 + NEGATIVES
    pairs = np.arange(number * size, (number + 1) * size)
    random = hashed(pairs[:, None] * integers + np.arange(integers)).astype(np.int64)
    positions = random[:, :1] % (len(text) - REACH)
    neighbours = text[positions + 1 + random[:, 1:2] % REACH]
    drawn = text[random[:, 2:] % len(text)]
    return text[positions[:, 0]], neighbours, drawn
