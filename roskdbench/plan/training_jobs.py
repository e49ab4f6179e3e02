"""The jobs from teachers to predictions. Each function makes its job from its arguments alone, once for each."""

from pathlib import Path
from typing import Any, NamedTuple

from roskdbench.data.subsets import subset_share
from roskdbench.job import Job
from roskdbench.method import Subset, TeacherSlot
from roskdbench.plan.data_jobs import Base, subsets_of
from roskdbench.plan.factory import BACKWARD, JobFactory, job, memoised, pass_cost
from roskdbench.plan.method_row import StudentTraining
from roskdbench.source import code_of
from roskdbench.suite.protocol import NetworkSpec


class Model(NamedTuple):
    """A training, and which of its weights stand for it."""

    job: Job
    reading: str


def cost_of(factory: JobFactory, problem: str, network: NetworkSpec) -> float:
    """Of a pass of an image of the problem."""
    return pass_cost(network, factory.suite.problems[problem].image_size or 64, factory.protocol.stem)


@memoised
def teacher(factory: JobFactory, base: Base, slot: TeacherSlot, position: int, seed: Any) -> Job:
    """The training of one of the teachers on labels alone."""
    network, share, suffix = slot.network, base.train_share, ""
    assert isinstance(network, NetworkSpec)
    spec = {**factory.network(network), "position": position, "seed": seed}
    inputs = {**base.inputs, **_compute_config(factory, base, network)}
    if slot.subset is not None:
        share *= _take_subset(factory, base, slot.subset, spec, inputs)
        suffix = _subset_name(slot.subset)
    if (hard := factory.hard_loss) is not None:
        spec["soft_loss"] = hard.declaration()
    spec |= _rarity(factory, base)
    once = cost_of(factory, base.problem, network)
    return job(
        "teacher",
        spec,
        inputs,
        f"teacher {network.name} on {base.name}{suffix}",
        cost=BACKWARD * factory.samples(base.problem) * share * factory.protocol.epochs * once,
        pass_cost=once,
        network=network.key,
        code={**factory.network_code(network), **({} if hard is None else code_of(type(hard)))},
        locations=factory.location(network),
    )


@memoised
def ready_made(factory: JobFactory, base: Base, network: NetworkSpec) -> Job:
    """A teacher that was trained elsewhere."""
    assert network.pretrained is not None
    spec = {
        "digest": network.pretrained.digest(),
        "ours": False,
        "model": network.model,
        "options": network.options,
        "mean": None,
        "deviation": None,
    }
    return job(
        "model_file",
        spec,
        {"pixels": base.pixels},
        f"{network.name}, ready-made",
        pass_cost=cost_of(factory, base.problem, network),
        network=network.key,
        code=factory.network_code(network),
        locations={"path": str(Path(str(network.pretrained.file)).resolve())},
    )


def _take_subset(
    factory: JobFactory, base: Base, subset: Subset, spec: dict[str, Any], inputs: dict[str, Job]
) -> float:
    """Let a training learn from a subset. The share of the epochs' passes that is left."""
    inputs["subsets"] = subsets_of(factory, base, subset, _plain(spec["seed"]))
    spec["subset"] = subset.index
    if subset.equal_steps:
        spec["steps"] = "equal"
        return 1.0
    return subset_share(subset.construction, subset.count, subset.ratio, subset.fixed_size)


def _rarity(factory: JobFactory, base: Base) -> dict[str, Any]:
    """Where labels are shares and classes are drawn equally often; once any share counted as the whole."""
    noise = base.labels.spec["noise"]
    soft = "soft" in (noise.get("decision"), noise.get("policy"))
    return {"rarity": "by shares"} if soft and factory.protocol.sampling != "uniform" else {}


def _plain(seed: Any) -> int:
    """The experiment's seed, of a student or of a teacher that is trained as students are."""
    return seed if isinstance(seed, int) else _plain(seed[-1])


def _subset_name(subset: Subset) -> str:
    return f" (subset {subset.index + 1}, overlap {subset.ratio:g})"


@memoised
def bank(factory: JobFactory, base: Base, trained: Job, reading: str, network: NetworkSpec, seed: Any) -> Job:
    """A teacher's logits for every view of the training part."""
    spec = {
        "recipe": factory.recipe,
        "dtype": factory.protocol.bank,
        "precision": factory.precision,
        "seed": seed,
        **({} if reading == "last" else {"reading": reading}),
    }
    inputs = {
        "pixels": base.pixels,
        "split": base.split,
        "teacher": trained,
        **_compute_config(factory, base, network),
    }
    passes = factory.samples(base.problem) * base.train_share * factory.view_count
    cost = passes * cost_of(factory, base.problem, network)
    return job("bank", spec, inputs, f"bank of {trained.label}", cost=cost, network=network.key)


@memoised
def trajectory(
    factory: JobFactory,
    base: Base,
    training: StudentTraining,
    student: NetworkSpec,
    banks: tuple[Job, ...],
    asked: tuple[Model, ...],
    seed: Any,
    subset: Subset | None,
    epochs: int | None,
) -> Job:
    """The training of a student, or of a teacher that is trained as one. Methods that train in the same way share it,
    whatever they are called. Teachers are among its inputs where they are `asked` themselves. `epochs` are the
    protocol's if None.
    """
    spec = {**factory.network(student), "method": training.spec, "averaging": training.averaging, "seed": seed}
    if epochs is not None:
        warmup = round(training.averaging["warmup"] * epochs / factory.protocol.epochs)
        spec["recipe"] = factory.stretched(epochs, bool(banks))
        spec["averaging"] = {**training.averaging, "warmup": min(warmup, epochs - 1)}
    spec |= _rarity(factory, base)
    if factory.protocol.sampling != "uniform":
        spec["statistics"] = "as drawn"  # of averaged weights; once they were taken over all samples alike
    inputs = {**base.inputs, **{f"bank.{number}": each for number, each in enumerate(banks)}}
    inputs |= {f"teacher.{number}": each.job for number, each in enumerate(asked)}
    if any(each.reading != "last" for each in asked):
        spec["readings"] = [each.reading for each in asked]
    share, protocol = base.train_share, factory.protocol
    in_float32 = protocol.precision == "float32" or not protocol.interpolates
    if training.averaging.get("buffers") == "reestimated" and not in_float32:
        spec["views"] = "in float32"  # that averaged weights' statistics are of; once they were turned in bf16
    balanced = (training.spec.get("soft_loss") or {}).get("balanced")
    if balanced and (protocol.mixup or protocol.label_smoothing):
        spec["balance"] = "as met"  # with labels mixed and smoothed; once it was with labels as they are
    if subset is not None:
        share *= _take_subset(factory, base, subset, spec, inputs)
        if subset.equal_steps:
            spec["averaging begins"] = "stretched"  # as epochs are
    once = cost_of(factory, base.problem, student)
    step = training.passes * once + training.teacher_passes * sum(each.job.pass_cost for each in asked)
    whose = "" if seed == _plain(seed) else ", a teacher" + (_subset_name(subset) if subset else "")
    return job(
        "trajectory",
        spec,
        {**inputs, **_compute_config(factory, base, student)},
        f"{training.name} {student.name} on {base.name}{whose}",
        cost=BACKWARD * factory.samples(base.problem) * share * (epochs or factory.protocol.epochs) * step,
        pass_cost=once,
        network=student.key,
        code={**training.code, **factory.network_code(student)},
        locations={"method": training.name, **factory.location(student)},
    )


@memoised
def predictions(factory: JobFactory, base: Base, model: Job, reading: str) -> Job:
    """What a network says of the validation and the test part."""
    inputs = {"pixels": base.pixels, "split": base.split, "model": model}
    cost = factory.samples(base.problem) * (1 - base.train_share) * model.pass_cost
    label = f"predictions of {model.label}" + (", averaged" if reading == "averaged" else "")
    return job("predictions", {"reading": reading}, inputs, label, cost=cost, network=model.network)


@memoised
def ensemble(factory: JobFactory, base: Base, members: tuple[Model, ...]) -> Job:
    """The mean probability of several networks' predictions."""
    roles = {f"member.{number}": predictions(factory, base, *each) for number, each in enumerate(members)}
    return job("ensemble", {}, {"pixels": base.pixels, **roles}, f"ensemble on {base.name}")


def _compute_config(factory: JobFactory, base: Base, network: NetworkSpec) -> dict[str, Job]:
    """How the network computes fastest, where the suite leaves the precision to a measurement."""
    if factory.protocol.precision != "auto":
        return {}
    return {"compute_config": compute_config(factory, base.problem, base.pixels, network)}


@memoised
def compute_config(factory: JobFactory, problem: str, images: Job, network: NetworkSpec) -> Job:
    """How a network trains fastest here."""
    spec = {
        "architecture": network.architecture,
        "stem": factory.protocol.stem,
        "batch": factory.protocol.batch,
        "epochs": factory.protocol.epochs,
    }
    label = f"compute configuration of {network.name} on {problem}"
    return job("compute_config", spec, {"pixels": images}, label, cost=50.0, code=factory.network_code(network))
