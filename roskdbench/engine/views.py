"""Views: the augmented forms of samples. A view is a pure function of (seed, sample, epoch), whoever asks and in
whatever batch, so that a teacher's logits for it can be computed once and read by every student.
"""

import torch
from torch import Tensor
from torch.nn import functional

from roskdbench.fingerprint import seed_for

LIGHT_SHIFT = 0.125  # of the image's side
PAPER_SHIFT = 0.1
PAPER_ZOOM = 0.1
PAPER_TURN = 10.0  # degrees, either way

_GOLDEN = -7046029254386353131  # 0x9E3779B97F4A7C15 as a signed 64-bit number, likewise below
_MIX_1 = -4658895280553007687
_MIX_2 = -7723592293110705685


def views(pixels: Tensor, samples: Tensor, epoch: int, seed: int, augmentation: str) -> Tensor:
    """The views of `samples` in an epoch, in [0, 1]. Pixels are their uint8 images. [B, C, H, W]"""
    if augmentation == "none":
        return pixels.float() / 255
    chance = uniforms(seed, epoch, samples, 5)
    if augmentation == "light":
        return _light(pixels, chance).float() / 255
    return _paper(pixels.float() / 255, chance)


def uniforms(seed: int, epoch: int, samples: Tensor, draws: int) -> Tensor:
    """Numbers in [0, 1) that depend on nothing but seed, epoch, sample and draw. [B, draws]"""
    draw = torch.arange(draws, device=samples.device)
    bits = _mix(samples[:, None] * _GOLDEN + seed_for("view", seed, epoch))
    bits = _mix(bits + (draw + 1) * _GOLDEN)
    return _shift_right(bits, 40).double().div(1 << 24).float()


def _mix(bits: Tensor) -> Tensor:
    """The finaliser of splitmix64, on signed numbers that wrap around."""
    bits = (bits ^ _shift_right(bits, 30)) * _MIX_1
    bits = (bits ^ _shift_right(bits, 27)) * _MIX_2
    return bits ^ _shift_right(bits, 31)


def _shift_right(bits: Tensor, places: int) -> Tensor:
    return (bits >> places) & ((1 << (64 - places)) - 1)


def _light(pixels: Tensor, chance: Tensor) -> Tensor:
    """Mirrored at random and shifted by whole pixels; edges repeat."""
    side = pixels.shape[-1]
    reach = round(LIGHT_SHIFT * side)
    place = torch.arange(side, device=pixels.device)
    shift = (chance[:, 1:3] * (2 * reach + 1)).long() - reach
    columns = torch.where(chance[:, :1] < 0.5, side - 1 - place, place)
    columns = (columns + shift[:, :1]).clamp(0, side - 1)[:, None, None, :].expand_as(pixels)
    rows = (place + shift[:, 1:2]).clamp(0, side - 1)[:, None, :, None].expand_as(pixels)
    return pixels.gather(2, rows).gather(3, columns)


def _paper(images: Tensor, chance: Tensor) -> Tensor:
    """Mirrored at random, shifted, zoomed and turned a little; edges repeat."""
    mirror = torch.where(chance[:, 0] < 0.5, -1.0, 1.0)
    zoom = 1 + PAPER_ZOOM * (2 * chance[:, 3] - 1)
    turn = torch.deg2rad(PAPER_TURN * (2 * chance[:, 4] - 1))
    shift = 2 * PAPER_SHIFT * (2 * chance[:, 1:3] - 1)
    cosine, sine = turn.cos() * zoom, turn.sin() * zoom
    to_source = torch.stack(
        [
            torch.stack([cosine * mirror, -sine, shift[:, 0]], 1),
            torch.stack([sine * mirror, cosine, shift[:, 1]], 1),
        ],
        1,
    )  # [B, 2, 3]
    grid = functional.affine_grid(to_source, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
