"""`labels`: the labels that training sees. Validation and test keep the true ones."""

import numpy as np

from roskdbench.fingerprint import canonical_json
from roskdbench.jobs.work import Work


def run(work: Work) -> None:
    """Write labels.npz (targets of all samples; flipped, 1 where training sees another label) and noise.json."""
    labels = work.problem().labels
    targets, train = labels.targets.copy(), work.training_part()
    if work.spec["noise"] == "own":
        if labels.noisy_targets is None:
            raise ValueError("the problem has no noisy copy of its labels")
        targets[train] = labels.noisy_targets[train]
    flipped = (targets != labels.targets).astype(np.uint8)
    np.savez(work.folder / "labels.npz", targets=targets, flipped=flipped)
    facts = {"noise": work.spec["noise"], "realised_rate": round(float(flipped[train].mean()), 6)}
    (work.folder / "noise.json").write_text(canonical_json(facts), "utf-8")
