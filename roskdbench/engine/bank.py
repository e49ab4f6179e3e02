"""A teacher's logits for every view that students will meet."""

import numpy as np
import torch
from numpy.typing import NDArray

from roskdbench.engine.device import ComputeConfig
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
    device = examples.device
    teacher.to(device).eval()
    config = config.lay_out(teacher)
    for view in range(recipe.view_count):
        order = epoch_order(len(examples), view, seeds.order)
        logits = []
        for positions in batches(order.to(device, non_blocking=True), recipe.batch):
            images = config.images(examples.views(positions, view, seeds.views, recipe.augmentation))
            with torch.no_grad(), config.computing(device):
                logits.append(teacher(images).float())
        bank[view, order.numpy()] = torch.cat(logits).cpu().numpy()
        report((view + 1) / recipe.view_count, f"view {view + 1}")
