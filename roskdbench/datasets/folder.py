"""`folder`: any images on disk: a label file with a path and labels a row, or a folder a class."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_serializer, model_validator

from roskdbench.data.attribute_sources import AttributeSource
from roskdbench.data.catalogue import Catalogue
from roskdbench.data.column_or_path import ColumnOrPath
from roskdbench.data.row_filter import RowFilter
from roskdbench.datasets._folder_classes import from_folders
from roskdbench.datasets._folder_table import from_table
from roskdbench.plugins import register
from roskdbench.suite.problems import Card, RealProblem, Task

METADATA = ("metadata.jsonl", "metadata.csv")
"""Label files as Hugging Face's image folders have them, one for all or one in each part's folder."""
Columns = Annotated[list[str], Field(min_length=1)]


@register("folder")
class Folder(RealProblem):
    """Any images: a label file with a path and labels a row, or a folder a class.

    Without `csv`, the folders in `root` are classes; folders called train, validation (or val) and test, if there are
    any, are the parts and hold the classes.
    """

    card: ClassVar[Card] = Card(
        "Your own images", "not known here", "not known here", "a CSV with a path and labels a row, or a folder a class"
    )

    csv: str | None = None
    """The label file, inside `root`: CSV, or JSON lines if its name ends in .jsonl. Where `root` does not have it, one
    in each of the folders train, validation (or val) and test, its paths beginning there.
    """

    @field_serializer("csv")
    def _by_its_name(self, csv: str | None) -> str | None:
        """A path of this machine's is nobody else's: what is in the file counts, and not where it lies."""
        return Path(csv).name if csv is not None and Path(csv).is_absolute() else csv

    image: str = "image"
    """The column with the path of each image, from `root`; file_name will do where there is no column image."""
    extension: str = ""
    """What is added to that path, such as .jpg."""
    label: str | None = None
    """The column with the class, for single-label problems."""
    labels: Columns | None = None
    """The columns of 0 and 1 (-1: uncertain), for multi-label problems."""
    noisy_label: str | None = None
    """The column with the class as it was labelled with errors, for noise: own."""
    noisy_labels: Columns | None = None
    """The columns with the findings as they were labelled with errors, in the order of `labels`, for noise: own."""
    corrected_label: str | None = None
    """The column with a second, better label, blank where there is none: scored as well."""
    corrected_labels: Columns | None = None
    """The columns with second, better labels in the order of `labels`, blank where there are none: scored as well."""
    group: ColumnOrPath | None = None
    """The column with the patient or lesion, or a pattern that finds it in the path."""
    part: ColumnOrPath | None = None
    """The column that says train, validation (or val) or test, or a pattern that finds it in the path."""
    attributes: Annotated[dict[str, AttributeSource], Field(min_length=1)] | None = None
    """What else is known of each image, such as sex, age or hospital: columns, or patterns that find it in the path. Of
    `sex`, M and F are taken as male and female.
    """
    only: RowFilter | None = None
    """Columns, and the value or values of each that a row must have to be taken."""
    classes: list[str] | None = None
    """The classes in the order that tables show; in alphabetical order if left out."""
    colour: Literal["rgb", "grey"] = "rgb"

    @property
    def channels(self) -> int:  # type: ignore[override]
        """3 or 1."""
        return 3 if self.colour == "rgb" else 1

    @property
    def task(self) -> Task:  # type: ignore[override]
        """Multi-label where there are several label columns."""
        return "multi-label" if self.labels else "single-label"

    @property
    def has_noisy_copy(self) -> bool:  # type: ignore[override]
        """Whether a column, or several, have it."""
        return bool(self.noisy_label or self.noisy_labels)

    @property
    def grouped_by(self) -> str | None:  # type: ignore[override]
        """Where a group is given, that: whether it is a patient or a lesion, nobody said."""
        return "group" if self.group else None

    @property
    def has_second_labels(self) -> bool:
        """Whether a file or columns have them."""
        return bool(self.corrected or self.corrected_label or self.corrected_labels)

    @model_validator(mode="after")
    def _columns_need_a_file(self) -> "Folder":
        if self.csv is None and (columns := _named_columns(self)):
            raise ValueError(f"'{next(iter(columns))}' names a column, and there is no csv")
        if self.csv is None and self.corrected is not None:
            raise ValueError("'corrected' needs a csv that it is written like")
        if self.csv is not None and bool(self.label) == bool(self.labels):
            raise ValueError("a csv needs either label (one column of classes) or labels (columns of 0 and 1)")
        return self

    @model_validator(mode="after")
    def _columns_fit(self) -> "Folder":
        for key in ("labels", "noisy_labels", "corrected_labels", "classes"):
            names = getattr(self, key) or []
            if len(set(names)) < len(names):
                raise ValueError(f"'{key}' names '{next(name for name in names if names.count(name) > 1)}' twice")
        for kind in ("noisy", "corrected"):
            _refuse_other_shape(self, kind)
        if self.corrected and (self.corrected_label or self.corrected_labels):
            key = "corrected_label" if self.corrected_label else "corrected_labels"
            raise ValueError(f"'corrected' and '{key}' are both a second label set; there is one, so leave one out")
        if self.labels and self.classes:
            raise ValueError("with labels, the columns are the classes; leave out 'classes'")
        return self

    @model_validator(mode="after")
    def _parts_fit(self) -> "Folder":
        if self.part and self.split != "official":
            raise ValueError("'part' is the column of the official split; say split: official, or leave it out")
        if self.csv is not None and self.split == "official" and not self.part and Path(self.csv).name not in METADATA:
            raise ValueError("split: official needs the column with the parts: part")
        return self

    @classmethod
    def found_under(cls, folder: Path) -> None:
        """Nobody knows what yours is called there."""

    def catalogue(self, root: Path) -> Catalogue:
        """The images that the label file lists, in its order; or those in the folders, in alphabetical order."""
        return from_table(self, root) if self.csv is not None else from_folders(self, root)


def _named_columns(spec: Folder) -> Mapping[str, object]:
    """The keys that name columns of a label file."""
    keys = ("label", "labels", "noisy_label", "noisy_labels", "corrected_label", "corrected_labels", "only")
    found = {key: value for key in keys if (value := getattr(spec, key))}
    found |= {key: value for key in ("group", "part") if isinstance(value := getattr(spec, key), str)}
    return found | {f"attributes.{name}": each for name, each in (spec.attributes or {}).items() if each.column}


def _refuse_other_shape(spec: Folder, kind: str) -> None:
    """A ValueError for noisy or corrected columns that do not stand beside those of the labels."""
    one, many = getattr(spec, f"{kind}_label"), getattr(spec, f"{kind}_labels")
    if one and spec.labels:
        raise ValueError(f"'{kind}_label' goes with label; with labels, say {kind}_labels")
    if many and spec.label:
        raise ValueError(f"'{kind}_labels' goes with labels; with label, say {kind}_label")
    if many and spec.labels and len(many) != len(spec.labels):
        raise ValueError(f"'{kind}_labels' has {len(many)} columns and 'labels' {len(spec.labels)}; they go in pairs")
    if one and one == spec.label:
        raise ValueError(f"'{kind}_label' is '{one}', as label is; name another column")
    if many and many == spec.labels:
        raise ValueError(f"'{kind}_labels' are the columns of labels; name others")
