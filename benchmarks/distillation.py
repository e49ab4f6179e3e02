"""One distillation step: a student that reads banks, against loops that ask five teachers in every step.

    pip install torchdistill
    python benchmarks/distillation.py [SIZE] [REPEATS] [STEPS]

A ResNet-18 learns from the paper's five teachers, 64 images a step, one thread, float32. Each side takes its turn in
every repeat, with the same loss, weights and kind of augmentation (flip and shift):

- ours, the bank filled; and what filling it costs;
- a plain loop: a DataLoader, the teachers asked in every step, as most public code does;
- torchdistill's box, its teacher all five.

Then the same counted up for the paper's Table I: six trainings of ours (Baseline V and RoS-KD are one)
and ten banks, against the seven of scripts, of which five ask five teachers; and what part of the machine's peak the
arithmetic reaches, ours and that of a step with nothing around it.
"""

import logging
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset, RandomSampler
from torch.utils.flop_counter import FlopCounterMode
from torchvision.transforms import v2

from roskdbench.data.phantoms import draw_lesions
from roskdbench.engine.bank import fill
from roskdbench.engine.device import ComputeConfig
from roskdbench.engine.examples import Examples
from roskdbench.engine.networks import Classifier, build
from roskdbench.engine.recipe import Recipe, Seeds
from roskdbench.engine.training import Training
from roskdbench.method import EachTeacher, Exponential, Method
from roskdbench.suite.augmentation import PRESETS

TEACHERS = ("resnet18", "resnet34", "resnet50", "mobilenetv2_100", "densenet121")
BATCH, TEMPERATURE, HARD, SOFT = 64, 4.0, 0.1, 0.9
CPU = torch.device("cpu")
SEEDS = Seeds(order=1, views=2, method=3)
Side = Callable[[], None]


class Ours(Method):
    """Ours: each teacher weighted at random."""

    weighting = Exponential()
    matching = EachTeacher()


class Drawn(Dataset[tuple[torch.Tensor, int]]):
    """Images in memory, augmented one by one."""

    def __init__(self, images: np.ndarray, targets: np.ndarray) -> None:
        self.images, self.targets = torch.from_numpy(images), targets
        self.augment = v2.Compose(
            [
                v2.RandomHorizontalFlip(),
                v2.RandomCrop(images.shape[-1], padding=4),
                v2.ToDtype(torch.float32, scale=True),
            ]
        )

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.augment(self.images[index]), int(self.targets[index])


class Together(nn.Module):
    """Several teachers as one: their logits, stacked."""

    def __init__(self, teachers: list[Classifier]) -> None:
        super().__init__()
        self.teachers = nn.ModuleList(teachers)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """[K, B, C]"""
        return torch.stack([teacher(images) for teacher in self.teachers])


def distilled(logits: torch.Tensor, taught: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Cross-entropy, and each teacher's divergence with a random weight."""
    weights = torch.empty(len(taught), 1).exponential_()
    weights = weights / weights.sum(0)
    ours = functional.log_softmax(logits / TEMPERATURE, -1)
    theirs = functional.log_softmax(taught / TEMPERATURE, -1)
    each = (theirs.exp() * (theirs - ours)).sum(-1)
    soft = (weights * each).sum(0).mean() * TEMPERATURE**2
    return HARD * functional.cross_entropy(logits, targets) + SOFT * soft


def network(model: str, size: int, stem: str = "standard") -> Classifier:
    return build({"model": model, "options": {}}, 3, 8, size, stem, {"mean": [0.5] * 3, "deviation": [0.25] * 3}, 0)


def optimiser(student: nn.Module) -> torch.optim.SGD:
    return torch.optim.SGD(student.parameters(), lr=0.01, momentum=0.9, weight_decay=2e-4)


def plain(data: Drawn, teachers: Together | None, size: int) -> Side:
    student, loader = network("resnet18", size).train(), DataLoader(data, BATCH, shuffle=True)
    stepper = optimiser(student)

    def epoch() -> None:
        for images, targets in loader:
            logits = student(images)
            if teachers is None:
                loss = functional.cross_entropy(logits, targets)
            else:
                with torch.no_grad():
                    taught = teachers(images)
                loss = distilled(logits, taught, targets)
            stepper.zero_grad()
            loss.backward()
            stepper.step()

    return epoch


def packaged(data: Drawn, teachers: Together, size: int) -> Side:
    from torchdistill.core.distillation import DistillationBox
    from torchdistill.losses.registry import register_mid_level_loss

    @register_mid_level_loss
    class EachTeachersLoss(nn.Module):
        def forward(self, student, teacher, targets, *_args, **_rest):
            return distilled(student["."]["output"], teacher["."]["output"], targets)

    logging.getLogger("torchdistill").setLevel(logging.ERROR)
    loss = {"criterion": {"key": "EachTeachersLoss", "kwargs": {}}, "weight": 1.0}
    config = {
        "num_epochs": 1,
        "train_data_loader": {
            "dataset_id": "drawn",
            "sampler": {"class_or_func": RandomSampler, "kwargs": {}},
            "kwargs": {"batch_size": BATCH, "num_workers": 0},
        },
        "teacher": {"requires_grad": False, "sequential": [], "forward_proc": "forward_batch_only"},
        "student": {"sequential": [], "forward_proc": "forward_batch_only"},
        "optimizer": {"key": "SGD", "kwargs": {"lr": 0.01, "momentum": 0.9, "weight_decay": 2e-4}},
        "criterion": {"key": "WeightedSumLoss", "kwargs": {"sub_terms": {"kd": loss}}},
    }
    student = network("resnet18", size)
    box = DistillationBox(teachers, student, {"drawn": data}, config, CPU, None, False, 1)

    def epoch() -> None:
        box.pre_epoch_process(epoch=0)
        for images, targets, supplement in box.train_data_loader:
            box.post_forward_process(box.forward_process(images, targets, supplement))

    return epoch


def bare(images: np.ndarray, targets: np.ndarray, size: int) -> Side:
    """As little as a training step can be: the same batch again and again, laid out as is best here."""
    student = network("resnet18", size).train().to(memory_format=torch.channels_last)
    batch = torch.from_numpy(images[:BATCH]).float().div(255).contiguous(memory_format=torch.channels_last)
    labels, stepper = torch.from_numpy(targets[:BATCH]), optimiser(student)

    def epoch() -> None:
        for _ in range(len(images) // BATCH):
            loss = functional.cross_entropy(student(batch), labels)
            stepper.zero_grad()
            loss.backward()
            stepper.step()

    return epoch


def timed(side: Callable[[], object], device: torch.device = CPU) -> float:
    """Seconds until all of it is done."""
    start = time.perf_counter()
    side()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


def operations(student: Classifier, size: int) -> float:
    """Floating-point operations of a training step, for each image."""
    with FlopCounterMode(display=False) as counter:
        student.train()(torch.zeros(2, 3, size, size)).sum().backward()
    return counter.get_total_flops() / 2


def peak(side: int = 2048, kind: torch.dtype = torch.float32, device: torch.device = CPU) -> float:
    """Floating-point operations a second in a product of matrices."""
    one, other = (torch.rand(side, side, device=device, dtype=kind) for _ in range(2))
    return 2 * side**3 / min(timed(lambda: one @ other, device) for _ in range(8))


def ours(
    examples: Examples, bank: list[np.ndarray], recipe: Recipe, student: Classifier, form: ComputeConfig | None = None
) -> Side:
    def epoch() -> None:
        training = Training(
            task="single-label",
            method=Ours() if bank else Method(),
            network=student,
            examples=examples,
            bank=bank,
            recipe=recipe,
            seeds=SEEDS,
            config=form or ComputeConfig(),
        )
        training.run()

    return epoch


def main(size: int = 64, repeats: int = 3, steps: int = 3) -> None:
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    images, targets, _ = draw_lesions(BATCH * steps, size, 0)
    examples = Examples.place(images, targets, np.arange(len(images)), CPU)
    recipe = Recipe(1, BATCH, 0.01, 0.9, 2e-4, (), 0.1, PRESETS["light"], None)
    bank = [np.zeros((1, len(images), 8), np.float16) for _ in TEACHERS]
    teachers = [network(model, size).eval().requires_grad_(False) for model in TEACHERS]
    own = [network(model, size).eval().requires_grad_(False) for model in TEACHERS]

    def filling() -> None:
        for place, teacher in zip(bank, own, strict=True):
            fill(place, teacher, examples, recipe, SEEDS, ComputeConfig(), lambda done, note: None)

    data, together = Drawn(images, targets), Together(teachers).eval()
    sides: dict[str, Side] = {
        "ours, bank filled": ours(examples, bank, recipe, network("resnet18", size)),
        "filling the bank": filling,
        "plain loop": plain(data, together, size),
        "torchdistill": packaged(data, together, size),
        "plain loop, one teacher": plain(data, Together(teachers[:1]).eval(), size),
        "ours, no teacher": ours(examples, [], recipe, network("resnet18", size)),
        "plain loop, no teacher": plain(data, None, size),
        "bare step, no teacher": bare(images, targets, size),
    }
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for side in sides.values():
        side()  # to warm up
    for _ in range(repeats):
        for name, side in sides.items():
            seconds[name].append(timed(side) / steps)
    middle = {name: statistics.median(each) for name, each in seconds.items()}
    print(f"ResNet-18 from {len(TEACHERS)} teachers, {size} px, {BATCH} images a step, one thread; seconds a step")
    for name, each in seconds.items():
        ratio = middle[name] / middle["ours, bank filled"]
        print(
            f"  {name:26} {min(each):7.3f} {middle[name]:7.3f} {max(each):7.3f}   {ratio:5.2f} times ours, bank filled"
        )
    scripts = middle["plain loop, no teacher"] + middle["plain loop, one teacher"] + 5 * middle["plain loop"]
    shared = middle["ours, no teacher"] + 5 * middle["ours, bank filled"] + 2 * middle["filling the bank"]
    print(f"  Table I: scripts {scripts:.2f} s, ours with ten banks {shared:.2f} s: {scripts / shared:.2f} times")

    flops, most = BATCH * operations(network("resnet18", size), size), peak()
    print(f"  a product of matrices reaches {most / 1e9:.0f} GFLOP/s; a step is {flops / 1e9:.0f} GFLOP:")
    for name in ("ours, no teacher", "ours, bank filled", "bare step, no teacher"):
        print(f"    {name:24} {flops / middle[name] / 1e9:5.0f} GFLOP/s, {flops / middle[name] / most:.0%} of that")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
