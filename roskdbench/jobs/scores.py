"""`scores`: the numbers of a set of predictions."""

import numpy as np

from roskdbench.fingerprint import canonical_json, seed_for
from roskdbench.jobs.work import Work
from roskdbench.measures.tested import Tested
from roskdbench.statistics import DRAWN_FILE, DRAWS_FILE
from roskdbench.statistics.bootstrap import draws_of


def run(work: Work) -> None:
    """Write numbers.json: scores against the problem's labels, and against its better ones where it has such; and
    draws.npy [M, D]: those that tables show over draws of the test part's groups, their names in drawn.json.
    """
    tested = Tested.of(work.problem().labels, work.inputs["split"].arrays("split.npz"))
    predictions = work.inputs["predictions"].arrays("predictions.npz")
    (work.folder / "numbers.json").write_text(canonical_json(tested.clean(predictions)), "utf-8")
    drawn = draws_of(tested, predictions, work.spec["average"], seed_for("bootstrap", work.job.inputs["split"]))
    np.save(work.folder / DRAWS_FILE, np.stack(list(drawn.values())), allow_pickle=False)
    (work.folder / DRAWN_FILE).write_text(canonical_json(list(drawn)), "utf-8")
