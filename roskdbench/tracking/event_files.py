"""TensorBoard's event files, for `tensorboard --logdir`."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from roskdbench.errors import UserError
from roskdbench.plan import Cell
from roskdbench.report.formats.markdown import markdown
from roskdbench.report.table import Table
from roskdbench.tracking.tracker import Tracker, curves_of, name_of, parameters_of, scalars_of
from roskdbench.values import MetricValue


class TensorBoard(Tracker):
    """A curve for each training, a scalar for each score of each cell over its seeds, tables and pictures of the report
    under the run's name.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise UserError("TensorBoard is not installed: pip install 'roskdbench[tensorboard]'") from None
        self._writer = SummaryWriter
        self._run = "report"

    def begun(self, run: str, parameters: Mapping[str, Any]) -> None:
        """The parameters are a text."""
        self._run = run
        with self._writing(run) as writer:
            writer.add_text("parameters", _as_text(parameters))

    def trained(self, label: str, parameters: Mapping[str, Any], history: Mapping[str, list[Any]]) -> None:
        """One writer a training, so that trainings are runs that can be switched on and off."""
        with self._writing(label) as writer:
            writer.add_text("parameters", _as_text(parameters))
            for name, values in curves_of(history).items():
                for epoch, value in enumerate(values, 1):
                    if value is not None:
                        writer.add_scalar(name, value, epoch)

    def measured(self, cell: Cell, numbers: Sequence[MetricValue]) -> None:
        """Parameters and scores are a line of TensorBoard's table of hyperparameters, too."""
        from torch.utils.tensorboard.summary import hparams

        scalars = scalars_of(numbers)
        with self._writing(name_of(cell)) as writer:
            for summary in hparams(parameters_of(cell), scalars):  # type: ignore[no-untyped-call]
                writer.file_writer.add_summary(summary)
            for name, value in scalars.items():
                writer.add_scalar(name, value, cell.seed)

    def reported(self, tables: Sequence[Table], pictures: Sequence[Path]) -> None:
        """Tables are texts."""
        import numpy as np
        from PIL import Image

        with self._writing(self._run) as writer:
            for table in tables:
                writer.add_text(f"tables/{table.name}", markdown([table]))
            for picture in pictures:
                with Image.open(picture) as image:
                    writer.add_image(f"pictures/{picture.stem}", np.asarray(image.convert("RGB")), dataformats="HWC")

    def _writing(self, name: str) -> AbstractContextManager[Any]:
        kept = "".join(letter if letter.isalnum() or letter in " -_.,()" else "-" for letter in name)
        writer: AbstractContextManager[Any] = self._writer(str(self.folder / kept))
        return writer


def _as_text(parameters: Mapping[str, Any]) -> str:
    """A table in Markdown."""
    rows = [f"| `{name}` | {str(value).replace('|', '&#124;')} |" for name, value in parameters.items()]
    return "\n".join(["| parameter | value |", "|---|---|", *rows])
