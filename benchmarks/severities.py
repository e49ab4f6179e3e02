"""What each severity of a corruption costs a fixed small network, and strengths that would cost as much for all.

    python benchmarks/severities.py [SIZE] [NETWORKS] [FIRST SEED] [FOLDER]

Small ResNets learn phantom lesions and phantom chest films, and are asked about test images under every corruption of
the presets `dermoscopy` and `x-ray`. What is lost is a share of what the AUC of clean images has above chance: 0 is no
loss, 1 a network that guesses. The first table has the strengths that corruptions come with; the second proposes those
that lose SHARE, twice SHARE ... at severities 1, 2 ..., read off a curve over a range of strengths: the mean over
networks, and over both phantoms where both presets have the corruption, made monotone and interpolated. A star stands
where not even the end of the range loses so much; what it loses is then divided evenly. What is in FOLDER is not made
again.
"""

import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression
from torch import Tensor
from torch.nn import functional

from roskdbench.data.phantoms import draw_chest, draw_lesions
from roskdbench.engine.networks import Classifier, build
from roskdbench.measures.corruptions import PRESETS
from roskdbench.measuring.corruptions import corrupted
from roskdbench.measuring.scores import auc
from roskdbench.plugins import discover
from roskdbench.suite.corruption import SEVERITIES, Corruption

TRAINED, TESTED = 3000, 1500
EPOCHS, BATCH, RATE = 12, 64, 0.05
NETWORK = {"model": "resnet18", "options": {"channels": [16, 32, 64, 128], "layers": [1, 1, 1, 1]}}
SHARE = 0.06  # of what is above chance, lost at each severity more
POINTS = 10  # of a curve
# The weakest and the strongest that is tried.
RANGES = {
    "black-corner": (1.35, 0.35),
    "brightness": (0.02, 0.8),
    "characters": (0.4, 40),
    "contrast": (0.95, 0.03),
    "defocus": (0.006, 0.2),
    "exposure": (0.05, 3),
    "gamma": (1.05, 8),
    "gaussian": (0.005, 0.6),
    "grid": (0.01, 0.9),
    "hair": (0.5, 60),
    "high-contrast": (1.1, 20),
    "impulse": (0.001, 0.5),
    "ink": (0.5, 40),
    "jpeg": (90, 1),
    "motion": (0.02, 0.8),
    "pixelation": (0.95, 0.06),
    "poisson": (3000, 1),
    "speckle": (0.01, 1.5),
    "zoom": (0.03, 2),
}
CORRUPTIONS = {name: entry.thing() for name, entry in discover().of("corruption").items() if name in RANGES}
PHANTOMS = {name: [preset for preset, names in PRESETS.items() if name in names] for name in RANGES}


@dataclass(frozen=True)
class Phantom:
    """Images and targets [N, C]; the first TRAINED are learnt from, the others never seen."""

    preset: str
    images: Tensor
    targets: Tensor

    @classmethod
    def of(cls, preset: str, size: int) -> "Phantom":
        """Lesions for dermoscopy, chest films for x-ray."""
        images, targets, _ = (draw_chest if preset == "x-ray" else draw_lesions)(TRAINED + TESTED, size, 0)
        known = torch.from_numpy(targets)
        flags = known if preset == "x-ray" else functional.one_hot(known)
        return cls(preset, torch.from_numpy(images), flags.double())

    def taught(self, seed: int) -> Classifier:
        """A small ResNet after one cycle of the learning rate, on images mirrored at random."""
        pixels, targets = self.images[:TRAINED].float() / 255, self.targets.float()
        several = self.preset == "x-ray"
        statistics = {"mean": pixels.mean((0, 2, 3)).tolist(), "deviation": pixels.std((0, 2, 3)).tolist()}
        channels, size = pixels.shape[1:3]
        network = build(NETWORK, channels, targets.shape[1], size, "standard", statistics, seed)
        optimiser = torch.optim.SGD(network.parameters(), RATE, momentum=0.9, nesterov=True, weight_decay=5e-4)
        steps = TRAINED // BATCH
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, EPOCHS * steps)
        loss_of = functional.binary_cross_entropy_with_logits if several else functional.cross_entropy
        torch.manual_seed(seed)
        for _ in range(EPOCHS):
            for chosen in torch.randperm(TRAINED)[: steps * BATCH].split(BATCH):
                mirrored = (torch.rand(BATCH) < 0.5)[:, None, None, None]
                images = pixels[chosen].flip(3).where(mirrored, pixels[chosen])
                optimiser.zero_grad()
                (loss_of(network(images), targets[chosen], reduction="sum") / BATCH).backward()
                optimiser.step()
                schedule.step()
        return network.eval().requires_grad_(False)

    def areas(self, networks: Sequence[Classifier], corruption: Corruption | None = None) -> NDArray[np.floating]:
        """Each network's mean over classes of the area under the ROC curve, on clean images or at severity 1."""
        found: list[list[Tensor]] = [[] for _ in networks]
        for samples in torch.arange(TRAINED, TRAINED + TESTED).split(250):
            images = self.images[samples].float() / 255
            seen = images if corruption is None else corrupted(corruption, 1, images, samples)
            for network, logits in zip(networks, found, strict=True):
                logits.append(network(seen))
        truth = self.targets[TRAINED:].numpy().astype(bool)
        chances = [torch.cat(logits).double() for logits in found]
        chances = [each.sigmoid() if self.preset == "x-ray" else each.softmax(1) for each in chances]
        return np.array([np.nanmean(auc(truth, each.numpy())) for each in chances])


def strengths_tried(name: str) -> list[float]:
    return [float(f"{each:.4g}") for each in np.geomspace(*RANGES[name], POINTS)]


def measured(preset: str, size: int, seeds: range, folder: Path) -> dict[str, dict[str, float]]:
    """Of each corruption what share is lost at each strength, the mean over networks."""
    file = folder / f"{preset}-{size}-{seeds.start}-{seeds.stop}.json"
    known: dict[str, dict[str, float]] = json.loads(file.read_text()) if file.exists() else {}
    phantom, networks = Phantom.of(preset, size), []
    for seed in seeds:
        place = folder / f"{preset}-{size}-{seed}.pt"
        if not place.exists():
            torch.save(phantom.taught(seed), place)
        networks.append(torch.load(place, weights_only=False))
    clean = phantom.areas(networks)
    print(f"{preset}: AUC on clean images {', '.join(f'{each:.3f}' for each in clean)}", flush=True)
    for name in PRESETS[preset]:
        lost = known.setdefault(name, {})
        for strength in [*strengths_tried(name), *CORRUPTIONS[name].strengths]:
            if str(strength) not in lost:
                corruption = type(CORRUPTIONS[name])(strengths=[strength] * len(SEVERITIES))
                lost[str(strength)] = float(np.mean((clean - phantom.areas(networks, corruption)) / (clean - 0.5)))
        file.write_text(json.dumps(known))
    return known


def proposed(strengths: list[float], lost: NDArray[np.floating]) -> list[str]:
    """The strength of each severity, and a star where the range ends before the last one loses enough."""
    places = np.arange(len(strengths))
    smooth = IsotonicRegression(y_min=0).fit_transform(places, lost) + 1e-9 * places
    most = min(SHARE * len(SEVERITIES), smooth[-1])
    reached = np.interp([most * severity / len(SEVERITIES) for severity in SEVERITIES], smooth, places)
    found = np.exp(np.interp(reached, places, np.log(strengths)))
    star = "*" if smooth[-1] == most else ""
    return [f"{each:.3g}{star}" for each in found]


def print_table(heads: list[str], rows: dict[str, list[str]]) -> None:
    print(f"\n| {' | '.join([*heads, *(str(each) for each in SEVERITIES)])} |")
    print(f"|{'---|' * len(heads)}{'---:|' * len(SEVERITIES)}")
    for name, cells in rows.items():
        print(f"| {name} | {' | '.join(cells)} |")


def main(size: int = 64, networks: int = 2, first: int = 0, kept: str = "") -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(kept or made)
        folder.mkdir(parents=True, exist_ok=True)
        found = {preset: measured(preset, size, range(first, first + networks), folder) for preset in PRESETS}

    def lost(name: str, strengths: list[float], presets: list[str]) -> NDArray[np.floating]:
        """The mean over phantoms."""
        return np.mean([[found[preset][name][str(each)] for each in strengths] for preset in presets], axis=0)

    shipped = {name: corruption.strengths for name, corruption in CORRUPTIONS.items()}
    rows, every = {}, []
    for name, presets in PHANTOMS.items():
        for preset in presets:
            rows[f"`{name}` | {preset}"] = [f"{each:.2f}" for each in lost(name, shipped[name], [preset])]
        every.append(lost(name, shipped[name], presets))
    rows["mean of all |"] = [f"{each:.2f}" for each in np.mean(every, axis=0)]
    rows["standard deviation |"] = [f"{each:.2f}" for each in np.std(every, axis=0, ddof=1)]
    print_table(["corruption", "preset"], rows)
    tried = {name: strengths_tried(name) for name in RANGES}
    print_table(
        ["proposed"],
        {f"`{name}`": proposed(tried[name], lost(name, tried[name], PHANTOMS[name])) for name in RANGES},
    )


if __name__ == "__main__":
    arguments: list[Any] = [*map(int, sys.argv[1:4]), *sys.argv[4:5]]
    main(*arguments)
