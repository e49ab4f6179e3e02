"""Networks: any model of timm's behind its problem's normalisation, and weights on disk."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from roskdbench import foreign
from roskdbench.engine.draws import drawing_from
from roskdbench.errors import UserError, nearest_three
from roskdbench.fingerprint import canonical_json
from roskdbench.method.output import Widths
from roskdbench.plugins import Registry
from roskdbench.suite.network_facts import read_facts
from roskdbench.suite.network_options import options_objection
from roskdbench.suite.protocol import SMALL_IMAGE

METADATA = "roskdbench"
STAGES = 4  # whose feature maps methods see


class Classifier(nn.Module):
    """Images in [0, 1] to logits. Normalisation is inside, so that whoever attacks the network attacks pixels."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, body: nn.Module, mean: list[float], deviation: list[float]) -> None:
        super().__init__()
        self.body = body
        self.register_buffer("mean", torch.tensor(mean)[None, :, None, None])
        self.register_buffer("deviation", torch.tensor(deviation)[None, :, None, None])

    def forward(self, images: Tensor) -> Tensor:
        """Logits [B, C]."""
        logits: Tensor = self.body((images - self.mean) / self.deviation)
        return logits

    def with_features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Logits [B, C] and the pooled features [B, F] they are a linear function of."""
        body: Any = self.body
        if not hasattr(body, "forward_head"):
            raise UserError(
                "features are wanted of a network that has none: it lacks timm's forward_features and forward_head"
            )
        maps = body.forward_features((images - self.mean) / self.deviation)
        features = body.forward_head(maps, pre_logits=True)
        return body.get_classifier()(features), features

    def with_maps(self, images: Tensor) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        """Logits [B, C], pooled features [B, F], and the feature maps after each of the last stages."""
        body: Any = self.body
        if not (hasattr(body, "forward_intermediates") and hasattr(body, "forward_head")):
            raise UserError("feature maps are wanted of a network that has none: it lacks timm's forward_intermediates")
        last, maps = body.forward_intermediates((images - self.mean) / self.deviation)
        features = body.forward_head(last, pre_logits=True)
        return body.get_classifier()(features), features, tuple(maps[-STAGES:])

    def widths(self, size: int, maps: bool) -> Widths:
        """How large features are, and maps of images of a size."""
        if not maps:
            return Widths(self.feature_width)
        mode = self.training
        self.eval()
        with torch.no_grad():
            found = self.with_maps(self.mean.new_zeros(1, self.mean.shape[1], size, size))[2]
        self.train(mode)
        return Widths(self.feature_width, tuple((each.shape[1], each.shape[2], each.shape[3]) for each in found))

    @property
    def feature_width(self) -> int:
        """F of `with_features`."""
        body: Any = self.body
        width: Any = getattr(body, "head_hidden_size", None) or getattr(body, "num_features", 1)
        return int(width)


def build(
    architecture: Mapping[str, Any],
    channels: int,
    classes: int,
    size: int,
    stem: str,
    statistics: Mapping[str, list[float]],
    seed: int,
    registry: Registry | None = None,
    init: str = "timm",
) -> Classifier:
    """A fresh network with weights drawn from the seed: one that a plugin registered, or timm's. A UserError for what
    neither knows or can build.
    """
    import timm

    name, options = architecture["model"], architecture["options"]
    own = registry.of("network").get(name) if registry else None
    if own is None and not timm.is_model(name):
        raise UserError(
            f"timm has no model '{name}'; {nearest_three(name, timm.list_models()) or 'see timm.list_models()'}"
        )
    if objection := options_objection(options, any_name=own is not None):
        raise UserError(f"the network '{name}': {objection}")
    with drawing_from(seed):
        try:
            if own is not None:
                body = own.thing(channels=channels, classes=classes, size=size, **options)
            else:
                body = timm.create_model(
                    name, pretrained=False, in_chans=channels, num_classes=classes, **constructor_options(options)
                )
        except (TypeError, ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:200]
            builder = "timm" if own is None else Path(own.origin).name
            raise UserError(f"{builder} cannot build '{name}' with options {dict(options)}: {reason}") from error
        if not isinstance(body, nn.Module):
            raise UserError(f"the network '{name}' made a {type(body).__name__}; it should make a torch.nn.Module")
        if own is not None:
            return Classifier(body, statistics["mean"], statistics["deviation"])
        if stem == "small" or (stem == "auto" and size < SMALL_IMAGE):
            keep_resolution(body)
        if init == "torchvision":
            draw_as_torchvision(body)
    return Classifier(body, statistics["mean"], statistics["deviation"])


def draw_as_torchvision(body: nn.Module) -> None:
    """Draw weights anew as torchvision's ResNets have them: convolutions by Kaiming's normal law over outputs, scales
    of normalisation layers at 1. Linear layers stay.
    """
    for each in body.modules():
        if isinstance(each, nn.Conv2d):
            nn.init.kaiming_normal_(each.weight, mode="fan_out", nonlinearity="relu")
            if each.bias is not None:
                nn.init.zeros_(each.bias)
        elif isinstance(each, nn.BatchNorm2d | nn.GroupNorm) and each.affine:
            nn.init.ones_(each.weight)
            nn.init.zeros_(each.bias)


def constructor_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """YAML lists as the tuples that constructors expect."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in options.items()}


def keep_resolution(body: nn.Module) -> None:
    """The small-image stem: a first convolution of 3x3 without stride, and no pooling right behind it.

    A body whose first layer is not a strided convolution, or is a patch embedding, is left as it is.
    """
    modules = list(body.named_modules())
    first = next((number for number, (_, each) in enumerate(modules) if isinstance(each, nn.Conv2d)), None)
    if first is None:
        return
    name, old = modules[first]
    assert isinstance(old, nn.Conv2d)
    if old.stride == (2, 2) and old.kernel_size == (3, 3):
        old.stride = (1, 1)
    elif old.stride == (2, 2) and old.kernel_size == (7, 7):
        new = nn.Conv2d(old.in_channels, old.out_channels, 3, padding=1, bias=old.bias is not None)
        nn.init.kaiming_normal_(new.weight, mode="fan_out", nonlinearity="relu")
        _replace(body, name, new)
    else:
        return
    for name, each in modules[first:]:
        if isinstance(each, nn.MaxPool2d):
            _replace(body, name, nn.Identity())
            return


def _replace(body: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, leaf = name.rpartition(".")
    setattr(body.get_submodule(parent), leaf, module)


def save_weights(network: nn.Module, path: Path, facts: Mapping[str, Any]) -> None:
    """Weights and the facts needed to rebuild the network, as one safetensors file."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    save_file(tensors, path, metadata={METADATA: canonical_json(facts)})


def load_network(path: Path, registry: Registry | None = None) -> tuple[Classifier, dict[str, Any]]:
    """The network of a file that `save_weights` wrote, or that was exported, in eval mode, and its facts."""
    said = foreign.weights_head(path).get(METADATA)
    if said is None:
        raise UserError(f"{path} does not say which network its weights belong to")
    facts = read_facts(said, path).model_dump(mode="json", exclude_unset=True)
    mean, deviation = facts.pop("mean", None), facts.pop("deviation", None)
    exported = mean is not None and deviation is not None
    statistics = {"mean": mean or [0.0] * facts["channels"], "deviation": deviation or [1.0] * facts["channels"]}
    network = build(
        facts["architecture"],
        facts["channels"],
        facts["classes"],
        facts["size"],
        facts["stem"],
        statistics,
        seed=0,
        registry=registry,
    )
    (network.body if exported else network).load_state_dict(load_file(path))
    return network.eval(), facts


def is_ours(path: Path) -> bool:
    """Whether a file is one that `save_weights` wrote."""
    return METADATA in foreign.weights_head(path)


def begin_with(network: Classifier, path: Path) -> list[str]:
    """Give a network the weights of a file, ours or one of timm's. The names of those it keeps of its own: a head of
    another size. A first layer for colours is summed up for grey images, as timm does. A UserError if others do not
    fit.
    """
    from timm.models import adapt_input_conv

    try:
        given = load_file(path)
    except SafetensorError:
        raise UserError(f"{path} is damaged, or no safetensors file") from None
    if is_ours(path) and "mean" in given:
        given = {name.removeprefix("body."): each for name, each in given.items() if name.startswith("body.")}
    body: Any = network.body
    own = body.state_dict()
    cfg: Any = getattr(body, "pretrained_cfg", {}) or {}
    firsts = cfg.get("first_conv") or ()
    for first in [firsts] if isinstance(firsts, str) else firsts:
        name = f"{first}.weight"
        if name in given and name in own and given[name].shape[1] == 3 != own[name].shape[1]:
            given[name] = adapt_input_conv(own[name].shape[1], given[name])
    heads = cfg.get("classifier") or ()
    of_head = tuple(f"{each}." for each in ([heads] if isinstance(heads, str) else heads))
    left_out = [
        name for name in own if name.startswith(of_head) and (name not in given or own[name].shape != given[name].shape)
    ]
    kept = {name: each for name, each in own.items() if name in left_out}
    given = {name: each for name, each in given.items() if name not in left_out}
    if misfit := _misfit(own, {**kept, **given}):
        small = misfit.startswith(tuple(f"{each}." for each in ([firsts] if isinstance(firsts, str) else firsts)))
        stem = "; protocol.stem: standard gives networks the first layers that such files are for" if small else ""
        raise UserError(f"{path} does not fit the network: {misfit}{stem}")
    body.load_state_dict({**kept, **given})
    return left_out


def adopt(
    path: Path,
    facts: Mapping[str, Any],
    mean: Sequence[float] | None,
    deviation: Sequence[float] | None,
    registry: Registry | None = None,
) -> Classifier:
    """A network of timm's with the weights of a file from elsewhere, in eval mode. A UserError if they do not fit.

    Where the file does not say how pixels were normalised, it is as timm has it for the model.
    """
    name, channels = facts["architecture"]["model"], facts["channels"]
    blank = {"mean": [0.0] * channels, "deviation": [1.0] * channels}
    network = build(facts["architecture"], channels, facts["classes"], facts["size"], facts["stem"], blank, 0, registry)
    usual: Any = getattr(network.body, "pretrained_cfg", {})
    for buffer, given_values, key in ((network.mean, mean, "mean"), (network.deviation, deviation, "std")):
        values = given_values or usual.get(key) or blank["mean" if key == "mean" else "deviation"]
        if len(values) not in (1, channels):
            values = [sum(values) / len(values)]  # colours' values, for grey images
        buffer.copy_(torch.tensor(values)[None, :, None, None].expand_as(buffer))
    weights = load_file(path)
    if misfit := _misfit(network.body.state_dict(), weights):
        shape = f"{facts['classes']} classes and {channels} channels"
        raise UserError(f"{path} does not fit {name} with {shape}: {misfit}")
    network.body.load_state_dict(weights)
    return network.eval()


def _misfit(own: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> str:
    """The first thing that keeps weights from being a network's, in words."""
    for name in [*own, *given]:
        if name not in given:
            return f"the file has no {name}"
        if name not in own:
            return f"the network has no {name}"
        if own[name].shape != given[name].shape:
            return f"{name} is {tuple(given[name].shape)} in the file and {tuple(own[name].shape)} in the network"
    return ""
