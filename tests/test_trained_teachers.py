"""Teachers that methods trained, several of one network, and averaged weights: each is the model it is said to be."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import TINY
from tiny import ARCHITECTURE, RECIPE, SEEDS, tiny_examples, tiny_network
from torch.nn import functional

from roskdbench.engine.checkpoint import made_with
from roskdbench.engine.device import ComputeConfig
from roskdbench.engine.examples import rarities
from roskdbench.engine.training import Training
from roskdbench.errors import UserError
from roskdbench.executors.events import Damaged
from roskdbench.method import Equal, Method, Plain, Sharpness
from roskdbench.method.averaging import RunningMean
from roskdbench.plan import plan
from roskdbench.plugins import discover
from roskdbench.store import Store
from roskdbench.suite import read_suite
from roskdbench.suite.augmentation import PRESETS
from roskdbench.walk import Progress, _Walk, run


def planned(path, *settings):
    return plan(read_suite(path, settings), discover())


def of_kind(made, kind):
    return [job for job in made.jobs.values() if job.kind == kind]


SINGLE = "{method: baseline-ii, teachers: {kind: single, trained_by: ros-kd}}"


def test_a_teacher_that_is_trained_on_overlapping_teachers_is_another_at_each_overlap(tiny):
    made = planned(tiny, f"experiments.main.methods=[{SINGLE}, ros-kd]", "experiments.main.overlap=[0, .4, 1]")
    for method in ("Baseline II", "RoS-KD"):
        assert len({cell.scores for cell in made.cells if cell.method == method}) == 3


def test_several_teachers_of_one_network_are_several_where_the_protocol_has_one_of_it(tiny):
    """The first is the protocol's; the others have places of their own, and so weights and orders."""
    network = "{model: resnet18, options: {channels: [8, 8, 8, 8], layers: [1, 1, 1, 1]}, title: %s}"
    three = ", ".join(network % f"T{number}" for number in range(3))
    method = f"{{method: deep-ensemble-subset, teachers: {{kind: overlapping, networks: [{three}]}}}}"
    made = planned(tiny, f"experiments.main.methods=[{method}, deep-ensemble]", "experiments.main.overlap=[1]")
    subsets = [job for job in of_kind(made, "teacher") if "subset" in job.spec]
    assert len({job.spec["position"] for job in subsets}) == len(subsets) == 3
    ours = made.suite.protocol.teachers
    places = [number for number, each in enumerate(ours) if each.architecture == subsets[0].spec["architecture"]]
    positions = sorted(job.spec["position"] for job in subsets)
    assert positions[: len(places)] == places
    assert all(position > len(ours) for position in positions[len(places) :])


AVERAGED = "{method: deep-ensemble, title: Of averages, teachers: {kind: on-all-data, trained_by: swa}}"


def test_an_ensembles_members_are_attacked_at_the_weights_that_are_scored(tiny, tmp_path):
    """Before any attack, what the networks say is what is scored: a change of nothing changes no F1."""
    attacks = "experiments.main.measures=[{measure: attacks, attacks: [fgsm linf 0.0000001], images: 20}]"
    made = planned(tiny, f"experiments.main.methods=[{AVERAGED}, deep-ensemble]", attacks)
    jobs = [job for job in made.jobs.values() if job.group == "attacks"]
    (averaged,) = [job for job in jobs if "readings" in job.spec]
    assert set(averaged.spec["readings"]) == {"averaged"}
    assert len(jobs) == 2  # of last weights nothing is said, as ever
    store = Store.at(tmp_path / "store")
    assert run(made, store).well
    for job in jobs:
        attacked = store.open(job.fingerprint).arrays("attacked.npz")
        test = store.open(job.inputs["split"]).arrays("split.npz")["test"]
        clean = store.open(job.inputs["predictions"]).arrays("predictions.npz")["test"]
        order = np.argsort(test)
        rows = order[np.searchsorted(test, attacked["samples"], sorter=order)]
        (logits,) = (array for name, array in attacked.items() if name != "samples")
        np.testing.assert_allclose(logits, clean[rows], atol=1e-3)


@pytest.mark.parametrize(
    ("method", "said"),
    [
        (
            "{method: ros-kd, teachers: {kind: overlapping, trained_by: baseline-ii}}",
            "method 'baseline-ii' cannot be trained with protocol.mixup here: what its teachers say of mixed samples",
        ),
        (
            "{method: baseline-iv, weighting: {kind: reinforced-selection, reward: r3, student_pretraining: 1, "
            "policy_pretraining: 1}}",
            "method 'baseline-iv' cannot be trained with protocol.mixup here: it holds samples back",
        ),
    ],
)
def test_samples_are_not_mixed_with_those_that_a_training_must_not_meet(tiny, method, said):
    planned(tiny, f"experiments.main.methods=[{method}]")
    with pytest.raises(UserError, match=said):
        planned(tiny, f"experiments.main.methods=[{method}]", "protocol.mixup=0.2")


def test_averaging_begins_as_late_as_epochs_are_stretched(tiny, tmp_path, monkeypatch):
    method = "{method: ros-kd, teachers: {kind: overlapping, trained_by: swa}}"
    made = planned(
        tiny, f"experiments.main.methods=[{method}]", "protocol.subset_steps=equal", "protocol.averaging_warmup=2"
    )
    taught = [job for job in of_kind(made, "trajectory") if "subset" in job.spec]
    assert {job.spec["averaging begins"] for job in taught} == {"stretched"}
    assert not any("averaging begins" in job.spec for job in of_kind(made, "trajectory") if "subset" not in job.spec)
    seen = []

    class Noted(Training):
        def __init__(self, **given):
            seen.append((given["recipe"].epochs, given["warmup"]))
            super().__init__(**given)

    monkeypatch.setattr("roskdbench.engine.training.Training", Noted)
    assert run(made, Store.at(tmp_path / "store")).well
    usual, warmup = made.suite.protocol.epochs, taught[0].spec["averaging"]["warmup"]
    stretched = [each for each in seen if each[0] > usual]
    assert len(stretched) >= len(taught)
    assert (usual, warmup) in seen
    assert {begins for epochs, begins in stretched if begins} == {
        round(warmup * epochs / usual) for epochs, begins in stretched if begins
    }


def averaged(architecture=ARCHITECTURE, **rest):
    examples, _ = tiny_examples("single-label")
    network = tiny_network(3, architecture=architecture)
    ours = Training(
        task="single-label", method=Method(), network=network, examples=examples, bank=[], seeds=SEEDS,
        mean=RunningMean(), warmup=1, **{"recipe": RECIPE, **rest},
    )  # fmt: skip
    ours.run()
    assert ours.averaged is not None
    return {name: value.clone() for name, value in ours.averaged.module.state_dict().items()}


def test_statistics_of_averaged_weights_draw_from_nobody_else():
    dropping = {**ARCHITECTURE, "options": {**ARCHITECTURE["options"], "drop_path_rate": 0.5, "layers": [2, 1, 1, 1]}}
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = averaged(dropping)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(7)
    again = averaged(dropping)
    for name, value in first.items():
        assert torch.equal(value, again[name]), name


def test_statistics_of_averaged_weights_are_of_views_as_training_draws_them(monkeypatch):
    """Also where they are turned and the network computes in bf16."""
    met, drawn = [], []
    from roskdbench.engine import training

    whole = training.update_bn

    def noting(images, network):
        kept = list(images)
        met.extend(kept)
        whole(kept, network)

    monkeypatch.setattr(training, "update_bn", noting)
    recipe = replace(RECIPE, augmentation=PRESETS["paper"])

    class Spy(Method):
        """Spy: notes what it meets in the last epoch."""

        def loss(self, batch):
            if batch.epoch == recipe.epochs - 1:
                drawn.append(batch.images.clone())
            return batch.hard_loss()

    examples, _ = tiny_examples("single-label")
    Training(
        task="single-label", method=Spy(), network=tiny_network(3), examples=examples, bank=[], seeds=SEEDS,
        mean=RunningMean(), warmup=1, recipe=recipe, config=ComputeConfig("bf16"),
    ).run()  # fmt: skip

    def sums(batches):
        return np.sort(torch.cat([each.double().flatten(1).sum(1) for each in batches]).numpy())

    np.testing.assert_array_equal(sums(met), sums(drawn))


def test_trainings_whose_statistics_were_of_rounded_views_are_made_again(tiny):
    def specs(*settings):
        return [job.spec for job in of_kind(planned(tiny, *settings), "trajectory")]

    assert all(
        each["views"] == "in float32" for each in specs("protocol.precision=bf16", "protocol.augmentation=paper")
    )
    for settings in (
        ("protocol.precision=float32", "protocol.augmentation=paper"),
        ("protocol.precision=bf16", "protocol.augmentation=light"),
        ("protocol.precision=auto", "protocol.augmentation=none"),
    ):
        assert not any("views" in each for each in specs(*settings))


def test_a_sample_is_as_rare_as_its_share_of_a_class_says():
    """Whole labels as ever; of shares by what is nearly one as by one."""
    soft = torch.tensor([[0.97, 0.03]] * 90 + [[0.03, 0.97]] * 10)
    hard = soft.round()
    found, whole = rarities(soft), rarities(hard)
    assert whole.tolist() == [1 / 90] * 90 + [1 / 10] * 10
    assert found[0] == pytest.approx(0.97 / 87.6, rel=1e-6)
    assert found[-1] == pytest.approx(0.97 / 12.4, rel=1e-6)


@pytest.mark.parametrize(
    ("noise", "soft"), [("{kind: uncertain, policy: soft}", True), ("{kind: report, preset: light}", False)]
)
def test_trainings_that_drew_shares_as_whole_labels_are_made_again(tiny, noise, soft):
    text = tiny.read_text().replace("phantom-lesion", "phantom-chest")
    tiny.write_text(text)
    settings = [f"experiments.main.noise=[{noise}]", "protocol.sampling=class-balanced"]
    specs = [job.spec for job in planned(tiny, *settings).jobs.values() if job.kind in ("teacher", "trajectory")]
    assert {"rarity" in each for each in specs} == {soft}
    specs = [job.spec for job in planned(tiny, settings[0]).jobs.values() if job.kind in ("teacher", "trajectory")]
    assert not any("rarity" in each for each in specs)


def test_a_student_that_rests_does_not_enter_its_mean_again():
    class Resting(Equal):
        def pauses_student(self, epoch):
            return epoch in (1, 2)

    class Rests(Method):
        """Rests: for two of four epochs."""

        weighting = Resting()

    examples, _ = tiny_examples("single-label")
    ours = Training(
        task="single-label", method=Rests(), network=tiny_network(3), examples=examples, bank=[], seeds=SEEDS,
        mean=RunningMean(), warmup=0, recipe=RECIPE,
    )  # fmt: skip
    ours.run()
    assert int(ours.averaged.n_averaged) == 2


def test_sharpness_leaves_the_statistics_of_what_a_method_keeps_alone():
    """Of each batch a second network moves its running statistics once, at the weights that it stands at."""

    class Two(Method):
        """Two: a second network learns beside the student."""

        def begin(self, facts):
            return facts.network("second")

        def loss(self, batch):
            return batch.hard_loss() + functional.cross_entropy(batch.state(batch.images), batch.targets)

    counted = []
    for stepping in (Plain(), Sharpness()):
        method = Two(stepping=stepping)
        examples, _ = tiny_examples("single-label")
        ours = Training(
            task="single-label", method=method, network=tiny_network(3), examples=examples, bank=[], seeds=SEEDS,
            recipe=RECIPE, fresh_network=lambda purpose: tiny_network(3, seed=9),
        )  # fmt: skip
        ours.run()
        layers = [each for each in ours.state.modules() if isinstance(each, torch.nn.BatchNorm2d)]
        counted.append({int(each.num_batches_tracked) for each in layers})
    assert counted[0] == counted[1] == {4 * 5}


def test_a_checkpoint_goes_on_where_numbers_are_the_same():
    assert made_with().endswith(torch.backends.cpu.get_cpu_capability()) or torch.cuda.is_available()


def test_one_damage_that_many_readers_meet_counts_once(tmp_path):
    path = tmp_path / "suite.yaml"
    path.write_text(TINY)
    made = planned(path)
    store = Store.at(tmp_path / "store")
    pixels = of_kind(made, "pixels")[0].fingerprint
    readers = [job.fingerprint for job in made.jobs.values() if pixels in job.inputs.values()][:4]
    schedule = _Walk(Progress(made), store)
    schedule._have.add(pixels)
    for each in readers:
        schedule.progress.running[each] = None
        schedule.note(Damaged(each, pixels))
    assert schedule._damages[pixels] == 1
    assert not any(state == "failed" for state in schedule.progress.state.values())
    for _ in range(2):
        schedule._have.add(pixels)  # made again, and damaged again
        schedule.note(Damaged(readers[0], pixels))
    assert schedule.progress.state[pixels] == "failed"
