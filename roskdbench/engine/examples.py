"""The samples that a network learns from, on the device, and the order it meets them in."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from roskdbench.engine.views import views
from roskdbench.fingerprint import seed_for
from roskdbench.suite.augmentation import Step

RESIDENT_SHARE = 0.5  # of the device's free memory, that pixels may take


@dataclass(frozen=True)
class Examples:
    """Images and targets of a problem, and which of its samples are learnt from."""

    pixels: Tensor  # [N, C, H, W] uint8, on the device where there is room
    targets: Tensor  # [N] or [N, C], on the device
    samples: Tensor  # [n], indices into the problem, on the device
    device: torch.device

    @classmethod
    def place(
        cls,
        images: NDArray[np.uint8],
        targets: NDArray[np.integer],
        samples: NDArray[np.int64],
        device: torch.device,
    ) -> "Examples":
        """The arrays on the device: pixels once, and only where they fit; otherwise they stay mapped from disk."""
        pixels = torch.from_numpy(images)
        if device.type == "cuda" and pixels.nbytes < RESIDENT_SHARE * torch.cuda.mem_get_info(device)[0]:
            pixels = pixels.to(device)
        return cls(pixels, torch.from_numpy(targets).to(device), torch.from_numpy(samples).to(device), device)

    def __len__(self) -> int:
        return len(self.samples)

    def views(self, positions: Tensor, epoch: int, seed: int, steps: Sequence[Step]) -> Tensor:
        """Views of the samples at these positions of `samples`. [B, C, H, W]"""
        return views(self.raw(positions), self.samples[positions], epoch, seed, steps)

    def raw(self, positions: Tensor) -> Tensor:
        """The uint8 images of the samples at these positions. [B, C, H, W]"""
        samples = self.samples[positions]
        return self.pixels[samples.to(self.pixels.device)].to(self.device, non_blocking=True)


def epoch_order(length: int, epoch: int, seed: int) -> Tensor:
    """The order in which positions are met in an epoch."""
    generator = torch.Generator().manual_seed(seed_for("order", seed, epoch))
    return torch.randperm(length, generator=generator)


def balanced_order(rarities: Tensor, epoch: int, seed: int) -> Tensor:
    """Positions drawn with replacement, each as often as it is rare: as many as there are."""
    generator = torch.Generator().manual_seed(seed_for("balanced order", seed, epoch))
    return torch.multinomial(rarities, len(rarities), replacement=True, generator=generator)


def rarities(shares: Tensor) -> Tensor:
    """How rare samples are by their labels [n, C]: one over the number that share a class, as far as it is theirs; of
    several the rarest counts, and having none is a class of its own. [n], float64 on the CPU
    """
    known = shares.nan_to_num(0.0).double().cpu()
    with_none = torch.cat([known, (known.sum(1, keepdim=True) == 0).double()], 1)
    each = 1 / with_none.sum(0).clamp(min=1)
    return (with_none * each).amax(1)


def batches(order: Tensor, size: int) -> Iterator[Tensor]:
    """The order in batches. A last batch of one, which BatchNorm cannot take, joins the one before it."""
    count = max(1, -(-len(order) // size))
    if len(order) % size == 1 and count > 1:
        count -= 1
    for number in range(count):
        yield order[number * size : (number + 1) * size if number + 1 < count else len(order)]
