"""The state of a model and its optimizer, between PyTorch and the files of `nn::checkpoint::save_run` and `load_run`.

In such a file the tensors of the model are `model.NAME`. Of the part `optimizer` there are `optimizer.NAME.step`,
`optimizer.NAME.exp_avg` and so on, under PyTorch's names, and `optimizer.param_groups.0.lr`, `.initial_lr` and, if the
optimizer has one, `.momentum` (beta1 of Adam's family). The optimizer has one group, of `model.parameters()`.
"""

import torch
from safetensors.torch import load_file, save_file

# PyTorch keeps these in float32 for parameters of any type.
SCALARS = ("step", "mu_product", "eta", "mu")


def load_run(model, optimizer, path):
    """Goes on where Gradus saved a run."""
    tensors = load_file(path)

    def within(prefix):
        return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}

    model.load_state_dict(within("model."))
    for name, param in model.named_parameters():
        state = within(f"optimizer.{name}.")
        optimizer.state[param] = {key: value.float() if key in SCALARS else value for key, value in state.items()}
    settings = within("optimizer.param_groups.0.")
    (group,) = optimizer.param_groups
    group.update(lr=settings["lr"].item(), initial_lr=settings["initial_lr"].item())
    if "betas" in group:
        group["betas"] = (settings["momentum"].item(), group["betas"][1])
    elif "momentum" in group:
        group["momentum"] = settings["momentum"].item()


def save_run(model, optimizer, path):
    """Saves a run for Gradus to go on with."""
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    for name, param in model.named_parameters():
        # SGD without momentum has a buffer that is None.
        state = {key: value for key, value in optimizer.state[param].items() if value is not None}
        # SGD counts no steps: it is enough that there was one.
        step = int(state.pop("step", 1))
        tensors[f"optimizer.{name}.step"] = torch.tensor(step, dtype=torch.uint64)
        for key, value in state.items():
            tensors[f"optimizer.{name}.{key}"] = value.to(param.dtype)
    (group,) = optimizer.param_groups
    settings = {"lr": group["lr"], "initial_lr": group.get("initial_lr", group["lr"])}
    if "betas" in group:
        settings["momentum"] = group["betas"][0]
    elif "momentum" in group:
        settings["momentum"] = group["momentum"]
    for name, value in settings.items():
        tensors[f"optimizer.param_groups.0.{name}"] = torch.tensor(value, dtype=torch.float64)
    save_file(tensors, path)
