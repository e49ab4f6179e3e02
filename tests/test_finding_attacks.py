"""A finding is hidden or invented alone; and the worst of several attacks is what it is said to be."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas
import pytest
import torch
from conftest import TINY
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import ValidationError
from scipy.special import expit
from sklearn.metrics import accuracy_score, roc_auc_score
from torch import nn

from roskdbench.attacks.apgd import Apgd
from roskdbench.attacks.fgsm import Fgsm
from roskdbench.attacks.finding import HideFinding, InventFinding
from roskdbench.attacks.pgd import Pgd
from roskdbench.data.problem import Labels, Problem
from roskdbench.errors import UserError
from roskdbench.measures.attacks import PAPER, Attacks
from roskdbench.measuring import tested
from roskdbench.measuring.attacks.attacking import Target, Victim, attack, logits_of
from roskdbench.measuring.attacks.measured import name_of
from roskdbench.measuring.attacks.worst import worst_of_each_finding, worst_of_each_image
from roskdbench.measuring.predictions import Predictions
from roskdbench.plugins import discover
from roskdbench.suite import read_suite
from roskdbench.suite.attack import Attack
from roskdbench.values import USUAL, Facts

pytestmark = pytest.mark.usefixtures("cpu")

FINDINGS = ("effusion", "nodule", "mass")


class Linear(nn.Module):
    """A logit for each finding, linear in the pixels of 1x8x8 images."""

    def __init__(self, classes=3):
        super().__init__()
        drawn = torch.randn(classes, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
        self.weight = nn.Parameter(drawn)

    def forward(self, images):
        return (images.flatten(1).to(self.weight) - 0.5) @ self.weight.T


def films(count=6):
    """Images near the middle of the range, so that nothing is cut, and random findings."""
    generator = torch.Generator().manual_seed(2)
    images = 0.4 + 0.2 * torch.rand(count, 1, 8, 8, dtype=torch.float64, generator=generator)
    labels = torch.randint(0, 2, (count, 3), generator=generator)
    labels[0], labels[1] = 1, 0
    return images, labels


def attacked(spec, model, images, labels, classes=FINDINGS):
    target = Target(
        model, "multi-label", np.zeros(0), np.zeros(0), np.zeros(0, np.int64), torch.device("cpu"), 0, classes
    )
    return spec.perturb(Victim(target, spec, 0), images, labels)


# One finding


@pytest.mark.parametrize(("norm", "radius"), [("l2", 0.4), ("linf", 0.05)])
@pytest.mark.parametrize(("kind", "present", "side"), [(HideFinding, 1, -1), (InventFinding, 0, 1)])
@pytest.mark.parametrize("place", [0, 2])
def test_its_logit_moves_as_far_as_it_can_where_it_is_aimed_at_and_no_other_image_changes(
    norm, radius, kind, present, side, place
):
    images, labels = films()
    model = Linear()
    spec = kind(norm=norm, radius=radius, finding=FINDINGS[place], steps=60)
    found = attacked(spec, model, images, labels)
    aimed = labels[:, place] == present
    weight = model.weight[place].detach()
    reach = radius * (weight.abs().sum() if norm == "linf" else weight.norm())
    moved = (model(found) - model(images)).detach()[:, place]
    torch.testing.assert_close(moved[aimed], (side * reach).expand(int(aimed.sum())), atol=1e-5, rtol=0)
    assert torch.equal(found[~aimed], images[~aimed])
    assert 0 < aimed.sum() < len(images)


@pytest.mark.parametrize("kind", [HideFinding, InventFinding])
def test_where_no_image_is_aimed_at_none_changes(kind):
    images, labels = films()
    labels[:] = 0 if kind is HideFinding else 1
    assert torch.equal(attacked(kind(norm="linf", radius=0.1, finding="mass"), Linear(), images, labels), images)


def test_a_finding_is_named_in_a_text_with_its_spaces():
    found = Attack.read("hide-finding linf 8/255, finding Pleural Effusion, 40 steps", discover())
    assert (found.finding, found.steps, found.present) == ("Pleural Effusion", 40, True)
    assert found.facts == Facts(
        perturbation="hide-finding", norm="linf", radius=8 / 255, steps=40, restarts=1,
        options='{"finding":"Pleural Effusion"}',
    )  # fmt: skip
    with pytest.raises(ValidationError, match="finding\n  Field required"):
        Attack.read("invent-finding linf 8/255", discover())


@pytest.mark.parametrize(
    ("spec", "task", "said"),
    [
        (
            HideFinding(norm="linf", radius=0.1, finding="efusion"),
            "multi-label",
            "hide-finding: there is no finding 'efusion'; did you mean 'effusion'?",
        ),
        (
            InventFinding(norm="linf", radius=0.1, finding="mass"),
            "single-label",
            "invent-finding is for multi-label problems; use pgd or fgsm",
        ),
    ],
)
def test_a_finding_that_a_problem_does_not_have_is_one_line(spec, task, said):
    assert spec.objection(task, FINDINGS) == said
    assert Attacks(attacks=[Pgd(norm="linf", radius=0.1), spec]).objection(task, FINDINGS) == said
    images, targets = np.zeros((2, 1, 8, 8), np.uint8), np.zeros((2, 3), np.uint8)
    target = Target(Linear(), task, images, targets, np.arange(2), torch.device("cpu"), 0, FINDINGS)
    with pytest.raises(UserError) as error:
        attack(target, [spec])
    assert str(error.value) == said


def test_before_the_data_were_looked_at_no_finding_is_objected_to():
    declared = Attacks(attacks=[HideFinding(norm="linf", radius=0.1, finding="anything")])
    assert declared.objection("multi-label", ()) is None
    assert declared.objection("multi-label", ("anything",)) is None


# What is told of it


def predictions(logits, targets, uncertain=None, threshold="half"):
    """Of a test part that is also the validation part."""
    logits = np.asarray(logits, np.float32)
    targets = np.asarray(targets)
    single = targets.ndim == 1
    classes = FINDINGS[: logits.shape[1]]
    rows = np.arange(len(targets))
    labels = Labels(
        "single-label" if single else "multi-label",
        classes,
        targets.astype(np.int64 if single else np.uint8),
        rows,
        uncertain=None if uncertain is None else np.asarray(uncertain, np.uint8),
    )
    parts = tested.Tested.of(labels, {"validation": rows, "test": rows})
    return Predictions(parts, {"validation": logits, "test": logits}, threshold)


def numbers_of(spec, before, after):
    return {(value.metric, value.label): (value.value, value.samples) for value in spec.numbers(before, after)}


BEFORE = [[2, -1], [1, 1], [-1, 3], [4, -2], [3, 0], [-2, -2]]
AFTER = [[-1, 5], [2, 1], [-1, 3], [-4, -2], [-3, 0], [2, -2]]
TRUTH = [[1, 0], [1, 0], [1, 0], [1, 1], [0, 1], [0, 0]]


def test_flipped_counts_images_that_have_the_finding_and_were_decided_rightly():
    """Of four that have it, three were seen and two of those are hidden; the fifth lacks it and counts nowhere."""
    hide = HideFinding(norm="linf", radius=0.1, finding="effusion")
    found = numbers_of(hide, predictions(BEFORE, TRUTH), predictions(AFTER, TRUTH))
    assert found["flipped", "effusion"] == found["flipped", ""] == (2 / 4, 4)
    assert found["flipped-of-right", "effusion"] == (2 / 3, 3)


def test_flipped_counts_images_that_lack_the_finding_where_it_is_invented():
    invent = InventFinding(norm="linf", radius=0.1, finding="effusion")
    found = numbers_of(invent, predictions(BEFORE, TRUTH), predictions(AFTER, TRUTH))
    assert found["flipped", "effusion"] == (1 / 2, 2)
    assert found["flipped-of-right", "effusion"] == (1 / 1, 1)


def test_labels_that_are_not_known_count_nowhere():
    unknown = np.zeros((6, 2))
    unknown[0, 0] = 1
    hide = HideFinding(norm="linf", radius=0.1, finding="effusion")
    found = numbers_of(hide, predictions(BEFORE, TRUTH, unknown), predictions(AFTER, TRUTH, unknown))
    assert found["flipped", "effusion"] == (1 / 3, 3)


def test_decisions_are_the_protocols_at_thresholds_of_clean_validation_images():
    """The best F1 of `effusion` on clean images is at -1: nothing of what has it is missed there, nor after."""
    hide = HideFinding(norm="linf", radius=0.1, finding="effusion")
    before = predictions([[2.0], [1.0], [0.5], [-1.0]], [[1], [1], [1], [1]], threshold="tuned")
    after = before.under(np.arange(4), np.array([[-0.5], [1.0], [-2.0], [-3.0]], np.float32))
    assert numbers_of(hide, before, after)["flipped", ""] == (2 / 4, 4)
    at_half = replace(before, threshold="half")
    assert numbers_of(hide, at_half, replace(after, threshold="half"))["flipped", ""] == (2 / 4, 4)
    assert numbers_of(hide, at_half, replace(after, threshold="half"))["flipped-of-right", ""] == (2 / 3, 3)


def test_a_finding_that_no_image_has_is_flipped_in_none():
    hide = HideFinding(norm="linf", radius=0.1, finding="effusion")
    nobody = [[0, 0]] * 6
    assert numbers_of(hide, predictions(BEFORE, nobody), predictions(AFTER, nobody))["flipped", ""] == (None, 0)


# The worst of several

SEEN = arrays(np.float32, (3, 12, 3), elements=st.floats(-6, 6, width=32))
LABEL = arrays(np.int64, 12, elements=st.integers(0, 2))
LABELS = arrays(np.uint8, (12, 3), elements=st.integers(0, 1))


@settings(max_examples=30)
@given(logits=SEEN, targets=LABEL)
def test_of_one_label_any_wrong_decision_stands_for_the_image_and_else_the_highest_cross_entropy(logits, targets):
    found = worst_of_each_image(predictions(logits[0], targets), logits)
    for n, label in enumerate(targets):
        losses = [-np.log(np.exp(row)[label] / np.exp(row).sum()) for row in logits[:, n].astype(float)]
        wrong = [row.argmax() != label for row in logits[:, n]]
        open_to = [a for a in range(3) if wrong[a]] or [0, 1, 2]
        highest = max(losses[a] for a in open_to)
        assert any(np.array_equal(found[n], logits[a, n]) for a in open_to if losses[a] >= highest - 1e-9)
    right = (logits.argmax(-1) == targets).all(0)
    assert accuracy_score(targets, found.argmax(1)) == right.mean()


@settings(max_examples=30)
@given(logits=SEEN, targets=LABELS, unknown=LABELS)
def test_of_several_findings_one_attack_stands_for_an_image_by_its_summed_loss_over_known_ones(
    logits, targets, unknown
):
    clean = predictions(logits[0], targets, unknown)
    found = worst_of_each_image(clean, logits)
    bound = worst_of_each_finding(clean, logits)
    for n in range(12):
        sums, each = [], np.zeros((3, 3))
        for a in range(3):
            for c in range(3):
                z = float(logits[a, n, c])
                each[a, c] = 0 if unknown[n, c] else np.log(1 + np.exp(-z if targets[n, c] else z))
            sums.append(each[a].sum())
        assert any(np.array_equal(found[n], logits[a, n]) for a in range(3) if sums[a] >= max(sums) - 1e-9)
        for c in range(3):
            if not unknown[n, c]:
                side = min if targets[n, c] else max
                assert bound[n, c] == side(logits[:, n, c])


@settings(max_examples=8)
@given(logits=SEEN, targets=LABELS)
def test_the_bound_by_finding_is_no_better_than_the_worst_image_or_any_attack(logits, targets):
    targets[0], targets[1] = 1, 0  # so that every AUC is defined
    clean = predictions(logits[0], targets)
    bound = worst_of_each_finding(clean, logits)
    for other in (worst_of_each_image(clean, logits), *logits):
        for c in range(3):
            assert roc_auc_score(targets[:, c], bound[:, c]) <= roc_auc_score(targets[:, c], other[:, c]) + 1e-12


def test_logits_of_any_size_have_a_worst():
    logits = np.array([[[900.0, -900.0, 0.0]], [[-900.0, 900.0, 0.0]]], np.float32)
    assert worst_of_each_image(predictions(logits[0], [0]), logits).tolist() == logits[1].tolist()
    assert worst_of_each_image(predictions(logits[0], [[0, 1, 0]]), logits).tolist() == logits[0].tolist()


# In the measure


def measure(**settings):
    return Attacks.model_validate(settings, context={"registry": discover()})


def test_the_worst_case_has_norm_and_radius_as_numbers_and_each_of_its_attacks_is_made():
    declared = measure(
        attacks=["fgsm l2 0.5"],
        worst_of=["pgd linf 8/255", "apgd linf 8/255", "apgd linf 8/255, dlr", "pgd l2 0.5", "fgsm l2 0.5"],
    )
    assert [each.label for each in declared.chosen] == [
        "fgsm l2 127.5/255",
        "pgd linf 8/255",
        "apgd linf 8/255, 100 steps",
        "apgd linf 8/255, dlr, 100 steps",
        "pgd l2 127.5/255",
    ]
    assert {facts: len(each) for facts, each in declared.worst_cases.items()} == {
        Facts(perturbation="worst of 3", norm="linf", radius=8 / 255): 3,
        Facts(perturbation="worst of 2", norm="l2", radius=0.5): 2,
    }
    assert declared.named_perturbations()[5:] == list(declared.worst_cases)


def test_all_is_every_norm_and_radius_that_attacks_share_but_for_attacks_on_a_finding():
    shared = ["pgd linf 8/255", "apgd linf 8/255", "hide-finding linf 8/255, finding mass", "pgd linf 4/255"]
    declared = measure(attacks=shared, worst_of="all")
    assert [each.label for each in declared.worst_of] == ["pgd linf 8/255", "apgd linf 8/255, 100 steps"]
    papers = measure(worst_of="all")
    assert papers.chosen == PAPER
    assert [facts.perturbation_label for facts in papers.worst_cases] == [
        "worst of 2 l2 1.28/255",
        "worst of 2 linf 1.28/255",
        "worst of 2 l2 128/255",
    ]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (
            "worst_of: [pgd linf 8/255, apgd linf 4/255]",
            "worst_of has 'pgd linf 8/255' and no other attack of that norm and radius; name one more",
        ),
        ("worst_of: [pgd linf 8/255, pgd linf 8/255]", "worst_of names 'pgd linf 8/255' twice"),
        (
            "attacks: [pgd linf 8/255, pgd linf 4/255], worst_of: all",
            "no two of its attacks have the same norm and radius, and the worst of one is itself",
        ),
        ("worst_of: [pdg linf 8/255, pgd linf 8/255]", "unknown attack 'pdg'; did you mean 'pgd'?"),
        ("worst_of: every", "measures.0.worst_of: it is a list of attacks, or the word all (it is 'every')"),
        ("by_finding: true", "by_finding says how the worst case is taken; name its attacks in worst_of"),
        (
            "attacks: [pgd linf 8/255, hide-finding linf 8/255], worst_of: all",
            "the key 'finding' is missing in experiments.main.measures.0.attacks.1",
        ),
    ],
)
def test_a_mistake_in_a_suite_is_one_line_with_its_place(tmp_path, asked, said):
    path = tmp_path / "mine.yaml"
    path.write_text(TINY.rstrip() + "\n    measures:\n      - {measure: attacks, " + asked + "}\n")
    with pytest.raises(UserError) as error:
        read_suite(path)
    assert said in str(error.value)
    assert str(error.value).startswith(f"{path}:")
    assert "\n" not in str(error.value)


def test_a_measure_that_asks_for_nothing_new_is_declared_as_it_was():
    old = measure(preset="paper", attacks=["pgd linf 4/255"], sweep=["1/255"])
    assert old.declaration() == {
        "measure": "attacks", "preset": "paper", "sweep": [1 / 255],
        "attacks": [{"attack": "pgd", "norm": "linf", "radius": 4 / 255}],
    }  # fmt: skip
    assert old.budgeted == {}


# From a model to numbers, and from what a board keeps to the same numbers


class Context(SimpleNamespace):
    """What a measure is given, around a model that was never trained."""

    def networks(self):
        return [self.model]

    def substitute(self):
        return None

    def report(self, done, note):
        pass


def context_of(folder, task, count=40):
    random = np.random.default_rng(0)
    images = random.integers(90, 170, (count, 1, 8, 8)).astype(np.uint8)
    model = Linear().float()
    with torch.no_grad():
        logits = model(torch.from_numpy(images).float() / 255).numpy()
    noisy = logits + random.normal(size=logits.shape)
    targets = noisy.argmax(1) if task == "single-label" else (noisy > 0).astype(np.uint8)
    labels = Labels(task, FINDINGS, targets, np.arange(count))
    split = {"validation": np.arange(0, 15), "test": np.arange(15, count)[::-1].copy()}
    said = {part: logits[rows] for part, rows in split.items()}
    return Context(
        folder=folder,
        model=model,
        problem=Problem("films", images, labels, "none", "none"),
        split=split,
        predictions=Predictions(tested.Tested.of(labels, split), said, "half"),
        device=torch.device("cpu"),
        seed=0,
    )


ASKED = ["pgd linf 4/255, 5 steps", "apgd linf 4/255, 6 steps", "square linf 4/255, 12 queries", "fgsm linf 4/255"]


@pytest.mark.parametrize("task", ["single-label", "multi-label"])
def test_everything_but_costs_and_checks_follows_from_what_a_board_keeps(tmp_path, task):
    case = context_of(tmp_path, task)
    more = ["hide-finding linf 4/255, finding mass, 9 steps"] * (task == "multi-label")
    declared = measure(attacks=more, worst_of=ASKED, by_finding=True, images=20, checked=5)
    found = list(declared.compute(case))
    trusted = [value for value in found if declared.trusted(value.metric)]
    again = declared.recompute(case.predictions, declared.kept(Path(tmp_path), case.split["test"]))
    assert [value for value in found if not declared.trusted(value.metric)] == again
    worst = Facts(perturbation="worst of 4", norm="linf", radius=4 / 255)
    costs = {(value.facts, value.metric): value.value for value in trusted}
    several = task == "multi-label"
    pgd, apgd, square, fgsm = (Attack.read(text, discover()) for text in ASKED)
    assert costs[pgd.facts, "gradients"] == 5
    assert costs[pgd.facts, "forwards"] == 1 + 5 + 1
    assert costs[apgd.facts, "gradients"] == 6
    assert costs[apgd.facts, "forwards"] == 1 + 6 + 1
    assert (costs[fgsm.facts, "gradients"], costs[fgsm.facts, "forwards"]) == (1, 1)
    assert costs[square.facts, "gradients"] == 0
    assert costs[square.facts, "forwards"] <= 2 + 12
    for metric in ("gradients", "forwards"):
        total = sum(costs[each.facts, metric] for each in (pgd, apgd, square, fgsm))
        assert costs[worst, metric] == pytest.approx(total)
    tables = {facts.perturbation for facts in (value.facts for value in found)}
    assert ("worst of 4 by finding" in tables) == several
    values = {(value.facts, value.metric, value.label): value.value for value in found}
    scores = [each.facts for each in (pgd, apgd, square, fgsm)]
    if several:
        hide = Attack.read(more[0], discover())
        reach = case.model.weight[2].abs().sum().item() * 4 / 255
        with np.load(tmp_path / "attacked.npz") as kept:
            samples, after = kept["samples"], kept[name_of(hide)][:, 2]
        has = case.problem.labels.targets[samples, 2] == 1
        before = case.model(torch.from_numpy(case.problem.images[samples]).float() / 255)[:, 2].detach().numpy()
        np.testing.assert_allclose(after, before - has * reach, atol=1e-4)
        flipped = (has & (expit(before) >= 0.5) & (expit(before - reach) < 0.5)).sum() / has.sum()
        assert values[hide.facts, "flipped", "mass"] == pytest.approx(flipped)
        assert (hide.facts, "auc", "mass") in values
    else:
        left = values[worst, "accuracy", ""]
        assert left <= min(values[facts, "accuracy", ""] for facts in (*scores, USUAL))


def test_a_board_that_lost_an_attack_has_no_worst_case(tmp_path):
    case = context_of(tmp_path, "multi-label")
    declared = measure(worst_of=ASKED[:2])
    list(declared.compute(case))
    kept = declared.kept(Path(tmp_path), case.split["test"])
    kept.pop(name_of(declared.worst_of[1]))
    with pytest.raises(KeyError):
        declared.recompute(case.predictions, kept)


def test_notes_say_what_the_worst_is_of_what_flipped_means_and_what_it_cost():
    declared = measure(
        attacks=["hide-finding linf 8/255, finding mass"],
        worst_of=["pgd linf 8/255", "apgd linf 8/255"],
        by_finding=True,
    )
    rows = []
    for facts in declared.budgeted:
        for model, gradients in enumerate((20, 21)):
            for metric, value in (("gradients", gradients), ("forwards", gradients + 2)):
                rows.append({"problem": "p", "method": str(model), "metric": metric, "value": value, "n": 9,
                             "class": "", **facts._asdict()})  # fmt: skip
    text = "\n".join(declared.perturbation_notes(pandas.DataFrame(rows)))
    assert "worst of 2 linf 8/255: pgd linf 8/255; apgd linf 8/255, 100 steps." in text
    assert "of several findings, the highest sum over findings" in text
    assert "by finding: of each image and finding the highest loss of all these attacks, a bound" in text
    assert "flips: of the images that have the finding (hide-finding) or lack it" in text
    assert "pgd linf 8/255 20.5 and 22.5; apgd linf 8/255, 100 steps 20.5 and 22.5; worst of 2 linf 8/255" in text


def test_the_column_of_flips_is_there_where_a_finding_is_attacked():
    protocol = SimpleNamespace(threshold="half", average="macro")
    plain, aimed = measure(), measure(attacks=["hide-finding linf 8/255, finding mass"])
    assert "flipped" not in [column.metric for column in plain.table_columns(protocol, ["f1", "auc"])]
    assert [column.metric for column in aimed.table_columns(protocol, ["f1"])] == ["f1", "flipped"]
    assert aimed.stored_names(protocol)["flipped"] == ["flipped"]


def test_an_attack_on_a_finding_is_not_what_checks_are_made_of():
    declared = measure(attacks=["hide-finding linf 16/255, finding mass", "pgd linf 8/255"])
    assert declared.reference.facts == Pgd(norm="linf", radius="8/255").facts


def test_where_there_is_no_pgd_the_checks_are_of_one_with_the_radius_of_auto_pgd():
    assert measure(attacks=["apgd linf 8/255", "fgsm linf 16/255"]).reference == Pgd(norm="linf", radius="8/255")
    assert measure(attacks=["apgd linf 8/255", "pgd l2 0.5"]).reference == Pgd(norm="l2", radius=0.5)
    assert measure(attacks=["fgsm linf 16/255"]).reference.radius == pytest.approx(1.28 / 255)


def test_a_worst_case_of_attacks_on_several_findings_is_no_better_than_any_of_them():
    images, labels = films(24)
    pixels = (images * 255).round().to(torch.uint8).numpy()
    model = Linear().float()
    targets = labels.numpy().astype(np.uint8)
    target = Target(model, "multi-label", pixels, targets, np.arange(24), torch.device("cpu"), 0, FINDINGS)
    specs = [Fgsm(norm="linf", radius="6/255"), Apgd(norm="linf", radius="6/255", steps=8),
             Apgd(norm="linf", radius="6/255", loss="targeted", steps=8)]  # fmt: skip
    found = attack(target, specs)
    seen = np.stack([logits_of(found[each]) for each in specs])
    worst = worst_of_each_image(predictions(seen[0], targets), seen)
    sums, *others = (np.log1p(np.exp(np.where(targets == 1, -each, each))).sum(1) for each in (worst, *seen))
    assert all((sums >= other - 1e-5).all() for other in others)
