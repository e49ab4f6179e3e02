"""What an experiment measures and shows: the scores of every cell, the measures it names, the metrics it shows."""

from collections import Counter

from roskdbench.errors import PlacedError, nearest
from roskdbench.measures.metric import MetricMeasure
from roskdbench.plugins import Registry
from roskdbench.suite import Suite
from roskdbench.suite.experiments import EVERY_CELL
from roskdbench.suite.measure import Measure
from roskdbench.suite.metric_presets import PRESETS, expanded


def shown_metrics(suite: Suite, experiment: str) -> list[str]:
    """The metrics that an experiment's tables show, those of presets one by one."""
    return expanded(suite.experiments[experiment].shown or suite.protocol.shown)


def measures_of(suite: Suite, experiment: str, registry: Registry) -> dict[str, Measure]:
    """Each measure under the name that its numbers stand under: its own, numbered from the second of a name on."""
    scores = Measure.read(EVERY_CELL, registry)
    known = {column.metric for column in scores.columns}
    found = [scores]
    for metric in shown_metrics(suite, experiment):
        if metric not in known:
            if metric not in registry.of("metric") and ("metric", metric) not in registry.clashes:
                every = {*known, *registry.of("metric"), *PRESETS}
                own = suite.experiments[experiment].shown is not None
                keys = ("experiments", experiment, "shown") if own else ("protocol", "shown")
                raise PlacedError(f"unknown metric '{metric}'; {nearest(metric, every)}", keys)
            found.append(MetricMeasure.model_validate({"metric": metric}, context={"registry": registry}))
    found += suite.experiments[experiment].measures
    if others := suite.experiments[experiment].external:
        metrics = [each for each in shown_metrics(suite, experiment) if each not in known]
        declared = {
            "measure": "external",
            "problems": [each.model_dump(mode="json", exclude_defaults=True) for each in others],
            **({"metrics": metrics} if metrics else {}),
        }
        found.append(Measure.read(declared, registry))
    return _named(found)


def _named(measures: list[Measure]) -> dict[str, Measure]:
    named: dict[str, Measure] = {}
    times = Counter[str]()
    for measure in measures:
        name = measure.result_name
        times[name] += 1
        named[name if times[name] == 1 else f"{name} {times[name]}"] = measure
    return named
