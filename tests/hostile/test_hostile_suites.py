"""Whatever is written in a suite: planned, or refused in one line, soon."""

import os
import re
import time
from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roskdbench.errors import UserError
from roskdbench.plan import plan
from roskdbench.plugins import discover
from roskdbench.suite import read_suite

BASE = """suite: mine
problems:
  lesion: {dataset: phantom-lesion, size: 28, samples: 128}
protocol:
  epochs: 4
  batch: 16
experiments:
  main:
    methods: [baseline-i]
"""
KEYS = [
    "suite",
    "title",
    "problems",
    "problems.lesion",
    "problems.lesion.dataset",
    "problems.lesion.size",
    "problems.lesion.samples",
    "problems.lesion.seed",
    "problems.lesion.label_noise",
    "protocol",
    "protocol.epochs",
    "protocol.batch",
    "protocol.optimiser",
    "protocol.optimiser.lr",
    "protocol.optimiser.milestones",
    "protocol.optimiser.kind",
    "protocol.teachers",
    "protocol.single_teacher",
    "protocol.distillation",
    "protocol.distillation.temperature",
    "protocol.distillation.soft_loss",
    "protocol.augmentation",
    "protocol.views",
    "protocol.split",
    "protocol.split.seed",
    "protocol.split.train",
    "protocol.shown",
    "protocol.mixup",
    "protocol.averaging_warmup",
    "experiments",
    "experiments.main",
    "experiments.main.methods",
    "experiments.main.methods.0",
    "experiments.main.students",
    "experiments.main.overlap",
    "experiments.main.noise",
    "experiments.main.folds",
    "experiments.main.seeds",
    "experiments.main.measures",
    "experiments.main.external",
    "experiments.main.shown",
    "experiments.main.beside",
    "experiments.main.reference",
    "claims",
    "claims.a",
]
VALUES = {
    "400 digits": "1" * 400,
    "no power of two": "99999999999999999999",
    "a trillion": "1_000_000_000_000",
    "negative": "-1",
    "zero": "0",
    "a large power": "1e400",
    "not a number": ".nan",
    "infinite": "-.inf",
    "a date": "2020-01-01",
    "a moment": "2020-01-01 10:00:00",
    "a home": "~nosuchuser/x",
    "5,000 letters": "'" + "n" * 5000 + "'",
    "nothing": "null",
    "an empty list": "[]",
    "an empty mapping": "{}",
    "lists in lists": "[" * 30 + "]" * 30,
    "200 lists in lists": "[" * 200 + "]" * 200,
    "a zero byte": '"\\0"',
    "an escape": '"\\u001b[2J"',
    "text that turns": '"\\u202e"',
    "code": "!!python/object/apply:os.system [ls]",
    "bytes": "!!binary aGk=",
    "a set": "!!set {a}",
    "numbers": "[1, 2, 3]",
    "a mapping": "{a: 1}",
    "a path": "'../x'",
    "a hub": "hf-hub:timm/resnet18",
    "a formula": "'=1+1'",
}
SOON = 5.0  # seconds of a processor, which other work on the machine does not lengthen


@pytest.fixture(scope="module")
def registry():
    return discover()


def verdict(path, registry, *words):
    """What is said of a suite; nothing where it can be planned. Soon, and in one line."""
    started = time.process_time()
    try:
        plan(read_suite(path, words, registry), registry)
        said = ""
    except UserError as error:
        said = str(error)
        assert said
    assert time.process_time() - started < SOON
    assert "\n" not in said and "\x1b" not in said and len(said) < 1000
    return said


@pytest.mark.parametrize("key", KEYS)
def test_any_value_at_any_key_is_planned_or_one_line(tmp_path, registry, key):
    path = tmp_path / "mine.yaml"
    path.write_text(BASE)
    refused = {name for name, value in VALUES.items() if verdict(path, registry, f"{key}={value}")}
    assert refused >= {"400 digits", "not a number", "infinite", "an escape", "a zero byte", "code", "5,000 letters"}


@pytest.mark.parametrize(("old", "name"), product(["epochs: 4", "size: 28", "mine\n", "[baseline-i]"], VALUES), ids=str)
def test_and_so_it_is_in_a_file(tmp_path, registry, old, name):
    path = tmp_path / "mine.yaml"
    key = old.partition(": ")[0] + ": " if ": " in old else ""
    path.write_text(BASE.replace(old, f"{key}{VALUES[name]}" + "\n" * old.endswith("\n")))
    verdict(path, registry)


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{one}: &{one} [{', '.join([f'*{other}'] * 10)}]\n" for other, one in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BOMB + BASE, "more than 50,000 values"),
        ("a: &a {<<: *a}\n" + BASE, "nested too deep|holds itself|not YAML|merge"),
        ("x: " + "[" * 5000 + "]" * 5000 + "\n" + BASE, "nested too deep"),
        ("x: " + "{a: " * 1000 + "1" + "}" * 1000 + "\n" + BASE, "nested too deep|holds itself"),
        ("# " + "x" * (300 << 10) + "\n" + BASE, "more than"),
        (BASE.replace("mine", "x" * 200), "at most 100"),
        (BASE.replace("[baseline-i]", "[baseline-i]\n    folds: 1000000000"), "less than or equal to 100"),
        (BASE.replace("[baseline-i]", "[baseline-i]\n    seeds: [" + ",".join(map(str, range(2000))) + "]"), "1000"),
        (BASE + "  " + "x" * 3000 + ": {methods: [baseline-i]}\n", "not YAML|key"),
        ("extends: /etc/shadow\n" + BASE, "to extend"),
        ("extends: ../../../../../../etc/passwd\n" + BASE, "to extend"),
        ("extends: {a: 1}\n" + BASE, "no suite|to extend"),
        ("\x00" + BASE, "not YAML|control"),
        (BASE.replace("mine", "mine\x1b[2J"), "not YAML|control"),
        ("? [a, b]\n: 1\n" + BASE, "a key is a word"),
        ("--- 1\n--- 2\n", "not YAML"),
        ("", "a suite is a mapping"),
        ("[]", "a suite is a mapping"),
    ],
    ids=range(18),
)
def test_a_file_that_asks_for_too_much_is_one_line(tmp_path, registry, text, said):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    assert re.search(said, verdict(path, registry)), verdict(path, registry)


OPTIONS = {
    "checkpoint_path: x.pth": "would load weights",
    "pretrained: true": "would load weights",
    "pretrained_cfg: {file: x.pth}": "would load weights",
    "pretrained_cfg_overlay: {url: 'http://x'}": "would load weights",
    "cache_dir: /tmp": "would load weights",
    "features_only: true": "no option of a network's shape",
    "scriptable: true": "no option of a network's shape",
    "block: os.system": "no option of a network's shape",
    "layers: [1000000, 1, 1, 1]": "4,096 at most",
    "layers: [900, 900, 1, 1]": "layers; there may be 1,000",
    "layers: [4000, -4000, 1, 1]": "no negative number of layers",
    "layers: [200, 200, 200, 200], channels: [4096, 4096, 4096, 4096]": "weights; there may be",
    "img_size: 4096, patch_size: 1": "patches; there may be 65,536",
    "channels: [1.0e+9, 1, 1, 1]": "4,096 at most",
    "channels: [.nan, 1, 1, 1]": "finite",
    "act_layer: '../../x'": "name of a layer",
    "layers: [[[[[1]]]]]": "was expected",
}


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("place", ["experiments.main.students", "protocol.teachers"])
def test_only_a_networks_shape_reaches_its_constructor(tmp_path, registry, options, place):
    path = tmp_path / "mine.yaml"
    path.write_text(BASE)
    assert OPTIONS[options] in verdict(path, registry, f"{place}=[{{model: resnet18, options: {{{options}}}}}]")


@settings(max_examples=int(os.environ.get("FUZZ", "150")), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_suite_that_was_mixed_up_is_planned_or_one_line(tmp_path, registry, data):
    text = BASE
    for _ in range(data.draw(st.integers(1, 6))):
        start = data.draw(st.integers(0, len(text)))
        stop = start + data.draw(st.integers(0, 20))
        text = text[:start] + data.draw(st.text("ab:{}[]-*&!|>'\"\n #,0.9~%@`\t", max_size=12)) + text[stop:]
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    verdict(path, registry)


def test_suites_that_extend_two_each_are_left_at_a_bound(tmp_path, registry):
    (tmp_path / "e0.yaml").write_text(BASE)
    for number in range(1, 8):
        before = f"e{number - 1}.yaml"
        (tmp_path / f"e{number}.yaml").write_text(f"extends: [{before}, {before}]\n")
    assert "extends more than 50 files" in verdict(tmp_path / "e7.yaml", registry)
