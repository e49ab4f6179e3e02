"""The optimiser that everything learns by, as the protocol says, and its state in checkpoints."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from roskdbench.engine.recipe import Recipe


def make_optimiser(recipe: Recipe, parameters: Sequence[nn.Parameter]) -> torch.optim.Optimizer:
    """SGD or AdamW over all that learns."""
    fused = parameters[0].device.type == "cuda"
    if recipe.algorithm == "adamw":
        return torch.optim.AdamW(
            parameters, lr=recipe.lr, betas=recipe.betas, weight_decay=recipe.weight_decay, fused=fused
        )
    return torch.optim.SGD(
        parameters,
        lr=recipe.lr,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        nesterov=recipe.nesterov,
        fused=fused,
    )


def kept_state(optimiser: torch.optim.Optimizer, parameters: Sequence[nn.Parameter]) -> dict[str, Tensor]:
    """What the optimiser remembers of each parameter, by the parameter's number and the name of what it is."""
    return {
        f"{number} {name}": value
        for number, parameter in enumerate(parameters)
        for name, value in optimiser.state[parameter].items()
        if isinstance(value, Tensor)
    }


def take_up(state: Mapping[str, Tensor], optimiser: torch.optim.Optimizer, parameters: Sequence[nn.Parameter]) -> None:
    """Let the optimiser remember what was kept, each value laid out as its parameter is."""
    for key, value in state.items():
        number, _, name = key.partition(" ")
        parameter = parameters[int(number)]
        like = torch.empty_like(parameter) if value.shape == parameter.shape else torch.empty_like(value)
        optimiser.state[parameter][name] = like.copy_(value)
