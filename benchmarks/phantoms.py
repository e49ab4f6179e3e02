"""How hard the phantoms are: logistic regression on pixels beside a small network, both on true labels.

    python benchmarks/phantoms.py [SEEDS]

Mean AUC over the classes with at least 8 test samples, 2,000 images of 32 pixels, 70/10/20 by group; a line for each
phantom and seed, which is that of the network and of the split.
"""

import sys

import torch
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import StandardScaler

from roskdbench.data.splits import holdout
from roskdbench.datasets.phantom_chest import PhantomChest
from roskdbench.datasets.phantom_lesion import PhantomLesion
from roskdbench.engine import networks
from roskdbench.engine.device import prepare
from roskdbench.engine.examples import Examples
from roskdbench.engine.prediction import logits_for
from roskdbench.engine.recipe import Recipe, Seeds
from roskdbench.engine.training import Training
from roskdbench.measuring.scores import auc
from roskdbench.method import Method
from roskdbench.suite.augmentation import PRESETS

ARCHITECTURE = {"model": "resnet18", "options": {"channels": [16, 32, 48, 64], "layers": [1, 1, 1, 1]}}


def compared(spec: type[PhantomLesion] | type[PhantomChest], seed: int, device: torch.device) -> tuple[float, float]:
    """The mean AUC of logistic regression, and of the network."""
    problem = spec(size=32, samples=2000).draw()
    labels, channels = problem.labels, problem.images.shape[1]
    split = holdout(labels, 0.7, 0.1, 0.2, seed)
    truth = labels.indicators[split.test] == 1
    common = truth.sum(0) >= 8
    pixels = problem.images.reshape(len(labels), -1) / 255.0
    pixels = StandardScaler().fit(pixels[split.train]).transform(pixels)
    model = OneVsRestClassifier(LogisticRegression(C=1e-3, max_iter=200))
    model.fit(pixels[split.train], labels.indicators[split.train])
    linear = auc(truth, model.decision_function(pixels[split.test]))[common].mean()
    statistics = {"mean": [0.5] * channels, "deviation": [0.25] * channels}
    network = networks.build(ARCHITECTURE, channels, 8, 32, "standard", statistics, seed)
    Training(
        task=labels.task,
        method=Method(),
        network=network,
        examples=Examples.place(problem.images, labels.targets, split.train, device),
        bank=[],
        recipe=Recipe(16, 32, 0.1, 0.9, 2e-4, (10, 14), 0.1, PRESETS["light"], None),
        seeds=Seeds(seed, seed + 1, seed + 2),
    ).run()
    small = auc(truth, logits_for(network, problem.images, split.test, device))[common].mean()
    return float(linear), float(small)


def main(seeds: int = 1) -> None:
    device = prepare()
    for seed in range(seeds):
        for spec in (PhantomLesion, PhantomChest):
            linear, small = compared(spec, seed, device)
            print(f"{spec.name}, seed {seed}: logistic regression {linear:.3f}, small network {small:.3f}", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
