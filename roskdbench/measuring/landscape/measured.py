"""A model's landscape: curvature, plane and line, with what is kept of them beside the numbers."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from roskdbench.data.problem import indicators
from roskdbench.engine.device import ComputeConfig
from roskdbench.fingerprint import canonical_json, seed_for
from roskdbench.measuring import LEVELS
from roskdbench.measuring.landscape.curvature import sharpness, top_eigenvalue
from roskdbench.measuring.landscape.line import barrier, walk
from roskdbench.measuring.landscape.plane import basin, coordinates, direction, plane
from roskdbench.measuring.landscape.surface import Surface, mean_loss
from roskdbench.measuring.scores import decision_rows
from roskdbench.values import MetricValue

if TYPE_CHECKING:
    from roskdbench.jobs.measuring import MeasureContext
    from roskdbench.measures.landscape import Landscape

LINE = np.linspace(-0.5, 1.5, 41)  # 0: the last weights, 1: the averaged ones
CURVATURE, PLANE = 0.2, 0.95  # of the time, about, when they end


def measure(declared: "Landscape", context: "MeasureContext") -> Iterable[MetricValue]:
    """Write plane.npz (places [p], losses [p, p]), line.npz (places, losses, f1) for averaged weights, directions.json;
    and the numbers.
    """
    model = context.network().to(context.device)
    surface = _surface(declared, context, model)
    count, seed = surface.count, declared.seed
    context.report(0.0, "curvature")
    eigenvalue = top_eigenvalue(model, surface, seed)
    found = [
        MetricValue("loss", mean_loss(surface), count),
        MetricValue("sharpness", sharpness(model, surface, seed), count),
        MetricValue("eigenvalue", eigenvalue.value, count),
        MetricValue("eigenvalue-residual", eigenvalue.residual, count),
    ]
    surface.lay_out(ComputeConfig().lay_out(model))
    places = coordinates(declared.points)
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
    found += [MetricValue(f"basin+{level:g}", basin(losses, places, centre + level), count) for level in LEVELS]
    np.savez(context.folder / "plane.npz", allow_pickle=False, places=places, losses=losses)
    if context.reading == "averaged":
        found.append(_line(context, model, surface))
    moved = {"filters": sum(len(each) for each in first.values()), "left where they are": _left(model, first)}
    (context.folder / "directions.json").write_text(canonical_json({"seed": seed, **moved}), "utf-8")
    return found


def _surface(declared: "Landscape", context: "MeasureContext", model: torch.nn.Module) -> Surface:
    """The loss over the same images for every method."""
    problem, samples = context.problem, context.split[declared.part]
    chosen = np.random.default_rng(seed_for("landscape", len(samples))).permutation(len(samples))[: declared.images]
    samples = np.sort(samples[chosen])
    targets = context.training_labels["targets"] if declared.part == "train" else problem.labels.known_targets
    images = torch.from_numpy(problem.images[samples]).to(context.device).float() / 255
    return Surface(
        model, problem.labels.task, images, torch.from_numpy(np.asarray(targets[samples])).to(context.device)
    )


def _line(context: "MeasureContext", model: torch.nn.Module, surface: Surface) -> MetricValue:
    """Loss and macro-F1 on the line from the last weights to the averaged ones, and the barrier between them."""
    ends = [context.network(reading).state_dict() for reading in ("last", "averaged")]
    last, averaged = ({name: value.to(surface.device) for name, value in end.items()} for end in ends)
    seen = walk(model, last, averaged, LINE, lambda: (mean_loss(surface), _f1(surface)))
    losses, scores = (np.array(each) for each in zip(*seen, strict=True))
    np.savez(context.folder / "line.npz", allow_pickle=False, places=LINE, losses=losses, f1=scores)
    return MetricValue("barrier", barrier(losses, LINE), surface.count)


def _f1(surface: Surface) -> float:
    """Macro-F1 of the decisions: the largest logit, or each finding at 0.5."""
    logits, targets = surface.logits().float().cpu().numpy(), surface.targets.cpu().numpy()
    truth = indicators(targets, logits.shape[1]) == 1
    if surface.task == "multi-label":
        decisions = (logits >= 0) & ~np.isnan(targets)
    else:
        decisions = indicators(logits.argmax(1), logits.shape[1]) == 1
    rows = decision_rows(truth, decisions, [str(c) for c in range(logits.shape[1])], "")
    return next(float(value or 0.0) for metric, _, value, _ in rows if metric == "f1-macro")


def _left(model: torch.nn.Module, moving: Any) -> int:
    return sum(name not in moving for name, _ in model.named_parameters())
