"""Label noise does what its formula says, to training labels and to nothing else."""

import numpy as np
import pytest
from conftest import TINY
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import softmax
from sklearn.cluster import KMeans
from sklearn.metrics import confusion_matrix

from roskdbench.data.noise import annotators, chances_to_flip, flips, mislabel_alike, noisy_labels, transition
from roskdbench.data.problem import Labels
from roskdbench.errors import UserError
from roskdbench.plan import plan
from roskdbench.plugins import discover
from roskdbench.report.tables.notes import notes
from roskdbench.results import collect
from roskdbench.store import Store
from roskdbench.suite import read_suite
from roskdbench.suite.noise import Annotators, Confusion, Instance, NoNoise, Pair, ReportLabels, Symmetric, Uncertain
from roskdbench.walk import run

CLASSES = tuple("abcde")
MANY = 40_000


def single(samples=MANY, classes=5, seed=0):
    random = np.random.default_rng(seed)
    targets = random.choice(classes, samples, p=random.dirichlet(3 * np.ones(classes)))
    return Labels("single-label", tuple("abcdefghij")[:classes], targets, np.arange(samples))


def multi(samples=MANY, classes=5, seed=0):
    random = np.random.default_rng(seed)
    targets = (random.random((samples, classes)) < random.uniform(0.05, 0.5, classes)).astype(np.uint8)
    return Labels("multi-label", tuple("abcdefghij")[:classes], targets, np.arange(samples))


def drawn(spec, labels, seed=1, features=None):
    return noisy_labels(spec, labels, np.random.default_rng(seed), features)


def realised(labels, noisy):
    """How often each class is called each class, by scikit-learn."""
    return confusion_matrix(labels.targets, noisy, labels=range(len(labels.classes)), normalize="true")


def assert_close(found, wanted, counts):
    """Within five standard deviations of a binomial share."""
    tolerance = 5 * np.sqrt(np.maximum(wanted * (1 - wanted), 1e-4) / counts)
    assert (np.abs(found - wanted) < tolerance).all()


def class_counts(labels):
    return np.bincount(labels.targets, minlength=len(labels.classes))[:, None]


@pytest.mark.parametrize("rate", [0.0, 0.2, 0.3, 0.8, 1.0])
def test_symmetric_noise_goes_to_every_other_class_alike(rate):
    labels = single()
    wanted = np.full((5, 5), rate / 4)
    np.fill_diagonal(wanted, 1 - rate)
    np.testing.assert_allclose(transition(Symmetric(kind="symmetric", rate=rate), CLASSES), wanted, atol=1e-12)
    assert_close(realised(labels, drawn(Symmetric(kind="symmetric", rate=rate), labels)), wanted, class_counts(labels))


def test_symmetric_noise_turns_findings_into_their_opposite():
    labels = multi()
    noisy = drawn(Symmetric(kind="symmetric", rate=0.2), labels)
    for value in (0, 1):
        for c in range(5):
            members = labels.targets[:, c] == value
            assert_close((noisy[members, c] != value).mean(), 0.2, members.sum())


def test_pair_noise_goes_to_the_next_class_only():
    labels = single()
    wanted = 0.6 * np.eye(5) + 0.4 * np.roll(np.eye(5), 1, axis=1)
    found = realised(labels, drawn(Pair(kind="pair", rate=0.4), labels))
    assert found[wanted == 0].sum() == 0
    assert_close(found, wanted, class_counts(labels))


def test_a_confusion_matrix_is_mixed_with_the_identity():
    labels = single(classes=3)
    counts = [[6, 2, 2], [0, 5, 5], [1, 0, 9]]
    spec = Confusion(kind="confusion", matrix={"rows": counts}, strength=0.5)
    wanted = 0.5 * np.eye(3) + 0.5 * np.array(counts) / 10
    assert_close(realised(labels, drawn(spec, labels)), wanted, class_counts(labels))


def test_a_confusion_matrix_is_read_from_a_csv(tmp_path):
    labels = single(classes=3)
    plain, named = tmp_path / "plain.csv", tmp_path / "named.csv"
    plain.write_text("0.6,0.2,0.2\n0,0.5,0.5\n0.1,0,0.9\n")
    named.write_text("\ufefftrue;c;a;b\r\nc;9;1;0\r\na;2;6;2\r\nb;5;0;5\r\n")
    specs = [Confusion(kind="confusion", matrix=str(path)) for path in (plain, named)]
    for spec in specs:
        np.testing.assert_allclose(transition(spec, ("a", "b", "c")), [[0.6, 0.2, 0.2], [0, 0.5, 0.5], [0.1, 0, 0.9]])
    assert np.array_equal(drawn(specs[0], labels), drawn(specs[1], labels))
    assert Confusion.model_validate(specs[1].model_dump(mode="json")) == specs[1]  # without the file


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1,0\n0\n", "as many columns as rows"),
        ("1,0\n0,0\n", "a row of a confusion matrix sums to 0"),
        ("x,a,b\na,1,0\nc,0,1\n", "the first row and the first column name the same classes"),
        ("1,0\n0,x\n", "a confusion matrix holds numbers"),
        ("", "is empty"),
        ("1,0\n-1,2\n", "greater than or equal to 0"),
    ],
)
def test_a_wrong_matrix_is_named(tmp_path, text, said):
    path = tmp_path / "matrix.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=said):
        Confusion(kind="confusion", matrix=str(path))


@pytest.mark.parametrize(
    ("matrix", "said"),
    [
        ({"rows": [[1, 0], [0, 1]]}, "a confusion matrix of 2 classes for a problem of 3"),
        ({"classes": ["a", "b", "x"], "rows": np.eye(3).tolist()}, "the confusion matrix names the class 'x'; known"),
    ],
)
def test_a_matrix_of_other_classes_is_refused(matrix, said):
    with pytest.raises(UserError, match=said):
        drawn(Confusion(kind="confusion", matrix=matrix), single(100, classes=3))


FEATURES = np.random.default_rng(5).normal(size=(MANY, 6)) * [1, 10, 0.1, 1, 1, 1] + 3


@pytest.mark.parametrize("decided_by", ["chance", "features"])
@pytest.mark.parametrize("rate", [0.0, 0.02, 0.1, 0.3, 0.6, 0.98, 1.0])
def test_instance_dependent_noise_flips_as_many_as_were_asked_for(rate, decided_by):
    labels = single()
    noisy = drawn(Instance(kind="instance", rate=rate, decided_by=decided_by), labels, features=FEATURES)
    assert_close((noisy != labels.targets).mean(), rate, MANY)


@pytest.mark.parametrize(("rate", "spread"), [(0.02, 0.1), (0.1, 0.1), (0.5, 0.3), (0.95, 0.1), (0.3, 1.0)])
def test_chances_to_flip_are_a_cut_normal_of_that_mean(rate, spread):
    uniforms = np.random.default_rng(0).random(20_000)
    found = chances_to_flip(uniforms, rate, spread)
    assert (found >= 0).all() and (found <= 1).all()
    assert found.mean() == pytest.approx(rate, abs=4 * found.std() / 20_000**0.5)
    # A normal of that spread: between two points the log density falls as the parabola of one, whatever its middle.
    places = np.linspace(*np.quantile(found, [0.15, 0.85]), 3)
    width = (places[1] - places[0]) / 4
    counts = [((found > place - width) & (found < place + width)).sum() for place in places]
    bend = np.log(counts[0]) - 2 * np.log(counts[1]) + np.log(counts[2])
    assert bend == pytest.approx(-(((places[1] - places[0]) / spread) ** 2), abs=0.2)


def test_features_may_decide_which_labels_flip():
    """Those that are drawn most to another class flip most; by chance they flip like the others."""
    labels = single()
    scaled = (FEATURES - FEATURES.mean(0)) / FEATURES.std(0)
    shares = {}
    for by_features in (False, True):
        noisy = mislabel_alike(labels.targets, FEATURES, 5, 0.3, 0.2, np.random.default_rng(3), by_features)
        again = np.random.default_rng(3)
        again.random(MANY)
        matrices = again.standard_normal((5, 6, 5)) / np.sqrt(6)
        drawn_on = np.empty(MANY)
        for c in range(5):
            members = labels.targets == c
            pull = scaled[members] @ matrices[c]
            pull[:, c] = -np.inf
            drawn_on[members] = stats.rankdata(pull.max(1)) / members.sum()
        flipped = noisy != labels.targets
        shares[by_features] = [flipped[drawn_on > 0.8].mean(), flipped[drawn_on < 0.2].mean()]
    assert shares[True][0] > shares[True][1] + 0.2
    assert shares[False][0] == pytest.approx(shares[False][1], abs=0.05)


def test_instance_dependent_noise_goes_where_the_features_point():
    """With every label flipped, the class drawn follows the softmax of the features times the class's own matrix."""
    labels = single(classes=3)
    random = np.random.default_rng(1)
    noisy = mislabel_alike(labels.targets, FEATURES, 3, 1.0, 1e-6, random)
    assert (noisy != labels.targets).all()
    again = np.random.default_rng(1)
    again.random(MANY)
    matrices = again.standard_normal((3, 6, 3)) / np.sqrt(6)
    scaled = (FEATURES - FEATURES.mean(0)) / FEATURES.std(0)
    for c in range(3):
        members = labels.targets == c
        others = [k for k in range(3) if k != c]
        chance = softmax(scaled[members] @ matrices[c][:, others], axis=1)
        for place, other in enumerate(others):
            hits = noisy[members] == other
            for low in (0, 0.25, 0.5, 0.75):
                bin_ = (chance[:, place] >= low) & (chance[:, place] < low + 0.25)
                if bin_.sum() > 200:
                    assert_close(hits[bin_].mean(), chance[bin_, place].mean(), bin_.sum())


def test_images_that_look_alike_are_mislabelled_alike():
    """Within clusters of the features the wrong labels agree more than over the whole class."""
    labels = single()
    noisy = drawn(Instance(kind="instance", rate=0.4), labels, features=FEATURES)
    scaled = (FEATURES - FEATURES.mean(0)) / FEATURES.std(0)
    flipped = (noisy != labels.targets) & (labels.targets == 0)
    cluster = KMeans(8, n_init=1, random_state=0).fit_predict(scaled[flipped])
    table = np.array([np.bincount(noisy[flipped][cluster == k], minlength=5)[1:] for k in range(8)])
    assert stats.chi2_contingency(table).pvalue < 1e-6


def test_annotators_err_by_their_own_matrices():
    labels = single(classes=3)
    matrices = [{"rows": [[8, 1, 1], [2, 8, 0], [0, 0, 10]]}, {"rows": [[5, 5, 0], [0, 10, 0], [3, 3, 4]]}]
    spec = Annotators(kind="annotators", matrix=matrices)
    each = [np.array(matrix["rows"]) / 10 for matrix in matrices]
    assert_close(realised(labels, drawn(spec, labels)), (each[0] + each[1]) / 2, class_counts(labels))


def test_the_majority_of_three_annotators_is_the_known_one():
    """Three alike on two classes: wrong if two or three of them are."""
    labels = single(classes=2)
    matrices = [{"rows": [[7, 3], [3, 7]]}] * 3
    noisy = drawn(Annotators(kind="annotators", matrix=matrices, decision="majority"), labels)
    assert_close((noisy != labels.targets).mean(), 3 * 0.3**2 * 0.7 + 0.3**3, MANY)


def test_a_tie_of_two_annotators_is_broken_evenly():
    labels = single(classes=2)
    matrices = [{"rows": [[1, 0], [0, 1]]}, {"rows": [[0, 1], [1, 0]]}]
    noisy = drawn(Annotators(kind="annotators", matrix=matrices, decision="majority"), labels)
    assert_close((noisy != labels.targets).mean(), 0.5, MANY)


def test_drawn_annotators_err_at_the_rate_and_differ():
    found = np.array(
        [
            annotators(Annotators(kind="annotators", count=5, rate=0.3), CLASSES, np.random.default_rng(s))
            for s in range(40)
        ]
    )
    np.testing.assert_allclose(found.sum(-1), 1)
    errors = 1 - np.diagonal(found, axis1=2, axis2=3)
    assert errors.mean() == pytest.approx(0.3, abs=0.02)
    assert errors.min() >= 0.15 - 1e-9
    assert errors.max() <= 0.45 + 1e-9
    assert errors.std() > 0.05


@pytest.mark.parametrize(("preset", "miss", "alarm"), [("light", 0.2, 0.01), ("heavy", 0.5, 0.05)])
def test_reports_miss_and_invent_findings_at_their_rates(preset, miss, alarm):
    labels = multi()
    noisy = drawn(ReportLabels(kind="report", preset=preset), labels)
    for c in range(5):
        there = labels.targets[:, c] == 1
        assert_close((noisy[there, c] == 0).mean(), miss, there.sum())
        assert_close((noisy[~there, c] == 1).mean(), alarm, (~there).sum())


def test_reports_may_have_rates_for_each_class():
    labels = multi()
    noisy = drawn(ReportLabels(kind="report", miss={"b": 0.5}, false_alarm=0.0), labels)
    assert np.array_equal(np.delete(noisy, 1, 1), np.delete(labels.targets, 1, 1))
    there = labels.targets[:, 1] == 1
    assert_close((noisy[there, 1] == 0).mean(), 0.5, there.sum())
    with pytest.raises(UserError, match="report noise names the class 'bb'"):
        drawn(ReportLabels(kind="report", miss={"bb": 0.5}), labels)


def uncertain(labels, share=0.1):
    marks = (np.random.default_rng(9).random(labels.targets.shape) < share).astype(np.uint8)
    return Labels(labels.task, labels.classes, np.where(marks == 1, 0, labels.targets), labels.groups, uncertain=marks)


@pytest.mark.parametrize(("policy", "low", "high"), [("zeros", 0, 0), ("ones", 1, 1), ("soft", 0.55, 0.85)])
def test_uncertain_labels_become_what_the_policy_says(policy, low, high):
    labels = uncertain(multi())
    noisy = drawn(Uncertain(kind="uncertain", policy=policy), labels)
    marked = labels.uncertain == 1
    assert np.array_equal(noisy[~marked], labels.targets[~marked])
    assert noisy[marked].min() >= np.float32(low)
    assert noisy[marked].max() <= np.float32(high)
    if policy == "soft":
        assert stats.kstest(noisy[marked], stats.uniform(0.55, 0.3).cdf).pvalue > 1e-3


def test_uncertain_labels_are_ignored_where_nothing_else_is_said():
    labels = uncertain(multi())
    for spec in (
        Uncertain(kind="uncertain", policy="ignore"),
        NoNoise(kind="none"),
        ReportLabels(kind="report", preset="light"),
    ):
        noisy = drawn(spec, labels)
        assert np.array_equal(np.isnan(noisy), labels.uncertain == 1)
        assert flips(labels, noisy)[labels.uncertain == 1].sum() == 0


def test_labels_can_be_made_uncertain_at_a_rate():
    labels = multi()
    noisy = drawn(Uncertain(kind="uncertain", policy="ignore", rate=0.25), labels)
    assert_close(np.isnan(noisy).mean(), 0.25, noisy.size)
    assert flips(labels, noisy).sum() == 0


KINDS = {
    "single-label": [
        NoNoise(kind="none"),
        Symmetric(kind="symmetric", rate=0.3),
        Pair(kind="pair", rate=0.3),
        Confusion(kind="confusion", matrix={"rows": (np.eye(4) + 0.2).tolist()}),
        Instance(kind="instance", rate=0.3),
        Annotators(kind="annotators"),
        Annotators(kind="annotators", decision="majority"),
    ],
    "multi-label": [
        NoNoise(kind="none"),
        Symmetric(kind="symmetric", rate=0.3),
        ReportLabels(kind="report", preset="heavy"),
        Uncertain(kind="uncertain", policy="ones", rate=0.2),
        Uncertain(kind="uncertain", policy="soft", rate=0.2),
    ],
}


@pytest.mark.parametrize(("task", "spec"), [(task, spec) for task, specs in KINDS.items() for spec in specs])
@given(samples=st.integers(1, 60), seed=st.integers(0, 1000))
@settings(max_examples=25)
def test_noise_keeps_shape_and_range_and_is_drawn_from_its_seed(task, spec, samples, seed):
    labels = (single if task == "single-label" else multi)(samples, 4, seed)
    features = np.random.default_rng(seed).normal(size=(samples, 3)).astype(np.float32)
    noisy = drawn(spec, labels, seed, features)
    assert noisy.shape == labels.targets.shape
    assert noisy.min() >= 0
    assert noisy.max() <= (3 if task == "single-label" else 1)
    assert np.array_equal(noisy, drawn(spec, labels, seed, features))
    if spec.kind == "none":
        assert np.array_equal(noisy, labels.targets)
    if task == "single-label":
        assert np.array_equal(flips(labels, noisy) == 1, noisy != labels.targets)


@pytest.mark.parametrize(
    ("spec", "labels", "said"),
    [
        (
            Pair(kind="pair", rate=0.1),
            multi(50),
            "pair noise is for single-label problems, and this one is multi",
        ),
        (ReportLabels(kind="report", preset="light"), single(50), "report noise is for multi-label problems"),
    ],
)
def test_noise_of_the_wrong_task_is_refused(spec, labels, said):
    with pytest.raises(UserError, match=said):
        drawn(spec, labels)


@pytest.mark.parametrize("spec", [spec for specs in KINDS.values() for spec in specs])
def test_every_noise_survives_being_written_down(spec):
    assert type(spec).model_validate(spec.model_dump(mode="json")) == spec


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (NoNoise(kind="none"), NoNoise(kind="none", seed=3, title="clean")),
        (ReportLabels(kind="report", preset="light"), ReportLabels(kind="report", miss=0.2, false_alarm=0.01)),
        (
            Uncertain(kind="uncertain", policy="ones"),
            Uncertain(kind="uncertain", policy="ones", soft=(0.1, 0.2)),
        ),
        (
            Annotators(kind="annotators", matrix=[{"rows": [[1, 0], [0, 1]]}]),
            Annotators(kind="annotators", count=9, rate=0.1, matrix=[{"rows": [[1, 0], [0, 1]]}]),
        ),
    ],
)
def test_what_does_not_act_does_not_count(one, other):
    assert one.key == other.key
    assert type(one).model_validate(one.effect).effect == one.effect


@pytest.mark.parametrize(
    ("spec", "drawn"),
    [
        (NoNoise(kind="none"), False),
        (Symmetric(kind="symmetric", rate=0.3), True),
        (Annotators(kind="annotators", source="data", decision="soft"), False),
        (Annotators(kind="annotators", source="data", decision="majority"), True),
        (Uncertain(kind="uncertain", policy="ones"), False),
        (Uncertain(kind="uncertain", policy="ones", rate=0.1), True),
        (Uncertain(kind="uncertain", policy="soft"), True),
    ],
)
def test_it_is_known_whether_a_noise_is_drawn(spec, drawn):
    assert spec.effect  # kept, and not of the seed that is tried
    assert spec.is_drawn == drawn


@pytest.mark.parametrize(("per_seed", "seeds", "said"), [(False, 2, True), (True, 2, False), (False, 1, False)])
def test_one_draw_of_noise_for_all_seeds_is_said(tiny, tmp_path, per_seed, seeds, said):
    settings = [
        f"protocol.split.per_seed={per_seed}",
        f"experiments.main.seeds={[*range(seeds)]}",
        "experiments.main.noise=[{kind: symmetric, rate: .3}]",
    ]
    results = collect(plan(read_suite(tiny, settings), discover()), Store(tmp_path / "store"))
    assert any("drawn once for all seeds" in note for note in notes(results, "main")) == said


def test_what_acts_counts():
    symmetric = Symmetric(kind="symmetric", rate=0.2)
    assert symmetric.key != Symmetric(kind="symmetric", rate=0.2, seed=1).key
    assert symmetric.key == Symmetric(kind="symmetric", rate=0.2, title="x").key


@pytest.mark.parametrize("said", [{}, {"preset": "light", "miss": 0.2}])
def test_report_noise_is_a_preset_or_rates(said):
    with pytest.raises(ValueError, match="report noise needs a preset, or miss and false_alarm"):
        ReportLabels(kind="report", **said)


# In suites

NOISES = (
    "experiments.main.noise=[none, {kind: symmetric, rate: 0.4}, {kind: instance, rate: 0.4}, {kind: pair, rate: 1}]"
)


@pytest.fixture(scope="module")
def noisy_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("noisy")
    (folder / "tiny.yaml").write_text(TINY)
    made = plan(read_suite(folder / "tiny.yaml", [NOISES, "experiments.main.methods=[baseline-i]"]), discover())
    store = Store.at(folder / "store")
    assert run(made, store).well
    return made, store


def of_noise(made, name):
    return next(cell for cell in made.cells if cell.noise == name)


def test_only_training_labels_are_flipped_and_the_flips_are_stored(noisy_run):
    made, store = noisy_run
    for cell in made.cells:
        job = made.jobs[cell.labels]
        truth = store.open(job.inputs["pixels"]).arrays("labels.npz")["targets"]
        split = store.open(job.inputs["split"]).arrays("split.npz")
        kept = store.open(cell.labels).arrays("labels.npz")
        assert np.array_equal(kept["flipped"] == 1, kept["targets"] != truth)
        held_out = np.concatenate([split["validation"], split["test"]])
        assert kept["flipped"][held_out].sum() == 0
        facts = store.open(cell.labels).json("noise.json")
        assert facts["realised_rate"] == pytest.approx(kept["flipped"][split["train"]].mean(), abs=1e-6)
        wanted = confusion_matrix(truth[split["train"]], kept["targets"][split["train"]], labels=range(8))
        assert np.array_equal(facts["realised"], wanted)
    assert store.open(of_noise(made, "pair 1").labels).json("noise.json")["realised_rate"] == 1
    rate = store.open(of_noise(made, "symmetric 0.4").labels).json("noise.json")["realised_rate"]
    assert 0.2 < rate < 0.6


def test_instance_dependent_noise_rests_on_the_features_of_a_network(noisy_run):
    made, store = noisy_run
    labels = made.jobs[of_noise(made, "instance 0.4").labels]
    features = store.open(labels.inputs["features"]).array("features.npy")
    assert features.shape == (128, 128)
    assert features.std(0).max() > 0.01
    assert sum(job.kind == "features" for job in made.jobs.values()) == 1


def test_a_sample_is_mislabelled_in_every_fold_or_in_none(tiny, tmp_path):
    settings = ["experiments.main.noise=[{kind: symmetric, rate: 0.4}]", "experiments.main.folds=3"]
    made = plan(read_suite(tiny, [*settings, "experiments.main.methods=[baseline-i]"]), discover())
    labels = {cell.labels for cell in made.cells}
    assert len(labels) == 3
    made.cells[:] = []
    store = Store.at(tmp_path / "store")
    from roskdbench.jobs import execute

    seen = []
    for fingerprint, job in made.jobs.items():
        if job.kind in ("pixels", "split", "labels"):
            execute(job, store)
        if fingerprint in labels:
            train = store.open(job.inputs["split"]).arrays("split.npz")["train"]
            targets = store.open(fingerprint).arrays("labels.npz")["targets"]
            seen.append({int(sample): int(targets[sample]) for sample in train})
    for one in seen:
        for other in seen:
            common = one.keys() & other.keys()
            assert common
            assert all(one[sample] == other[sample] for sample in common)
