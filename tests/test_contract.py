"""What a method may declare and do beyond a loss: each against a computation made another way."""

from conftest import ROOT

from roskdbench.plan import plan
from roskdbench.plugins import discover
from roskdbench.suite import read_suite


def test_fingerprints_of_the_smoke_suite_are_those_of_old():
    """A store made before the contract was widened has nothing left to do."""
    kept = (ROOT / "tests" / "smoke_fingerprints.txt").read_text("utf-8").split()
    assert sorted(plan(read_suite("smoke"), discover()).jobs) == kept
