"""A view depends on seed, sample and epoch, and on nothing else."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage, stats

from roskdbench.engine.views import LIGHT_SHIFT, PAPER_SHIFT, PAPER_TURN, PAPER_ZOOM, uniforms, views

PIXELS = torch.randint(0, 256, (40, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("augmentation", ["none", "light", "paper"])
@given(order=st.permutations(range(40)), size=st.integers(1, 40), epoch=st.integers(0, 99))
def test_a_view_does_not_depend_on_its_batch(augmentation, order, size, epoch):
    everything = views(PIXELS, torch.arange(40), epoch, 7, augmentation)
    chosen = torch.tensor(order[:size])
    assert torch.equal(views(PIXELS[chosen], chosen, epoch, 7, augmentation), everything[chosen])


@pytest.mark.parametrize("augmentation", ["light", "paper"])
def test_views_differ_by_epoch_seed_and_sample(augmentation):
    samples = torch.arange(40)
    first = views(PIXELS, samples, 0, 7, augmentation)
    assert not torch.equal(first, views(PIXELS, samples, 1, 7, augmentation))
    assert not torch.equal(first, views(PIXELS, samples, 0, 8, augmentation))
    same = views(PIXELS[:1].expand(40, -1, -1, -1), samples, 0, 7, augmentation)
    assert len({tuple(view.flatten().tolist()) for view in same}) > 5


def test_no_augmentation_is_the_pixels():
    assert torch.equal(views(PIXELS, torch.arange(40), 3, 7, "none") * 255, PIXELS.float())


def test_views_stay_within_zero_and_one():
    for augmentation in ("light", "paper"):
        found = views(PIXELS, torch.arange(40), 3, 7, augmentation)
        assert found.min() >= 0
        assert found.max() <= 1


def test_uniforms_are_uniform_and_independent():
    draws = uniforms(5, 2, torch.arange(20_000), 3).numpy()
    for column in draws.T:
        assert stats.kstest(column, "uniform").pvalue > 1e-3
    assert np.abs(np.corrcoef(draws.T) - np.eye(3)).max() < 0.03
    assert abs(np.corrcoef(draws[:-1, 0], draws[1:, 0])[0, 1]) < 0.03


def test_light_views_are_mirrored_and_shifted_by_whole_pixels():
    """Against a plain loop over images."""
    samples, side = torch.arange(40), 16
    chance = uniforms(7, 4, samples, 5).numpy()
    found = views(PIXELS, samples, 4, 7, "light").numpy()
    reach = round(LIGHT_SHIFT * side)
    for number, image in enumerate(PIXELS.numpy()):
        shift = (chance[number, 1:3] * (2 * reach + 1)).astype(int) - reach
        mirrored = image[:, :, ::-1] if chance[number, 0] < 0.5 else image
        padded = np.pad(mirrored, ((0, 0), (reach, reach), (reach, reach)), mode="edge")
        rows, columns = reach + shift[1], reach + shift[0]
        if chance[number, 0] < 0.5:  # the shift is made before the mirror
            columns = reach - shift[0]
        wanted = padded[:, rows : rows + side, columns : columns + side]
        assert np.array_equal(np.round(found[number] * 255), wanted)


def test_paper_views_are_the_affine_map_that_scipy_makes():
    samples, side, epoch, seed = torch.arange(40), 16, 4, 7
    smooth = torch.from_numpy(ndimage.gaussian_filter(PIXELS.numpy().astype(np.float32), (0, 0, 2, 2))).byte()
    chance = uniforms(seed, epoch, samples, 5).double().numpy()
    found = views(smooth, samples, epoch, seed, "paper").numpy()
    for number in range(40):
        mirror = -1 if chance[number, 0] < 0.5 else 1
        zoom = 1 + PAPER_ZOOM * (2 * chance[number, 3] - 1)
        turn = np.deg2rad(PAPER_TURN * (2 * chance[number, 4] - 1))
        shift = PAPER_SHIFT * (2 * chance[number, 1:3] - 1) * side  # in pixels, (x, y)
        cosine, sine = np.cos(turn) * zoom, np.sin(turn) * zoom
        matrix = np.array([[cosine, sine * mirror], [-sine, cosine * mirror]])  # (row, column) of the source
        middle = (side - 1) / 2
        offset = middle + shift[::-1] - matrix @ [middle, middle]
        image = smooth[number, 0].double().numpy() / 255
        wanted = ndimage.affine_transform(image, matrix, offset, order=1, mode="nearest")
        assert np.abs(found[number, 0] - wanted).max() < 2e-3
