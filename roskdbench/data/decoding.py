"""From the bytes of an image file to a square of pixels."""

import hashlib
import io
import struct
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from roskdbench.fingerprint import without_none
from roskdbench.suite.problems import Fit, Window

if TYPE_CHECKING:
    from PIL.Image import Image

PNG = b"\x89PNG\r\n\x1a\n"
HEAD = 132  # bytes, enough for the depth of a PNG and the mark of DICOM
GREY = 0  # the colour type of a PNG
ORIENTATION = 0x0112  # the EXIF tag
MODES = {1: "L", 3: "RGB"}
FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF", "PPM")  # what Pillow reads by itself
PERCENTILES = (0.5, 99.5)
DEEP = ("16-bit", "pixels of mode I")
"""How the reasons begin for which images are refused that a window would admit."""


@dataclass(frozen=True)
class PixelForm:
    """What every image of a problem is brought to."""

    size: int
    fit: Fit
    channels: int
    window: Window | None = None
    """How images of more than 8 bits become 8; None refuses them."""

    @property
    def facts(self) -> dict[str, Any]:
        """What of it is set, for keys: those from before there was a window are as they were."""
        return without_none(asdict(self))


@dataclass(frozen=True)
class Decoder:
    """Brings images to a form; one whose bytes were decoded before is not decoded again."""

    form: PixelForm
    known: Callable[[bytes], NDArray[np.uint8] | None] = lambda digest: None
    """The pixels of an image with that digest, if they are at hand."""

    def file(self, data: bytes) -> tuple[bytes, NDArray[np.uint8]]:
        """The digest and the pixels of a file's bytes."""
        mark = digest(data)
        found = self.known(mark)
        return mark, decode(data, self.form) if found is None else found

    def row(self, pixels: NDArray[np.uint8]) -> tuple[bytes, NDArray[np.uint8]]:
        """The digest and the pixels of an image that is an array already."""
        from PIL import Image

        return digest(pixels), fit(Image.fromarray(pixels), self.form)


class UnreadableError(Exception):
    """An image that cannot be used, with the reason."""


def decode(data: bytes, form: PixelForm) -> NDArray[np.uint8]:
    """The image as [C, S, S]. JPEGs are decoded at the smallest of their own scales that is no smaller than needed.

    An alpha channel is left out, a palette resolved, a turned photograph (EXIF) set upright. 16-bit images are refused
    where the form has no window: how to bring them to 8 bits is the user's to say. DICOM files have windows of their
    own, mostly.
    """
    from PIL import Image, ImageOps

    if not data:
        raise UnreadableError("0 bytes")
    try:
        if _is_dicom(data):
            from roskdbench.data.dicom import picture

            return fit(picture(data, form.window), form)
        _refuse_deep_png(data, form.window)
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            _refuse_deep(image, form.window)
            image.draft(MODES[form.channels], _needed(image.size, form))
            upright = ImageOps.exif_transpose(image) if ORIENTATION in image.getexif() else image
            return fit(_of_8_bits(upright, form.window), form)
    except (UnreadableError, MemoryError):
        raise
    except Exception as error:  # Pillow's plugins raise whatever a broken file makes them stumble over
        raise UnreadableError(_reason(error)) from None


def glance(path: Path, window: Window | None = None) -> None:
    """Look at the head of an image file; UnreadableError if it cannot be what it should be for that window."""
    from PIL import Image

    try:
        if not path.is_file():
            raise UnreadableError("it is no regular file" if path.exists() else "it is not there")
        with path.open("rb") as file:
            head = file.read(HEAD)
            if not head:
                raise UnreadableError("0 bytes")
            if _is_dicom(head):
                from roskdbench.data.dicom import glance_at

                glance_at(path, window)
                return
            _refuse_deep_png(head, window)
            with Image.open(path, formats=FORMATS) as image:
                _refuse_deep(image, window)
    except UnreadableError:
        raise
    except Exception as error:
        raise UnreadableError(_reason(error)) from None


def fit(image: "Image", form: PixelForm) -> NDArray[np.uint8]:
    """Any image as [C, S, S]: its middle square, or all of it on black, resized with an antialiased bicubic filter."""
    import PIL.Image

    pixels = _plain(image, MODES[form.channels])
    width, height = pixels.size
    if form.fit == "crop":
        side = min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        box = (left, top, left + side, top + side)
        square = _resized(pixels, (form.size, form.size), box)
    else:
        scale = form.size / max(width, height)
        inner = (max(1, round(width * scale)), max(1, round(height * scale)))
        square = PIL.Image.new(pixels.mode, (form.size, form.size))
        corner = ((form.size - inner[0]) // 2, (form.size - inner[1]) // 2)
        square.paste(_resized(pixels, inner, (0, 0, width, height)), corner)
    array = np.asarray(square)
    return array[None] if array.ndim == 2 else np.ascontiguousarray(array.transpose(2, 0, 1))


def windowed(values: NDArray[Any], window: Window) -> NDArray[np.uint8]:
    """Values of any depth as 0 to 255, from their own lowest to their highest, or between two percentiles."""
    low, high = (values.min(), values.max()) if window == "full" else np.percentile(values, PERCENTILES)
    return stretched(values, float(low), float(high))


def stretched(values: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    """0 at `low` and below, 255 at `high` and above, in even steps between; 0 everywhere if nothing is between."""
    if not low < high:
        return np.zeros(values.shape, np.uint8)
    steps = (values.astype(np.float64) - low) * 255 / (high - low)  # in this order halves are halves
    return np.rint(np.clip(steps, 0, 255)).astype(np.uint8)


@contextmanager
def without_warnings() -> Iterator[None]:
    """Pillow warns of images that it reads all the same. To be entered by the thread that starts the others."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def digest(data: Any) -> bytes:
    """SHA-256 of an image as it is kept: the bytes of its file, or its row of an array."""
    return hashlib.sha256(data).digest()


def _plain(image: "Image", mode: str) -> "Image":
    """In the wanted mode. Grey from RGBA or a palette goes through RGB, which leaves the alpha channel out."""
    if image.mode == mode:
        return image
    if image.mode in ("P", "PA", "RGBA", "LA", "CMYK") and mode == "L":
        image = image.convert("RGB")
    return image.convert(mode)


def _resized(image: "Image", size: tuple[int, int], box: tuple[float, float, float, float]) -> "Image":
    from PIL.Image import Resampling

    whole = box == (0, 0, *image.size)
    if whole and image.size == size:
        return image
    return image.resize(size, Resampling.BICUBIC, box=box, reducing_gap=2.0)


def _needed(size: tuple[int, int], form: PixelForm) -> tuple[int, int]:
    """The size below which a scaled decoding would lose detail."""
    side = min(size) if form.fit == "crop" else max(size)
    scale = min(1.0, form.size / side)
    return (max(1, int(size[0] * scale)), max(1, int(size[1] * scale)))


def _is_dicom(head: bytes) -> bool:
    return head[128:132] == b"DICM"


def _refuse_deep_png(data: bytes, window: Window | None) -> None:
    """Pillow would read 16-bit colours as 8 bits without a word."""
    if data[:8] == PNG and len(data) > 25 and data[24] == 16:
        if window is None:
            raise UnreadableError("16-bit PNG; convert it to 8 bits")
        if data[25] != GREY:
            raise UnreadableError("16-bit PNG with colours or an alpha channel; convert it to 8 bits")


def _refuse_deep(image: "Image", window: Window | None) -> None:
    if image.mode[0] == "F" or (image.mode[0] == "I" and window is None):
        raise UnreadableError(f"pixels of mode {image.mode}; convert it to 8 bits")


def _of_8_bits(image: "Image", window: Window | None) -> "Image":
    """The image itself, or what its window makes of one that has more than 8 bits."""
    import PIL.Image

    if image.mode[0] != "I":
        return image
    assert window is not None
    return PIL.Image.fromarray(windowed(np.asarray(image), window))


def _reason(error: Exception) -> str:
    from PIL import UnidentifiedImageError

    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    if isinstance(error, UnidentifiedImageError):
        return "not an image"
    if isinstance(error, struct.error | SyntaxError | EOFError):
        return "broken image data"
    text = " ".join(str(error).split())
    return "truncated" if "truncated" in text else text[:120] or type(error).__name__
