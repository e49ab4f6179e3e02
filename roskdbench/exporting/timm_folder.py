"""A network as a folder that timm loads: weights under timm's own names, a config as its hub folders have it, and the
lines that load them.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import nn

from roskdbench.engine.networks import METADATA, Classifier, constructor_options
from roskdbench.fingerprint import canonical_json
from roskdbench.plan.model_file import CONFIG
from roskdbench.plugins import Registry
from roskdbench.suite.pretrained import WEIGHTS
from roskdbench.suite.problems import Fit

LOAD = """import timm

model = timm.create_model("local-dir:.", pretrained=True).eval()
data = timm.data.resolve_model_data_config(model)"""


def write_network(
    network: Classifier,
    facts: Mapping[str, Any],
    folder: Path,
    registry: Registry,
    fit: Fit = "crop",
    thresholds: Sequence[float] = (),
) -> str:
    """Write model.safetensors and config.json, with how images were made square and from which chances on a finding
    was said to be there. Returns the lines of Python that load them.
    """
    body = network.body
    normalised = {"mean": network.mean.flatten().tolist(), "deviation": network.deviation.flatten().tolist()}
    said = {"format": "pt", METADATA: canonical_json({**facts, **normalised})}
    weights = {name: value.detach().cpu().contiguous() for name, value in body.state_dict().items()}
    save_file(weights, folder / WEIGHTS, metadata=said)
    _in_order(folder / WEIGHTS)
    lines, name = loading(body, facts, registry)
    (folder / CONFIG).write_text(
        json.dumps(_config(network, facts, name, fit, thresholds), indent=2, ensure_ascii=False) + "\n", "utf-8"
    )
    return lines


def _in_order(path: Path) -> None:
    """Put the metadata of a safetensors file in order: its writer leaves that to chance."""
    written = path.read_bytes()
    ends = 8 + int.from_bytes(written[:8], "little")
    head = json.loads(written[8:ends])
    head["__metadata__"] = dict(sorted(head["__metadata__"].items()))
    text = json.dumps(head, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    path.unlink()  # which only its owner could read
    path.write_bytes(len(text).to_bytes(8, "little") + text + written[ends:])


def loading(body: nn.Module, facts: Mapping[str, Any], registry: Registry) -> tuple[str, str]:
    """Lines that load the weights, and the name by which timm is to know the network: one that it refuses, where it
    would build another by the usual one.
    """
    name, options = facts["architecture"]["model"], facts["architecture"]["options"]
    if own := registry.of("network").get(name):
        made = f"channels={facts['channels']}, classes={facts['classes']}, size={facts['size']}"
        told = "".join(f", {key}={value!r}" for key, value in options.items())
        return _by_hand(
            f'model = ...  # "{name}" of {Path(own.origin).name}: {made}{told}', []
        ), f"{name} (see README.md)"
    changed = _changed(body, facts)
    if not changed:
        return LOAD, name
    told = "".join(f", {key}={value!r}" for key, value in _arguments(facts).items())
    made = f'import timm\n\nmodel = timm.create_model("{name}", num_classes={facts["classes"]}{told})'
    return _by_hand(made, changed), f"{name} for small images (see README.md)"


def _by_hand(made: str, changed: list[str]) -> str:
    lines = ["from safetensors.torch import load_file", "from torch import nn", made, *changed]
    return "\n".join([*lines, f'model.load_state_dict(load_file("{WEIGHTS}"))', "model.eval()"])


def _changed(body: nn.Module, facts: Mapping[str, Any]) -> list[str]:
    """How the network differs from what timm builds by that name: its first layers, for small images."""
    import timm

    told = constructor_options(_arguments(facts))
    usual = timm.create_model(facts["architecture"]["model"], num_classes=facts["classes"], **told)
    there: dict[str, Any] = dict(usual.named_modules())
    lines = []
    own: Any
    for name, own in body.named_modules():
        if list(own.children()) or repr(own) == repr(there[name]):
            continue
        if type(own) is type(there[name]) and own.weight.shape == there[name].weight.shape:
            lines.append(f'model.get_submodule("{name}").stride = {own.stride}')
        else:
            lines.append(f'model.set_submodule("{name}", nn.{own!r})')
    return lines


def _arguments(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {"in_chans": facts["channels"], **facts["architecture"]["options"]}


def _config(
    network: Classifier, facts: Mapping[str, Any], name: str, fit: Fit, thresholds: Sequence[float]
) -> dict[str, Any]:
    cfg: Any = getattr(network.body, "pretrained_cfg", {}) or {}
    return {
        "architecture": name,
        "num_classes": facts["classes"],
        "num_features": network.feature_width,
        "label_names": list(facts["class_names"]),
        **({"thresholds": list(thresholds)} if thresholds else {}),
        "model_args": _arguments(facts),
        "pretrained_cfg": {
            "tag": "roskdbench",
            "custom_load": False,
            "input_size": [facts["channels"], facts["size"], facts["size"]],
            "fixed_input_size": bool(cfg.get("fixed_input_size", False)),
            "interpolation": "bicubic",
            "crop_pct": 1.0,
            "crop_mode": {"crop": "center", "pad": "border"}[fit],
            "mean": network.mean.flatten().tolist(),
            "std": network.deviation.flatten().tolist(),
            "num_classes": facts["classes"],
            "first_conv": cfg.get("first_conv"),
            "classifier": cfg.get("classifier"),
        },
    }
