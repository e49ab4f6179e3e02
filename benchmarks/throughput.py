"""Images a second of a ResNet-18 in training: ours beside timm's own train step, alone and with five teachers.

    python benchmarks/throughput.py [BATCH] [STEPS] [ROUNDS] [SIZE...]

Ours takes pixels as bytes from where they lie, draws each view (flip and shift) and learns, with a bank where there are
teachers. timm's task takes steps on one batch of floats that is on the device already: its loader would cost extra.
With teachers it asks all five in each step. On a GPU both compute in bf16, on a CPU in float32 with one thread, and
both with channels last. The sides take turns. Last stands the share of what a product of matrices reaches there.
"""

import statistics
import sys

import distillation
import numpy as np
import torch
from distillation import TEACHERS, Side, network, operations, peak, timed
from timm.optim import create_optimizer_v2
from timm.task import ClassificationTask
from torch.nn import functional

from roskdbench.data.phantoms import draw_lesions
from roskdbench.engine.device import ComputeConfig, prepare
from roskdbench.engine.examples import Examples
from roskdbench.engine.recipe import Recipe
from roskdbench.suite.augmentation import PRESETS

CLASSES, STEM = 8, "auto"  # the small-image stem below 64 pixels


def ours(
    size: int, batch: int, steps: int, form: ComputeConfig, device: torch.device, taught: bool, model: str = "resnet18"
) -> Side:
    """Takes the steps when called."""
    drawn, targets, _ = draw_lesions(min(batch, 256), size, 0)
    times = -(-batch * steps // len(drawn))
    images, labels = (np.concatenate([each] * times)[: batch * steps] for each in (drawn, targets))
    examples = Examples.place(images, labels, np.arange(len(images)), device)
    bank = [np.zeros((1, len(images), CLASSES), np.float16) for _ in TEACHERS] if taught else []
    recipe = Recipe(1, batch, 0.01, 0.9, 2e-4, (), 0.1, PRESETS["light"], None)
    return distillation.ours(examples, bank, recipe, network(model, size, STEM), form)


def timms(
    size: int, batch: int, steps: int, form: ComputeConfig, device: torch.device, taught: bool, model: str = "resnet18"
) -> Side:
    """Takes the steps when called."""
    student, *asked = (
        network(each, size, STEM).body.to(device, memory_format=torch.channels_last)
        for each in (model, *(TEACHERS if taught else ()))
    )
    if form.compiled:
        student = torch.compile(student)
    for teacher in asked:
        teacher.eval()
    task = ClassificationTask(student, device=device, verbose=False)
    optimiser = create_optimizer_v2(student, opt="sgd", lr=0.01, momentum=0.9, weight_decay=2e-4)
    images = form.images(torch.rand(batch, 3, size, size, device=device))
    targets = torch.arange(batch, device=device) % CLASSES

    def learn() -> None:
        for _ in range(steps):
            with form.computing(device):
                said = task(images, targets)
                with torch.no_grad():
                    answers = [teacher(images) for teacher in asked]
                loss = said["loss"]
                for logits in answers:
                    loss = loss + functional.kl_div(
                        said["output"].log_softmax(-1), logits.log_softmax(-1), log_target=True, reduction="batchmean"
                    )
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

    return learn


def main(batch: int = 256, steps: int = 20, rounds: int = 5, *sizes: int) -> None:
    device = prepare()
    form = ComputeConfig("bf16" if device.type == "cuda" else "float32")
    most = peak(8192, torch.bfloat16, device) if form.precision == "bf16" else peak()
    print(f"ResNet-18, {batch} images a step, {form}, {device.type}; a product of matrices: {most / 1e12:.2f} TFLOP/s")
    for size in sizes or (28, 64, 224):
        sides = {
            f"{name}, {'five teachers' if taught else 'alone'}": side(size, batch, steps, form, device, taught)
            for taught in (False, True)
            for name, side in (("ours", ours), ("timm", timms))
        }
        found: dict[str, list[float]] = {name: [] for name in sides}
        for turn in range(rounds + 1):
            for name, side in sides.items():
                seconds = timed(side, device)
                if turn:  # the first warms up
                    found[name].append(batch * steps / seconds)
        flops = operations(network("resnet18", size, STEM), size)
        for name, each in found.items():
            middle = statistics.median(each)
            against = statistics.median(found[name.replace("ours", "timm")])
            share = f", {flops * middle / most:.0%} of the peak" if "alone" in name else ""
            print(f"  {size:3} px  {name:20} {middle:9.0f} images/s ({min(each):.0f}-{max(each):.0f})  "
                  f"{middle / against:.2f} times timm{share}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
