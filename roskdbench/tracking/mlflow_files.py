"""MLflow's store of files, for `mlflow ui --backend-store-uri FOLDER`."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import time
from typing import Any

from roskdbench.errors import UserError
from roskdbench.plan import Cell
from roskdbench.report.formats.markdown import markdown
from roskdbench.report.table import Table
from roskdbench.tracking.tracker import Tracker, curves_of, flat, name_of, parameters_of, scalars_of
from roskdbench.values import MetricValue

AT_ONCE = 900
"""How many numbers MLflow takes in one go (1,000), and parameters (100)."""
PARAMETERS_AT_ONCE = 90


class MLflow(Tracker):
    """An experiment of the run's name: in it a run for each training, with its curves, one for each cell, with its
    scores, and one with the suite's parameters, the tables and the pictures.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # nobody is told that it is used
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        try:
            from mlflow import MlflowClient
        except ImportError:
            raise UserError("MLflow is not installed: pip install 'roskdbench[mlflow]'") from None
        self._client = MlflowClient(tracking_uri=folder.absolute().as_uri())
        self._experiment = self._whole = ""

    def begun(self, run: str, parameters: Mapping[str, Any]) -> None:
        """All other runs of MLflow's are this one's children."""
        self._experiment = self._client.create_experiment(run)
        self._whole = self._begin(run, parameters)

    def trained(self, label: str, parameters: Mapping[str, Any], history: Mapping[str, list[Any]]) -> None:
        """Epochs are steps."""
        from mlflow.entities import Metric

        curves = curves_of(history)
        self._child(
            label,
            parameters,
            [
                Metric(_key(name), value, 0, epoch)
                for name, values in curves.items()
                for epoch, value in enumerate(values, 1)
                if value is not None
            ],
        )

    def measured(self, cell: Cell, numbers: Sequence[MetricValue]) -> None:
        """One number a metric."""
        from mlflow.entities import Metric

        scalars = scalars_of(numbers)
        self._child(
            f"{name_of(cell)}, seed {cell.seed}",
            parameters_of(cell),
            [Metric(_key(name), value, 0, 0) for name, value in scalars.items()],
        )

    def reported(self, tables: Sequence[Table], pictures: Sequence[Path]) -> None:
        """Tables and pictures are files of the run that is the whole."""
        for table in tables:
            self._client.log_text(self._whole, markdown([table]), f"tables/{table.name}.md")
        for picture in pictures:
            self._client.log_artifact(self._whole, str(picture), "pictures")

    def close(self) -> None:
        """Say so, too."""
        if self._whole:
            self._client.set_terminated(self._whole)

    def _begin(self, name: str, parameters: Mapping[str, Any]) -> str:
        from mlflow.entities import Param

        tags = {"mlflow.parentRunId": self._whole} if self._whole else {}
        made = self._client.create_run(self._experiment, start_time=int(time() * 1000), tags=tags, run_name=name)
        run: str = made.info.run_id
        said = [Param(_key(key), str(value)) for key, value in flat(parameters).items()]
        for start in range(0, len(said), PARAMETERS_AT_ONCE):
            self._client.log_batch(run, params=said[start : start + PARAMETERS_AT_ONCE])
        return run

    def _child(self, name: str, parameters: Mapping[str, Any], metrics: Sequence[Any]) -> None:
        run = self._begin(name, parameters)
        for start in range(0, len(metrics), AT_ONCE):
            self._client.log_batch(run, metrics=metrics[start : start + AT_ONCE])
        self._client.set_terminated(run)


def _key(name: str) -> str:
    """A name in the letters that MLflow takes."""
    return "".join(letter if letter.isascii() and (letter.isalnum() or letter in "_-. /") else "_" for letter in name)
