"""Each of the sceptic's suites runs to its end in a form smaller still, and says why its claims are not judged."""

import json

import pytest
from conftest import run_inline

from roskdbench.report.contents import claims_table, contents_of
from roskdbench.report.table import Word
from roskdbench.suite import read_suite

SUITES = ["why", "budget", "temperature", "overlap", "noise", "architectures"]
NETWORK = {"model": "resnet18", "options": {"channels": [4, 4, 4, 8], "layers": [1, 1, 1, 1]}}
LITTLE = {
    "problems.lesion": {"dataset": "phantom-lesion", "size": 28, "samples": 72, "label_noise": 0.2},
    "problems.cardio": {"dataset": "phantom-chest", "size": 28, "samples": 72, "label_noise": 0.2},
    "protocol.precision": "float32",
    "protocol.epochs": 4,
    "protocol.batch": 64,
    "protocol.optimiser.milestones": [3],
    "protocol.averaging_warmup": 2,
    "protocol.augmentation": "none",
    "protocol.teachers": [{**NETWORK, "title": "A"}, {**NETWORK, "title": "B"}],
    "protocol.single_teacher": {**NETWORK, "title": "A"},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SUITES)
def test_a_small_suite_runs_to_its_end(name, tmp_path):
    """Both problems where a suite has an experiment for each; else one, where the same is done with both."""
    settings = {**LITTLE}
    for title, experiment in read_suite(f"{name}-small").experiments.items():
        settings[f"experiments.{title}.students"] = [NETWORK]
        settings[f"experiments.{title}.seeds"] = [0]
        settings[f"experiments.{title}.problems"] = experiment.problems[:1] or ["cardio"]
    results = run_inline(f"{name}-small", tmp_path, [f"{key}={json.dumps(value)}" for key, value in settings.items()])
    assert results.gaps == []
    table = claims_table(results)
    assert {row[0][0] for row in table.rows} == set(results.plan.suite.claims)
    assert {cells[0] for _, cells in table.rows} == {Word("not judged")}
    assert contents_of(results).every[0].rows == table.rows


@pytest.mark.parametrize("name", [f"{name}{ending}" for name in SUITES for ending in ("", "-small")])
def test_every_one_states_claims_over_seeds_that_can_judge_them(name):
    suite = read_suite(name)
    assert len(suite.claims) >= 2
    assert all(len(experiment.seeds) >= 3 for experiment in suite.experiments.values())
    assert suite.protocol.split.per_seed
