"""`landscape`: the loss around a model's trained weights, and on the line between two readings of its training."""

from typing import Any

import numpy as np
import torch

from roskdbench.data.problem import indicators
from roskdbench.engine.device import ComputeConfig, prepare
from roskdbench.fingerprint import canonical_json, seed_for
from roskdbench.jobs import networks
from roskdbench.jobs.context import JobContext
from roskdbench.measures import LANDSCAPE, LEVELS, Number
from roskdbench.measures.landscape.curvature import sharpness, top_eigenvalue
from roskdbench.measures.landscape.line import barrier, walk
from roskdbench.measures.landscape.plane import basin, coordinates, direction, plane
from roskdbench.measures.landscape.surface import Surface, mean_loss
from roskdbench.measures.scores import decision_rows

LINE = np.linspace(-0.5, 1.5, 41)  # 0: the last weights, 1: the averaged ones
CURVATURE, PLANE = 0.2, 0.95  # of the time, about, when they end


def run(context: JobContext) -> None:
    """Write plane.npz (places [p], losses [p, p]), line.npz (places, losses, f1) for averaged weights, numbers.json."""
    device, spec = prepare(), context.spec
    model = networks.trained(context.inputs["model"], spec["reading"]).to(device)
    surface = _surface(context, model, device)
    count, seed = surface.count, spec["seed"]
    context.report(0.0, "curvature")
    eigenvalue = top_eigenvalue(model, surface, seed)
    rows: list[Number] = [
        (LANDSCAPE, "loss", "", mean_loss(surface), count),
        (LANDSCAPE, "sharpness", "", sharpness(model, surface, seed), count),
        (LANDSCAPE, "eigenvalue", "", eigenvalue.value, count),
        (LANDSCAPE, "eigenvalue-residual", "", eigenvalue.residual, count),
    ]
    form = ComputeConfig().lay_out(model)
    surface.lay_out(form)
    places = coordinates(spec["points"])
    first, second = (direction(model, seed, number) for number in range(2))
    losses = plane(
        model,
        surface,
        first,
        second,
        places,
        lambda done: context.report(CURVATURE + (PLANE - CURVATURE) * done, "plane"),
    )
    centre = losses[len(places) // 2, len(places) // 2]
    rows += [(LANDSCAPE, f"basin+{level:g}", "", basin(losses, places, centre + level), count) for level in LEVELS]
    np.savez(context.folder / "plane.npz", allow_pickle=False, places=places, losses=losses)
    if spec["reading"] == "averaged":
        rows += _line(context, model, surface)
    (context.folder / "numbers.json").write_text(canonical_json(rows), "utf-8")
    moved = {"filters": sum(len(each) for each in first.values()), "left where they are": _left(model, first)}
    (context.folder / "directions.json").write_text(canonical_json({"seed": seed, **moved}), "utf-8")


def _surface(context: JobContext, model: torch.nn.Module, device: torch.device) -> Surface:
    """The loss over the same images for every method."""
    problem, spec = context.problem(), context.spec
    samples = context.inputs["split"].arrays("split.npz")[spec["part"]]
    chosen = np.random.default_rng(seed_for("landscape", len(samples))).permutation(len(samples))[: spec["images"]]
    samples = np.sort(samples[chosen])
    targets = problem.labels.targets
    if spec["part"] == "train":
        targets = context.inputs["labels"].arrays("labels.npz")["targets"]
    images = torch.from_numpy(problem.images[samples]).to(device).float() / 255
    return Surface(model, problem.labels.task, images, torch.from_numpy(np.asarray(targets[samples])).to(device))


def _line(context: JobContext, model: torch.nn.Module, surface: Surface) -> list[Number]:
    """Loss and macro-F1 on the line from the last weights to the averaged ones, and the barrier between them."""
    ends = [networks.trained(context.inputs["model"], reading).state_dict() for reading in ("last", "averaged")]
    last, averaged = ({name: value.to(surface.device) for name, value in end.items()} for end in ends)
    seen = walk(model, last, averaged, LINE, lambda: (mean_loss(surface), _f1(surface)))
    losses, scores = (np.array(each) for each in zip(*seen, strict=True))
    np.savez(context.folder / "line.npz", allow_pickle=False, places=LINE, losses=losses, f1=scores)
    return [(LANDSCAPE, "barrier", "", barrier(losses, LINE), surface.count)]


def _f1(surface: Surface) -> float:
    """Macro-F1 of the decisions: the largest logit, or each finding at 0.5."""
    logits, targets = surface.logits().float().cpu().numpy(), surface.targets.cpu().numpy()
    truth = indicators(targets, logits.shape[1]) == 1
    decisions = logits >= 0 if surface.task == "multi-label" else indicators(logits.argmax(1), logits.shape[1]) == 1
    rows = decision_rows(truth, decisions, [str(c) for c in range(logits.shape[1])], "")
    return next(float(value or 0.0) for metric, _, value, _ in rows if metric == "f1-macro")


def _left(model: torch.nn.Module, moving: Any) -> int:
    return sum(name not in moving for name, _ in model.named_parameters())
