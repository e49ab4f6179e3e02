"""Canonical JSON, the fingerprints made from it, and the seeds made from those.

Two values that mean the same have the same canonical text, on every machine and in every run.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces. NaN and infinity are refused: they have no JSON."""
    return _CANONICAL.encode(value)


def fingerprint(value: Any) -> str:
    """SHA-256 of the canonical JSON of `value`, in hex."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def seed_for(*purpose: Any) -> int:
    """A 63-bit seed for one purpose, such as `seed_for(trajectory, "weights", epoch, step)`."""
    digest = hashlib.sha256(canonical_json(list(purpose)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    with path.open("rb", buffering=0) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def without_none(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """The entries that are set: an option added later, left unset, must not change old fingerprints."""
    return {key: value for key, value in mapping.items() if value is not None}
