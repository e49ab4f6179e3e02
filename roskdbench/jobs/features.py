"""`features`: what a small network, trained for a while on true labels, sees in every image. Instance-dependent label
noise is drawn on it: images that look alike to a network are mislabelled alike.
"""

from typing import Any

import numpy as np

from roskdbench.fingerprint import seed_for
from roskdbench.job import Kind
from roskdbench.jobs.context import JobContext

KIND = Kind(revision=1, uses_gpu=True)
ARCHITECTURE: dict[str, Any] = {
    "model": "resnet18",
    "options": {"channels": [16, 32, 64, 128], "layers": [1, 1, 1, 1]},
}


def run(context: JobContext) -> None:
    """Write features.npy [N, F], of all samples."""
    from roskdbench.engine.device import prepare
    from roskdbench.engine.examples import Examples
    from roskdbench.engine.networks import build
    from roskdbench.engine.prediction import features_for
    from roskdbench.engine.recipe import Recipe, Seeds
    from roskdbench.engine.training import Training
    from roskdbench.method import Method

    device, problem = prepare(), context.problem()
    channels, size = problem.images.shape[1:3]
    statistics = context.inputs["split"].json("statistics.json")
    classes = len(problem.labels.classes)
    seed = seed_for("weights", "features")
    network = build(ARCHITECTURE, channels, classes, size, "standard", statistics, seed)
    recipe = Recipe(
        epochs=5,
        batch=64,
        lr=0.05,
        momentum=0.9,
        weight_decay=5e-4,
        milestones=(4,),
        factor=0.1,
        augmentation=(),
        views=None,
    )
    training = Training(
        task=problem.labels.task,
        method=Method(),
        network=network,
        examples=Examples.place(problem.images, problem.labels.targets, context.training_part(), device),
        bank=[],
        recipe=recipe,
        seeds=Seeds.of("features"),
        report=context.report,
    )
    training.run()
    samples = np.arange(len(problem.labels))
    np.save(context.folder / "features.npy", features_for(network, problem.images, samples, device), allow_pickle=False)
