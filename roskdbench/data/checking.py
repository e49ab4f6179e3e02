"""A look at the head of every image: what would stop a run is found in seconds, without decoding anything."""

import warnings
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

from PIL import Image

from roskdbench.data.catalogue import ImageFiles, Images
from roskdbench.data.decoding import PixelForm, UnreadableError, decode

HEAD = 1 << 16  # bytes
SMALL = PixelForm(28, "crop", 1)


def check_images(images: Images, threads: int = 4) -> dict[str, str]:
    """Images that cannot be what they should be, with the reason: absent, empty, no image, 16 bits. A file that is cut
    off further behind is only found when it is decoded.
    """
    if not isinstance(images, ImageFiles):
        return {}
    with ThreadPoolExecutor(threads) as pool:
        reasons = pool.map(_reason, images.paths)
    return {name: reason for name, reason in zip(images.names, reasons, strict=True) if reason is not None}


def _reason(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
        size = path.stat().st_size
    except OSError as error:
        return (error.strerror or str(error)).lower()
    if size <= HEAD:
        try:
            decode(head, SMALL)
        except UnreadableError as error:
            return str(error)
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            Image.open(BytesIO(head)).close()
    except Exception:
        return "not an image"
    return None
