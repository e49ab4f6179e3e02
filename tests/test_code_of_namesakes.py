"""Things of one name, in different files, are told apart by their code."""

import pytest

from roskdbench.measures.attacks import Attacks
from roskdbench.method import code_identity, make_method
from roskdbench.plugins import discover
from roskdbench.source import together
from roskdbench.suite.measure import Measure

BASE = """from roskdbench import Method, register


@register("base-m")
class Mine(Method):
    \"\"\"Base: labels alone.\"\"\"

    def loss(self, batch):
        return batch.hard_loss()
"""
DERIVED = """from roskdbench import register

from .base import Mine as Base


@register("derived-m")
class Mine(Base):
    \"\"\"Derived: as often.\"\"\"

    def loss(self, batch):
        return 3 * super().loss(batch)
"""
ATTACK = """from roskdbench.plugins import register
from roskdbench.suite.attack import Attack


@register("{name}")
class Mine(Attack):
    \"\"\"Mine: {name}.\"\"\"

    def perturb(self, victim, images, labels):
        return images + {step}
"""


def test_a_method_that_is_called_like_its_base_is_another_method(tmp_path):
    (tmp_path / "base.py").write_text(BASE)
    (tmp_path / "derived.py").write_text(DERIVED)

    def codes():
        registry = discover([tmp_path])
        return [code_identity(make_method(registry, name)) for name in ("base-m", "derived-m")]

    base, derived = codes()
    assert base != derived
    assert set(base.values()) <= set(derived.values())
    (tmp_path / "derived.py").write_text(DERIVED.replace("3 *", "4 *"))
    again = codes()
    assert again[0] == base and again[1] != derived


@pytest.mark.parametrize("changed", ["one", "two"])
def test_two_attacks_of_one_class_name_both_count(tmp_path, changed):
    def code(steps):
        for name, step in steps.items():
            (tmp_path / f"{name}.py").write_text(ATTACK.format(name=f"my-{name}", step=step))
        declared = {"measure": "attacks", "attacks": [f"my-{name} linf 1/255" for name in steps]}
        measure = Measure.read(declared, discover([tmp_path]))
        assert isinstance(measure, Attacks)
        return measure.code()

    before = code({"one": 0.001, "two": 0.002})
    assert len(before) == 2
    assert code({"one": 0.001, "two": 0.002, changed: 0.003}) != before


def test_what_has_one_name_and_one_code_is_one():
    assert together({"a": "1"}, {"a": "1", "b": "2"}) == {"a": "1", "b": "2"}
    assert together({"a": "1"}, {"a": "2"}, {"a": "3"}) == {"a": "1", "a, another": "2", "a, another, another": "3"}
