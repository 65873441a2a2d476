"""PyTorch's DistributedDataParallel over gloo, for `benches scale`: one process of a job.

    torch_ddp.py RANK RANKS THREADS PORT cnn|mlp BATCH STEPS

The batch is that of the whole job. Rank 0 prints the images a second.
"""

import os
import sys
import time

import torch
from torch import nn

WARM = 5
IMAGES = 8192


def network(kind):
    if kind == "cnn":
        return nn.Sequential(
            nn.Unflatten(1, (1, 28, 28)),
            nn.Conv2d(1, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(1568, 128), nn.ReLU(), nn.Linear(128, 10),
        )  # fmt: skip
    return nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))


def main():
    rank, ranks, threads, port = map(int, sys.argv[1:5])
    kind, batch, steps = sys.argv[5], int(sys.argv[6]), int(sys.argv[7])
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    model = network(kind)
    if ranks > 1:
        os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
        torch.distributed.init_process_group("gloo", rank=rank, world_size=ranks)
        model = nn.parallel.DistributedDataParallel(model)
    adam = torch.optim.Adam(model.parameters(), 1e-3, fused=True)
    criterion = nn.CrossEntropyLoss()
    images = torch.rand(IMAGES, 784)
    labels = torch.arange(IMAGES) * 7919 % 10
    own = batch // ranks
    start = 0.0
    for step in range(WARM + steps):
        if step == WARM:
            start = time.perf_counter()
        first = step * batch % (IMAGES - batch + 1) + rank * own
        adam.zero_grad()
        criterion(model(images[first : first + own]), labels[first : first + own]).backward()
        adam.step()
    if rank == 0:
        print(f"{steps * batch / (time.perf_counter() - start):.0f}", flush=True)
    if ranks > 1:
        torch.distributed.destroy_process_group()


main()
