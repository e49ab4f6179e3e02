"""A look at the head of every image: what would stop a run is found in seconds, without decoding anything."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from roskdbench.data.catalogue import ImageFiles, Images
from roskdbench.data.decoding import UnreadableError, glance, without_warnings


def check_images(images: Images, threads: int = 4) -> dict[str, str]:
    """Images that cannot be what they should be, with the reason: empty, no image, 16 bits. A file that is broken
    behind its head is only found when it is decoded.
    """
    if not isinstance(images, ImageFiles):
        return {}
    with without_warnings(), ThreadPoolExecutor(threads) as pool:
        reasons = pool.map(_reason, images.paths)
        return {name: reason for name, reason in zip(images.names, reasons, strict=True) if reason is not None}


def _reason(path: Path) -> str | None:
    try:
        glance(path)
    except UnreadableError as error:
        return str(error)
    return None
