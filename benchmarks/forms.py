"""In which form a network trains fastest on this machine: precision, layout, eager or compiled; and threads by workers.

    python benchmarks/forms.py [SIZE] [BATCH] [ROUNDS]

First: as many steps of a ResNet-18 by two workers of one thread as by one worker of two. Then the forms take turns, a
step each a round, after one step that is not counted. `protocol.precision: auto` chooses among them, and tries the
compiled one where a training takes minutes; what it costs to begin stands beside.
"""

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing import get_context
from typing import Any

import torch

from roskdbench.engine.device import ComputeConfig, prepare
from roskdbench.engine.precision import FORMS, Case, training_step

NETWORKS = ("resnet18", "mobilenetv2_100", "densenet121")


def stepper(model: str, form: ComputeConfig, size: int, batch: int, device: torch.device) -> Callable[[], None]:
    """Takes one training step when called."""
    return training_step(form, Case({"model": model, "options": {}}, size, batch, device))


def seconds(step: Callable[[], None]) -> float:
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def forms(model: str, size: int, batch: int, rounds: int, device: torch.device) -> None:
    tried = [*FORMS, replace(FORMS[0], compiled=True)]
    steps = {str(form): stepper(model, form, size, batch, device) for form in tried}
    first = {name: seconds(step) for name, step in steps.items()}
    found: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            found[name].append(seconds(step))
    usual = statistics.median(found[str(FORMS[0])])
    print(f"{model}, {size} px, {batch} images, a step")
    for name, each in found.items():
        low, middle, high = min(each), statistics.median(each), max(each)
        begun = f"; first step {first[name]:.0f} s" if "compiled" in name else ""
        print(f"  {name:34} {middle:6.3f} s ({low:.3f}-{high:.3f})  {usual / middle:4.2f} times{begun}", flush=True)


def work(threads: int, steps: int, size: int, batch: int, ready: Any, done: Any) -> None:
    torch.set_num_threads(threads)
    step = stepper("resnet18", ComputeConfig(), size, batch, torch.device("cpu"))
    step()
    ready.wait()
    for _ in range(steps):
        step()
    done.put(time.time())


def together(workers: int, threads: int, steps: int, size: int, batch: int) -> float:
    """Seconds until all of the workers have taken their share of the steps."""
    context = get_context("spawn")
    ready, done = context.Barrier(workers + 1), context.Queue()
    arguments = (threads, steps // workers, size, batch, ready, done)
    processes = [context.Process(target=work, args=arguments) for _ in range(workers)]
    for each in processes:
        each.start()
    ready.wait()
    start = time.time()
    ends: list[float] = [done.get() for _ in processes]
    for each in processes:
        each.join()
    return max(ends) - start


def main(size: int = 64, batch: int = 64, rounds: int = 5) -> None:
    ratios = []
    for _ in range(3):
        one, two = (together(workers, threads, 4 * rounds, size, batch) for workers, threads in ((1, 2), (2, 1)))
        ratios.append(one / two)
    low, middle, high = sorted(ratios)
    print(f"one CPU worker of two threads over two of one: {middle:.2f} times the time ({low:.2f}-{high:.2f})")
    device = prepare()
    for model in NETWORKS:
        forms(model, size, batch, rounds, device)
        torch.compiler.reset()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
