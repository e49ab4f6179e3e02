"""Runs: what of each is written down in the store, and planned again from it."""

import json
import re
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from typing import Any

from roskdbench import foreign
from roskdbench.data.content import Content, Located
from roskdbench.errors import UserError
from roskdbench.fingerprint import fingerprint
from roskdbench.plan import Cell, Plan, plan
from roskdbench.plan.claims import ClaimAt, Key, key_of, placed
from roskdbench.plan.written import lacks_methods, read_again, written
from roskdbench.plugins import Registry
from roskdbench.store import Store
from roskdbench.suite import Suite
from roskdbench.suite.claims import Claim
from roskdbench.suite.problems import LOCATION_KEYS, RealProblem

BROKEN = (ValueError, KeyError, TypeError, AttributeError, ImportError, OverflowError, IndexError, RecursionError)
RUN = re.compile(r".+-[0-9a-f]{8}")


def run_name(plan: Plan) -> str:
    """What a run of this plan is called: the suite's name and a mark of all that was set. Claims do not count: a run
    whose claims were changed is the same one, and its record knows since when each stands.
    """
    left_out: Any = {"problems": {"__all__": set(LOCATION_KEYS)}, "claims": True}
    what: dict[str, Any] = plan.suite.model_dump(mode="json", exclude=left_out)
    contents = {name: located.content.identity for name, located in plan.located.items()}
    return f"{plan.suite.suite}-{fingerprint([what, contents, sorted(plan.experiments)])[:8]}"


@dataclass(frozen=True)
class Stated:
    """A claim as it stood when a run began that had it, and what was known by then."""

    claim: str
    date: str
    computed: int
    """Cells of whose models it was known what they say."""
    cells: int
    models: str = ""
    """A mark of the models that it was about, code and all; empty where a record is older than such marks."""

    @classmethod
    def of(cls, facts: Any) -> "Stated":
        """Out of a record. A ValueError, KeyError or TypeError where it is none."""
        numbers = int(facts["computed"]), int(facts["cells"])
        return cls(str(facts["claim"]), str(facts["date"]), *numbers, str(facts.get("models", "")))

    def same(self, claim: Claim) -> bool:
        """Whether it says the same."""
        return self.claim == claim.claim


def write_record(
    plan: Plan, store: Store, registry: Registry, plugin_folders: tuple[Path, ...], reasons: dict[str, str]
) -> Path:
    """Write down what was run, so that `roskdbench report` can find it, why jobs failed, and what was claimed since
    when: a claim that an earlier run of this name had stays as it was. Where the registry has more than the bundled
    things the plan itself is written, since others may not be able to make it again.
    """
    record = {
        "suite": plan.suite.model_dump(mode="json"),
        "experiments": plan.experiments,
        "plugin_folders": [str(folder.resolve()) for folder in plugin_folders],
        "reasons": reasons,
        "contents": {name: asdict(located.content) for name, located in plan.located.items()},
        "stated": {name: asdict(each) for name, each in _stated(plan, store).items()},
        "jobs": sorted(plan.jobs),
        **({"plan": written(plan)} if registry.has_others() else {}),
    }
    text = json.dumps(record, ensure_ascii=False)  # in the order of the suite
    return store.keep(f"runs/{run_name(plan)}.json", text)


def _stated(plan: Plan, store: Store) -> dict[str, Stated]:
    """The claims, each since it is what it is, and about the models that it is about; those that are new since now."""
    before = stated_in(store.root / "runs" / f"{run_name(plan)}.json")
    computed = sum(cell.scores in store or _said_of_test(cell, plan) in store for cell in plan.cells)
    now = datetime.now(UTC).date().isoformat()
    models = _models_of_claims(plan)
    found = {}
    for name, claim in plan.suite.claims.items():
        known = before.get(name)
        if known and known.same(claim) and known.models in ("", models[name]):
            found[name] = replace(known, models=models[name])
        else:
            found[name] = Stated(claim.claim, now, computed, len(plan.cells), models[name])
    return found


def _models_of_claims(plan: Plan) -> dict[str, str]:
    """A mark of the models that each claim is about: another one once the code of a method that it names is."""
    rows: dict[str, set[Key]] = {name: set() for name in plan.suite.claims}
    for each in placed(plan):
        if isinstance(each, ClaimAt):
            rows[each.name] |= {key for key in (each.left, *each.rights) if not isinstance(key, float)}
    return {
        name: fingerprint(sorted({_said_of_test(cell, plan) for cell in plan.cells if key_of(cell) in keys}))
        for name, keys in rows.items()
    }


def _said_of_test(cell: Cell, plan: Plan) -> str:
    """The artifact of what a cell's model says of the test part, however that is scored."""
    return str(plan.jobs[cell.scores].inputs.get("predictions", cell.scores))


def stated_in(path: Path) -> dict[str, Stated]:
    """Since when the claims of a recorded run stand; nothing where there is no such record."""
    with suppress(OSError, UserError, ValueError, KeyError, TypeError, AttributeError):
        return {str(name): Stated.of(each) for name, each in _record(path)["stated"].items()}
    return {}


def runs(store: Store) -> dict[str, Path]:
    """The records of the store's runs by their names, the latest last."""
    found = []
    for path in (each for each in (store.root / "runs").glob("*.json") if RUN.fullmatch(each.stem)):
        with suppress(FileNotFoundError):
            found.append((path.stat().st_mtime, path))
    return {path.stem: path for _, path in sorted(found)}


def is_record(path: Path) -> bool:
    """Whether a file among a store's runs is one that a run wrote, and gives its name again."""
    with suppress(UserError, KeyError, TypeError):
        record = _record(path)
        return path.stem.rpartition("-")[0] == record["suite"]["suite"] and {"experiments", "reasons"} <= record.keys()
    return False


def reasons_in(path: Path) -> dict[str, str]:
    """Why jobs of a recorded run failed."""
    reasons = _record(path).get("reasons")
    return {str(job): str(reason) for job, reason in reasons.items()} if isinstance(reasons, dict) else {}


def planned_again(path: Path, registry: Registry) -> Plan:
    """The plan of a recorded run. A store may be a stranger's, so nothing that its records name is imported: where
    methods or networks of the run are not in the registry the plan is as the record says. Measures, metrics and
    datasets from plugins have to be in the registry.
    """
    record = _record(path)
    try:
        suite = Suite.model_validate(record["suite"], context={"registry": registry})
        located = {problem: Located(Content.of(facts)) for problem, facts in record["contents"].items()}
        experiments = [str(name) for name in record["experiments"]]
        if "plan" not in record or not lacks_methods(suite, experiments, registry):
            return plan(suite, registry, experiments, located)
    except (ValueError, KeyError, TypeError, AttributeError, UserError) as error:
        raise _not_planned(path, record, error) from None
    try:
        return read_again(record["plan"], suite, experiments, registry, located)
    except UserError as error:
        raise _not_planned(path, record, error) from None
    except BROKEN as error:
        reason = " ".join(str(error).split())[:100]
        raise UserError(f"the record {path} does not hold together ({reason}); run its suite again") from None


def _not_planned(path: Path, record: dict[str, Any], error: Exception) -> UserError:
    """What to say of a run that cannot be planned here."""
    if folders := _plugin_folders(record):
        return UserError(
            f"the run {path.stem} was made with plugins, and reading a store runs none: if you trust them, add "
            f"{' '.join(f'--plugins {quote(folder)}' for folder in folders)}"
        )
    if isinstance(error, UserError):
        return error
    return UserError(
        f"the run {path.stem} was made by another version of roskdbench: run its suite again, or delete {path}"
    )


def _plugin_folders(record: dict[str, Any]) -> list[str]:
    folders = record.get("plugin_folders")
    return [str(each) for each in folders] if isinstance(folders, list) else []


def jobs_of(path: Path) -> set[str]:
    """The artifacts that a recorded run rests on."""
    jobs = _record(path).get("jobs")
    if not isinstance(jobs, list):
        raise UserError(
            f"the run {path.stem} was made by an older version of roskdbench: run its suite again, or delete {path}"
        )
    return {str(each) for each in jobs}


def last_located(suite: Suite, store: Store) -> dict[str, Located]:
    """The data of the suite's problems as its last run in the store found them, or another suite's that declares the
    same, wherever they are now.
    """
    found: dict[str, Located] = {}
    wanted = suite.model_dump(mode="json")["problems"]
    real = {name for name, spec in suite.problems.items() if isinstance(spec, RealProblem)}
    latest = list(reversed(runs(store).items())) if real else []
    own_first = sorted(latest, key=lambda each: each[0].rpartition("-")[0] != suite.suite)
    for _, path in own_first:
        with suppress(UserError, KeyError, TypeError):
            record = _record(path)
            for name in real - found.keys():
                if record["suite"]["problems"].get(name) == wanted[name] and name in record["contents"]:
                    found[name] = Located(Content.of(record["contents"][name]))
    return found


def _record(path: Path) -> dict[str, Any]:
    try:
        record = foreign.json_of(path)
    except UserError:
        record = None
    if not isinstance(record, dict):
        raise UserError(f"the record {path} cannot be read; delete it and run the suite again")
    return record
