"""A look at the head of every image: what would stop a run is found in seconds, without decoding anything."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from roskdbench.data.catalogue import ImageFiles, Images
from roskdbench.data.decoding import UnreadableError, glance, without_warnings
from roskdbench.suite.problems import Window


def check_images(images: Images, window: Window | None = None, threads: int = 4) -> dict[str, str]:
    """Images that cannot be what they should be, with the reason: empty, no image, 16 bits. A file that is broken
    behind its head is only found when it is decoded.
    """
    if not isinstance(images, ImageFiles):
        return {}
    with without_warnings(), ThreadPoolExecutor(threads) as pool:
        reasons = pool.map(lambda path: _reason(path, window), images.paths)
        return {name: reason for name, reason in zip(images.names, reasons, strict=True) if reason is not None}


def _reason(path: Path, window: Window | None) -> str | None:
    try:
        glance(path, window)
    except UnreadableError as error:
        return str(error)
    return None
