"""`memorisation`: what a model says of the training samples whose labels noise flipped."""

import numpy as np

from roskdbench.engine.device import prepare
from roskdbench.engine.prediction import logits_for
from roskdbench.fingerprint import canonical_json
from roskdbench.jobs.context import JobContext
from roskdbench.jobs.networks import trained
from roskdbench.measures import Number
from roskdbench.measures.memorisation import memorisation_rows


def run(context: JobContext) -> None:
    """Write numbers.json. A teacher on a subset is judged on flipped labels it has learnt from, and on
    others.
    """
    device, problem, spec = prepare(), context.problem(), context.spec
    labels, train = problem.labels, context.training_part()
    arrays = context.inputs["labels"].arrays("labels.npz")
    seen_by_model = np.ones(len(train), dtype=bool)
    if "subsets" in context.inputs:
        seen_by_model = context.inputs["subsets"].arrays("members.npz")["members"][spec["subset"]] == 1
    flipped = arrays["flipped"][train].reshape(len(train), -1).any(1)
    network = trained(context.inputs["model"], spec["reading"])
    rows: list[Number] = []
    for what, members in (("flipped labels", True), ("other flipped labels", False)):
        chosen = train[flipped & (seen_by_model == members)]
        if members or len(chosen):
            logits = logits_for(network, problem.images, chosen, device)
            found = memorisation_rows(
                labels.task,
                labels.classes,
                labels.targets[chosen],
                arrays["targets"][chosen],
                arrays["flipped"][chosen],
                logits,
            )
            rows += [(what, *row) for row in found]
    (context.folder / "numbers.json").write_text(canonical_json(rows), "utf-8")
