"""The notes under a table: what its numbers are, and what they are not."""

from roskdbench.measures import BEFORE, BINS, CALIBRATION, CHECKS, CORRECTED, EPSILON, LANDSCAPE, SAME_OF_ALL
from roskdbench.report.layout import Layout, layout_of
from roskdbench.results import SCORES, Results
from roskdbench.suite import Suite
from roskdbench.suite.attacks import Attacks
from roskdbench.suite.departures import departures
from roskdbench.suite.experiments import Landscape
from roskdbench.suite.noise import NoiseSpec


def notes(results: Results, experiment: str) -> list[str]:
    """Runs, averages, thresholds, noise, where the data come from, and what is missing."""
    layout = layout_of(results, experiment)
    suite, declared = results.plan.suite, layout.declared
    runs = declared.folds * len(declared.seeds)
    lines = [f"Mean ± standard deviation over {runs} runs (folds x seeds)." if runs > 1 else "One run: no spread."]
    lines[0] += f" Averages over classes: {suite.protocol.average}."
    if runs > 1:
        lines.append(
            "Bold: better than every other row, with intervals widened by Holm's steps. No bold: no row is shown to be."
        )
    problems = declared.problems or list(suite.problems)
    lines.append(_protocol_note(results, problems))
    if changed := departures(suite):
        lines.append(f"Not the bundled suite {suite.suite}: {changed}.")
    if any(metric.endswith("@tuned") for metric in layout.frame["metric"].unique()):
        thresholds = {"tuned": "tuned per class on validation", "half": "0.5"}[suite.protocol.threshold]
        lines.append(f"Multi-label thresholds: {thresholds}.")
    phantoms = [problem for problem in problems if suite.problems[problem].dataset.startswith("phantom")]
    if phantoms:
        drawn = f"{' and '.join(phantoms)} {'is a phantom' if len(phantoms) == 1 else 'are phantoms'}: drawn images."
        lines.append(f"{drawn} They do not tell how methods rank on patients.")
    lines += [f"{problem}: {remark}" for problem, remark in results.remarks.items() if problem in problems]
    lines += _noise_notes(layout, problems)
    lines += _calibration_notes(layout)
    lines += _landscape_notes(layout)
    if len(results.made_with) > 1:
        lines.append(f"Made with different libraries or devices: {'; '.join(results.made_with)}.")
    for state in ("diverged", "failed", "missing"):
        gaps = [gap for gap in results.gaps if gap.cell.experiment == experiment and gap.state == state]
        if gaps:
            reasons = list(dict.fromkeys(gap.reason for gap in gaps))
            more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
            measures = dict.fromkeys(each for gap in gaps for each in gap.without)
            what = "" if SCORES in measures else f", {' and '.join(measures)} only"
            lines.append(f"{state}: {len(gaps)} cell{'s' * (len(gaps) > 1)}{what}. {reasons[0]}{more}")
    return lines


def _protocol_note(results: Results, problems: list[str]) -> str:
    suite = results.plan.suite
    parts = [f"{suite.protocol.epochs} epochs in batches of {suite.protocol.batch}"]
    for problem in problems:
        spec, located = suite.problems[problem], results.plan.located.get(problem)
        counted = located.content.samples if located else spec.samples
        images = "images" if results.plan.is_guessed(problem) else f"{counted:,} images"
        parts.append(f"{problem}: {images} of {spec.size} px")
    return f"Protocol: {'; '.join(parts)}."


def _noise_notes(layout: Layout, problems: list[str]) -> list[str]:
    suite = layout.results.plan.suite
    lines = []
    noises = {noise.name: noise for noise in layout.declared.noise}
    for (where, problem, noise), rate in layout.results.noise.items():
        if where == layout.experiment and problem in problems and noise in noises:
            lines.append(f"Training labels of {problem}, {_asked(noises[noise], suite, problem)}: {rate:.1%} flipped.")
    if any(condition.startswith("flipped labels") for condition in layout.conditions):
        lines.append(
            "Flipped training labels: the share that a model reproduces (memorised) and sets right (corrected); "
            "by teachers: the mean over teachers, each of those it was trained on."
        )
    if CORRECTED in layout.conditions:
        lines.append("Corrected labels: scores against the data's second label set, on the test images that have it.")
    return lines


def _calibration_notes(layout: Layout) -> list[str]:
    if CALIBRATION not in layout.conditions:
        return []
    return [
        f"Calibration on the test part: ECE over {BINS} equal bins; Brier scores (single-label) sum over classes.",
        "T: the temperature that validation chose; ECE at T: after dividing logits by it.",
    ]


def _landscape_notes(layout: Layout) -> list[str]:
    declared = [each for each in layout.declared.measures if isinstance(each, Landscape)]
    if LANDSCAPE not in layout.conditions:
        return []
    found = set(layout.frame.loc[layout.frame["condition"] == LANDSCAPE, "n"])
    points, counts = declared[0].points, ", ".join(f"{count:,}" for count in sorted(found))
    where = {"test": "test images", "train": "training images with the labels that training saw"}[declared[0].part]
    return [
        f"Loss landscape over {counts} {where}, {points} x {points} points, filter-normalised, the same directions and "
        "images for every method. Basin: the share of the plane around the trained weights that stays within so much "
        "of their loss.",
        f"Sharpness: Keskar's, in percent, epsilon {EPSILON:g}; eigenvalue: the Hessian's largest; barrier: how far "
        "the line from the last to the averaged weights rises above its chord.",
    ]


def attack_notes(results: Results, experiment: str) -> list[str]:
    """What was attacked, and which checks failed on what."""
    layout = layout_of(results, experiment)
    if BEFORE not in layout.conditions:
        return []
    before, judged = (layout.frame[layout.frame["condition"] == condition] for condition in (BEFORE, CHECKS))
    swept = any(isinstance(each, Attacks) and each.sweep for each in layout.declared.measures)
    images = ", ".join(f"{count:,}" for count in sorted(set(before[before["metric"] == "auc-macro"]["n"])))
    lines = [
        f"On {images} test images, the same for every method; radii in grey levels, l2 over the whole image.",
        "F1 lost: before minus after; kept: the share that is left.",
        *(["Sweep: a single-label image keeps the first form that is decided wrongly, from its radius on."] * swept),
        "Checks: FGSM, more steps, a large radius, random squares, a margin loss, transfer, zero gradients.",
    ]
    for (problem, method), rows in judged[judged["value"] < 1].groupby(["problem", "method"], sort=False):
        failed = dict.fromkeys(rows["metric"])
        if set(failed) == {SAME_OF_ALL}:
            lines.append(f"constant: {method} says the same of every image of {problem}.")
        else:
            lines.append(f"masked?: {method} on {problem} fails the check that {', and that '.join(failed)}.")
    return lines


def _asked(noise: NoiseSpec, suite: Suite, problem: str) -> str:
    strength = getattr(suite.problems[problem], "label_noise", None) if noise.kind == "own" else None
    return f"{noise.name} noise" + (f" at {strength:g}" if strength is not None else "")
