"""A teacher's logits for every view that students will meet."""

import numpy as np
import torch
from numpy.typing import NDArray

from roskdbench.engine.device import ComputeConfig
from roskdbench.engine.epoch_views import EpochViews
from roskdbench.engine.examples import Examples, batches, epoch_order
from roskdbench.engine.networks import Classifier
from roskdbench.engine.recipe import Recipe, Seeds
from roskdbench.engine.training import ReportProgress


def fill(
    bank: NDArray[np.floating],
    teacher: Classifier,
    examples: Examples,
    recipe: Recipe,
    seeds: Seeds,
    config: ComputeConfig,
    report: ReportProgress,
) -> None:
    """Write logits into bank [views, n, C], in the very batches a student will draw, so that each row is to the bit
    what the teacher would say if it were asked in that step.
    """
    teacher.to(examples.device).eval()
    config = config.lay_out(teacher)
    for view in range(recipe.view_count):
        bank[view] = logits_of_view(teacher, examples, recipe, seeds, view, config)
        report((view + 1) / recipe.view_count, f"view {view + 1}")


def logits_of_view(
    network: Classifier, examples: Examples, recipe: Recipe, seeds: Seeds, view: int, config: ComputeConfig
) -> NDArray[np.float32]:
    """What a network in eval mode, laid out for the config, says of a view of every example, in their order. [n, C]

    Its weights are brought to the config's precision once for the whole view.
    """
    device, seen = examples.device, EpochViews(examples, recipe, seeds.views, view)
    order = epoch_order(len(examples), view, seeds.order)
    logits = []
    with torch.no_grad(), config.computing(device):
        for positions in batches(order.to(device, non_blocking=True), recipe.batch):
            with torch.autocast(device.type, enabled=False):
                images = config.images(seen.images(positions))
            logits.append(network(images).float())
    together = torch.cat(logits).cpu().numpy()
    found = np.empty_like(together)
    found[order.numpy()] = together
    return found
