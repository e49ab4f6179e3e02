"""Tiny networks, problems and a recipe, for the tests of what is computed with torch."""

import numpy as np
import torch

from roskdbench.data.phantoms import draw_chest, draw_lesions
from roskdbench.data.problem import Labels
from roskdbench.engine.examples import Examples
from roskdbench.engine.networks import build
from roskdbench.engine.recipe import Recipe, Seeds
from roskdbench.suite.augmentation import PRESETS

ARCHITECTURE = {"model": "resnet18", "options": {"channels": [8, 8, 8, 8], "layers": [1, 1, 1, 1]}}


def tiny_network(channels=3, classes=8, seed=0, size=28, stem="standard", architecture=ARCHITECTURE):
    statistics = {"mean": [0.5] * channels, "deviation": [0.25] * channels}
    return build(architecture, channels, classes, size, stem, statistics, seed)


def tiny_problem(task="single-label", samples=72, seed=0):
    classes = tuple("abcdefgh")
    if task == "single-label":
        images, targets, groups = draw_lesions(samples, 28, seed)
    else:
        images, targets, groups = draw_chest(samples, 28, seed)
    return images, Labels(task, classes, targets, groups)


def tiny_examples(task="single-label", samples=72, device=None):
    images, labels = tiny_problem(task, samples)
    place = device or torch.device("cpu")
    return Examples.place(images, labels.targets, np.arange(samples), place), labels


RECIPE = Recipe(4, 16, 0.05, 0.9, 2e-4, (3,), 0.1, PRESETS["light"], None)
SEEDS = Seeds(order=11, views=22, method=33)
