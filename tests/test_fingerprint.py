"""Fingerprints say the same of the same, and seeds belong to their purpose."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roskdbench.fingerprint import canonical_json, fingerprint, seed_for

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_canonical_json_is_json_of_the_same_value(value):
    assert json.loads(canonical_json(value)) == value


@given(st.dictionaries(st.text(), values, min_size=2, max_size=6), st.randoms())
def test_the_order_of_keys_does_not_count(mapping, random):
    keys = list(mapping)
    random.shuffle(keys)
    assert fingerprint({key: mapping[key] for key in keys}) == fingerprint(mapping)


@given(values, values)
def test_different_values_have_different_fingerprints(one, other):
    assert (fingerprint(one) == fingerprint(other)) == (canonical_json(one) == canonical_json(other))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": [float("-inf")]}])
def test_what_has_no_json_is_refused(value):
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json(value)


@given(st.lists(st.integers() | st.text(), min_size=1, max_size=4))
def test_seeds_fit_in_63_bits_and_differ_by_purpose(purpose):
    assert 0 <= seed_for(*purpose) < 1 << 63
    assert seed_for(*purpose) == seed_for(*purpose)
    assert seed_for(*purpose) != seed_for(*purpose, "other")


def test_fingerprints_are_the_same_in_another_process():
    value = {"b": [1, 2.5, None], "a": "é"}
    code = f"from roskdbench.fingerprint import fingerprint; print(fingerprint({value!r}))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == fingerprint(value)
    assert fingerprint({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"  # sha256 of "{}"
