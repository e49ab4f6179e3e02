"""Trackers: others who want to be told of a run. They see what is kept and change nothing."""

import shutil
import sys
from importlib import import_module
from pathlib import Path

from roskdbench.errors import UserError, one_line
from roskdbench.plan import Plan
from roskdbench.plugins import Registry
from roskdbench.runs import run_name
from roskdbench.store import Store
from roskdbench.tracking.telling import Tracked
from roskdbench.tracking.tracker import Tracker
from roskdbench.walk import Watcher

__all__ = ["Tracked", "Tracker", "tracked", "tracker_for"]

BUNDLED = {
    "tensorboard": ("event_files", "TensorBoard"),
    "wandb": ("weights_and_biases", "WeightsAndBiases"),
    "mlflow": ("mlflow_files", "MLflow"),
}


def tracker_for(name: str, folder: Path) -> Tracker:
    """One that comes along, or a class of yours as `module:Name`, the module in this folder or installed."""
    if name in BUNDLED:
        module, attribute = BUNDLED[name]
        made: Tracker = getattr(import_module(f"roskdbench.tracking.{module}"), attribute)(folder)
        return made
    module, colon, attribute = name.partition(":")
    if not (module and colon and attribute):
        raise UserError(f"--track {name}: say {', '.join(BUNDLED)}, or a tracker of yours as module:Name")
    looked_through_here = "" in sys.path  # as it is where Python was started by hand
    if not looked_through_here:
        sys.path.append("")
    try:
        made = getattr(import_module(module), attribute)(folder)
    except Exception as error:
        raise UserError(f"--track {name}: {one_line(error)}") from None
    finally:
        if not looked_through_here:
            sys.path.remove("")
    if not isinstance(made, Tracker):
        raise UserError(f"--track {name}: derive it from roskdbench.tracking.Tracker")
    return made


def tracked(name: str, plan: Plan, store: Store, watch: Watcher, registry: Registry) -> Tracked:
    """The watcher, with a tracker that writes into the store's folder `tracking`, under its own and the run's name.
    What is there from another time goes: a tracker is told all again.
    """
    own = "".join(letter if letter.isalnum() else "-" for letter in name)
    folder = store.root / "tracking" / own / run_name(plan)
    tracker = tracker_for(name, folder)
    shutil.rmtree(folder, ignore_errors=True)
    return Tracked(tracker, plan, store, watch, registry)
