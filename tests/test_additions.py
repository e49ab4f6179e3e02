"""What a user adds is one declaration in one file: it is used by a suite, seen in table, CSV, LaTeX, page and board,
verified, and computed again when its code changes.
"""

import json
import shutil

import numpy as np
import pytest
from conftest import ROOT, TINY, command

from roskdbench.board.adding import board_of
from roskdbench.board.content import read_board, write_board
from roskdbench.board.readme import page
from roskdbench.board.verifying import verify
from roskdbench.checking.named import CHECKED, check_named
from roskdbench.executors.config import ExecutorConfig
from roskdbench.plugins import FAMILIES, discover
from roskdbench.report.contents import contents_of
from roskdbench.report.formats.comma_separated import as_csv
from roskdbench.report.formats.latex import latex
from roskdbench.report.page.writing import write_page
from roskdbench.report.tables import tables_of
from roskdbench.session import Session
from roskdbench.store import Store

SETTINGS = [
    "protocol.epochs=2",
    "protocol.averaging_warmup=1",
    "experiments.main.methods=[baseline-i, baseline-v]",
    "experiments.main.reference=baseline-v",
]

INLINE = ExecutorConfig(workers=1)  # worker processes cost seconds each

MEASURE = '''
from roskdbench import Column, Measure, MetricValue, register


def youden(truth, probabilities, decisions):
    if truth.all() or not truth.any():
        return None
    return float(decisions[truth].mean() - decisions[~truth].mean())


@register("confidence")
class Confidence(Measure):
    """Confidence: how sure a model is, and how well that pays."""

    heading = "confidence"
    columns = (
        Column("sure", "Sure"),
        Column("spread", "Spread", higher_is_better=False),
        Column("youden", "Youden", statistic=youden),
    )

    def evaluate(self, predictions):
        largest = predictions.probabilities.max(1)
        return {"sure": float(largest.mean()) * SCALE, "spread": float(largest.std())}

    def notes(self, numbers):
        return [f"Sure: the mean of the largest probability, on {numbers['n'].max()} images."]


SCALE = 1.0
'''
METRIC = '''
from roskdbench import metric


@metric("npv", heading="NPV")
def npv(truth, probabilities, decisions):
    """Negative predictive value."""
    without = ~decisions
    return float((~truth[without]).mean()) if without.any() else None
'''
ATTACK = '''
import torch

from roskdbench import Attack, register


@register("checkers")
class Checkers(Attack):
    """Checkers: every second pixel as bright as the radius allows."""

    period: int = 2

    def perturb(self, victim, images, labels):
        rows = torch.arange(images.shape[-1])
        board = ((rows[:, None] + rows[None]) % self.period == 0).to(images)
        size = self.radius if self.norm == "linf" else self.radius / images[0].numel() ** 0.5
        return (images + size * board).clamp(0, 1)
'''
DATASET = '''
from typing import ClassVar

import numpy as np

from roskdbench import Card, DrawnDataset, register
from roskdbench.data.problem import Labels, Problem


@register("stripes")
class Stripes(DrawnDataset):
    """Stripes: two classes, upright or lying."""

    card: ClassVar = Card("Stripes", "CC0", "nobody", "nothing to get")
    channels: ClassVar = 1
    task: ClassVar = "single-label"
    known_classes: ClassVar = ("upright", "lying")

    def draw(self):
        random = np.random.default_rng(self.seed)
        targets = random.integers(0, 2, self.samples)
        waves = 40 * (np.arange(self.size) % 4 < 2) + 100
        images = random.integers(0, 60, (self.samples, 1, self.size, self.size))
        images = images + np.where(targets[:, None, None] == 0, waves[None, None, :], waves[None, :, None])[:, None]
        labels = Labels("single-label", self.known_classes, targets, np.arange(self.samples) // 2)
        return Problem(self.name, images.astype(np.uint8), labels, self.card.licence, self.card.citation)
'''
NETWORK = '''
import torch

from roskdbench import network


@network("two-layers")
def two_layers(channels, classes, size, width=8):
    """A convolution and a linear layer."""
    return torch.nn.Sequential(
        torch.nn.Conv2d(channels, width, 3, stride=2),
        torch.nn.BatchNorm2d(width),
        torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(4),
        torch.nn.Flatten(),
        torch.nn.Linear(16 * width, classes),
    )
'''
CORRUPTION = '''
from roskdbench import Corruption, register


@register("smudge")
class Smudge(Corruption):
    """Smudge: a grey square somewhere."""

    strengths: list[float] = [0.1, 0.2, 0.3, 0.4, 0.5]

    def corrupt(self, images, strength, uniforms):
        size = images.shape[-1]
        side = max(1, round(strength * size))
        changed = images.clone()
        for number, (row, column) in enumerate((uniforms(2) * (size - side)).long().tolist()):
            changed[number, :, row : row + side, column : column + side] = 0.5
        return changed
'''
FORMAT = '''
from roskdbench import report_format


@report_format("lines", file="tables.txt")
def lines(tables, results):
    """The titles of the tables, a line each."""
    return "".join(f"{results.name}: {table.title}\\n" for table in tables)
'''
FIGURE = '''
from matplotlib.figure import Figure

from roskdbench import figure


@figure("runs", caption="how many numbers there are", on_method_pages=True)
def runs(drawing):
    """A bar."""
    picture = Figure(figsize=(2, 2))
    picture.subplots().bar([0], [len(drawing.layout.frame)])
    return picture
'''


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A store with the trainings that all additions are measured on."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "suite.yaml").write_text(TINY)
    Session(folder / "suite.yaml", folder / "store", settings=SETTINGS, executor=INLINE).run()
    shutil.rmtree(folder / "store" / "runs")
    return folder / "store"


@pytest.fixture
def folder(tmp_path, trained):
    """A folder of plugins, a suite, and a store of its own with the trainings; files are added by the tests."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "suite.yaml").write_text(TINY)
    shutil.copytree(trained, tmp_path / "store")
    return tmp_path


def computed(folder, *settings):
    settings = [*SETTINGS, *settings]
    session = Session(folder / "suite.yaml", folder / "store", [folder / "mine"], settings=settings, executor=INLINE)
    results, progress = session.run()
    assert results.gaps == []
    return results, progress


def add(folder, text, name="plugin"):
    path = folder / "mine" / f"{name}.py"
    path.write_text(text)
    return path


def everywhere(results, folder):
    """The tables, CSV, LaTeX and the index page of a report."""
    tables = tables_of(results, "main")
    store, registry = Store(folder / "store"), discover([folder / "mine"])
    index = write_page(results, contents_of(results), store, registry, folder / "page")[0].read_text()
    return tables, as_csv(tables), latex(tables), index


def verified(results, folder):
    """A board of the results, read again and verified."""
    registry = discover([folder / "mine"])
    board = board_of(results, Store(folder / "store"), "me", registry)
    write_board(board, folder / "board", page(board, folder / "board"))
    return verify(read_board(folder / "board", registry), registry)


def column(table, heading):
    return next(c for c, each in enumerate(table.columns) if each.heading == heading)


def test_a_measure_with_three_columns_is_one_file(folder):
    path = add(folder, MEASURE)
    results, _ = computed(folder, "experiments.main.measures=[confidence]")
    tables, text, document, index = everywhere(results, folder)
    scores = tables[0]
    for labels, cells in scores.rows:
        sure, spread, youden = (cells[column(scores, heading)] for heading in ("Sure", "Spread", "Youden"))
        assert 0 < sure.mean <= 1 and sure.low is None, labels
        assert youden.low <= youden.mean <= youden.high
        assert spread.mean > 0
    assert [each.group for each in scores.columns if each.heading == "Sure"] == ["lesion, confidence"]
    differences = next(table for table in tables if table.name == "main-differences")
    assert differences.columns[column(differences, "Δ Youden")].metric == "youden"
    for shown in (text, document, index):
        assert "Youden" in shown
    images = results.frame["n"][results.frame["metric"] == "sure"].iloc[0]
    assert f"Sure: the mean of the largest probability, on {images} images." in scores.notes
    verdict = verified(results, folder)
    assert (verdict.objections, verdict.trusted) == ([], 0)
    before = {
        cell.method: cells[column(scores, "Sure")].mean
        for cell, (_, cells) in zip(results.plan.cells, scores.rows, strict=True)
    }
    path.write_text(MEASURE.replace("SCALE = 1.0", "SCALE = 0.5"))
    results, progress = computed(folder, "experiments.main.measures=[confidence]")
    assert {results.plan.jobs[each].group for each in progress.state} == {"confidence"}
    scores = tables_of(results, "main")[0]
    for cell, (_, cells) in zip(results.plan.cells, scores.rows, strict=True):
        assert cells[column(scores, "Sure")].mean == pytest.approx(before[cell.method] / 2)


def test_a_number_of_a_measure_that_was_changed_on_a_board_is_found(folder):
    add(folder, MEASURE)
    results, _ = computed(folder, "experiments.main.measures=[confidence]")
    verified(results, folder)
    rows = (folder / "board" / "results.csv").read_text().splitlines()
    changed = next(number for number, row in enumerate(rows) if ",sure," in row)
    cells = rows[changed].split(",")
    cells[-3] = "0.123"
    rows[changed] = ",".join(cells)
    (folder / "board" / "results.csv").write_text("\n".join(rows) + "\n")
    registry = discover([folder / "mine"])
    objections = verify(read_board(folder / "board", registry), registry).objections
    assert len(objections) == 1
    assert "sure (clean) is 0.123 on the board" in objections[0]


@pytest.mark.slow
def test_a_metric_is_one_file_and_equals_scikit_learns(folder):
    from sklearn.metrics import precision_score

    path = add(folder, METRIC)
    results, _ = computed(folder, "protocol.shown=[f1, npv, accuracy]")
    tables, text, document, index = everywhere(results, folder)
    scores = tables[0]
    assert [each.heading for each in scores.columns] == ["F1", "Acc", "NPV"]
    store = Store(folder / "store")
    for cell, (_, cells) in zip(results.plan.cells, scores.rows, strict=True):
        job = results.plan.jobs[cell.scores]
        logits = store.open(job.inputs["predictions"]).arrays("predictions.npz")["test"]
        test = store.open(job.inputs["split"]).arrays("split.npz")["test"]
        truth = store.open(job.inputs["pixels"]).arrays("labels.npz")["targets"][test]
        decided = logits.argmax(1)
        wanted = [precision_score(truth != c, decided != c, zero_division=np.nan) for c in range(logits.shape[1])]
        found = cells[column(scores, "NPV")]
        assert found.mean == pytest.approx(np.nanmean(wanted))
        assert found.low <= found.mean <= found.high
        assert cells[column(scores, "Acc")].mean == pytest.approx((decided == truth).mean())
    assert any(each.heading == "Δ NPV" for table in tables for each in table.columns)
    for shown in (text, document, index):
        assert "NPV" in shown
    assert verified(results, folder).objections == []
    path.write_text(METRIC.replace("return float(", "return 0.5 * float("))
    results, progress = computed(folder, "protocol.shown=[f1, npv, accuracy]")
    assert {results.plan.jobs[each].label.split()[0] for each in progress.state} == {"metric"}


def test_a_dataset_is_one_file(folder):
    path = add(folder, DATASET)
    settings = ["problems={bars: {dataset: stripes, samples: 128, size: 28}}", "experiments.main.noise=[none]"]
    results, _ = computed(folder, *settings)
    tables, text, document, index = everywhere(results, folder)
    assert {each.problem for each in tables[0].columns} == {"bars"}
    for shown in (text, document, index):
        assert "bars" in shown
    assert verified(results, folder).objections == []
    path.write_text(DATASET.replace("+ 100", "+ 90"))
    results, progress = computed(folder, *settings)
    assert progress.state.keys() == results.plan.jobs.keys()  # other pixels: everything again


@pytest.mark.slow
def test_an_attack_is_one_file(folder):
    path = add(folder, ATTACK)
    measures = (
        "experiments.main.measures=[{measure: attacks, images: 12, checked: 8, attacks: [checkers linf 8/255, "
        "{attack: checkers, norm: l2, radius: 0.5, period: 3}]}]"
    )
    results, _ = computed(folder, measures)
    tables, text, document, index = everywhere(results, folder)
    attacks = next(table for table in tables if table.name == "main-attacks")
    assert {labels[-1] for labels, _ in attacks.rows} == {
        "none",
        "checkers linf 8/255",
        'checkers l2 127.5/255, {"period":3}',
    }
    for shown in (text, index):
        assert "checkers linf 8/255" in shown
    assert "checkers linf 8/255" in document
    largest = results.frame[results.frame["metric"] == "largest-change"].set_index("norm")["value"]
    assert (largest["linf"] <= 8 / 255 + 1e-6).all() and (largest["l2"] <= 0.5 + 1e-5).all()
    assert verified(results, folder).objections == []
    path.write_text(ATTACK.replace("== 0).to", "== 1).to"))
    results, progress = computed(folder, measures)
    assert {results.plan.jobs[each].group for each in progress.state} == {"attacks"}


@pytest.mark.slow
def test_a_corruption_is_one_file(folder):
    path = add(folder, CORRUPTION)
    measures = "experiments.main.measures=[{measure: corruptions, images: 12, corruptions: [smudge, gamma]}]"
    results, _ = computed(folder, measures)
    tables, text, document, index = everywhere(results, folder)
    table = next(table for table in tables if table.name == "main-corruptions")
    assert table.labels[-1] == "corruption"
    severities = [f"corruptions {severity}" for severity in (1, 2, 3, 4, 5)]
    assert list(dict.fromkeys(labels[-1] for labels, _ in table.rows)) == ["none", "corruptions", *severities]
    assert "/ corruptions 5" in text
    for shown in (document, index):
        assert "the mean over smudge, gamma" in shown
    numbers = results.frame[(results.frame["perturbation"] == "smudge") & (results.frame["metric"] == "accuracy")]
    assert sorted(set(numbers["severity"])) == [1, 2, 3, 4, 5]
    verdict = verified(results, folder)
    assert verdict.objections == []
    assert verdict.trusted == 0
    path.write_text(CORRUPTION.replace("= 0.5", "= 0.25"))
    results, progress = computed(folder, measures)
    assert {results.plan.jobs[each].group for each in progress.state} == {"corruptions"}


def test_a_network_of_ones_own_is_teacher_and_student_and_its_code_counts(folder):
    path = add(folder, NETWORK)
    settings = [
        "protocol.teachers=[two-layers, {model: two-layers, title: Wide, options: {width: 12}}]",
        "experiments.main.students=[two-layers]",
    ]
    results, _ = computed(folder, *settings)
    assert set(results.frame["student"]) == {"two-layers"}
    trainings = {each for each, job in results.plan.jobs.items() if job.trains}
    path.write_text(NETWORK.replace("stride=2", "stride=1"))
    results, progress = computed(folder, *settings)
    assert not trainings & results.plan.jobs.keys()
    assert sum(results.plan.jobs[each].trains for each in progress.state) == len(trainings)
    student = next(each for each, job in results.plan.jobs.items() if job.kind == "trajectory")
    weights = Store(folder / "store").open(student).file("last.safetensors")
    arguments = ["--problem", "{dataset: phantom-lesion, size: 28, samples: 128}", "--images", 8, "--store", "store"]
    done = command("attack", weights, *arguments, "--attack", "fgsm linf 4/255", "--plugins", "mine", cwd=folder)
    assert "under attack" in done.stdout, done.stderr


def test_a_report_format_is_one_file(folder):
    add(folder, FORMAT)
    results, _ = computed(folder)
    done = command("report", results.name, "--store", "store", "--format", "lines", "--plugins", "mine", cwd=folder)
    assert done.stdout.splitlines()[0] == f"{results.name}: A tiny table", done.stderr
    done = command("report", results.name, "--store", "store", "--out", "out", "--plugins", "mine", cwd=folder)
    assert (folder / "out" / "tables.txt").read_text().startswith(f"{results.name}: A tiny table"), done.stderr


def test_a_figure_is_one_file_and_cannot_be_forgotten_on_the_page(folder):
    add(folder, FIGURE)
    results, _ = computed(folder)
    *_, index = everywhere(results, folder)
    assert "how many numbers there are" in index
    assert (folder / "page" / "figures" / "main-runs.png").is_file()
    own = next((folder / "page").glob("method-*.html")).read_text()
    assert "how many numbers there are" in own


@pytest.mark.parametrize(
    ("text", "name"),
    [(MEASURE, "confidence"), (METRIC, "npv"), (ATTACK, "checkers"), (DATASET, "stripes"), (NETWORK, "two-layers")],
)
def test_check_tries_what_is_added(folder, text, name):
    add(folder, text)
    done = command("check", name, "--plugins", "mine", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no " not in [line[:3] for line in done.stdout.splitlines()]
    assert len(done.stdout.splitlines()) >= 4


@pytest.mark.parametrize(
    ("text", "old", "new", "name", "objection"),
    [
        (MEASURE, '"spread": float(largest.std())', '"spread": float("nan")', "confidence", "not spread; give None"),
        (METRIC, "return float(", "return str(", "npv", "it gives"),
        (ATTACK, "self.radius if", "2 * self.radius if", "checkers", "far"),
        (DATASET, "default_rng(self.seed)", "default_rng()", "stripes", "they differ"),
        (NETWORK, "16 * width, classes", "16 * width, classes + 1", "two-layers", "it gives [4, 9]"),
    ],
)
def test_check_says_what_is_wrong(folder, text, old, new, name, objection):
    assert old in text
    add(folder, text.replace(old, new))
    done = command("check", name, "--plugins", "mine", cwd=folder)
    assert done.returncode == 1
    assert objection in done.stdout


@pytest.mark.parametrize("family", ["measure", "metric", "dataset", "attack"])
def test_new_writes_a_file_that_passes_and_its_test(folder, family):
    done = command("new", family, "my-own", "--in", "mine", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (folder / "mine").glob("*.py")) == ["my_own.py", "test_my_own.py"]
    assert command("check", "my-own", "--plugins", "mine", cwd=folder).returncode == 0
    listed = command(f"{family}s", "--plugins", "mine", cwd=folder)
    assert "my-own" in listed.stdout


def test_one_name_said_twice_names_both_files_and_stops_only_what_uses_it(folder):
    add(folder, METRIC, "one")
    add(folder, METRIC, "two")
    listed = command("metrics", "--plugins", "mine", cwd=folder)
    assert listed.returncode == 0
    assert "specificity" in listed.stdout and "one.py and" in listed.stdout and "two.py" in listed.stdout
    assert command("methods", "--plugins", "mine", cwd=folder).returncode == 0
    used = command("plan", "suite.yaml", "--plugins", "mine", "--set", "protocol.shown=[npv]", cwd=folder)
    assert used.returncode == 2
    assert "two metrics are registered as 'npv'" in used.stderr
    assert command("plan", "suite.yaml", "--plugins", "mine", cwd=folder).returncode == 0


def test_results_have_a_column_for_every_fact(folder):
    measures = (
        "experiments.main.measures=[{measure: attacks, images: 8, checked: 4, attacks: [pgd linf 4/255, "
        "'pgd linf 4/255, 3 steps', 'pgd linf 4/255, 2 restarts']}, {measure: attacks, images: 8, checked: 4, "
        "attacks: [fgsm l2 0.5]}]"
    )
    results, _ = computed(folder, measures)
    frame = results.frame[results.frame["perturbation"] != "none"]
    facts = frame[["measure", "perturbation", "norm", "radius", "steps", "restarts", "loss"]].drop_duplicates()
    assert sorted(facts.fillna(-1).itertuples(index=False, name=None)) == [
        ("attacks", "pgd", "linf", 4 / 255, 3.0, 1.0, "ce"),
        ("attacks", "pgd", "linf", 4 / 255, 20.0, 1.0, "ce"),
        ("attacks", "pgd", "linf", 4 / 255, 20.0, 2.0, "ce"),
        ("attacks 2", "fgsm", "l2", 0.5, -1.0, -1.0, "ce"),
        ("attacks 2", "pgd", "linf", 1.28 / 255, 20.0, 1.0, "ce"),  # what was checked
    ]
    assert [table.name for table in tables_of(results, "main") if table.name.startswith("main-attacks")] == [
        "main-attacks", "main-attacks-2", "main-attacks-classes", "main-attacks-2-classes",
    ]  # fmt: skip
    assert json.loads(json.dumps(sorted(set(results.frame["subject"])))) == ["student"]


def test_the_examples_of_contributing_keep_their_contracts(tmp_path):
    """Every block of CONTRIBUTING.md as a user would paste it: each is found, and what can be checked is kept."""
    blocks = (ROOT / "CONTRIBUTING.md").read_text("utf-8").split("```python\n")[1:]
    for number, block in enumerate(blocks):
        (tmp_path / f"example_{number}.py").write_text(block.split("```")[0])
    registry = discover([tmp_path])
    assert (registry.broken, registry.silent, registry.clashes) == ([], [], {})
    own = {
        (family, name)
        for family in FAMILIES
        for name, entry in registry.of(family).items()
        if entry.origin.startswith(str(tmp_path))
    }
    assert {family for family, _ in own} == set(FAMILIES)
    for family, name in sorted(own):
        if family in CHECKED:
            assert [verdict for verdict in check_named(registry, name) if verdict[1] is not None] == []
