"""Goes on with each optimizer's run, compares the weights after the steps, and writes a run of its own.

    python optimizers.py FOLDER
"""

import glob
import sys

import torch
from optimizer_state import load_run, save_run
from safetensors.torch import load_file, save_file

# As in nn/tests/exchange/optimizers.rs.
STEPS = 6


def train(model, optimizer, x, y):
    for _ in range(STEPS):
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()


torch.manual_seed(1)
example = load_file(f"{sys.argv[1]}/optimizers.safetensors")
x, y = example["x"], example["y"]
worst = 0.0
paths = sorted(glob.glob(f"{sys.argv[1]}/*.optimizer.py"))
for path in paths:
    stem = path[: -len(".py")]
    text = open(path).read()

    def start():
        model = torch.nn.Linear(3, 2).double()
        return model, eval(text, dict(vars(torch.optim), p=model.parameters()))

    model, optimizer = start()
    load_run(model, optimizer, f"{stem}.run.safetensors")
    train(model, optimizer, x, y)
    expected = load_file(f"{stem}.then.safetensors")
    distance = max((value - expected[name]).abs().max().item() for name, value in model.state_dict().items())
    assert distance < 1e-11, f"{text}: the weights differ by {distance}"
    worst = max(worst, distance)

    model, optimizer = start()
    train(model, optimizer, x, y)
    save_run(model, optimizer, f"{stem}.torch.run.safetensors")
    train(model, optimizer, x, y)
    save_file(model.state_dict(), f"{stem}.torch.then.safetensors")
    print(text)
print(f"PyTorch {torch.__version__} goes on with {len(paths)} optimizers; largest distance of the weights {worst:.1e}")
