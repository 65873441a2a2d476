"""A contender of the benchmarks in a process of its own.

The problem comes on standard input (see `Problem::write`), then requests, one a line; each gets one line for an answer:

    prepare TASK    yes, or no if the library has nothing to do it with
    run REPEATS     the seconds that they took, and a value that all contenders must agree on
"""

import sys
import time

import numpy as np

PLANE = (4096, 1024)
CHAIN = 1000
GRADIENT = "_gradient"
MULTIPLIERS = (2654435761, 2246822519)


class Problem:
    """The digits, their order, and the weights to start from."""

    def __init__(self, stream):
        count, *sizes = map(int, stream.readline().split())

        def take(kind, *shape):
            length = int(np.prod(shape)) * np.dtype(kind).itemsize
            return np.frombuffer(stream.read(length), kind).reshape(shape)

        self.sizes = sizes
        self.images = take("u1", count, sizes[0])
        self.labels = take("u1", count)
        self.order = take("<u4", count)
        self.parameters = []
        for inputs, outputs in zip(sizes, sizes[1:]):
            self.parameters += [take("<f4", outputs, inputs), take("<f4", outputs)]

    def batches(self, size):
        whole = len(self.order) // size
        return self.order[: whole * size].reshape(whole, size)

    def pixels(self, size):
        """The first batch, as values from 0 to 1."""
        return self.images[self.batches(size)[0]].astype(np.float32) / 255


def operand(length, multiplier):
    """Values between -2 and 6: see `operand` in problem.rs."""
    hashed = np.arange(1, length + 1, dtype=np.uint32) * np.uint32(multiplier)
    return (8 * (hashed.astype(np.float64) / 2.0**32) - 2).astype(np.float32)


def centred(shape, multiplier):
    """The same values, scaled to lie between -1 and 1."""
    return (operand(int(np.prod(shape)), multiplier) / 4 - np.float32(0.5)).reshape(shape)


def operands():
    """The tensors of elementwise tasks."""
    return [operand(PLANE[0] * PLANE[1], multiplier).reshape(PLANE) for multiplier in MULTIPLIERS]


def serve(name, version, settings, prepare):
    """Says who it is, then answers requests until there are none.

    `prepare(problem, words)` returns a function of the repetitions, or None.
    """
    stream = sys.stdin.buffer
    problem = Problem(stream)
    print(name, version, settings, sep="\t", flush=True)
    work = None
    for line in stream:
        verb, *words = line.decode().split()
        if verb == "prepare":
            work = None
            work = prepare(problem, words)
            answer = "no" if work is None else "yes"
        else:
            work(1)
            start = time.perf_counter()
            check = work(int(words[0]))
            answer = f"{time.perf_counter() - start!r} {check!r}"
        print(answer, flush=True)
