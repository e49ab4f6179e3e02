"""The bundled methods, how methods are found, and what of their code counts."""

import json
import re
import shutil
import sys
from math import inf
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ROOT, payloads
from scipy import stats
from tiny import RECIPE, SEEDS, tiny_examples, tiny_network

from roskdbench import Equal, Exponential, Method, OneHot, UserError, register
from roskdbench.checking import check_method
from roskdbench.engine.checkpoint import Checkpoint
from roskdbench.engine.recipe import Recipe
from roskdbench.engine.training import Training
from roskdbench.method import Batch, Dirichlet, Output, Setting, Weigher, code_identity, make_method
from roskdbench.method.losses import hard_losses, mixture_divergence
from roskdbench.plan import plan
from roskdbench.plugins import discover
from roskdbench.source import bare_source
from roskdbench.store import Store
from roskdbench.suite import read_suite
from roskdbench.suite.augmentation import PRESETS
from roskdbench.walk import run

NAMES = [name for name, entry in discover().of("method").items() if entry.bundled]
PAPERS = ("baseline-i", "baseline-ii", "baseline-iii", "baseline-iv", "baseline-v", "ros-kd")

HALF = '''"""Mine."""

from roskdbench import Method, Overlapping, register


@register("half")
class Half(Method):
    """Half: half of the labels' loss."""

    teachers = Overlapping()

    def loss(self, batch):
        return batch.hard_loss() / 2  # half
'''


def test_all_methods_are_found_and_each_has_a_file_of_its_own():
    registry = discover()
    assert registry.broken == []
    assert set(PAPERS) < set(NAMES)
    assert len(NAMES) >= 30
    origins = [Path(registry.of("method")[name].origin).name for name in NAMES]
    assert sorted(origins) == sorted(each.name for each in (ROOT / "methods").glob("[a-z]*.py"))


def test_every_method_says_whose_it_is_and_no_file_is_long():
    """Title, paper and formula are in its file; the median loss takes 15 lines beside imports and declarations."""
    lengths = {}
    for name in NAMES:
        method = discover().of("method")[name].thing
        told = sys.modules[method.__module__].__doc__ or ""
        assert re.search(r"\b(19|20)\d\d\b", told) or "RoS-KD" in told or name in PAPERS or not method.trains_student, (
            name
        )
        assert len(method.title()) <= 24, name
        assert method.summary(), name
        lengths[name] = len(Path(sys.modules[method.__module__].__file__).read_text("utf-8").splitlines())
    assert {name for name, lines in lengths.items() if lines > 120} == {"baseline-iv"}


def test_the_median_method_takes_fifteen_lines_of_code():
    """Imports left aside, and comments, docstrings and blank lines, as everywhere."""
    counted = []
    for name in NAMES:
        source = bare_source(Path(discover().of("method")[name].origin).read_text("utf-8"))
        counted.append(sum(bool(line.strip()) and "import" not in line for line in source.splitlines()))
    assert np.median(counted) <= 15, sorted(counted)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_bundled_methods_keep_the_contract(name):
    assert [verdict for verdict in check_method(discover(), name) if verdict[1] is not None] == []


def test_the_check_finds_a_method_that_breaks_the_contract(tmp_path):
    (tmp_path / "two.py").write_text(
        "from roskdbench import Method, register\n\n\n@register('stuck')\nclass Stuck(Method):\n"
        "    '''Stuck: no gradient reaches the student.'''\n\n    def loss(self, batch):\n"
        "        return batch.student_logits.detach().sum().requires_grad_()\n\n\n"
        "@register('broken-loss')\nclass Broken(Method):\n"
        "    '''Broken: asks for features without saying so.'''\n\n    def loss(self, batch):\n"
        "        return batch.features.mean()\n"
    )
    registry = discover([tmp_path])

    def objections(name):
        return [claim for claim, objection in check_method(registry, name) if objection is not None]

    assert any("gradient reaches" in claim for claim in objections("stuck"))
    assert objections("broken-loss") == ["it trains on phantom-lesion", "it trains on phantom-chest"]


def test_methods_of_a_folder_are_found_and_a_broken_one_hides_no_other(tmp_path, monkeypatch):
    (tmp_path / "half.py").write_text(HALF)
    (tmp_path / "broken.py").write_text("import nothing_like_this\n")
    (tmp_path / "unparsable.py").write_text("def (:\n")
    registry = discover([tmp_path])
    assert registry.of("method")["half"].thing.title() == "Half"
    assert registry.of("method")["half"].thing.summary() == "half of the labels' loss"
    assert len(registry.broken) == 2
    assert "broken.py: ModuleNotFoundError: No module named 'nothing_like_this'" in registry.broken[0]
    assert "unparsable.py: SyntaxError" in registry.broken[1]
    assert all("\n" not in line for line in registry.broken)
    assert "half" not in discover().of("method")
    monkeypatch.setenv("ROSKDBENCH_PLUGINS", str(tmp_path))
    assert "half" in discover().of("method")


def test_entry_points_of_installed_packages_are_loaded(tmp_path, monkeypatch):
    package = tmp_path / "their_methods"
    package.mkdir()
    (package / "__init__.py").write_text(HALF.replace("half", "theirs"))
    info = tmp_path / "their_methods-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-methods\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[roskdbench.plugins]\ntheirs = their_methods\nbad = no_such_module\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "their_methods", raising=False)
    registry = discover()
    assert "theirs" in registry.of("method")
    assert any("entry point bad" in line for line in registry.broken)


def test_two_methods_of_one_name_are_refused_and_hide_no_other(tmp_path):
    (tmp_path / "mine.py").write_text(HALF.replace('"half"', '"ros-kd"'))
    (tmp_path / "half.py").write_text(HALF)
    registry = discover([tmp_path])
    said = r"two methods are registered as 'ros-kd': .*ros_kd\.py and .*mine\.py; rename one"
    assert list(registry.clashes) == [("method", "ros-kd")]
    assert re.fullmatch(said, registry.clashes["method", "ros-kd"])
    for ask in (lambda: registry.find("method", "ros-kd"), lambda: make_method(registry, "ros-kd")):
        with pytest.raises(UserError, match=said):
            ask()
    with pytest.raises(UserError, match=said):
        plan(read_suite("smoke"), registry)
    assert make_method(registry, "half").declaration() == make_method(discover([tmp_path]), "half").declaration()
    assert make_method(registry, "baseline-i")
    assert discover().clashes == {}


def test_an_unknown_method_or_parameter_is_answered_with_the_nearest(tmp_path):
    registry = discover()
    with pytest.raises(UserError, match="unknown method 'ros-dk'; did you mean 'ros-kd'"):
        make_method(registry, "ros-dk")
    with pytest.raises(UserError, match=r"did you mean 'baseline-iii'\?"):
        make_method(registry, "Baseline_3")
    with pytest.raises(UserError, match=r"did you mean 'baseline-i', 'baseline-ii', .* or 'baseline-v'\?"):
        make_method(registry, "baseline-6")  # none is nearer than another
    with pytest.raises(UserError, match="unknown parameter 'temprature'; did you mean 'temperature'"):
        make_method(registry, "ros-kd", {"temprature": 2})
    with pytest.raises(UserError, match="unknown weighting 'dirchlet'; did you mean 'dirichlet'"):
        make_method(registry, "ros-kd", {"weighting": "dirchlet"})
    with pytest.raises(UserError, match="no folder of plugins"):
        discover([tmp_path / "nowhere"])


def test_a_method_can_only_be_registered_if_it_is_one():
    with pytest.raises(TypeError, match="inherit from Method"):
        register("x")(int)


def test_declared_values_override_without_annotations():
    registry = discover()
    ros, five = make_method(registry, "ros-kd"), make_method(registry, "baseline-v")
    assert ros.training_declaration() == five.training_declaration()
    assert (ros.averaging.reading, five.averaging.reading) == ("averaged", "last")
    assert make_method(registry, "ros-kd", {"temperature": 4}).temperature == 4
    assert make_method(registry, "ros-kd").temperature == 0.5
    assert make_method(registry, "ros-kd", ros.declaration()) == ros


def test_only_code_that_does_something_counts(tmp_path):
    path = tmp_path / "half.py"

    def identity(text):
        path.write_text(text)
        return code_identity(make_method(discover([tmp_path]), "half"))

    first = identity(HALF)
    assert set(first) == {"method.Half"}
    assert identity(HALF.replace("  # half", "  # a comment").replace('"""Mine."""', '"""Ours."""\n\n')) == first
    assert identity(HALF.replace("/ 2", "/ 3")) != first
    assert code_identity(make_method(discover(), "ros-kd")) == {}
    assert set(code_identity(make_method(discover(), "baseline-iv"))) == {"weighting.ReinforcedSelection"}


def test_bare_source_keeps_what_runs():
    assert bare_source('"""Doc."""\ndef f(x):\n    "doc"\n    return x  # why\n') == "def f(x):\n    return x"
    assert bare_source('class A:\n    """Doc."""\n') == "class A:\n    pass"


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("weighting", [Equal(), Exponential(), Dirichlet(concentration=0.1), OneHot()])
def test_weights_are_shares(weighting):
    weights = weighting.draw(5, 5000, generator())
    assert weights.shape == (5, 5000)
    assert (weights >= 0).all()
    torch.testing.assert_close(weights.sum(0), torch.ones(5000), atol=1e-5, rtol=0)
    assert weights.mean(1).numpy() == pytest.approx(0.2, abs=0.03)


def test_normalised_exponential_weights_are_a_flat_dirichlet():
    """Each of K is Beta(1, K - 1); so are Dirichlet weights of concentration 1."""
    for weighting in (Exponential(), Dirichlet(concentration=1.0)):
        first = weighting.draw(5, 5000, generator())[0].numpy()
        assert stats.kstest(first, stats.beta(1, 4).cdf).pvalue > 1e-3
    sparse = Dirichlet(concentration=0.1).draw(5, 5000, generator())[0].double().numpy()
    assert sparse.var() == pytest.approx(stats.beta(0.1, 0.4).var(), rel=0.1)


def test_raw_exponential_weights_sum_to_a_gamma():
    total = Exponential(scale="raw").draw(5, 5000, generator()).sum(0).numpy()
    assert stats.kstest(total, stats.gamma(5).cdf).pvalue > 1e-3


def batch(weighting, epoch=0, step=0, examples=6, pooled_features=None, **rest):
    setting = Setting(3, 4, 5, torch.device("cpu"), 0)
    logits = torch.randn(examples, 4, generator=generator())
    fields = {
        "task": "single-label",
        "images": torch.zeros(examples, 1, 4, 4),
        "targets": torch.arange(examples) % 4,
        "ask": lambda images: Output(logits, pooled_features),
        "teacher_logits": torch.randn(3, examples, 4, generator=generator(1)),
        "samples": torch.arange(examples),
        "epoch": epoch,
        "step": step,
        "seed": 7,
        "weigher": weighting.begin(setting),
        "student": lambda images: torch.zeros(len(images), 4),
    }
    return Batch(**{**fields, **rest})


@pytest.mark.parametrize(("per", "shape"), [("batch", (3, 1)), ("example", (3, 6)), ("epoch", (3, 1))])
def test_weights_are_drawn_per_batch_example_or_epoch(per, shape):
    weighting = Exponential(per=per)
    first = batch(weighting).weights
    assert first.shape == shape
    assert torch.equal(first, batch(weighting).weights)  # the same step again
    assert torch.equal(first, batch(weighting, step=1).weights) == (per == "epoch")
    assert not torch.equal(first, batch(weighting, epoch=1).weights)


def test_the_loss_blends_soft_and_hard_parts():
    method = Method(temperature=2.0, alpha=0.7)
    one = batch(method.weighting)
    soft = (one.weights * one.divergences(2.0)).sum(0).mean()
    hard = torch.nn.functional.cross_entropy(one.student_logits, one.targets)
    torch.testing.assert_close(method.loss(one), 0.7 * 4 * soft + 0.3 * hard)


def test_features_have_to_be_asked_for():
    with pytest.raises(UserError, match="uses_features = True"):
        _ = batch(Equal()).features


class TestReinforcedSelection:
    """Baseline IV's policy."""

    @pytest.fixture
    def make(self):
        def make(**settings):
            return make_method(
                discover(), "baseline-iv", {"weighting": {"kind": "reinforced-selection", **settings}}
            ).weighting

        return make

    def step(self, weighting, weigher, step, epoch=10, **rest):
        features = torch.randn(6, 5, generator=generator(step))
        return batch(weighting, epoch=epoch, step=step, weigher=weigher, pooled_features=features, **rest)

    def test_all_teachers_count_the_same_while_the_student_is_pretrained(self, make):
        weighting = make(student_pretraining=3)
        weigher = weighting.begin(Setting(3, 4, 5, torch.device("cpu"), 0))
        one = self.step(weighting, weigher, 0, epoch=2)
        assert torch.equal(one.weights, torch.full((3, 1), 1 / 3))
        before = weigher.state_dict()["policy"].clone()
        weigher.after_step(one)
        assert torch.equal(weigher.state_dict()["policy"], before)

    def test_the_chosen_count_the_same_and_someone_is_always_chosen(self, make):
        weighting = make()
        weigher = weighting.begin(Setting(3, 4, 5, torch.device("cpu"), 0))
        with torch.no_grad():
            weigher.policy[-1] = -3.0  # rarely asks anyone
        for step in range(20):
            weights = self.step(weighting, weigher, step).weights
            torch.testing.assert_close(weights.sum(0), torch.ones(6))
            for column in weights.T:
                chosen = column[column > 0]
                assert (chosen == 1 / len(chosen)).all()

    def test_the_student_rests_between_the_phases(self, make):
        weighting = make(student_pretraining=2, policy_pretraining=3)
        assert [weighting.pauses_student(epoch) for epoch in range(7)] == [False] * 2 + [True] * 3 + [False] * 2
        assert weighting.objection(6) is None
        assert "5 leave none of the 5 epochs" in weighting.objection(5)

    def test_rewards_are_those_of_the_paper(self, make):
        after = torch.randn(6, 4, generator=generator(9))
        unseen = torch.arange(4)
        held_out = (torch.ones(4, 1, 4, 4), unseen)

        def student(images):
            return torch.eye(4)[[0, 1, 2, 0]] if len(images) == 4 else after  # three of four right

        def rewards(**settings):
            weighting = make(**settings)
            weigher = weighting.begin(Setting(3, 4, 5, torch.device("cpu"), 0))
            one = self.step(weighting, weigher, 0, student=student, held_out=lambda: held_out)
            return one, weigher.rewards(one, one.weights)

        one, r1 = rewards(reward="r1")
        loss = torch.nn.functional.cross_entropy(after, one.targets, reduction="none")
        torch.testing.assert_close(r1, -loss)
        one, r2 = rewards(reward="r2", temperature=2.0)
        divergence = mixture_divergence("single-label", one.teacher_logits, one.weights, after, 2.0)
        torch.testing.assert_close(r2, -loss - divergence)
        one, r3 = rewards(reward="r3", temperature=2.0, share=0.8)
        torch.testing.assert_close(r3, 0.8 * r2 + 0.2 * 0.75)

    def test_the_policy_learns_to_ask_the_teacher_that_is_right(self, make):
        """Teacher 0 agrees with the student, the others do not: under r2 its chance has to rise above theirs."""
        weighting = make(reward="r2", lr=0.05, entropy=0.0)
        weigher = weighting.begin(Setting(3, 4, 5, torch.device("cpu"), 0))
        targets = torch.arange(6) % 4
        student = 4 * torch.eye(4)[targets]
        teachers = torch.stack([student, -student, -student])

        def chances(one):
            return torch.sigmoid(weigher.state(one) @ weigher.policy[:-1] + weigher.policy[-1]).mean(1)

        for step in range(300):
            one = self.step(weighting, weigher, step, teacher_logits=teachers, student=lambda images: student)
            _ = one.weights
            weigher.after_step(one)
        first, second, third = chances(one).tolist()
        assert first > 0.75
        assert max(second, third) < 0.25

    def test_the_policy_gradient_is_reinforce(self, make):
        """Against an autograd-free formula: the score of a Bernoulli with logit l is (a - sigmoid(l)) * state."""
        weighting = make(reward="r1", entropy=0.0)
        weigher = weighting.begin(Setting(3, 4, 5, torch.device("cpu"), 0))
        with torch.no_grad():
            weigher.policy.copy_(torch.randn(len(weigher.policy), generator=generator(4)) / 5)
        policy = weigher.policy.detach().double().clone()
        one = self.step(weighting, weigher, 0)
        _ = one.weights
        state, actions, _ = weigher.taken
        weigher.after_step(one)
        reward = -hard_losses("single-label", torch.zeros(6, 4), one.targets).double()
        advantage = (reward - reward.mean()) / (reward.std(correction=0) + 1e-8)
        score = actions.double() - torch.sigmoid(state.double() @ policy[:-1] + policy[-1])  # [K, B]
        gradient = -torch.einsum("b,kb,kbs->s", advantage, score, state.double()) / 6
        torch.testing.assert_close(weigher.policy.grad[:-1].double(), gradient, atol=1e-5, rtol=1e-4)

    def test_its_state_is_saved_and_resumed(self, make, tmp_path, cpu):
        method = make_method(
            discover(),
            "baseline-iv",
            {
                "weighting": {
                    "kind": "reinforced-selection",
                    "reward": "r3",
                    "student_pretraining": 1,
                    "policy_pretraining": 1,
                }
            },
        )
        examples, _ = tiny_examples()
        random = np.random.default_rng(0)
        bank = [random.normal(size=(5, 72, 8)).astype(np.float32) for _ in range(2)]
        recipe = Recipe(5, 16, 0.05, 0.9, 2e-4, (3,), 0.1, PRESETS["light"], None)

        class StopError(Exception):
            """The kill."""

        def stop(done, note):
            if done >= 0.8:
                raise StopError

        def training(**rest):
            return Training("single-label", method, tiny_network(), examples, bank, recipe, SEEDS, **rest)

        whole = training()
        assert len(whole.lessons.held_out) == 7
        assert not set(whole.lessons.held_out.tolist()) & set(whole.lessons.learning.tolist())
        whole.run()
        with pytest.raises(StopError):
            training(checkpoint=Checkpoint(tmp_path, share=inf), report=stop).run()
        resumed = training(checkpoint=Checkpoint(tmp_path))
        resumed.run()
        for name, value in whole.network.state_dict().items():
            assert torch.equal(value, resumed.network.state_dict()[name])
        for name, value in whole.weigher.state_dict().items():
            assert torch.equal(value, resumed.weigher.state_dict()[name]), name
        assert whole.weigher.state_dict()["policy"].abs().sum() > 0

    def test_a_resting_student_does_not_change(self, make, cpu):
        method = make_method(
            discover(),
            "baseline-iv",
            {"weighting": {"kind": "reinforced-selection", "student_pretraining": 1, "policy_pretraining": 2}},
        )
        examples, _ = tiny_examples()
        bank = [np.random.default_rng(0).normal(size=(4, 72, 8)).astype(np.float32)]
        seen = []

        class Keeping(Training):
            def _keep(self, epochs_done):
                seen.append({name: value.clone() for name, value in self.network.state_dict().items()})

        Keeping("single-label", method, tiny_network(), examples, bank, RECIPE, SEEDS).run()
        for name, value in seen[0].items():
            assert torch.equal(value, seen[1][name])
            assert torch.equal(value, seen[2][name])
        assert not torch.equal(seen[2]["body.fc.weight"], seen[3]["body.fc.weight"])


def test_a_weigher_without_state_keeps_nothing():
    weigher = Weigher(Equal(), Setting(2, 2, 2, torch.device("cpu"), 0))
    assert weigher.state_dict() == {}


def test_the_readmes_method_works(tmp_path):
    """The README's snippet, as a user would paste it: at most 15 lines, and it keeps the contract."""
    text = (ROOT / "README.md").read_text("utf-8")
    snippet = text.split("<!-- method:start -->")[1].split("<!-- method:end -->")[0]
    code = snippet.split("```python\n")[1].split("```")[0]
    lines = [line for line in code.splitlines() if line.strip()]
    assert len(lines) <= 15
    assert "def loss" in code
    (tmp_path / "mine.py").write_text(code)
    name = code.split('@register("')[1].split('"')[0]
    registry = discover([tmp_path])
    assert registry.broken == []
    assert [verdict for verdict in check_method(registry, name) if verdict[1] is not None] == []
    shutil.rmtree(tmp_path)


def test_anything_but_declared_values_sets_methods_apart(tmp_path):
    """A class attribute changes what the inherited loss does: that is another training."""
    (tmp_path / "two.py").write_text(
        "from typing import ClassVar\n\nfrom roskdbench import Method, Overlapping, register\n\n\n"
        "@register('one')\nclass One(Method):\n    '''One: gamma 1.'''\n\n    gamma: ClassVar[float] = 1.0\n\n"
        "    def loss(self, batch):\n        return self.gamma * batch.hard_loss()\n\n\n"
        "@register('two')\nclass Two(One):\n    '''Two: gamma 2.'''\n\n    gamma: ClassVar[float] = 2.0\n\n\n"
        "@register('three')\nclass Three(One):\n    '''Three: with teachers.'''\n\n    teachers = Overlapping()\n"
    )
    registry = discover([tmp_path])
    one, two, three = (code_identity(make_method(registry, name)) for name in ("one", "two", "three"))
    assert one != two
    assert one == three


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HALF + "\n\nraise RuntimeError('too late')\n", "half.py: RuntimeError: too late"),
        (HALF + "\n\nimport sys\n\nsys.exit(3)\n", "half.py: SystemExit: 3"),
        (HALF + HALF.partition("\n")[2], "half.py: UserError: two methods of this file are registered as 'half'"),
    ],
)
def test_a_file_that_fails_leaves_no_method_behind(tmp_path, text, said):
    (tmp_path / "half.py").write_text(text)
    registry = discover([tmp_path])
    assert "half" not in registry.of("method")
    assert len(registry.broken) == 1
    assert said in registry.broken[0]
    assert "ros-kd" in registry.of("method")


SILENT = {
    "an optimiser that nothing reads": ("    optimiser: str = 'adam'\n", "nothing reads `optimiser` of Silent"),
    "a hook that the engine does not have": (
        "    def after_batch(self, batch):\n        self.note = 1\n",
        "nothing calls `after_batch` of Silent",
    ),
    "a term without gradient": (
        "    def loss(self, batch):\n"
        "        return batch.hard_loss() + batch.student(batch.images.flip(3)).square().mean()\n",
        "no gradient flows there",
    ),
    "the engine behind the batch": (
        "    def loss(self, batch):\n"
        "        return batch.student.__self__.network(batch.images).mean() + batch.hard_loss()\n",
        "line 9 uses __self__; a loss sees what roskdbench.Batch offers",
    ),
    "no loss at all": ("    def loss(self, batch):\n        batch.hard_loss()\n", "has to be one number, and is None"),
    "a loss for each example": (
        "    def loss(self, batch):\n        return batch.student_logits.sum(-1)\n",
        "a tensor of shape [24]; return its mean",
    ),
    "numbers that are everybody's": (
        "    def loss(self, batch):\n        import numpy\n\n        return batch.hard_loss() * numpy.random.rand()\n",
        "`loss` draws from numpy's random numbers; the generator it is given has its own",
    ),
    "numbers that are Python's": (
        "    def loss(self, batch):\n        import random\n\n        return batch.hard_loss() * random.random()\n",
        "`loss` draws from Python's random numbers",
    ),
    "numbers that are torch's, which the engine makes the same again": (
        "    def loss(self, batch):\n        import torch\n\n        return batch.hard_loss() * torch.rand(())\n",
        "`loss` draws from torch's random numbers",
    ),
    "numbers that are drawn before an epoch": (
        "    def before_epoch(self, epoch):\n        import torch\n\n        torch.randperm(3)\n",
        "`before_epoch` draws from torch's random numbers",
    ),
    "teachers that are compared with nothing": (
        "    teachers = Single()\n    asks_teachers = True\n    uses_teacher_logits = False\n\n"
        "    def loss(self, batch):\n"
        "        return batch.hard_loss() + batch.teacher_outputs[0].logits.square().mean()\n",
        "what batch.ask_teachers says changes the loss and no gradient: such a term trains nothing",
    ),
    "banks that are compared with nothing": (
        "    teachers = Single()\n\n    def loss(self, batch):\n"
        "        return batch.hard_loss() + batch.teacher_logits.square().mean()\n",
        "what batch.teacher_logits says changes the loss and no gradient",
    ),
    "a mean that is compared with nothing": (
        "    averaging = ExponentialMean(every='step', warmup=0)\n\n    @property\n    def passes(self):\n"
        "        return 4 / 3\n\n    def loss(self, batch):\n"
        "        return batch.hard_loss() + batch.ask_averaged(batch.images.flip(3)).square().mean()\n",
        "what batch.ask_averaged says changes the loss and no gradient",
    ),
    "a second look that is detached": (
        "    @property\n    def passes(self):\n        return 2\n\n    def loss(self, batch):\n"
        "        return batch.hard_loss() + batch.ask(batch.images.flip(3)).logits.detach().square().mean()\n",
        "what batch.ask says changes the loss and no gradient",
    ),
    "a term of what the student said, detached": (
        "    def loss(self, batch):\n"
        "        return batch.hard_loss() + batch.student_logits.detach().square().mean()\n",
        "what is detached changes the loss and no gradient: such a term trains nothing",
    ),
    "a loss that is all detached": (
        "    def loss(self, batch):\n        return batch.student_logits.detach().square().mean()\n",
        "the loss of 'silent' has no gradient: build it from batch.student_logits or batch.ask(images)",
    ),
    "a word that is nearly one of ours": (
        "    uses_map: bool = True\n",
        "nothing reads `uses_map` of Silent: it would change nothing; did you mean `uses_maps`?",
    ),
    "a hook that is nearly one of ours": (
        "    def before_epochs(self, epoch):\n        pass\n",
        "no hook that the engine knows; did you mean `before_epoch`?",
    ),
    "weights of no teachers": (
        "    weighting = Dirichlet()\n",
        "weighting would change nothing: it has no teachers",
    ),
    "teachers that nobody asks": (
        "    teachers = Single()\n\n    def loss(self, batch):\n        return batch.hard_loss()\n",
        "teachers would change nothing: its loss does not ask for them",
    ),
    "a loss for one label, of several findings": (
        "    def loss(self, batch):\n        import torch\n\n"
        "        return torch.nn.functional.cross_entropy(batch.student_logits, batch.targets.long())\n"
        "        \n    def begin(self, facts):\n        assert facts.task == 'single-label'\n",
        "if it is for single-label problems only, say tasks = ('single-label',)",
    ),
}
PAST = {
    "gc": ("    def loss(self, batch):\n        import gc\n\n        return batch.hard_loss()\n", "imports gc"),
    "inspect": (
        "    def loss(self, batch):\n        from inspect import stack\n\n        return batch.hard_loss()\n",
        "imports inspect.stack",
    ),
    "closures by name": (
        "    def loss(self, batch):\n        from operator import attrgetter\n\n"
        "        attrgetter('__closure__')(batch.student)\n        return batch.hard_loss()\n",
        "names __closure__",
    ),
    "the engine": (
        "    def loss(self, batch):\n        from roskdbench.engine import training\n\n"
        "        return batch.hard_loss()\n",
        "imports roskdbench.engine.training",
    ),
    "the engine's own function": (
        "    def loss(self, batch):\n        import roskdbench\n\n"
        "        roskdbench.engine.training.math.isfinite = bool\n        return batch.hard_loss()\n",
        "changes roskdbench.engine.training.math.isfinite, which everything shares",
    ),
    "a setting of torch": (
        "    def loss(self, batch):\n        import torch\n\n"
        "        setattr(torch.backends.mkldnn, 'enabled', True)\n        return batch.hard_loss()\n",
        "changes torch.backends.mkldnn, which everything shares",
    ),
    "every module": (
        "    def loss(self, batch):\n        import sys\n\n"
        "        sys.modules['torch']\n        return batch.hard_loss()\n",
        "looks through sys.modules",
    ),
    "text that is run": ("    def loss(self, batch):\n        return eval('batch.hard_loss()')\n", "uses eval"),
}
SILENT |= PAST
SILENT |= {
    "a cost that is not what it says": (
        "    def loss(self, batch):\n"
        "        return batch.hard_loss() + batch.ask(batch.images.flip(3)).logits.square().mean()\n",
        "it makes 2.00 passes through the student in a step and says 1.00: say so in `passes`",
    ),
    "memory that no checkpoint has": (
        "    def loss(self, batch):\n"
        "        seen.append(batch.student_logits.detach().mean())\n"
        "        return batch.hard_loss() * (1 + sum(seen[-4:])) + 0 * len(seen)\n\n\nseen = []\n",
        "ended in other weights",
    ),
    "a state that is no module": (
        "    def begin(self, facts):\n        return {'memory': facts.targets}\n",
        "has to return a torch.nn.Module or None",
    ),
}
MEANT = {
    "a field that the loss reads": (
        "    scale: float = 2.0\n\n    def loss(self, batch):\n        return self.scale * batch.hard_loss()\n"
    ),
    "numbers of its own": (
        "    def loss(self, batch):\n        import torch\n\n"
        "        return batch.hard_loss() * torch.rand((), generator=batch.generator)\n"
    ),
    "dropout in a head of its own": (
        "    uses_features = True\n\n    def begin(self, facts):\n        from torch import nn\n\n"
        "        return nn.Sequential(nn.Dropout(), nn.Linear(facts.widths.features, facts.classes))\n\n"
        "    def loss(self, batch):\n"
        "        return batch.hard_loss() + batch.hard_losses(batch.state(batch.features)).mean()\n"
    ),
    "teachers whose surprise is a constant in the divergence": (
        "    teachers = Single()\n\n    def loss(self, batch):\n"
        "        theirs, ours = batch.teacher_logits[0].sigmoid(), batch.student_logits.sigmoid()\n"
        "        return batch.hard_loss() + (theirs * (theirs.log() - ours.log())).mean()\n"
    ),
    "the docstring speaks of __closure__": (
        "    def loss(self, batch):\n        '''As a function's __closure__ would.'''\n"
        "        return batch.hard_loss()\n"
    ),
    "weights of what the student said, detached": (
        "    def loss(self, batch):\n        sure = batch.student_logits.detach().sigmoid().amax(-1)\n"
        "        return (sure * batch.hard_losses()).mean()\n"
    ),
    "what the student says as a constant": (
        "    @property\n    def passes(self):\n        return 4 / 3\n\n"
        "    def loss(self, batch):\n"
        "        sure = batch.student(batch.images.flip(3)).detach().sigmoid().mean()\n"
        "        return sure * batch.hard_loss()\n"
    ),
}
HEAD = """from roskdbench import Dirichlet, ExponentialMean, Method, Selection, Single, register


@register("silent")
class Silent(Method):
    '''Silent: one.'''

"""


MEANT |= {
    "half of the samples, by their losses": (
        "    @property\n    def passes(self):\n        return 0.5 + 1 / 3\n\n"
        "    def before_epoch(self, epoch):\n        from torch.nn.functional import one_hot\n\n"
        "        labels = epoch.targets if epoch.targets.ndim == 2 else one_hot(epoch.targets, 8)\n"
        "        losses = (epoch.logits() * (1 - 2 * labels)).sum(1)\n"
        "        return Selection(losses.argsort()[: len(losses) // 2])\n"
    ),
    "half of the samples, its passes by step": (
        "    @property\n    def passes(self):\n        return 1 + 2 / 3\n\n"
        "    def before_epoch(self, epoch):\n        from torch.nn.functional import one_hot\n\n"
        "        labels = epoch.targets if epoch.targets.ndim == 2 else one_hot(epoch.targets, 8)\n"
        "        losses = (epoch.logits() * (1 - 2 * labels)).sum(1)\n"
        "        return Selection(losses.argsort()[: len(losses) // 2])\n"
    ),
    "a second look that it says it takes": (
        "    @property\n    def passes(self):\n        return 2\n\n"
        "    def loss(self, batch):\n"
        "        return batch.hard_loss() + batch.ask(batch.images.flip(3)).logits.square().mean()\n"
    ),
    "memory in what `begin` returns": (
        "    def begin(self, facts):\n        import torch\n\n        state = torch.nn.Module()\n"
        "        state.register_buffer('seen', torch.zeros(facts.samples))\n        return state\n\n"
        "    def loss(self, batch):\n"
        "        return batch.hard_loss() * (1 + batch.state.seen[batch.positions].mean())\n\n"
        "    def after_step(self, batch):\n        batch.state.seen[batch.positions] += batch.progress\n"
    ),
}


def objections_to(folder, body):
    """What `check` says against a method with such a body."""
    (folder / "silent.py").write_text(HEAD + body)
    return [objection for _, objection in check_method(discover([folder]), "silent") if objection]


@pytest.mark.parametrize("what", SILENT)
def test_the_check_says_what_would_be_silently_nothing(tmp_path, what):
    body, said = SILENT[what]
    assert any(said in objection for objection in objections_to(tmp_path, body))


@pytest.mark.parametrize("what", MEANT)
def test_the_check_does_not_object_to_what_is_meant(tmp_path, what):
    assert objections_to(tmp_path, MEANT[what]) == []


def test_the_check_reads_the_neighbours_that_a_method_imports(tmp_path):
    (tmp_path / "_beside.py").write_text("import gc\n\n\ndef found():\n    return gc.get_objects()\n")
    body = (
        "    def loss(self, batch):\n        from ._beside import found\n\n"
        "        found()\n        return batch.hard_loss()\n"
    )
    assert "_beside.py, line 1 imports gc; a loss sees what roskdbench.Batch offers, and nothing else" in objections_to(
        tmp_path, body
    )


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            "    tasks = ('multilabel',)\n",
            "tasks of Silent has 'multilabel'; write a tuple of 'single-label' and 'multi-label'",
        ),
        ("    tasks = 'multi-label'\n", "tasks of Silent has 'multi-label'; write a tuple"),
        ("    tasks = ()\n", "tasks of Silent has ()"),
        ("    uses_maps = 'yes'\n", "uses_maps of Silent is True or False, and not 'yes'"),
        (
            "    uses_map = True\n",
            "a Method has no `uses_map` (Silent); did you mean 'uses_maps'? "
            "A parameter of its own has a type: `uses_map: bool = …`",
        ),
    ],
)
def test_a_declaration_that_cannot_be_meant_is_one_line(tmp_path, body, said):
    (tmp_path / "silent.py").write_text(HEAD + body)
    (broken,) = discover([tmp_path]).broken
    assert said in broken


def test_a_file_can_be_checked_by_its_path(tmp_path):
    from conftest import command

    (tmp_path / "silent.py").write_text(HEAD + "    uses_map: bool = True\n")
    (tmp_path / "nothing.py").write_text("x = 1\n")
    (tmp_path / "broken.py").write_text("import nothing_like_this\n")
    done = command("check", tmp_path / "silent.py")
    assert done.returncode == 1
    assert "no  all that it says is read: nothing reads `uses_map`" in done.stdout
    for name, said in {
        "nothing.py": "registers nothing: write @register",
        "broken.py": "No module named 'nothing_like_this'",
        "absent.py": "no file at",
    }.items():
        done = command("check", tmp_path / name)
        assert done.returncode == 2
        assert said in done.stderr


def test_the_check_finds_state_that_cannot_be_taken_up(tmp_path):
    (tmp_path / "forgetful.py").write_text(
        "from roskdbench import Equal, Method, Single, Weigher, register\n\n\nclass Forgetful(Weigher):\n"
        "    def load_state_dict(self, state):\n        raise KeyError('policy')\n\n\n"
        "class Forgetting(Equal):\n    def begin(self, setting):\n        return Forgetful(self, setting)\n\n\n"
        "@register('forgetful')\nclass Forgets(Method):\n    '''Forgetful: cannot be resumed.'''\n\n"
        "    teachers = Single()\n    weighting = Forgetting()\n"
    )
    objections = [each for each in check_method(discover([tmp_path]), "forgetful") if each[1] is not None]
    assert [claim for claim, _ in objections] == [
        f"an interrupted training on {problem} goes on as if nothing had been"
        for problem in ("phantom-lesion", "phantom-chest")
    ]
    assert "KeyError" in objections[0][1]


def test_a_part_of_the_wrong_type_in_a_method_file_is_one_line(tmp_path):
    (tmp_path / "odd.py").write_text(
        "from roskdbench import Method, register\n\n\n@register('odd')\nclass Odd(Method):\n"
        "    '''Odd: parts that are none.'''\n\n    teachers = 'overlapping'\n    weighting = 3\n"
    )
    with pytest.raises(UserError, match="method 'odd': weighting: name a weighting or give a mapping with 'kind'"):
        make_method(discover([tmp_path]), "odd")
    assert make_method(discover([tmp_path]), "odd", {"weighting": "equal"}).teachers.kind == "overlapping"


def test_what_goes_wrong_in_a_method_file_is_said_with_its_line(tmp_path):
    (tmp_path / "odd.py").write_text(
        "from roskdbench import Method, register\n\n\n@register('odd')\nclass Odd(Method):\n"
        "    '''Odd: a bug.'''\n\n    def loss(self, batch):\n        return self._helped(batch)\n\n"
        "    def _helped(self, batch):\n        return batch.nothing\n"
    )
    said = [reason for _, reason in check_method(discover([tmp_path]), "odd") if reason]
    assert said[0] == "AttributeError: 'Batch' object has no attribute 'nothing' (odd.py, line 12)"


def test_a_file_that_registers_nothing_is_named_where_a_method_is_missed(tmp_path):
    (tmp_path / "mine.py").write_text("class Mine:\n    pass\n")
    with pytest.raises(UserError, match=r"unknown method 'mine'; .* \(no @register in .*mine\.py\)"):
        make_method(discover([tmp_path]), "mine")


class TestNeighbours:
    """Files beside a method file that it imports."""

    SHARED = "def scaled(loss):\n    return 2 * loss  # twice\n"
    MINE = (
        "from roskdbench import Method, register\n\nfrom ._shared import scaled\n\n\n@register('doubled')\n"
        "class Doubled(Method):\n    '''Doubled: twice the loss.'''\n\n"
        "    def loss(self, batch):\n        return scaled(batch.hard_loss())\n"
    )

    @pytest.fixture
    def folder(self, tmp_path):
        (tmp_path / "_shared.py").write_text(self.SHARED)
        (tmp_path / "doubled.py").write_text(self.MINE)
        return tmp_path

    def identity(self, folder):
        return code_identity(make_method(discover([folder]), "doubled"))

    def test_their_code_runs_and_counts_and_their_comments_do_not(self, folder):
        registry = discover([folder])
        assert registry.broken == registry.silent == []
        one = batch(Equal())
        torch.testing.assert_close(make_method(registry, "doubled").loss(one), 2 * one.hard_loss())
        before = self.identity(folder)
        (folder / "_shared.py").write_text(self.SHARED.replace("twice", "two times"))
        assert self.identity(folder) == before
        (folder / "_shared.py").write_text(self.SHARED.replace("2 *", "3 *"))
        assert self.identity(folder) != before
        torch.testing.assert_close(make_method(discover([folder]), "doubled").loss(one), 3 * one.hard_loss())

    def test_so_does_the_code_that_they_import(self, folder):
        (folder / "_deeper.py").write_text("FACTOR = 2\n")
        (folder / "_shared.py").write_text("from . import _deeper\n\n\ndef scaled(x):\n    return _deeper.FACTOR * x\n")
        before = self.identity(folder)
        (folder / "_deeper.py").write_text("FACTOR = 5\n")
        assert self.identity(folder) != before

    def test_a_neighbour_may_be_a_method_itself(self, folder):
        (folder / "again.py").write_text(
            "from roskdbench import register\n\nfrom .doubled import Doubled\n\n\n@register('again')\n"
            "class Again(Doubled):\n    '''Again: the same.'''\n"
        )
        registry = discover([folder])
        assert registry.clashes == {}
        assert {"doubled", "again"} < registry.of("method").keys()
        assert issubclass(registry.of("method")["again"].thing, registry.of("method")["doubled"].thing)

    def test_folders_do_not_see_each_others_neighbours(self, folder, tmp_path_factory):
        other = tmp_path_factory.mktemp("other")
        (other / "_shared.py").write_text(self.SHARED.replace("2 *", "7 *"))
        (other / "sevenfold.py").write_text(self.MINE.replace("doubled", "sevenfold"))
        registry, one = discover([folder, other]), batch(Equal())
        for name, factor in (("doubled", 2), ("sevenfold", 7)):
            torch.testing.assert_close(make_method(registry, name).loss(one), factor * one.hard_loss())

    def test_whoever_imports_a_neighbour_as_a_package_is_told_how(self, folder):
        (folder / "doubled.py").write_text(self.MINE.replace("from ._shared", "from _shared"))
        (broken,) = discover([folder]).broken
        assert "No module named '_shared'" in broken
        assert broken.endswith("a neighbour is imported by: from ._shared import …")

    def test_a_neighbour_that_is_not_there_is_one_line(self, folder):
        (folder / "_shared.py").unlink()
        (broken,) = discover([folder]).broken
        assert "doubled.py: ModuleNotFoundError" in broken
        assert "_shared" in broken


@pytest.mark.slow
def test_every_method_of_the_zoo_trains_and_workers_change_no_byte(tmp_path):
    """All for one label on little, by three workers; those that keep something or are taught by others, also by one."""
    settings = ["problems.lesion.samples=96", "problems.lesion.size=28", "experiments.every.problems=[lesion]"]
    settings += ["protocol.epochs=4", "protocol.averaging_warmup=2", "protocol.batch=24"]
    channels = [[8, 8, 16, 16], [8, 16, 16, 32]]
    teachers = [{"model": "resnet18", "options": {"channels": each, "layers": [1, 1, 1, 1]}} for each in channels]
    settings.append(f"protocol.teachers={json.dumps(teachers)}")
    again = ["co-teaching", "crd", "dividemix", "elr", "mean-teacher", "sam", "adaad", "ca-mkd", "gce-teacher"]
    again.append("born-again")
    everything = plan(read_suite("zoo-small", settings), discover())
    assert {cell.registered for cell in everything.cells} == set(NAMES) - {"mld"}
    some = plan(read_suite("zoo-small", [*settings, f"experiments.every.methods=[{', '.join(again)}]"]), discover())
    assert some.jobs.keys() < everything.jobs.keys()
    many, one = Store.at(tmp_path / "many"), Store.at(tmp_path / "one")
    done = run(everything, many, workers=3)
    assert done.reasons == {}
    assert set(done.state.values()) == {"done"}, [each for each in done.messages if "diverged" in each]
    assert set(run(some, one, workers=1).state.values()) == {"done"}
    assert payloads(one, some) == payloads(many, some)
