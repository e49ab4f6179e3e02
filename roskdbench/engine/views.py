"""Views: the augmented forms of samples. A view is a pure function of (seed, sample, epoch), whoever asks and in
whatever batch, so that a teacher's logits for it can be computed once and read by every student.

Steps that move pixels are put together into one map, so that an image is interpolated once; where all of them move
whole pixels, it is not interpolated at all. Then come the colours, and last what covers a part of the image.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from roskdbench.engine import colours
from roskdbench.errors import UserError
from roskdbench.fingerprint import seed_for
from roskdbench.suite.augmentation import ColourJitter, Crop, Cutout, Flip, Rotation, Shift, Step

DRAWS = 4  # random numbers that any one step may use

_GOLDEN = -7046029254386353131  # 0x9E3779B97F4A7C15 as a signed 64-bit number, likewise below
_MIX_1 = -4658895280553007687
_MIX_2 = -7723592293110705685


def views(pixels: Tensor, samples: Tensor, epoch: int, seed: int, steps: Sequence[Step]) -> Tensor:
    """The views of `samples` in an epoch, in [0, 1]. Pixels are their uint8 images. [B, C, H, W]"""
    chances = [uniforms(seed_for("step", number, seed), epoch, samples, DRAWS) for number in range(len(steps))]
    taken = list(zip(steps, chances, strict=True))
    moves = [(step, chance) for step, chance in taken if isinstance(step, Flip | Shift | Crop | Rotation)]
    if all(isinstance(step, Flip) or (isinstance(step, Shift) and step.whole_pixels) for step, _ in moves):
        images = _moved_by_pixels(pixels, moves).float() / 255
    else:
        images = _moved(pixels.float() / 255, moves)
    for step, chance in taken:
        if isinstance(step, ColourJitter):
            images = _jittered(images, chance, step)
    for step, chance in taken:
        if isinstance(step, Cutout):
            images = _covered(images, chance, step)
    return images


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


def _moved_by_pixels(pixels: Tensor, moves: Sequence[tuple[Step, Tensor]]) -> Tensor:
    """Mirrored and shifted by whole pixels; edges repeat. Places of the source are followed back from the last step."""
    if not moves:
        return pixels
    side = pixels.shape[-1]
    columns = rows = torch.arange(side, device=pixels.device).expand(len(pixels), side)
    for step, chance in reversed(moves):
        if isinstance(step, Flip):
            columns = torch.where(chance[:, :1] < 0.5, side - 1 - columns, columns)
            if step.vertical:
                rows = torch.where(chance[:, 1:2] < 0.5, side - 1 - rows, rows)
        elif isinstance(step, Shift):
            reach = round(step.reach * side)
            shift = (chance[:, :2] * (2 * reach + 1)).long() - reach
            columns, rows = columns + shift[:, :1], rows + shift[:, 1:2]
    columns = columns.clamp(0, side - 1)[:, None, None, :].expand_as(pixels)
    rows = rows.clamp(0, side - 1)[:, None, :, None].expand_as(pixels)
    return pixels.gather(2, rows).gather(3, columns)


def _moved(images: Tensor, moves: Sequence[tuple[Step, Tensor]]) -> Tensor:
    """All moves as one map from places of the view to places of the image; edges repeat."""
    to_source = torch.eye(3, device=images.device).expand(len(images), 3, 3)
    for step, chance in moves:
        to_source = to_source @ _map(step, chance, images.shape[-1])
    grid = functional.affine_grid(to_source[:, :2], list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)


def _map(step: Step, chance: Tensor, side: int) -> Tensor:
    """Where a step takes each place of its result from, in coordinates from -1 to 1. [B, 3, 3]"""
    found = torch.eye(3, device=chance.device).repeat(len(chance), 1, 1)
    if isinstance(step, Flip):
        found[:, 0, 0] = torch.where(chance[:, 0] < 0.5, -1.0, 1.0)
        if step.vertical:
            found[:, 1, 1] = torch.where(chance[:, 1] < 0.5, -1.0, 1.0)
    elif isinstance(step, Shift):
        reach = round(step.reach * side)
        whole = ((chance[:, :2] * (2 * reach + 1)).floor() - reach) * 2 / side
        found[:, :2, 2] = whole if step.whole_pixels else 2 * step.reach * (2 * chance[:, :2] - 1)
    elif isinstance(step, Crop):
        part = step.smallest + (1 - step.smallest) * chance[:, 2]
        found[:, 0, 0] = found[:, 1, 1] = part
        found[:, :2, 2] = (1 - part)[:, None] * (2 * chance[:, :2] - 1)
    elif isinstance(step, Rotation):
        turn = torch.deg2rad(step.degrees * (2 * chance[:, 0] - 1))
        found[:, 0, 0] = found[:, 1, 1] = turn.cos()
        found[:, 0, 1], found[:, 1, 0] = -turn.sin(), turn.sin()
    return found


def _jittered(images: Tensor, chance: Tensor, step: ColourJitter) -> Tensor:
    if images.shape[1] != 3:
        raise UserError("the augmentation has colour-jitter, and the images are grey; leave it out")
    reach = torch.tensor([step.brightness, step.contrast, step.saturation, step.hue])
    drawn = reach.to(images.device, non_blocking=True) * (2 * chance - 1)  # [B, 4]
    images = colours.brightened(images, 1 + drawn[:, 0])
    images = colours.contrasted(images, 1 + drawn[:, 1])
    images = colours.saturated(images, 1 + drawn[:, 2])
    return colours.turned(images, drawn[:, 3])


def _covered(images: Tensor, chance: Tensor, step: Cutout) -> Tensor:
    side = images.shape[-1]
    width = max(1, round(step.side * side))
    start = (chance[:, :2] * side).long() - width // 2  # the centre is anywhere, so a square may be cut off by the edge
    place = torch.arange(side, device=images.device)
    inside = (place >= start[..., None]) & (place < start[..., None] + width)  # [B, 2, side]
    square = (inside[:, 1, :, None] & inside[:, 0, None, :])[:, None]  # [B, 1, H, W]
    return torch.where(square, images.mean((2, 3), keepdim=True), images)
