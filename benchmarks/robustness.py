"""Attacks against torchattacks and foolbox, landscapes against loss-landscapes: the same model, images and steps.

    python benchmarks/robustness.py [REPEATS] [SIZE]

A ResNet-18 learns phantom lesions for a minute. Then each side takes its turn in every repeat, with one thread:

- PGD of 20 steps on one batch of 64, l-infinity and l2, logits of the attacked images included;
- what a robustness curve with checks needs: PGD and FGSM at six radii, then more steps and restarts, a margin loss, a
  large radius and 200 random squares. The others are given the same attacks one by one;
- the loss on a plane of 9 x 9 points over 250 images, for two networks. The floor is one forward pass a point, in the
  layout that is fastest here.

Ratios are medians, theirs over ours.
"""

import statistics
import sys
import time
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import foolbox
import loss_landscapes
import numpy as np
import torch
import torchattacks
from loss_landscapes.metrics.sl_metrics import Loss
from torch.nn import functional

from roskdbench.attacks.fgsm import Fgsm
from roskdbench.attacks.pgd import Pgd
from roskdbench.data.phantoms import draw_lesions
from roskdbench.engine.device import ComputeConfig
from roskdbench.engine.networks import Classifier, build
from roskdbench.measuring.attacks.attacking import Target, attack, logits_of
from roskdbench.measuring.attacks.checks import checks
from roskdbench.measuring.landscape.plane import coordinates, direction, plane
from roskdbench.measuring.landscape.surface import Surface, mean_loss

RADII = [0.25 / 255, 0.5 / 255, 1 / 255, 2 / 255, 4 / 255, 8 / 255]
REFERENCE = Pgd(norm="linf", radius=1.28 / 255)
POINTS = 9
Side = Callable[[], Any]


def fresh(model: str, size: int) -> Classifier:
    statistics_ = {"mean": [0.5] * 3, "deviation": [0.25] * 3}
    return build({"model": model, "options": {}}, 3, 8, size, "standard", statistics_, 0)


def taught(size: int) -> tuple[Classifier, torch.Tensor, torch.Tensor]:
    """A ResNet-18 that has learnt something, and images that it has not seen."""
    images, targets, _ = draw_lesions(700, size, 0)
    pixels, labels = torch.from_numpy(images).float() / 255, torch.from_numpy(targets)
    network = fresh("resnet18", size)
    optimiser = torch.optim.SGD(network.parameters(), 0.02, momentum=0.9)
    torch.manual_seed(0)
    for _ in range(8):
        for chosen in torch.randperm(500).split(32):
            optimiser.zero_grad()
            functional.cross_entropy(network(pixels[chosen]), labels[chosen]).backward()
            optimiser.step()
    network.eval().requires_grad_(False)
    return network, pixels[500:], labels[500:]


def compare(title: str, sides: dict[str, Side], repeats: int) -> None:
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    said = {name: side() for name, side in sides.items()}  # to warm up
    for _ in range(repeats):
        for name, side in sides.items():
            start = time.perf_counter()
            side()
            seconds[name].append(time.perf_counter() - start)
    ours = statistics.median(seconds["ours"])
    print(title)
    for name, each in seconds.items():
        low, middle, high = min(each), statistics.median(each), max(each)
        print(f"  {name:22} {low:7.2f} {middle:7.2f} {high:7.2f} s   {middle / ours:5.2f} times ours   {said[name]}")


def target_of(network: Classifier, pixels: torch.Tensor, labels: torch.Tensor) -> Target:
    images = (pixels * 255).round().to(torch.uint8).numpy()
    return Target(network, "single-label", images, labels.numpy(), np.arange(len(images)), torch.device("cpu"), 0)


def right(network: Classifier, pixels: torch.Tensor, labels: torch.Tensor) -> str:
    with torch.no_grad():
        return f"{(network(pixels).argmax(1) == labels).float().mean():.3f}"


def one_attack(network: Classifier, pixels: torch.Tensor, labels: torch.Tensor, repeats: int) -> None:
    pixels, labels = pixels[:64], labels[:64]
    target, network = target_of(deepcopy(network), pixels, labels), deepcopy(network)  # each in its own layout
    wrapped = foolbox.PyTorchModel(network, bounds=(0, 1), device="cpu")
    for norm, radius, packaged, foolish in (
        ("linf", 1.28 / 255, torchattacks.PGD, foolbox.attacks.LinfPGD),
        ("l2", 128 / 255, torchattacks.PGDL2, foolbox.attacks.L2PGD),
    ):
        spec = Pgd(norm=norm, radius=radius)
        theirs = packaged(network, eps=radius, alpha=radius / 4, steps=20)
        others = foolish(rel_stepsize=0.25, steps=20)

        def ours(spec: Pgd = spec) -> str:
            said = logits_of(attack(target, [spec])[spec]).argmax(1)
            return f"{(said == labels.numpy()).mean():.3f}"

        compare(
            f"PGD {norm}, 20 steps, 64 images (share right after it)",
            {
                "ours": ours,
                "torchattacks": lambda theirs=theirs: right(network, theirs(pixels, labels), labels),
                "foolbox": lambda others=others, radius=radius: right(
                    network, others(wrapped, pixels, labels, epsilons=radius)[1], labels
                ),
            },
            repeats,
        )


def sweep(network: Classifier, pixels: torch.Tensor, labels: torch.Tensor, repeats: int) -> None:
    pixels, labels = pixels[:64], labels[:64]
    target, network = target_of(deepcopy(network), pixels, labels), deepcopy(network)
    wrapped = foolbox.PyTorchModel(network, bounds=(0, 1), device="cpu")
    radius = REFERENCE.radius

    def ours() -> str:
        leaps = [Fgsm(norm="linf", radius=each) for each in RADII]
        climbs = [Pgd(norm="linf", radius=each) for each in RADII]
        found = attack(target, leaps, sweep=climbs)
        failed = [check.name for check in checks(target, REFERENCE, None) if not check.holds]
        shares = [(logits_of(found[each]).argmax(1) == labels.numpy()).mean() for each in climbs]
        return " ".join(f"{share:.3f}" for share in shares) + f" failed checks: {failed}"

    def packaged() -> str:
        shares = [
            right(network, torchattacks.PGD(network, eps=each, alpha=each / 4, steps=20)(pixels, labels), labels)
            for each in RADII
        ]
        for each in RADII:
            right(network, torchattacks.FGSM(network, eps=each)(pixels, labels), labels)
        for made in (
            torchattacks.PGD(network, eps=radius, alpha=radius / 4, steps=20),
            torchattacks.FGSM(network, eps=radius),
            *[torchattacks.PGD(network, eps=radius, alpha=radius / 4, steps=40)] * 2,
            torchattacks.PGD(network, eps=radius, alpha=radius / 4, steps=20),  # it has no margin loss
            torchattacks.PGD(network, eps=0.5, alpha=0.125, steps=40),
            torchattacks.Square(network, eps=radius, n_queries=200),
        ):
            right(network, made(pixels, labels), labels)
        return " ".join(shares)

    def foolish() -> str:
        made = foolbox.attacks.LinfPGD(rel_stepsize=0.25, steps=20)
        _, _, broken = made(wrapped, pixels, labels, epsilons=RADII)
        foolbox.attacks.LinfFastGradientAttack(random_start=False)(wrapped, pixels, labels, epsilons=RADII)
        for steps, size, restarts in ((20, radius, 1), (40, radius, 2), (20, radius, 1), (40, 0.5, 1)):
            for _ in range(restarts):
                foolbox.attacks.LinfPGD(rel_stepsize=0.25, steps=steps)(wrapped, pixels, labels, epsilons=size)
        torchattacks.Square(network, eps=radius, n_queries=200)(pixels, labels)  # foolbox has none
        return " ".join(f"{share:.3f}" for share in 1 - broken.float().mean(1))

    sides = {"ours": ours, "torchattacks": packaged, "foolbox": foolish}
    compare(f"six radii and checks, 64 images, clean {right(network, pixels, labels)}", sides, repeats)


def landscapes(pixels: torch.Tensor, labels: torch.Tensor, size: int, repeats: int) -> None:
    pixels, labels = pixels.repeat(2, 1, 1, 1)[:250], labels.repeat(2)[:250]
    for model in ("resnet18", "mobilenetv2_100"):
        network = fresh(model, size).eval()
        theirs = fresh(model, size).eval()
        for each in (network, theirs):  # the package cannot take zeros, which fresh networks have in these
            for parameter in each.parameters():
                if parameter.ndim == 1:
                    torch.nn.init.constant_(parameter, 0.5)
        form = ComputeConfig().lay_out(network)
        surface = Surface(network, "single-label", pixels, labels)
        surface.lay_out(form)

        def ours(network: Classifier = network, surface: Surface = surface) -> str:
            places = coordinates(POINTS)
            losses = plane(network, surface, direction(network, 0), direction(network, 1), places)
            return f"loss at the centre {losses[POINTS // 2, POINTS // 2]:.4f}"

        def packaged(theirs: Classifier = theirs) -> str:
            metric = Loss(functional.cross_entropy, pixels, labels)
            losses = loss_landscapes.random_plane(theirs, metric, distance=1, steps=POINTS, deepcopy_model=True)
            return f"lowest loss {losses.min():.4f}"

        def floor(surface: Surface = surface) -> str:
            return f"{sum(mean_loss(surface) for _ in range(POINTS**2)) / POINTS**2:.4f}"

        sides: dict[str, Side] = {"ours": ours, "random_plane": packaged, "floor: forward passes": floor}
        compare(f"{model}, plane of {POINTS} x {POINTS}, 250 images", sides, repeats)


def main(repeats: int = 3, size: int = 32) -> None:
    torch.set_num_threads(1)
    network, pixels, labels = taught(size)
    one_attack(network, pixels, labels, repeats)
    sweep(network, pixels, labels, repeats)
    landscapes(pixels, labels, size, repeats)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
