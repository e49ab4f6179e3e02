"""What cells have in common is planned once, and what does not fit is said before anything is computed."""

import math
import os
import re
import subprocess
import sys
from dataclasses import fields, replace

import numpy as np
import pytest
from conftest import TINY, command
from scipy import special, stats
from sklearn import metrics

from roskdbench import trial
from roskdbench.errors import UserError
from roskdbench.job import Job
from roskdbench.jobs.context import JobContext
from roskdbench.jobs.execution import environment
from roskdbench.jobs.trajectory import method_of
from roskdbench.method import make_method
from roskdbench.plan import plan
from roskdbench.plan.estimate import Speed, alone, speeds
from roskdbench.plan.pull import pulls, share_of_pull
from roskdbench.plugins import discover
from roskdbench.store import Store
from roskdbench.suite import read_suite


def planned(path, *settings, folders=(), only=()):
    return plan(read_suite(path, settings), discover(folders), only)


def of_kind(plan, kind):
    """The jobs of a kind, or those that take a measure."""
    return [job for job in plan.jobs.values() if job.group == kind]


def test_baseline_v_and_ros_kd_are_one_training_read_twice(tiny):
    made = planned(tiny, "experiments.main.methods=[baseline-v, ros-kd]")
    assert made.kinds()["trajectory"] == 1
    assert sorted(job.spec["reading"] for job in of_kind(made, "predictions")) == ["averaged", "last"]
    assert len({cell.scores for cell in made.cells}) == 2


@pytest.mark.parametrize("name", ["baseline-i", "baseline-ii", "baseline-iii"])
def test_so_is_any_method_with_and_without_averaging(tiny, name):
    made = planned(tiny, f"experiments.main.methods=[{name}, {{method: {name}, title: x, averaging: running-mean}}]")
    assert made.kinds()["trajectory"] == 1
    assert made.kinds()["predictions"] == 2


def test_another_mean_is_another_training(tiny):
    made = planned(tiny, "experiments.main.methods=[ros-kd, {method: ros-kd, title: x, averaging: exponential-mean}]")
    assert made.kinds()["trajectory"] == 2


def test_teachers_are_shared_across_methods(tiny):
    made = planned(tiny, "experiments.main.methods=[baseline-ii, baseline-iii, deep-ensemble]")
    assert made.kinds()["teacher"] == 2
    assert made.kinds()["bank"] == 2
    assert made.trainings == 4
    assert made.trainings_alone == (1 + 1) + (2 + 1) + 2


def test_a_lone_teacher_is_the_same_network_among_the_teachers_whatever_its_title(tiny):
    lone = "{model: resnet18, title: Z, options: {channels: [8, 8, 8, 16], layers: [1, 1, 1, 1]}}"
    made = planned(tiny, f"protocol.single_teacher={lone}", "experiments.main.methods=[baseline-ii, baseline-iii]")
    assert made.kinds()["teacher"] == 2


def test_the_same_teacher_in_another_place_is_another_teacher(tiny):
    same = "[{model: resnet18}, {model: resnet18}, {model: resnet18}]"
    made = planned(tiny, f"protocol.teachers={same}", "experiments.main.methods=[baseline-iii, baseline-ii]")
    assert made.kinds()["teacher"] == 3


def test_overlap_concerns_only_methods_with_overlapping_teachers(tiny):
    made = planned(tiny, "experiments.main.overlap=[0.0, 0.5]", "experiments.main.methods=[baseline-i, baseline-v]")
    assert len(made.cells) == 4
    assert made.kinds()["trajectory"] == 3
    fixed = "[baseline-i, {method: baseline-v, teachers: {kind: overlapping, ratio: 0.3}}]"
    made = planned(tiny, "experiments.main.overlap=[0.0, 0.5]", f"experiments.main.methods={fixed}")
    assert made.kinds()["trajectory"] == 2


def test_seeds_share_the_split_unless_told_otherwise(tiny):
    assert planned(tiny, "experiments.main.seeds=[0, 1]").kinds()["split"] == 1
    made = planned(tiny, "experiments.main.seeds=[0, 1]", "protocol.split.per_seed=true")
    assert made.kinds()["split"] == 2
    assert planned(tiny, "experiments.main.folds=3").kinds()["split"] == 3


def test_experiments_share_what_they_have_in_common():
    made = plan(read_suite("paper"), discover())
    alone = [plan(read_suite("paper"), discover(), [name]) for name in made.suite.experiments]
    assert made.trainings < sum(each.trainings for each in alone)
    assert made.trainings_alone == sum(each.trainings_alone for each in alone)


def changed(tiny, *settings, kind):
    before = {job.fingerprint for job in of_kind(planned(tiny), kind)}
    return before != {job.fingerprint for job in of_kind(planned(tiny, *settings), kind)}


@pytest.mark.parametrize(
    ("setting", "retrained", "kept"),
    [
        ("experiments.main.methods.1.temperature=2", ["trajectory", "scores"], ["teacher", "bank", "subsets"]),
        ("protocol.epochs=5", ["teacher", "bank", "trajectory"], ["pixels", "split", "labels", "subsets"]),
        ("protocol.bank=float16", ["bank", "trajectory"], ["teacher"]),
        ("protocol.averaging_warmup=2", ["trajectory"], ["teacher", "bank"]),
        ("protocol.construction=borrow", ["subsets", "teacher", "bank", "trajectory"], ["pixels", "labels"]),
        ("experiments.main.overlap=[0.5]", ["subsets", "teacher", "bank"], ["labels"]),
        ("experiments.main.noise=[none]", ["labels", "teacher", "bank", "trajectory"], ["pixels", "split"]),
        ("experiments.main.seeds=[1]", ["teacher", "bank", "trajectory"], ["pixels", "split", "labels"]),
        ("problems.lesion.seed=1", ["pixels", "split", "teacher", "scores"], []),
        ("protocol.threshold=half", ["scores"], ["pixels", "teacher", "trajectory", "predictions"]),
        ("experiments.main.title=Other", [], ["trajectory", "scores"]),
    ],
)
def test_a_change_retrains_what_depends_on_it_and_nothing_else(tiny, setting, retrained, kept):
    text = tiny.read_text().replace("baseline-v, ros-kd", "{method: baseline-v, title: V}, ros-kd")
    tiny.write_text(text)
    assert [kind for kind in retrained if not changed(tiny, setting, kind=kind)] == []
    assert [kind for kind in kept if changed(tiny, setting, kind=kind)] == []


def test_a_change_of_a_methods_code_retrains_its_students_only(tiny, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    code = """from roskdbench import Method, Overlapping, register


@register("mine")
class Mine(Method):
    '''Mine: own loss.'''

    teachers = Overlapping()

    def loss(self, batch):
        return 1.0 * batch.hard_loss()
"""

    def prints(text):
        (folder / "mine.py").write_text(text)
        made = planned(tiny, "experiments.main.methods=[mine, baseline-v]", folders=[folder])
        own = [job for job in of_kind(made, "trajectory") if job.locations["method"] == "mine"]
        rest = [job for job in made.jobs.values() if job.kind in ("teacher", "bank")]
        others = [job for job in of_kind(made, "trajectory") if job.locations["method"] == "baseline-v"]
        return {job.fingerprint for job in own}, {job.fingerprint for job in rest + others}

    own, rest = prints(code)
    commented = prints(code.replace("hard_loss()", "hard_loss()  # as it is").replace("own loss", "its own loss"))
    assert commented == (own, rest)
    changed_own, same_rest = prints(code.replace("1.0", "2.0"))
    assert changed_own != own
    assert same_rest == rest


TWO_STUDENTS = """experiments.main.students=[
    {model: resnet18, title: A, options: {channels: [8, 8, 8, 8], layers: [1, 1, 1, 1]}},
    {model: resnet18, title: B, options: {channels: [8, 8, 8, 16], layers: [1, 1, 1, 1]}}]"""
ATTACKED = ("experiments.main.methods=[baseline-i, ros-kd, deep-ensemble]", "experiments.main.measures=[attacks]")


def attacks_by_row(made):
    return {
        (cell.method, cell.student): made.jobs[each.fingerprint]
        for cell in made.cells
        for each in cell.measurements
        if each.measure == "attacks"
    }


def test_a_row_is_attacked_with_images_made_for_its_own_students_baseline_i(tiny):
    made = planned(tiny, TWO_STUDENTS, *ATTACKED)
    attacks = attacks_by_row(made)
    baseline = {}
    for cell in made.cells:
        if cell.method == "Baseline I":
            baseline[cell.student] = made.model(cell)
    assert {job.kind for job in baseline.values()} == {"trajectory"}
    assert baseline["A"] != baseline["B"]
    for student in ("A", "B"):
        for method in ("RoS-KD", "Deep ensemble"):
            assert attacks[method, student].inputs["substitute"] == baseline[student].fingerprint
        assert "substitute" not in attacks["Baseline I", student].inputs


def test_the_order_of_students_changes_no_job_and_no_row(tiny):
    def prints(settings):
        made = planned(tiny, settings, *ATTACKED)
        rows = {(cell.method, cell.student): cell.measurements for cell in made.cells}
        return set(made.jobs), rows

    head, one, other = TWO_STUDENTS.splitlines()
    turned = "\n".join([head, f"{other.removesuffix(']')},", f"{one.removesuffix(',')}]"])
    assert [each.student for each in planned(tiny, turned).cells[:2]] == ["B", "A"]
    assert prints(TWO_STUDENTS) == prints(turned)


def test_what_a_training_computes_is_in_what_its_fingerprint_covers(tiny, tmp_path):
    made = planned(tiny, "experiments.main.methods=[{method: ros-kd, temperature: 2.5}]")
    (job,) = of_kind(made, "trajectory")
    covered = {"kind", "spec", "inputs", "code"}
    other = {
        "label": "another",
        "cost": 9.0,
        "pass_cost": 9.0,
        "network": "another",
        "locations": {**job.locations, "temperature": "0.5"},
    }
    assert {each.name for each in fields(Job)} == covered | other.keys()
    changed = replace(job, **other)
    assert changed.fingerprint == job.fingerprint

    def method(job):
        return method_of(JobContext(job, {}, tmp_path, Store.at(tmp_path / "store"), lambda done, note: None))

    assert method(job).temperature == method(changed).temperature == 2.5
    assert method(changed) == method(job)
    warmer = replace(job, spec={**job.spec, "method": {**job.spec["method"], "temperature": 4.0}})
    assert warmer.fingerprint != job.fingerprint
    assert method(warmer).temperature == 4.0


def test_titles_of_networks_do_not_count(tiny):
    before = planned(tiny)
    tiny.write_text(tiny.read_text().replace("title: A,", "title: Z,"))
    assert planned(tiny).jobs.keys() == before.jobs.keys()


def test_every_job_comes_after_its_inputs():
    seen = set()
    for fingerprint, job in plan(read_suite("paper"), discover()).jobs.items():
        assert set(job.inputs.values()) <= seen
        seen.add(fingerprint)


def test_only_what_is_missing_is_needed(tiny):
    made = planned(tiny)
    assert made.needed().keys() == made.jobs.keys()
    scores = {cell.scores for cell in made.cells}
    assert made.needed(scores) == {}
    predictions = {job.fingerprint for job in of_kind(made, "predictions")} | {
        job.fingerprint for kind in ("pixels", "split") for job in of_kind(made, kind)
    }
    assert {job.group for job in made.needed(predictions).values()} == {"scores"}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["experiments.main.methods=[ros-dk]"], "experiment 'main': unknown method 'ros-dk'; did you mean 'ros-kd'"),
        (
            ["experiments.main.methods=[{method: ros-kd, temp: 1}]"],
            "method 'ros-kd': unknown parameter 'temp'",
        ),
        (["experiments.main.reference=ros-dk"], "no method 'ros-dk' to compare with; did you mean 'ros-kd'"),
        (["experiments.main.methods=[ros-kd, ros-kd]"], "experiment 'main' has 2 rows called 'RoS-KD'"),
        (["protocol.averaging_warmup=9"], "averaging starts after epoch 9, but there are 4; lower"),
        (["experiments.main.methods=[baseline-iv]"], "= 10 leave none of the 4 epochs"),
        (
            ["protocol.construction=ring", "experiments.main.overlap=[0.9]"],
            "problem 'lesion': ring windows of 2 subsets overlap by at most 0.5",
        ),
        (["experiments.main.folds=2", "protocol.split={train: 0.2, validation: 0.6, test: 0.2}"], "leave nothing to"),
    ],
)
def test_what_does_not_fit_is_one_line(tiny, settings, said):
    with pytest.raises(UserError) as error:
        planned(tiny, *settings)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_an_unknown_experiment_is_answered_with_the_nearest(tiny):
    with pytest.raises(UserError, match="no experiment 'mian'; did you mean 'main'"):
        planned(tiny, only=["mian"])


def test_planning_does_not_import_torch():
    code = (
        "import sys; from roskdbench.plan import plan; from roskdbench.plugins import discover; "
        "from roskdbench.suite import read_suite; plan(read_suite('paper'), discover()); "
        "assert not {'torch', 'timm', 'pandas', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_hours_come_from_the_nearest_thing_that_is_known():
    """Of the kind with this network, of the network, of anything: in this order, and only where it took long enough."""
    speed = Speed("a machine")
    speed.learn("teacher", "small", 100.0, 10.0)  # 10 a second
    speed.learn("bank", "small", 300.0, 10.0)
    speed.learn("teacher", "large", 1000.0, 10.0)
    speed.learn("attacks", "large", 1.0, 0.5)  # too short to count

    def job(kind, network):
        return Job(kind, {}, cost=60.0, network=network)

    assert speed.seconds(job("teacher", "small")) == pytest.approx(6)
    assert speed.seconds(job("bank", "small")) == pytest.approx(2)
    assert speed.seconds(job("landscape", "small")) == pytest.approx(60 * 20 / 400)
    assert speed.seconds(job("attacks", "large")) == pytest.approx(60 * 10.5 / 1001)
    assert speed.seconds(job("teacher", "unheard of")) == pytest.approx(60 * 30.5 / 1401)
    assert speed.hours([job("teacher", "small")] * 600) == pytest.approx(1)
    assert not Speed("another").known


def test_a_network_that_no_job_has_told_of_is_tried_and_one_that_is_known_is_not(tiny, monkeypatch):
    """By hand: a training of so many steps takes as many times what a step took."""
    made = planned(tiny, "experiments.main.methods=[baseline-i, baseline-iii]")
    tried = []

    def step_seconds(config, case, enough):
        tried.append((case.architecture["options"]["channels"][-1], case.size, case.batch, config.precision))
        return 0.1

    monkeypatch.setattr(trial, "step_seconds", step_seconds)
    student, other = (of_kind(made, kind)[place] for kind, place in (("trajectory", 0), ("teacher", 1)))
    known = Speed(environment()["device"])
    known.learn("teacher", student.network, 100.0, 10.0)
    elsewhere = Speed("another")
    speed, last = trial.with_trials([elsewhere, known], made, discover())
    assert (speed, last) == (known, elsewhere)
    assert tried == [(16, 28, 16, "float32")]  # the second teacher alone
    assert speed.knows(other.network) and not elsewhere.knows(other.network)
    steps = 4 * math.floor(128 * 0.7) / 16
    assert speed.seconds(other) == pytest.approx(0.1 * steps, rel=0.05)


def test_hours_say_when_they_are_a_guess(tiny, tmp_path):
    store = Store.at(tmp_path / "store")
    made_on = {"device": environment()["device"]}
    record = {"kind": "teacher", "network": "another", "cost": 100.0, "seconds": 10.0, "environment": made_on}
    with store.writing("ab" * 32, record):
        pass
    words = ("plan", tiny, "--store", store.root)
    said = command(*words).stdout
    assert "That is a guess: of 2 of its 2 networks (resnet18) nothing is known there; --measure tries them" in said
    measured = command(*words, "--measure").stdout
    assert "a few steps of its networks" in measured and "guess" not in measured


def test_the_hours_of_a_gpu_that_workers_share_are_counted_once(tmp_path):
    """Four workers on one GPU, ten seconds each for what alone takes 2.5."""
    store = Store.at(tmp_path)
    made_on = {"device": "NVIDIA X", "sharing": "4"}
    record = {"kind": "teacher", "network": "small", "cost": 100.0, "seconds": 10.0, "environment": made_on}
    with store.writing("ab" * 32, record):
        pass
    (speed,) = speeds(store)
    assert speed.is_gpu
    assert speed.seconds(Job("teacher", {}, cost=100.0, network="small")) == pytest.approx(2.5)


@pytest.mark.slow
def test_scripts_that_share_nothing_do_every_job_again_for_each_cell(smoke):
    made, store, _ = smoke
    separate = alone(made)
    assert sum(job.kind == "pixels" for job in separate) == len(made.cells)
    # One for Baseline II, two each for III, its subset, IV, V, RoS-KD and the ensemble; a student for all but the last.
    assert sum(job.kind == "teacher" for job in separate) == 2 * (1 + 2 * 6)
    assert sum(job.kind == "trajectory" for job in separate) == 2 * 7
    (known,) = speeds(store)
    records = [store.open(each).record for each in made.jobs]
    assert known.known
    assert known._seconds["", ""] == pytest.approx(sum(each["seconds"] for each in records if each["network"]))


@pytest.mark.parametrize(("temperature", "measured"), [(0.5, 0.16), (1, 0.24), (2, 0.35), (4, 0.42)])
def test_the_pull_of_a_soft_loss_is_near_what_was_measured_with_trained_teachers(temperature, measured):
    """Measured on the phantom chest: the gradient at the start in the direction of the labels, against Baseline I's."""
    assert share_of_pull(temperature, 0.9) == pytest.approx(measured, abs=0.035)


def test_the_pull_is_that_of_a_sampled_teacher():
    """A million findings, one in ten positive, a calibrated teacher with an AUC of .8; gradients at logits of zero."""
    random = np.random.default_rng(0)
    positive = random.random(1_000_000) < 0.1
    apart = 2**0.5 * stats.norm.ppf(0.8)
    logits = special.logit(0.1) + apart**2 * (positive - 0.5) + apart * random.normal(size=len(positive))
    assert metrics.roc_auc_score(positive, logits) == pytest.approx(0.8, abs=0.002)
    assert special.expit(logits).mean() == pytest.approx(0.1, abs=0.002)  # calibrated
    for temperature, alpha in ((0.5, 0.9), (2.0, 0.7)):
        soft = temperature * (0.5 - special.expit(logits / temperature))  # of t^2 KL
        gradient = alpha * soft + (1 - alpha) * (0.5 - positive)
        apart_by = gradient[~positive].mean() - gradient[positive].mean()  # 1 for the hard loss alone
        assert share_of_pull(temperature, alpha) == pytest.approx(apart_by, abs=0.003)


def test_a_plan_warns_where_students_are_hardly_drawn_towards_labels(tmp_path):
    (tmp_path / "tiny.yaml").write_text(TINY.replace("phantom-lesion", "phantom-chest"))

    def said(*settings):
        made = plan(read_suite(str(tmp_path / "tiny.yaml"), settings), discover())
        return [(each.method, each.is_weak) for each in pulls(made)]

    assert said() == [("Baseline V", True), ("RoS-KD", True)]  # Baseline I has no teachers
    assert said("protocol.distillation.temperature=4") == [("Baseline V", False), ("RoS-KD", False)]
    assert said("protocol.distillation.soft_loss={kind: bernoulli-sum, balanced: true}") == []
    done = command("plan", tmp_path / "tiny.yaml", "--store", tmp_path / "store")
    assert "Baseline V, RoS-KD are drawn towards labels by about 0.16 of what Baseline I is" in done.stdout


MINE = """from roskdbench import ExponentialMean, FormerStudents, Method, NoTeachers, OnAllData, Overlapping, register


@register("halved")
class Halved(Method):
    '''Halved: labels at half their weight.'''

    def loss(self, batch):
        return batch.hard_loss() / 2


@register("two-before")
class TwoBefore(Method):
    '''Two before: from its former students.'''

    teachers = FormerStudents(generations=2)


@register("from-halved")
class FromHalved(Method):
    '''From halved: teachers that another method trained.'''

    teachers = Overlapping(trained_by="halved")


@register("from-averaged")
class FromAveraged(Method):
    '''From averaged: teachers that were distilled and averaged.'''

    teachers = OnAllData(trained_by="ros-kd")


@register("asking")
class Asking(Method):
    '''Asking: its teachers themselves, for one label.'''

    teachers = OnAllData()
    asks_teachers = True
    uses_teacher_logits = False
    tasks = ("single-label",)

    @property
    def passes(self):
        return 3


@register("endless")
class Endless(Method):
    '''Endless: its teachers are trained by itself.'''

    teachers = OnAllData(trained_by="endless")
"""


@pytest.fixture
def mine(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "mine.py").write_text(MINE)
    return folder


def student_of(made, name):
    return next(
        job
        for job in of_kind(made, "trajectory")
        if job.locations["method"] == name and isinstance(job.spec["seed"], int)
    )


def test_teachers_may_be_trained_by_a_method(tiny, mine):
    """On the same subsets as ever, with the method's code in what they are known by."""
    made = planned(tiny, "experiments.main.methods=[from-halved, baseline-v]", folders=[mine])
    trained = [job for job in of_kind(made, "trajectory") if job.locations["method"] == "halved"]
    assert [job.spec["subset"] for job in trained] == [0, 1]
    assert {job.inputs["subsets"] for job in trained} == {job.inputs["subsets"] for job in of_kind(made, "teacher")}
    assert all(job.code for job in trained)
    banks = {
        made.jobs[each].inputs["teacher"]
        for role, each in student_of(made, "from-halved").inputs.items()
        if "bank" in role
    }
    assert banks == {job.fingerprint for job in trained}
    assert made.trainings_alone == (2 + 1) + (2 + 1)


def test_teachers_that_are_read_at_their_mean_are_asked_and_measured_so(tiny, mine):
    made = planned(
        tiny,
        "experiments.main.methods=[from-averaged]",
        "experiments.main.measures=[{measure: scores}, {measure: fidelity}]",
        folders=[mine],
    )
    banks = [job for job in of_kind(made, "bank") if made.jobs[job.inputs["teacher"]].kind == "trajectory"]
    assert len(banks) == 2
    assert {job.spec["reading"] for job in banks} == {"averaged"}
    taught = [job for job in of_kind(made, "predictions") if made.jobs[job.inputs["model"]].spec["seed"] != 0]
    assert {job.spec["reading"] for job in taught if made.jobs[job.inputs["model"]].kind == "trajectory"} == {
        "averaged"
    }
    assert made.trainings_alone == 2 * (2 + 1) + 1


def test_former_students_are_networks_like_the_student_one_after_the_other(tiny, mine):
    made = planned(tiny, "experiments.main.methods=[two-before]", folders=[mine])
    student = student_of(made, "two-before")
    chain = [student]
    while "bank.0" in chain[-1].inputs:
        chain.append(made.jobs[made.jobs[chain[-1].inputs["bank.0"]].inputs["teacher"]])
    assert [job.kind for job in chain] == ["trajectory", "trajectory", "teacher"]
    assert {str(job.spec["architecture"]) for job in chain} == {str(student.spec["architecture"])}
    assert len({str(job.spec["seed"]) for job in chain[:2]}) == 2  # other views, order and first weights
    assert made.trainings == 3


def test_teachers_that_are_asked_are_inputs_and_no_bank_is_made_for_who_does_not_want_it(tiny, mine):
    made = planned(tiny, "experiments.main.methods=[asking]", folders=[mine])
    student = student_of(made, "asking")
    assert [made.jobs[student.inputs[f"teacher.{number}"]].kind for number in range(2)] == ["teacher", "teacher"]
    assert not of_kind(made, "bank")


def test_a_measure_that_reads_banks_has_them_of_teachers_that_only_were_asked(tiny, mine):
    measured = "experiments.main.measures=[fidelity]"
    made = planned(tiny, "experiments.main.methods=[asking]", measured, folders=[mine])
    (fidelity,) = (job for job in of_kind(made, "fidelity") if "bank.0" in job.inputs)
    banks = [made.jobs[fidelity.inputs[f"bank.{number}"]] for number in range(2)]
    student = student_of(made, "asking")
    assert [each.inputs["teacher"] for each in banks] == [student.inputs[f"teacher.{number}"] for number in range(2)]


def test_what_a_step_costs_is_in_the_cost_of_its_training_and_beside_its_row(tiny, mine):
    made = planned(tiny, "experiments.main.methods=[baseline-i, asking, baseline-iii]", folders=[mine])
    alone_, asking, many = made.cells
    plain = student_of(made, "baseline-i")
    teachers = sum(job.cost for job in of_kind(made, "teacher"))
    looks = sum(job.pass_cost for job in of_kind(made, "teacher")) / 3 / plain.pass_cost
    assert student_of(made, "asking").cost == pytest.approx(plain.cost * (3 + looks))
    assert alone_.cost == 1
    assert asking.cost == pytest.approx(3 + looks + teachers / plain.cost, abs=1e-3)
    banks = sum(job.cost for job in of_kind(made, "bank"))
    assert many.cost == pytest.approx(1 + (teachers + banks) / plain.cost, abs=1e-3)


def test_a_method_for_one_task_is_planned_there_and_said_elsewhere(tmp_path, mine):
    suite = tmp_path / "both.yaml"
    suite.write_text(
        TINY.replace("  lesion:", "  cardio: {dataset: phantom-chest, size: 28, samples: 128}\n  lesion:").replace(
            "[baseline-i, baseline-v, ros-kd]", "[baseline-i, asking]"
        )
    )
    made = planned(suite, folders=[mine])
    assert made.undefined == [("main", "cardio", "Asking", "multi-label problems")]
    assert {(cell.problem, cell.method) for cell in made.cells} == {
        ("cardio", "Baseline I"),
        ("lesion", "Baseline I"),
        ("lesion", "Asking"),
    }
    done = command("plan", suite, "--plugins", mine)
    assert "main, cardio: Asking is not for multi-label problems." in done.stdout


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("{method: dkd, alpha: 0.3}", "method 'dkd' does not go by alpha: leave that out"),
        ("{method: gce, temperature: 4}", "method 'gce' does not go by temperature"),
        ("{method: gce, teachers: on-all-data}", "method 'gce' does not go by teachers"),
        ("{method: baseline-i, weighting: exponential}", "method 'baseline-i' does not go by weighting"),
        ("{method: aekd, matching: mixture}", "method 'aekd' does not go by matching"),
        ("{method: deep-ensemble, stepping: sharpness}", "method 'deep-ensemble' does not go by stepping"),
        ("{method: fitnet, alpha: {axis: [0.1, 0.9]}}", "method 'fitnet' does not go by alpha"),
    ],
)
def test_a_parameter_that_would_change_nothing_is_refused(tiny, method, said):
    with pytest.raises(UserError, match=re.escape(said)):
        planned(tiny, f"experiments.main.methods=[{method}]")


@pytest.mark.parametrize(
    "method",
    [
        "{method: baseline-iii, alpha: 0.3, weighting: exponential, matching: mixture, temperature: 4}",
        "{method: baseline-i, stepping: sharpness, averaging: running-mean, schedule: cyclic}",
        "{method: dkd, temperature: 2, target_weight: 0.5}",
        "{method: rslad, adversarial_share: 1, temperature: 2}",
        "{method: ros-kd-adversarial, alpha: 0.5, weighting: equal}",
        "{method: ebkd, matching: mixture}",
        "{method: baseline-i, teachers: on-all-data, alpha: 0.3}",
    ],
)
def test_a_parameter_that_changes_something_is_taken(tiny, method):
    (cell,) = planned(tiny, f"experiments.main.methods=[{method}]").cells
    assert cell.registered in method


def test_what_a_protocol_and_a_method_do_not_give_each_other_is_said(tiny):
    methods = "experiments.main.methods=[baseline-i, gce, logit-adjustment, mixup]"
    assert planned(tiny, methods).remarks == {"main": []}
    settings = ("protocol.label_smoothing=0.1", "protocol.sampling=class-balanced", "protocol.mixup=0.4")
    made = planned(tiny, methods, *settings)
    assert made.remarks == {
        "main": [
            "GCE: protocol.label_smoothing does not reach the student's loss.",
            "Logit adjustment: with protocol.sampling: class-balanced, rare classes are favoured twice.",
            "Mixup: with protocol.mixup, images are mixed twice.",
        ]
    }
    done = command("plan", tiny, *(word for each in (methods, *settings) for word in ("--set", each)))
    assert "main, GCE: protocol.label_smoothing does not reach the student's loss." in done.stdout


@pytest.mark.parametrize(
    ("optimiser", "said"),
    [
        ("{betas: [0.9, 0.99]}", "protocol.optimiser: betas says nothing under sgd with steps."),
        ("{kind: adamw, momentum: 0.8}", "protocol.optimiser: momentum says nothing under adamw with steps."),
        (
            "{schedule: cosine, milestones: [2], factor: 0.2}",
            "protocol.optimiser: milestones and factor say nothing under sgd with cosine.",
        ),
        ("{kind: adamw, schedule: cosine, betas: [0.9, 0.99]}", None),
        ("{momentum: 0.8, milestones: [2]}", None),
    ],
)
def test_a_setting_of_another_optimiser_is_said(tiny, optimiser, said):
    done = command("plan", tiny, "--set", f"protocol.optimiser={optimiser}")
    assert done.returncode == 0, done.stderr
    assert (said in done.stdout) if said else ("nothing under" not in done.stdout)


def test_a_method_for_three_classes_is_not_planned_for_two(tmp_path):
    """Whether their number is known before the data are read, or only after."""
    suite = tmp_path / "two.yaml"
    suite.write_text(
        TINY.replace("  lesion:", "  xray: {dataset: pneumoniamnist, size: 28}\n  lesion:")
        .replace("[baseline-i, baseline-v, ros-kd]", "[baseline-i, dkd, logit-standardisation]")
        .replace("[own]", "[none]")
    )
    made = planned(suite)
    assert made.undefined == [("main", "xray", title, "fewer than 3 classes") for title in ("DKD", "LS-KD")]
    assert [cell.method for cell in made.cells if cell.problem == "xray"] == ["Baseline I"]
    assert {cell.method for cell in made.cells if cell.problem == "lesion"} == {"Baseline I", "DKD", "LS-KD"}
    done = command("plan", suite)
    assert "main, xray: DKD, LS-KD are not for fewer than 3 classes." in done.stdout
    suite.write_text(
        suite.read_text().replace(
            "dkd, logit", "{method: baseline-ii, teachers: {kind: single, trained_by: dkd}}, logit"
        )
    )
    with pytest.raises(UserError, match="teachers cannot be trained by 'dkd' here: it is not for fewer than 3 classes"):
        planned(suite)


def test_what_a_method_is_not_for_is_known_as_far_as_the_problem_is():
    method = make_method(discover(), "dkd")
    assert method.undefined_for("multi-label", 8) == "multi-label problems"
    assert method.undefined_for("single-label", 2) == "fewer than 3 classes"
    assert [
        method.undefined_for(task, classes) for task, classes in (("single-label", 3), ("single-label", 0), (None, 0))
    ] == [None] * 3


def test_teachers_without_end_are_one_line(tiny, mine):
    with pytest.raises(
        UserError, match="method 'endless': its teachers are trained by methods whose teachers never end"
    ):
        planned(tiny, "experiments.main.methods=[endless]", folders=[mine])


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ("{method: baseline-iii, teachers: {kind: on-all-data, trained_by: deep-ensemble}}", "it trains no student"),
        (
            "{method: baseline-iii, teachers: {kind: on-all-data, trained_by: gec}}",
            "unknown method 'gec'; did you mean 'gce'",
        ),
        ("{method: baseline-i, budget: ros-kd}", "write it as `as NAME`"),
        ("{method: baseline-i, budget: as roskd}", "unknown method 'roskd'"),
        ("{method: ros-kd, budget: as baseline-i}", "costs more without its student than 'baseline-i' in all"),
        ("{method: deep-ensemble, budget: as ros-kd}", "trains no student that could be given a budget"),
    ],
)
def test_rows_that_cannot_be_are_one_line(tiny, choice, said):
    with pytest.raises(UserError, match=said):
        planned(tiny, f"experiments.main.methods=[{choice}]")


def test_a_budget_stretches_the_epochs_until_the_cost_is_the_same(tiny):
    made = planned(tiny, "experiments.main.methods=[baseline-i, ros-kd, {method: baseline-i, budget: as ros-kd}]")
    plain, ros_kd, stretched = made.cells
    assert stretched.method == "Baseline I (budget of RoS-KD)"
    assert stretched.cost == pytest.approx(ros_kd.cost, abs=0.5 / 4)  # half an epoch of four
    recipe = next(job.spec["recipe"] for job in of_kind(made, "trajectory") if job.spec["recipe"]["epochs"] != 4)
    assert recipe["epochs"] == round(ros_kd.cost * 4)
    assert recipe["milestones"] == [round(3 * recipe["epochs"] / 4)]
    assert plain.cost == 1
    alone_ = planned(tiny, "experiments.main.methods=[{method: baseline-i, budget: as ros-kd}]")
    assert alone_.kinds()["teacher"] == 0  # the budget was reckoned by trainings that nobody asked for


def test_banks_come_round_again_where_a_student_trains_longer(tiny):
    made = planned(tiny, "experiments.main.methods=[{method: baseline-ii, budget: as baseline-iii}]")
    student = student_of(made, "baseline-ii")
    assert student.spec["recipe"]["epochs"] > student.spec["recipe"]["views"] == 4


def test_old_recipes_are_as_they_were_and_new_settings_are_in_them(tiny):
    plain = next(iter(of_kind(planned(tiny), "trajectory"))).spec
    usual = plain["recipe"]
    assert "statistics" not in plain
    assert usual.keys() == {
        *("epochs", "batch", "lr", "momentum", "weight_decay", "milestones", "factor", "augmentation", "views")
    }
    changed = planned(
        tiny,
        "protocol.optimiser={kind: adamw, schedule: cosine, warmup: 1, clip: 1}",
        "protocol.mixup=0.2",
        "protocol.label_smoothing=0.1",
        "protocol.sampling=class-balanced",
    )
    spec = next(iter(of_kind(changed, "trajectory"))).spec
    recipe = spec["recipe"]
    assert spec["statistics"] == "as drawn"
    assert recipe["algorithm"] == "adamw"
    assert (recipe["lr"], recipe["weight_decay"]) == (1e-3, 1e-2)
    assert (recipe["schedule"], recipe["warmup"], recipe["clip"]) == ("cosine", 1, 1.0)
    assert (recipe["mixup"], recipe["label_smoothing"], recipe["sampling"]) == (0.2, 0.1, "class-balanced")


@pytest.mark.parametrize(("mixup", "views"), [(0, 1), (0.4, None)])
def test_views_that_nothing_changes_are_one_and_mixed_ones_are_not(tiny, mixup, views):
    made = planned(tiny, "protocol.augmentation=none", f"protocol.mixup={mixup}")
    assert {job.spec["recipe"]["views"] for job in made.jobs.values() if "recipe" in job.spec} == {views}


def test_a_plan_is_the_same_whatever_order_sets_have():
    """Costs are sums over sets: those of `quick` once differed in their last digit."""
    code = (
        "import json\n"
        "from roskdbench.plan import plan\n"
        "from roskdbench.plan.written import written\n"
        "from roskdbench.plugins import discover\n"
        "from roskdbench.suite import read_suite\n"
        "print(json.dumps([written(plan(read_suite(name), discover())) for name in ('quick', 'budget')]))\n"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, check=True, env={**os.environ, "PYTHONHASHSEED": seed}
        ).stdout
        for seed in "123"
    }
    assert len(told) == 1
