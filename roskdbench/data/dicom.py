"""DICOM files: what they hold as 8-bit pixels, as a viewer would show it. Read by pydicom, which is an extra.

Stored values become what they measure (RescaleSlope and RescaleIntercept, or a modality table), then what is shown
(WindowCenter and WindowWidth, or a VOI table; DICOM PS3.3 C.11.2), and MONOCHROME1 is turned round, so that bone is
bright.
"""

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from roskdbench.data.decoding import UnreadableError, stretched, windowed
from roskdbench.errors import UserError
from roskdbench.suite.problems import Window

if TYPE_CHECKING:
    from PIL.Image import Image
    from pydicom.dataset import Dataset

INSTALL = "pip install 'roskdbench[dicom]'"
GREYS = ("MONOCHROME1", "MONOCHROME2")
COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422")  # those that pydicom gives as RGB
NEEDED = ("PhotometricInterpretation", "Rows", "Columns", "BitsAllocated", "BitsStored", "PixelRepresentation")
LONG = 1 << 10  # bytes of an element above which a glance does not read it


def picture(data: bytes, window: Window | None) -> "Image":
    """A DICOM file's image in 8 bits, grey or RGB; UnreadableError, with the reason, if it has none that can be shown.

    `window` acts where the values have more than 8 bits and the file does not say how to show them.
    """
    from PIL import Image

    dataset = _read(io.BytesIO(data))
    _refuse(dataset, window)
    from pydicom.pixels.utils import pixel_array

    stored = pixel_array(dataset)
    if dataset.PhotometricInterpretation not in GREYS:
        return Image.fromarray(stored)
    shown = _shown(stored, dataset, window)
    return Image.fromarray(255 - shown if dataset.PhotometricInterpretation == "MONOCHROME1" else shown)


def glance_at(path: Path, window: Window | None) -> None:
    """Look at all but the pixels; UnreadableError for what `picture` would refuse."""
    _refuse(_read(path), window)


def write_dicom(values: NDArray[np.uint16], path: Path, **elements: Any) -> None:
    """Grey values of 12 bits [H, W] as an uncompressed file. `elements` are set in it, such as WindowCenter=2048."""
    try:
        from pydicom.dataset import Dataset, FileMetaDataset
        from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid
    except ImportError:
        raise UserError(f"to write DICOM files: {INSTALL}") from None
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = DigitalXRayImageStorageForPresentation
    dataset.SOPInstanceUID = generate_uid(entropy_srcs=[path.name])
    dataset.Modality = "DX"
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = values.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
    for name, value in elements.items():
        setattr(dataset, name, value)
    dataset.PixelData = values.astype("<u2").tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)


def _read(source: Path | io.BytesIO) -> "Dataset":
    """The elements of a file; pixels are left where they are until they are asked for."""
    try:
        from pydicom import dcmread
    except ImportError:
        raise UnreadableError(f"a DICOM file; to read such: {INSTALL}") from None
    return dcmread(source, defer_size=LONG if isinstance(source, Path) else None)


def _refuse(dataset: "Dataset", window: Window | None) -> None:
    """UnreadableError for what is not one image of 8 or 16 bits that is known how to show."""
    if "PixelData" not in dataset:
        raise UnreadableError("a DICOM file without pixels")
    absent = [name for name in NEEDED if dataset.get(name) is None]
    if absent:
        raise UnreadableError(f"a DICOM file without {absent[0]}")
    frames, kind = int(dataset.get("NumberOfFrames") or 1), str(dataset.PhotometricInterpretation)
    if frames != 1:
        raise UnreadableError(f"a DICOM file of {frames} frames; it should have one")
    if kind not in (*GREYS, *COLOURS):
        raise UnreadableError(f"a DICOM file of {kind} pixels; they should be {', '.join(GREYS)} or RGB")
    if dataset.BitsAllocated not in ((8, 16) if kind in GREYS else (8,)):
        wanted = "8 or 16" if kind in GREYS else "8, as it has colours"
        raise UnreadableError(f"a DICOM file of {dataset.BitsAllocated} bits; there should be {wanted}")
    _refuse_syntax(dataset)
    if kind in GREYS and window is None and _is_deep(dataset) and _own_window(dataset) is None and not _table(dataset):
        raise UnreadableError("16-bit DICOM without a window of its own; say which with window: full (or percentiles)")


def _refuse_syntax(dataset: "Dataset") -> None:
    from pydicom.pixels.decoders.base import get_decoder

    syntax = dataset.file_meta.get("TransferSyntaxUID")
    if syntax is None:
        raise UnreadableError("a DICOM file that does not name its transfer syntax")
    try:
        known = get_decoder(syntax).is_available
    except NotImplementedError:
        known = False
    if not known:
        raise UnreadableError(
            f"a DICOM file compressed as {syntax.name} ({syntax}), which pydicom has no decoder for here; "
            "pip install pylibjpeg pylibjpeg-libjpeg pylibjpeg-openjpeg has most, or decompress it"
        )


def _shown(stored: NDArray[Any], dataset: "Dataset", window: Window | None) -> NDArray[np.uint8]:
    """What a viewer shows of stored values, before MONOCHROME1 is turned round."""
    from pydicom.pixels.processing import apply_modality_lut, apply_voi

    values = apply_modality_lut(stored, dataset)
    own = _own_window(dataset)
    if own is not None:
        return _through(values, *own)
    if _table(dataset):
        bits = int(dataset.VOILUTSequence[0].LUTDescriptor[2])
        return stretched(apply_voi(np.rint(values).astype(np.int64), dataset), 0, 2**bits - 1)
    if not _is_deep(dataset):
        return stored.astype(np.uint8)
    assert window is not None
    return windowed(values, window)


def _through(values: NDArray[Any], centre: float, width: float, function: str) -> NDArray[np.uint8]:
    """Values through a window: PS3.3 C.11.2.1.2 and C.11.2.1.3."""
    if function == "SIGMOID":
        return stretched(1 / (1 + np.exp(-4 * (values - centre) / width)), 0, 1)
    if function == "LINEAR_EXACT":
        return stretched(values, centre - width / 2, centre + width / 2)
    if width == 1:  # a threshold
        return np.where(values <= centre - 0.5, 0, 255).astype(np.uint8)
    return stretched(values, centre - 0.5 - (width - 1) / 2, centre - 0.5 + (width - 1) / 2)


def _own_window(dataset: "Dataset") -> tuple[float, float, str] | None:
    """Centre, width and function of the first window; None where there is none that means something."""
    centre, width = (_first(dataset.get(name)) for name in ("WindowCenter", "WindowWidth"))
    function = str(dataset.get("VOILUTFunction") or "LINEAR")
    if centre is None or width is None or width <= 0 or (function == "LINEAR" and width < 1):
        return None
    return centre, width, function


def _table(dataset: "Dataset") -> bool:
    return bool(dataset.get("VOILUTSequence"))


def _is_deep(dataset: "Dataset") -> bool:
    """Whether values are others than 0 to 255."""
    same = float(dataset.get("RescaleSlope") or 1) == 1 and float(dataset.get("RescaleIntercept") or 0) == 0
    table = bool(dataset.get("ModalityLUTSequence"))
    return dataset.BitsStored > 8 or dataset.PixelRepresentation == 1 or not same or table


def _first(value: Any) -> float | None:
    """A number, or the first of several."""
    if value is None or value == "":
        return None
    several = not isinstance(value, str) and hasattr(value, "__len__")
    return _first(value[0]) if several and len(value) else None if several else float(value)
