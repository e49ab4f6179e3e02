"""What a training step takes with and without products in place of convolutions of small maps, on a CPU with AVX2.

    python benchmarks/small_maps.py [BATCH] [ROUNDS] [SIZE...]

Both forms of each network take turns, a step each a round, after one step that is not counted; one thread. On a
processor with AVX-512 both are the same.
"""

import statistics
import sys
import time
from unittest.mock import patch

from roskdbench.engine import small_maps
from roskdbench.engine.device import ComputeConfig, prepare
from roskdbench.engine.precision import Case, training_step

NETWORKS = ("resnet18", "resnet34", "resnet50", "mobilenetv2_100", "densenet121")
WITHOUT = patch("roskdbench.engine.device.multiply_small_maps", lambda network: None)


def compare(model: str, size: int, batch: int, rounds: int) -> None:
    case = Case({"model": model, "options": {}}, size, batch, prepare(), stem="standard")
    with WITHOUT:
        convolved = training_step(ComputeConfig(), case)
    steps = {"convolutions": convolved, "products": training_step(ComputeConfig(), case)}
    found: dict[str, list[float]] = {name: [] for name in steps}
    for number in range(rounds + 1):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            if number:
                found[name].append(time.perf_counter() - start)
    ratios = [one / other for one, other in zip(*found.values(), strict=True)]
    middle = {name: statistics.median(each) for name, each in found.items()}
    print(
        f"{model:16} {size:3} px  {middle['convolutions']:.3f} s  {middle['products']:.3f} s  "
        f"{statistics.median(ratios):.2f} times ({min(ratios):.2f}-{max(ratios):.2f})",
        flush=True,
    )


def main(batch: int = 64, rounds: int = 5, *sizes: int) -> None:
    print(f"{small_maps.__name__}: a step of {batch} images: convolutions, products, how many times as fast")
    for size in sizes or (32, 64):
        for model in NETWORKS:
            compare(model, size, batch, rounds)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
