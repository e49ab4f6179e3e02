"""The notes under a table: what its numbers are, and what they are not."""

from roskdbench.plan import Plan
from roskdbench.report.layout import Layout, layout_of
from roskdbench.results import Results
from roskdbench.statistics.comparison import FEWEST_RUNS
from roskdbench.suite import Suite
from roskdbench.suite.departures import departures
from roskdbench.suite.experiments import EVERY_CELL
from roskdbench.suite.noise import NoiseSpec
from roskdbench.suite.protocol import Protocol


def notes(results: Results, experiment: str) -> list[str]:
    """Runs, averages, thresholds, noise, where the data come from, and what is missing."""
    layout = layout_of(results, experiment)
    suite, declared = results.plan.suite, layout.declared
    runs = declared.folds * len(declared.seeds)
    lines = [f"Mean ± standard deviation over {runs} runs (folds x seeds)." if runs > 1 else "One run: no spread."]
    lines[0] += f" Averages over classes: {suite.protocol.average}."
    if layout.runs_that_count >= FEWEST_RUNS:
        lines.append(
            "Bold: better than every other row, with intervals widened by Holm's steps. No bold: no row is shown to be."
        )
    problems = declared.problems or list(suite.problems)
    lines += [_protocol_note(results, problems), *_test_note(results, problems)]
    lines += schedule_remarks(suite.protocol)
    if changed := departures(suite):
        lines.append(f"Not the bundled suite {suite.suite}: {changed}.")
    if any(metric.endswith("@tuned") for metric in layout.frame["metric"].unique()):
        thresholds = {"tuned": "tuned per class on validation", "half": "0.5"}[suite.protocol.threshold]
        lines.append(f"Multi-label thresholds: {thresholds}.")
    phantoms = [problem for problem in problems if suite.problems[problem].dataset.startswith("phantom")]
    if phantoms:
        drawn = f"{' and '.join(phantoms)} {'is a phantom' if len(phantoms) == 1 else 'are phantoms'}: drawn images."
        lines.append(f"{drawn} They do not tell how methods rank on patients.")
    remarks = results.remarks
    lines += [f"{problem}: {remarks[problem]}" for problem in problems if problem in remarks]
    lines += _noise_notes(layout, problems)
    lines += undefined(results.plan, experiment)
    lines += results.plan.remarks.get(experiment, [])
    lines += results.begun_with
    if "cost" in declared.beside:
        lines.append(
            "Cost: passes of all trainings behind a row, teachers and banks included, over those of its student on "
            "labels alone."
        )
    if "seconds" in declared.beside:
        lines.append(
            "Seconds: what these trainings and banks took, beside whatever else the machine did. A process's first "
            "training carries its start."
        )
    for name, measure in layout.measures.items():
        numbers = layout.numbers_of(name)
        if len(numbers) and not measure.perturbs and not measure.rows_by:
            lines += measure.notes(numbers)
    if len(results.made_with) > 1:
        lines.append(f"Made with different libraries or devices: {'; '.join(results.made_with)}.")
    for state in ("diverged", "failed", "missing"):
        gaps = [gap for gap in results.gaps if gap.cell.experiment == experiment and gap.state == state]
        if gaps:
            reasons = list(dict.fromkeys(gap.reason for gap in gaps))
            more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
            measures = dict.fromkeys(each for gap in gaps for each in gap.without)
            what = "" if EVERY_CELL in measures else f", {' and '.join(measures)} only"
            lines.append(f"{state}: {len(gaps)} cell{'s' * (len(gaps) > 1)}{what}. {reasons[0]}{more}")
    return lines


def undefined(plan: Plan, experiment: str) -> list[str]:
    """A line for each reason why methods of an experiment have no row on a problem."""
    found: dict[tuple[str, str], list[str]] = {}
    for where, problem, title, reason in plan.undefined:
        if where == experiment:
            found.setdefault((problem, reason), []).append(title)
    return [
        f"{problem}: {', '.join(titles)} {'is' if len(titles) == 1 else 'are'} not for {reason}."
        for (problem, reason), titles in found.items()
    ]


def schedule_remarks(protocol: Protocol) -> list[str]:
    """What is to be known of a schedule that trainings do not get through, and of settings that are another's."""
    late, idle, found = protocol.unreached_milestones, protocol.optimiser.idle, []
    if late:
        found.append(
            f"protocol.optimiser.milestones: trainings end after {protocol.epochs} epochs, before the learning rate "
            f"falls at {' and '.join(map(str, late))}."
        )
    if idle:
        kind, schedule = protocol.optimiser.kind, protocol.optimiser.schedule
        say = "says" if len(idle) == 1 else "say"
        found.append(f"protocol.optimiser: {' and '.join(idle)} {say} nothing under {kind} with {schedule}.")
    return found


def _protocol_note(results: Results, problems: list[str]) -> str:
    suite = results.plan.suite
    elsewhere = all(not cell.registered for cell in results.plan.cells)
    parts = [
        "trained elsewhere" if elsewhere else f"{suite.protocol.epochs} epochs in batches of {suite.protocol.batch}"
    ]
    for problem in problems:
        spec, located = suite.problems[problem], results.plan.located.get(problem)
        counted = located.content.samples if located else spec.image_count()
        images = "images" if results.plan.is_guessed(problem) else f"{counted:,} images"
        size = results.plan.image_size(problem)
        parts.append(f"{problem}: {images}" + (f" of {size} px" if size else ""))
    return f"{'Model' if elsewhere else 'Protocol'}: {'; '.join(parts)}."


def _test_note(results: Results, problems: list[str]) -> list[str]:
    """How much the numbers rest on; and where nothing is known of patients, that it is images."""
    parts = []
    for problem in problems:
        if problem in results.test_sizes:
            images, groups = results.test_sizes[problem]
            kind = results.plan.suite.problems[problem].grouped_by
            of = f" of {groups:,} {kind}{'s' * (groups != 1)}" if kind else ""
            parts.append(f"{problem} {images:,} images{of}")
    lines = [f"Test part: {'; '.join(parts)}."] if parts else []
    return lines + ungrouped(results.plan.suite, problems)


def ungrouped(suite: Suite, problems: list[str]) -> list[str]:
    """What is to be known of problems that say nothing of patients."""
    unknown = [problem for problem in problems if suite.problems[problem].grouped_by is None]
    if not unknown:
        return []
    return [
        f"{' and '.join(unknown)}: images, not patients: nothing is known of who they are of, and splits and intervals "
        "take every image for one by itself."
    ]


def _noise_notes(layout: Layout, problems: list[str]) -> list[str]:
    suite = layout.results.plan.suite
    lines = []
    noises = {noise.name: noise for noise in layout.declared.noise}
    for (where, problem, noise), rate in layout.results.noise.items():
        if where == layout.experiment and problem in problems and noise in noises:
            lines.append(f"Training labels of {problem}, {_asked(noises[noise], suite, problem)}: {rate:.1%} flipped.")
    drawn_once = len(layout.declared.seeds) > 1 and not suite.protocol.split.per_seed
    if drawn_once and any(each.is_drawn for each in noises.values()):
        lines.append(
            "Noise was drawn once for all seeds: what another draw would change is not in any spread; "
            "split: {per_seed: true} draws it anew."
        )
    return lines


def _asked(noise: NoiseSpec, suite: Suite, problem: str) -> str:
    strength = getattr(suite.problems[problem], "label_noise", None) if noise.kind == "own" else None
    return f"{noise.name} noise" + (f" at {strength:g}" if strength is not None else "")
