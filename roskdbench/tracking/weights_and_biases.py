"""Runs of Weights & Biases, kept offline until you send them: `wandb sync FOLDER/wandb/offline-run-*`."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from roskdbench.errors import UserError
from roskdbench.plan import Cell
from roskdbench.report.formats.markdown import markdown
from roskdbench.report.table import Table
from roskdbench.tracking.tracker import Tracker, curves_of, name_of, parameters_of, scalars_of
from roskdbench.values import MetricValue

PROJECT = "roskdbench"


class WeightsAndBiases(Tracker):
    """A group of the run's name in the project `roskdbench`: in it a run for each training, with its curves, one for
    each cell, with its scores, and one with the suite's parameters, the tables and the pictures. A run that is told
    of again has the name it had, so that sending it twice makes no second one.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # its makers are told of no error
        try:
            import wandb
        except ImportError:
            raise UserError("Weights & Biases is not installed: pip install 'roskdbench[wandb]'") from None
        self._wandb = wandb
        self._group, self._parameters = "", dict[str, Any]()

    def begun(self, run: str, parameters: Mapping[str, Any]) -> None:
        """Kept for the run that has the tables."""
        self._group, self._parameters = run, dict(parameters)

    def trained(self, label: str, parameters: Mapping[str, Any], history: Mapping[str, list[Any]]) -> None:
        """Epochs are steps."""
        curves = curves_of(history)
        with self._running(label, "training", parameters) as run:
            for epoch in range(max(map(len, curves.values()), default=0)):
                run.log(
                    {name: values[epoch] for name, values in curves.items() if values[epoch] is not None}, epoch + 1
                )

    def measured(self, cell: Cell, numbers: Sequence[MetricValue]) -> None:
        """Scores are in the summary."""
        with self._running(f"{name_of(cell)}, seed {cell.seed}", "cell", parameters_of(cell)) as run:
            run.summary.update(scalars_of(numbers))

    def reported(self, tables: Sequence[Table], pictures: Sequence[Path]) -> None:
        """Tables are shown as they stand in Markdown."""
        with self._running("report", "report", self._parameters) as run:
            page = self._wandb.Table(columns=["table", "markdown"], data=[[t.title, markdown([t])] for t in tables])
            images = {f"pictures/{picture.stem}": self._wandb.Image(str(picture)) for picture in pictures}
            run.log({"tables": page, **images})

    @contextmanager
    def _running(self, name: str, kind: str, parameters: Mapping[str, Any]) -> Iterator[Any]:
        """A run of theirs, which knows nothing of this machine but what it is told."""
        self.folder.mkdir(parents=True, exist_ok=True)
        settings = self._wandb.Settings(
            console="off",
            disable_code=True,
            disable_git=True,
            host="-",
            save_code=False,
            silent=True,
            x_disable_meta=True,
            x_disable_stats=True,
            x_save_requirements=False,
        )
        with self._wandb.init(
            project=PROJECT,
            group=self._group,
            job_type=kind,
            name=name,
            id=sha256(f"{self._group}\n{kind}\n{name}".encode()).hexdigest()[:16],
            dir=str(self.folder),
            config=dict(parameters),
            mode="offline",
            reinit="create_new",
            settings=settings,
        ) as run:
            yield run
