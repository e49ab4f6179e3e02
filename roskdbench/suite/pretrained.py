"""Weights that a network begins with, from a safetensors file that is known by its bytes."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from roskdbench.errors import UserError
from roskdbench.fingerprint import file_digest
from roskdbench.foreign import weights_head
from roskdbench.suite.declared import Declared

KEY = "pretrained"
WEIGHTS = "model.safetensors"
"""The file in a folder as timm writes it for a hub."""


class _Pretrained(Declared):
    """A file, and the SHA-256 of its bytes, which is what counts."""

    file: str | None = None
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None

    @model_validator(mode="after")
    def _says_which(self) -> "_Pretrained":
        if self.file is None and self.sha256 is None:
            raise ValueError("name a safetensors file")
        if self.file is not None and not Path(self.file).suffix and not Path(self.file).exists():
            raise ValueError(f"there is no file or folder '{self.file}'")
        if self.file is not None and Path(self.file).suffix != ".safetensors":
            raise ValueError(f"'{self.file}' is no safetensors file; others could run code, and are not read")
        return self

    def digest(self) -> str:
        """Of the file's bytes. A UserError where it is not there, or not the one that was meant."""
        if self.file is None:
            assert self.sha256 is not None
            return self.sha256
        path = Path(self.file)
        if not path.is_file():
            raise UserError(f"there is no file {path}, which a network is to begin with")
        weights_head(path)
        stat = path.stat()
        found = _digest(str(path.resolve()), stat.st_mtime_ns, stat.st_size)
        if self.sha256 not in (None, found):
            raise UserError(f"{path} is not the file that the suite means: its SHA-256 is {found}")
        return found


def _named(value: Any) -> Any:
    """A path as a mapping; of a folder the weights in it."""
    said = {"file": value} if isinstance(value, str) else value
    if (
        isinstance(said, Mapping)
        and isinstance(said.get("file"), str)
        and (inside := Path(said["file"], WEIGHTS)).is_file()
    ):
        return {**said, "file": str(inside)}
    return said


Pretrained = Annotated[_Pretrained, BeforeValidator(_named, json_schema_input_type=str | _Pretrained)]
"""A safetensors file, or a folder with model.safetensors, or a mapping with `file` and `sha256`."""


@cache
def _digest(path: str, modified: int, size: int) -> str:
    return file_digest(Path(path))


def without_places(said: Any) -> Any:
    """What a suite says as JSON, its files of weights known by their bytes alone."""
    if isinstance(said, Mapping):
        return {
            key: {"file": None, "sha256": _Pretrained.model_validate(value).digest()}
            if key == KEY and isinstance(value, Mapping)
            else without_places(value)
            for key, value in said.items()
        }
    return [without_places(each) for each in said] if isinstance(said, list) else said
