"""What each severity of a corruption costs a fixed small network, and strengths that would cost as much for all.

    python benchmarks/severities.py [SIZE] [NETWORKS] [FIRST SEED] [FOLDER]

Small ResNets learn phantom lesions and phantom chest films, and are asked about test images under every corruption of
the preset `dermoscopy` and of `x-ray`. What is lost is a share of what the clean images' AUC has above chance: 0 is no
loss, 1 a network that guesses. The first table has the strengths that corruptions come with; the second proposes those
that lose SHARE, twice SHARE ... at severities 1, 2 ..., from a curve over a range of strengths: the mean over networks,
and over both phantoms where both presets have the corruption, made monotone and interpolated. A strength with a star
is the end of its range, where less is lost. Networks and curves in FOLDER are not made again.
"""

import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

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
EPOCHS, BATCH, RATE = 12, 64, 0.1
NETWORK = {"model": "resnet18", "options": {"channels": [16, 32, 64, 128], "layers": [1, 1, 1, 1]}}
SHARE = 0.08  # of what is above chance, lost at each severity more
POINTS = 12
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


@dataclass(frozen=True)
class Phantom:
    """Images and one-hot targets; the first TRAINED are learnt from, the others never seen."""

    preset: str
    images: Tensor
    targets: Tensor
    several: bool
    """Findings, and not one class each."""

    @classmethod
    def of(cls, preset: str, size: int) -> "Phantom":
        """Lesions for dermoscopy, chest films for x-ray."""
        several = preset == "x-ray"
        images, targets, _ = (draw_chest if several else draw_lesions)(TRAINED + TESTED, size, 0)
        known = torch.from_numpy(targets)
        return cls(preset, torch.from_numpy(images), known if several else functional.one_hot(known), several)

    def area(self, network: Classifier, worse: tuple[Corruption, int] | None = None) -> float:
        """The mean over classes of the area under the ROC curve on the test images, clean or corrupted."""
        found = []
        for samples in torch.arange(TRAINED, len(self.images)).split(250):
            images = self.images[samples].float() / 255
            with torch.no_grad():
                found.append(network(corrupted(*worse, images, samples) if worse else images))
        logits = torch.cat(found).double()
        chances = (logits.sigmoid() if self.several else logits.softmax(1)).numpy()
        return float(np.nanmean(auc(self.targets[TRAINED:].numpy().astype(bool), chances)))


def taught(phantom: Phantom, seed: int) -> Classifier:
    """A small ResNet after a cycle of the learning rate, on images mirrored at random."""
    pixels = phantom.images[:TRAINED].float() / 255
    statistics = {"mean": pixels.mean((0, 2, 3)).tolist(), "deviation": pixels.std((0, 2, 3)).tolist()}
    classes, (channels, size) = phantom.targets.shape[1], pixels.shape[1:3]
    network = build(NETWORK, channels, classes, size, "standard", statistics, seed)
    optimiser = torch.optim.SGD(network.parameters(), RATE, momentum=0.9, nesterov=True, weight_decay=5e-4)
    steps = TRAINED // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, EPOCHS * steps)
    loss_of = functional.binary_cross_entropy_with_logits if phantom.several else functional.cross_entropy
    torch.manual_seed(seed)
    for _ in range(EPOCHS):
        for chosen in torch.randperm(TRAINED)[: steps * BATCH].split(BATCH):
            mirrored = (torch.rand(BATCH) < 0.5)[:, None, None, None]
            images = pixels[chosen].flip(3).where(mirrored, pixels[chosen])
            optimiser.zero_grad()
            loss_of(network(images), phantom.targets[chosen].float()).backward()
            optimiser.step()
            schedule.step()
    return network.eval().requires_grad_(False)


def kept_network(phantom: Phantom, seed: int, folder: Path) -> Classifier:
    file = folder / f"{phantom.preset}-{phantom.images.shape[-1]}-{seed}.pt"
    if not file.exists():
        network = taught(phantom, seed)
        torch.save(network, file)
    network: Classifier = torch.load(file, weights_only=False)
    return network


def losses(phantom: Phantom, network: Classifier, name: str, strengths: list[float]) -> list[float]:
    """What share of the area above chance is lost at each strength."""
    kind = discover().of("corruption")[name].thing
    clean = phantom.area(network)
    found = []
    for strength in strengths:
        worse = kind(strengths=[strength] * len(SEVERITIES))
        found.append((clean - phantom.area(network, (worse, 1))) / (clean - 0.5))
    return found


def probes(name: str) -> list[float]:
    return [float(f"{each:.4g}") for each in np.geomspace(*RANGES[name], POINTS)]


def shipped(name: str) -> list[float]:
    return list(discover().of("corruption")[name].thing().strengths)


def proposed(strengths: list[float], lost: NDArray[np.floating]) -> list[str]:
    """The strength of each severity, with a star where the range ends before."""
    places = np.arange(len(strengths))
    smooth = IsotonicRegression(y_min=0).fit_transform(places, lost) + 1e-9 * places
    found = []
    for severity in SEVERITIES:
        wanted = SHARE * severity
        place = np.interp(wanted, [0, *smooth], [0, *places])
        strength = np.exp(np.interp(place, places, np.log(strengths)))
        found.append(f"{strength:.2g}" + "*" * bool(smooth[-1] < wanted))
    return found


def main(size: int = 64, networks: int = 3, first: int = 0, folder: str = "") -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as made:
        kept = Path(folder or made)
        kept.mkdir(parents=True, exist_ok=True)
        file = kept / f"losses-{size}-{first}-{networks}.json"
        known: dict[str, list[float]] = json.loads(file.read_text()) if file.exists() else {}
        for preset, names in PRESETS.items():
            phantom = Phantom.of(preset, size)
            taught_ones = [kept_network(phantom, seed, kept) for seed in range(first, first + networks)]
            areas = [phantom.area(each) for each in taught_ones]
            print(f"{preset}: AUC on clean images {', '.join(f'{each:.3f}' for each in areas)}", flush=True)
            for name in names:
                for number, network in enumerate(taught_ones):
                    asked = {f"{preset} {name} {number} {each:.4g}": each for each in [*probes(name), *shipped(name)]}
                    new = {key: each for key, each in asked.items() if key not in known}
                    known |= dict(zip(new, losses(phantom, network, name, list(new.values())), strict=True))
                file.write_text(json.dumps(known))

    def mean(name: str, strengths: list[float], presets: list[str]) -> NDArray[np.floating]:
        every = [
            [known[f"{preset} {name} {number} {each:.4g}"] for each in strengths]
            for preset in presets
            for number in range(networks)
        ]
        return np.mean(every, axis=0)

    ours = {name: [preset for preset, names in PRESETS.items() if name in names] for name in RANGES}
    head = " | ".join(f"severity {each}" for each in SEVERITIES)
    print(f"\n| corruption | phantoms | {head} |\n|---|---|{'---:|' * len(SEVERITIES)}")
    for name, presets in ours.items():
        for each in [[preset] for preset in presets] + [presets] * (len(presets) > 1):
            lost = " | ".join(f"{value:.2f}" for value in mean(name, shipped(name), each))
            print(f"| `{name}` | {' and '.join(each)} | {lost} |")
    every = np.array([mean(name, shipped(name), presets) for name, presets in ours.items()])
    print(f"| mean | | {' | '.join(f'{each:.2f}' for each in every.mean(0))} |")
    print(f"| standard deviation | | {' | '.join(f'{each:.2f}' for each in every.std(0, ddof=1))} |")
    print(f"\n| corruption | {head} |\n|---|{'---:|' * len(SEVERITIES)}")
    for name, presets in ours.items():
        print(f"| `{name}` | {' | '.join(proposed(probes(name), mean(name, probes(name), presets)))} |")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]), *sys.argv[4:5])
