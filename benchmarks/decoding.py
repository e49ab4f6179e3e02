"""How fast images are decoded, and what faster ways cost: the choice of the pixel cache's decoder.

    python benchmarks/decoding.py [COUNT] [REPEATS]

JPEGs of ISIC's usual size (1024x768, about 120 kB) and PNGs of ChestX-ray14's (1024x1024 grey, about 480 kB) are
generated, then brought to 64 and to 224 pixels in several ways, one after the other in each repeat, with one thread.
"difference" is the mean absolute difference to a full decoding with Pillow, in grey levels of 255.
"""

import io
import os
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torchvision.io import ImageReadMode, decode_image

from roskdbench.data.decoding import PixelForm, decode
from roskdbench.data.phantoms import draw_chest, draw_lesions

ISIC, NIH = 25_331, 112_120
Way = Callable[[bytes, int, int], NDArray[np.uint8]]


def samples(count: int) -> dict[str, list[bytes]]:
    random = np.random.default_rng(0)
    lesions, _, _ = draw_lesions(count, 96, 0)
    films, _, _ = draw_chest(count, 96, 0)
    made: dict[str, list[bytes]] = {"jpeg": [], "png": []}
    for lesion, film in zip(lesions, films, strict=True):
        photograph = Image.fromarray(np.moveaxis(lesion, 0, -1)).resize((1024, 768), Image.Resampling.BICUBIC)
        grain = np.asarray(photograph) + random.normal(0, 4, (768, 1024, 3))
        made["jpeg"].append(encoded(grain, "JPEG", quality=90))
        radiograph = Image.fromarray(film[0]).resize((1024, 1024), Image.Resampling.BICUBIC)
        made["png"].append(encoded(np.asarray(radiograph) + random.normal(0, 2, (1024, 1024)), "PNG"))
    return made


def encoded(pixels: NDArray[np.floating], form: str, **options: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(stream, form, **options)
    return stream.getvalue()


def ours(data: bytes, size: int, channels: int) -> NDArray[np.uint8]:
    return decode(data, PixelForm(size, "crop", channels))


def pillow_in_full(data: bytes, size: int, channels: int) -> NDArray[np.uint8]:
    image = Image.open(io.BytesIO(data)).convert("RGB" if channels == 3 else "L")
    side, (width, attack_loss) = min(image.size), image.size
    left, top = (width - side) / 2, (attack_loss - side) / 2
    box = (left, top, left + side, top + side)
    array = np.asarray(image.resize((size, size), Image.Resampling.BICUBIC, box=box))
    return array[None] if channels == 1 else array.transpose(2, 0, 1)


def torchvision_in_full(data: bytes, size: int, channels: int) -> NDArray[np.uint8]:
    mode = ImageReadMode.RGB if channels == 3 else ImageReadMode.GRAY
    image = decode_image(torch.frombuffer(bytearray(data), dtype=torch.uint8), mode)
    side, (attack_loss, width) = min(image.shape[1:]), image.shape[1:]
    top, left = (attack_loss - side) // 2, (width - side) // 2
    square = image[:, top : top + side, left : left + side]
    resized = torch.nn.functional.interpolate(square[None], size=(size, size), mode="bicubic", antialias=True)[0]
    return resized.numpy()


WAYS: dict[str, Way] = {
    "ours (Pillow, scaled decoding, two-step resize)": ours,
    "Pillow in full": pillow_in_full,
    "torchvision in full": torchvision_in_full,
}


def rate(way: Way, images: list[bytes], size: int, channels: int, threads: int) -> float:
    start = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda data: way(data, size, channels), images))
    return len(images) / (time.perf_counter() - start)


def main(count: int = 60, repeats: int = 5) -> None:
    torch.set_num_threads(1)
    cores = len(os.sched_getaffinity(0))
    for form, images in samples(count).items():
        channels = 3 if form == "jpeg" else 1
        print(f"{form}: {count} images of {sum(map(len, images)) / count / 1000:.0f} kB")
        for size in (64, 224):
            wanted = [pillow_in_full(image, size, channels).astype(float) for image in images]
            rates: dict[str, list[float]] = {name: [] for name in WAYS}
            for _ in range(repeats):
                for name, way in WAYS.items():
                    rates[name].append(rate(way, images, size, channels, 1))
            for name, way in WAYS.items():
                found = [way(image, size, channels) for image in images]
                difference = np.mean([np.abs(one - other).mean() for one, other in zip(found, wanted, strict=True)])
                low, middle, high = min(rates[name]), statistics.median(rates[name]), max(rates[name])
                print(
                    f"  to {size:3} px  {name:48} {low:5.0f} {middle:5.0f} {high:5.0f} images/s (min median max)"
                    f"   difference {difference:.2f}"
                )
            whole = rate(ours, images, size, channels, cores)
            total = ISIC if form == "jpeg" else NIH
            minutes = total / whole / 60
            print(f"  to {size:3} px  with {cores} threads {whole:.0f}/s: {total:,} images in {minutes:.1f} min")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
