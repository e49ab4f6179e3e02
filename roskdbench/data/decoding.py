"""From the bytes of an image file to a square of pixels."""

import hashlib
import io
import struct
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from roskdbench.suite.problems import Fit

if TYPE_CHECKING:
    from PIL.Image import Image

PNG = b"\x89PNG\r\n\x1a\n"
HEAD = 64  # bytes, enough for the depth of a PNG
ORIENTATION = 0x0112  # the EXIF tag
MODES = {1: "L", 3: "RGB"}
FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF", "PPM")  # what Pillow reads by itself


@dataclass(frozen=True)
class PixelForm:
    """What every image of a problem is brought to."""

    size: int
    fit: Fit
    channels: int


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

    An alpha channel is left out, a palette resolved, a turned photograph (EXIF) set upright. 16-bit images are refused:
    how to bring them to 8 bits is the user's to say.
    """
    from PIL import Image, ImageOps

    if not data:
        raise UnreadableError("0 bytes")
    try:
        _refuse_deep_png(data)
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            _refuse_deep(image)
            image.draft(MODES[form.channels], _needed(image.size, form))
            upright = ImageOps.exif_transpose(image) if ORIENTATION in image.getexif() else image
            return fit(upright, form)
    except (UnreadableError, MemoryError):
        raise
    except Exception as error:  # Pillow's plugins raise whatever a broken file makes them stumble over
        raise UnreadableError(_reason(error)) from None


def glance(path: Path) -> None:
    """Look at the head of an image file; UnreadableError if it cannot be what it should be."""
    from PIL import Image

    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
            if not head:
                raise UnreadableError("0 bytes")
            _refuse_deep_png(head)
            with Image.open(path, formats=FORMATS) as image:
                _refuse_deep(image)
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


def _refuse_deep_png(data: bytes) -> None:
    """Pillow would read 16-bit colours as 8 bits without a word."""
    if data[:8] == PNG and len(data) > 24 and data[24] == 16:
        raise UnreadableError("16-bit PNG; convert it to 8 bits")


def _refuse_deep(image: "Image") -> None:
    if image.mode[0] in "IF":
        raise UnreadableError(f"pixels of mode {image.mode}; convert it to 8 bits")


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
