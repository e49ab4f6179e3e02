"""Weights that all networks of a model begin with, from the command line or Python."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import ValidationError

from roskdbench.errors import UserError, nearest
from roskdbench.plugins import Registry
from roskdbench.suite.pretrained import KEY
from roskdbench.suite.schema import Suite


def begun_with(suite: Suite, given: Sequence[str], registry: Registry) -> Suite:
    """The suite with `pretrained` at every network of the models that are given, as MODEL=FILE. A UserError for a model
    that no network is of, and for what is no file of weights.
    """
    if not given:
        return suite
    said = suite.model_dump(mode="json")
    for model, times in Counter(each.partition("=")[0] for each in given).items():
        if times > 1:
            raise UserError(f"--pretrained {model}=…: it is there {times} times")
    for each in given:
        model, sign, file = each.partition("=")
        if not (model and sign and file):
            raise UserError(f"--pretrained {each}: say MODEL=FILE, such as resnet18=weights.safetensors")
        of_model = [network for network in _networks(said) if network["model"] == model]
        if not of_model:
            known = {network["model"] for network in _networks(said)}
            raise UserError(f"--pretrained {each}: the suite has no network of {model}; {nearest(model, known)}")
        for network in of_model:
            before = network.get(KEY) or {}
            meant = {} if before.get("file") else {"sha256": before.get("sha256")}
            network[KEY] = {"file": file, **meant}
    try:
        return Suite.model_validate(said, context={"registry": registry})
    except ValidationError as error:
        raise UserError(f"--pretrained: {error.errors()[0]['msg'].removeprefix('Value error, ')}") from None


def models_begun_with(suite: Suite) -> list[str]:
    """Models of which the suite has networks that begin with weights from elsewhere."""
    return list(dict.fromkeys(each["model"] for each in _networks(suite.model_dump(mode="json")) if each[KEY]))


def models_without_weights(suite: Suite) -> list[str]:
    """Those of which only the bytes are known that they begin with, as in a suite that came with an export."""
    networks = [each for each in _networks(suite.model_dump(mode="json")) if each[KEY] and not each[KEY]["file"]]
    return list(dict.fromkeys(each["model"] for each in networks))


def _networks(said: dict[str, Any]) -> Iterator[dict[str, Any]]:
    protocol = said["protocol"]
    yield from protocol["teachers"]
    if lone := protocol["single_teacher"]:
        yield lone
    for experiment in said["experiments"].values():
        yield from experiment["students"]
