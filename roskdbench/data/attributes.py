"""What is known of samples beside their labels: sex, age, site, view, hospital. Training never sees it; measures that
ask for it do.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from roskdbench.errors import UserError
from roskdbench.fingerprint import canonical_json, fingerprint

FILE = "attributes.npz"
MOST_VALUES = 60
OLDEST = 120
AGES = (0, 20, 40, 60, 80)
"""Where the bands of ages begin."""


@dataclass(frozen=True)
class Attributes:
    """Of each sample a value of each attribute. `codes` [N, A] number them, -1 where a value is not known."""

    names: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]
    codes: NDArray[np.int16]

    @classmethod
    def of(cls, texts: Mapping[str, Sequence[str]]) -> "Attributes":
        """From a text for each sample, empty where nothing is known; values stand in alphabetical order."""
        values, columns = [], []
        for name, column in texts.items():
            there = tuple(sorted(set(column) - {""}))
            if len(there) > MOST_VALUES:
                raise UserError(
                    f"the attribute '{name}' has {len(there):,} values, such as {there[0]} and {there[1]}; take one "
                    f"with {MOST_VALUES} or fewer, to compare groups by"
                )
            number = {value: code for code, value in enumerate(there)}
            values.append(there)
            columns.append([number.get(text, -1) for text in column])
        codes = np.array(columns, np.int16).T if columns else np.zeros((0, 0), np.int16)
        return cls(tuple(texts), tuple(values), np.ascontiguousarray(codes))

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, rows: NDArray[np.int64]) -> "Attributes":
        """Those of some samples."""
        return Attributes(self.names, self.values, self.codes[rows])

    def members(self, name: str) -> dict[str, NDArray[np.bool_]]:
        """Which samples have each value of an attribute, values that no sample has left out."""
        column = self.codes[:, self.names.index(name)]
        found = {value: column == code for code, value in enumerate(self.values[self.names.index(name)])}
        return {value: flags for value, flags in found.items() if flags.any()}

    @property
    def digest(self) -> str:
        """Differs where a value does."""
        return fingerprint([self.names, self.values, self.codes.tolist()])

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """As arrays of numbers."""
        facts = canonical_json({"names": self.names, "values": self.values}).encode()
        return {"codes": self.codes, "facts": np.frombuffer(facts, np.uint8)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> "Attributes":
        """What `arrays` gave."""
        facts = json.loads(bytes(np.asarray(arrays["facts"], np.uint8)).decode())
        values = tuple(tuple(map(str, each)) for each in facts["values"])
        return cls(tuple(map(str, facts["names"])), values, np.asarray(arrays["codes"], np.int16))

    def save(self, folder: Path) -> None:
        """Write attributes.npz."""
        np.savez(folder / FILE, allow_pickle=False, **self.arrays())


def age_band(text: str) -> str:
    """The band of twenty years that an age, such as 58, 58.0 or 058Y, is in: "40 to 59"; empty where it is none."""
    found = re.fullmatch(r"\s*(\d+)(?:\.\d+)?\s*([YMDW]?)\s*", text)
    if found is None:
        return ""
    age = int(found[1]) if found[2] in ("", "Y") else 0
    if age > OLDEST:
        return ""
    start = max(each for each in AGES if each <= age)
    return f"{start} to {start + 19}" if start < AGES[-1] else f"{start} and more"


def known(text: str, names: Mapping[str, str]) -> str:
    """The name of a value as files write it, in any case, such as M or male; empty where it means nothing."""
    return names.get(text.strip().lower(), "")


SEXES = {"m": "male", "male": "male", "f": "female", "female": "female", "w": "female"}
