"""A view depends on seed, sample and epoch, and on nothing else."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, stats
from torchvision.transforms.functional import adjust_brightness, adjust_contrast, adjust_hue, adjust_saturation

from roskdbench.engine import colours
from roskdbench.engine.views import DRAWS, uniforms, views
from roskdbench.errors import UserError
from roskdbench.fingerprint import seed_for
from roskdbench.suite.augmentation import PRESETS, ColourJitter, Crop, Cutout, Flip, Rotation, Shift

PIXELS = torch.randint(0, 256, (40, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
SAMPLES = torch.arange(40)
STEPS = {
    **PRESETS,
    "flip": [Flip(vertical=True)],
    "shift": [Shift()],
    "crop": [Crop(smallest=0.6)],
    "rotation": [Rotation(degrees=30)],
    "colour-jitter": [ColourJitter()],
    "cutout": [Cutout()],
    "all": [Flip(), Shift(), Crop(), Rotation(), ColourJitter(), Cutout()],
}
CHANGING = [name for name in STEPS if name != "none"]


def chances(number, epoch, seed):
    """The random numbers of a step."""
    return uniforms(seed_for("step", number, seed), epoch, SAMPLES, DRAWS).double().numpy()


@pytest.mark.parametrize("name", STEPS)
@given(order=st.permutations(range(40)), size=st.integers(1, 40), epoch=st.integers(0, 99))
@settings(max_examples=25)
def test_a_view_does_not_depend_on_its_batch(name, order, size, epoch):
    everything = views(PIXELS, SAMPLES, epoch, 7, STEPS[name])
    chosen = torch.tensor(order[:size])
    assert torch.equal(views(PIXELS[chosen], chosen, epoch, 7, STEPS[name]), everything[chosen])


@pytest.mark.parametrize("name", CHANGING)
def test_views_differ_by_epoch_seed_and_sample(name):
    steps = STEPS[name]
    first = views(PIXELS, SAMPLES, 0, 7, steps)
    assert not torch.equal(first, views(PIXELS, SAMPLES, 1, 7, steps))
    assert not torch.equal(first, views(PIXELS, SAMPLES, 0, 8, steps))
    same = views(PIXELS[:1].expand(40, -1, -1, -1), SAMPLES, 0, 7, steps)
    assert len({tuple(view.flatten().tolist()) for view in same}) > (3 if name == "flip" else 5)


@pytest.mark.parametrize("name", CHANGING)
def test_views_stay_within_zero_and_one_and_keep_their_shape(name):
    found = views(PIXELS, SAMPLES, 3, 7, STEPS[name])
    assert found.shape == PIXELS.shape
    assert found.min() >= 0
    assert found.max() <= 1


def test_no_augmentation_is_the_pixels():
    assert torch.equal(views(PIXELS, SAMPLES, 3, 7, []) * 255, PIXELS.float())


def test_a_step_draws_the_same_whatever_comes_after_it():
    alone = views(PIXELS, SAMPLES, 3, 7, [Flip()])
    more = views(PIXELS, SAMPLES, 3, 7, [Flip(), Cutout(side=0.25)])
    assert ((alone == more).float().mean((1, 2, 3)) > 0.8).all()


def test_uniforms_are_uniform_and_independent():
    draws = uniforms(5, 2, torch.arange(20_000), 3).numpy()
    for column in draws.T:
        assert stats.kstest(column, "uniform").pvalue > 1e-6
    assert np.abs(np.corrcoef(draws.T) - np.eye(3)).max() < 0.03
    assert abs(np.corrcoef(draws[:-1, 0], draws[1:, 0])[0, 1]) < 0.03


def test_light_views_are_mirrored_and_shifted_by_whole_pixels():
    """Against a plain loop over images."""
    side, reach = 16, 2
    mirrors, shifts = chances(0, 4, 7), chances(1, 4, 7)
    found = views(PIXELS, SAMPLES, 4, 7, PRESETS["light"]).numpy()
    for number, image in enumerate(PIXELS.numpy()):
        shift = (shifts[number, :2] * (2 * reach + 1)).astype(int) - reach
        mirrored = image[:, :, ::-1] if mirrors[number, 0] < 0.5 else image
        padded = np.pad(mirrored, ((0, 0), (reach, reach), (reach, reach)), mode="edge")
        rows, columns = reach + shift[1], reach + shift[0]
        wanted = padded[:, rows : rows + side, columns : columns + side]
        assert np.array_equal(np.round(found[number] * 255), wanted)


def test_shifts_by_whole_pixels_are_the_same_with_and_without_interpolation():
    steps = [Flip(), Shift(reach=0.2, whole_pixels=True)]
    interpolated = views(PIXELS, SAMPLES, 4, 7, [*steps, Crop(smallest=1.0)])
    torch.testing.assert_close(interpolated, views(PIXELS, SAMPLES, 4, 7, steps), atol=1e-4, rtol=0)


def test_paper_views_are_the_affine_map_that_scipy_makes():
    side, epoch, seed = 16, 4, 7
    smooth = torch.from_numpy(ndimage.gaussian_filter(PIXELS.numpy().astype(np.float32), (0, 0, 2, 2))).byte()
    flip, shift, crop, turn = (chances(number, epoch, seed) for number in range(4))
    found = views(smooth, SAMPLES, epoch, seed, PRESETS["paper"]).numpy()
    middle = (side - 1) / 2
    for number in range(40):
        part = 0.9 + 0.1 * crop[number, 2]
        angle = np.deg2rad(10 * (2 * turn[number, 0] - 1))
        cosine, sine = np.cos(angle), np.sin(angle)
        # (row, column) of the source for each place of the view, the last step undone first
        place = np.stack(np.meshgrid(np.arange(side), np.arange(side), indexing="ij")) - middle
        place = np.stack([cosine * place[0] + sine * place[1], -sine * place[0] + cosine * place[1]])
        place = part * place + ((1 - part) * (2 * crop[number, 1::-1] - 1) * side / 2)[:, None, None]
        place = place + (0.1 * (2 * shift[number, 1::-1] - 1) * side)[:, None, None]
        place[1] *= -1 if flip[number, 0] < 0.5 else 1
        image = smooth[number, 0].double().numpy() / 255
        wanted = ndimage.map_coordinates(image, place + middle, order=1, mode="nearest")
        assert np.abs(found[number, 0] - wanted).max() < 2e-3


def test_a_crop_is_a_part_of_the_image():
    """A ramp stays a ramp whose values lie within those of the image, and whose slope is the side of the crop."""
    ramp = torch.linspace(0, 255, 64).byte().expand(40, 1, 64, 64)
    found = views(ramp, SAMPLES, 0, 7, [Crop(smallest=0.5)])[:, 0, 32]
    width = (found[:, 56] - found[:, 8]) / (48 / 63)
    assert (width > 0.48).all()
    assert (width < 1.02).all()
    assert width.std() > 0.1


@pytest.mark.parametrize(
    ("ours", "theirs", "amounts"),
    [
        (colours.brightened, adjust_brightness, (0.5, 1.0, 1.7)),
        (colours.contrasted, adjust_contrast, (0.5, 1.0, 1.7)),
        (colours.saturated, adjust_saturation, (0.0, 1.0, 1.7)),
        (colours.turned, adjust_hue, (-0.5, -0.1, 0.0, 0.3)),
    ],
)
def test_colours_change_as_in_torchvision(ours, theirs, amounts):
    images = PIXELS.float() / 255
    for amount in amounts:
        found = ours(images, torch.full((40,), amount))
        torch.testing.assert_close(found, theirs(images, amount), atol=2e-5, rtol=0)


def test_every_image_is_jittered_by_its_own_amount():
    steps = [ColourJitter(brightness=0.5, contrast=0, saturation=0, hue=0)]
    drawn = chances(0, 2, 7)[:, 0]
    images = PIXELS.float() / 255
    wanted = (images * torch.from_numpy(0.5 + drawn).float()[:, None, None, None]).clamp(0, 1)
    torch.testing.assert_close(views(PIXELS, SAMPLES, 2, 7, steps), wanted)


def test_grey_images_have_no_colours_to_change():
    with pytest.raises(UserError, match="colour-jitter, and the images are grey"):
        views(PIXELS[:, :1], SAMPLES, 0, 7, [ColourJitter()])


def test_a_cutout_covers_a_square_with_the_mean_colour():
    found = views(PIXELS, SAMPLES, 0, 7, [Cutout(side=0.5)])
    images = PIXELS.float() / 255
    for view, image in zip(found, images, strict=True):
        covered = (view != image).any(0)
        rows, columns = covered.any(1).nonzero().flatten(), covered.any(0).nonzero().flatten()
        height, width = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
        assert covered.sum() == height * width
        assert 4 <= height <= 8  # the centre is inside, so half of it at least
        assert 4 <= width <= 8
        torch.testing.assert_close(view[:, rows[0], columns[0]], image.mean((1, 2)))
