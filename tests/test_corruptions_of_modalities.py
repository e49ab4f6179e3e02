"""What is drawn over images, noise, and what happens to a film: by closed forms and by other routes; and what holds of
every corruption.
"""

import json
from functools import cache

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from roskdbench.corruptions import characters
from roskdbench.corruptions._drawing import stroke_cover
from roskdbench.corruptions.black_corner import BlackCorner
from roskdbench.corruptions.characters import Characters
from roskdbench.corruptions.exposure import Exposure
from roskdbench.corruptions.gaussian import Gaussian
from roskdbench.corruptions.grid import Grid
from roskdbench.corruptions.hair import DARK, Hair
from roskdbench.corruptions.high_contrast import HighContrast
from roskdbench.corruptions.impulse import Impulse
from roskdbench.corruptions.ink import TEAL, VIOLET, WIDTH, Ink
from roskdbench.corruptions.speckle import Speckle
from roskdbench.corruptions.zoom import POINTS, Zoom
from roskdbench.data.phantoms import draw_chest, draw_lesions
from roskdbench.measures.corruptions import PRESETS
from roskdbench.measuring.corruptions import corrupted
from roskdbench.plugins import discover
from roskdbench.suite.corruption import SEVERITIES, Corruption
from roskdbench.suite.measure import Measure

BUNDLED = sorted(discover().of("corruption"))
DRAWN_OVER = ("hair", "ink", "black-corner", "characters")


def made(name):
    return discover().of("corruption")[name].thing()


@cache
def drawn(channels, size, count):
    return (draw_lesions if channels == 3 else draw_chest)(count, size, 0)[0]


def phantoms(channels, size, count=4):
    return torch.from_numpy(drawn(channels, size, count)).float() / 255


def fixed(*values):
    """These random numbers for one image, and halves after them."""

    def uniforms(count):
        given = torch.tensor([*values, *[0.5] * count], dtype=torch.float64)
        return given[None, :count]

    return uniforms


def flat(value, size, channels=3):
    return torch.full((1, channels, size, size), value, dtype=torch.float64)


@pytest.mark.slow
@pytest.mark.parametrize("size", [28, 96])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", BUNDLED)
def test_any_image_at_any_size_stays_in_range_and_gets_worse_with_severity(name, channels, size):
    images, samples = phantoms(channels, size, 2), torch.arange(2) * 11
    found = [corrupted(made(name), severity, images, samples) for severity in SEVERITIES]
    for each in found:
        assert each.shape == images.shape and each.dtype == images.dtype
        assert each.min() >= 0 and each.max() <= 1
    away = [float((each - images).abs().mean()) for each in found]
    assert away[0] > 0 and away == sorted(away) and len(set(away)) == 5


@pytest.mark.parametrize("name", BUNDLED)
def test_an_image_is_the_same_in_any_batch_and_order(name):
    images, samples = phantoms(3, 32, 6), torch.tensor([3, 9, 100_000, 0, 7, 12])
    corruption, order = made(name), torch.tensor([4, 1, 0, 5, 3, 2])
    together = corrupted(corruption, 4, images, samples)
    assert torch.equal(corrupted(corruption, 4, images[order], samples[order]), together[order])
    halves = [corrupted(corruption, 4, images[part], samples[part]) for part in (slice(0, 1), slice(1, 6))]
    assert torch.equal(torch.cat(halves), together)
    other = images.clone()
    other[1:] = 0.5
    assert torch.equal(corrupted(corruption, 4, other, samples)[0], together[0])


@pytest.mark.parametrize("name", ["hair", "ink", "characters", "impulse", "black-corner"])
def test_what_covers_an_image_at_one_severity_covers_it_at_the_next(name):
    """Of two images, one white and one black: where they look alike, something opaque or half opaque lies over them."""
    images = torch.stack([torch.ones(3, 64, 64), torch.zeros(3, 64, 64)])
    seen = torch.ones(3, 64, 64)
    for severity in SEVERITIES:
        white, black = corrupted(made(name), severity, images, torch.tensor([5, 5]))
        left = white - black
        assert (left <= seen + 1e-6).all() and (left < seen - 1e-3).any()
        seen = left


def test_radiation_is_multiplied_and_not_added():
    film = torch.from_numpy(draw_chest(2, 40, 0)[0]).double() / 255

    def one_each(count):
        return torch.tensor([[0.25], [0.75]], dtype=torch.float64).expand(2, count)

    over, under = Exposure().corrupt(film, 0.5, one_each).numpy()
    passed = 1 - film.numpy()
    assert 1 - over == pytest.approx(np.minimum(1, passed[0] * 2**0.5), abs=1e-12)
    assert 1 - under == pytest.approx(passed[1] / 2**0.5, abs=1e-12)
    twice = Exposure().corrupt(Exposure().corrupt(film, 0.5, one_each), 0.5, one_each)
    assert torch.allclose(twice, Exposure().corrupt(film, 1.0, one_each))  # doublings add up
    bone, lung = 0.9, 0.3
    ratio = (1 - Exposure().corrupt(flat(bone, 4), 0.25, fixed(0.1))) / (
        1 - Exposure().corrupt(flat(lung, 4), 0.25, fixed(0.1))
    )
    assert torch.allclose(ratio, flat((1 - bone) / (1 - lung), 4))  # what is added would change it


def test_strips_of_a_grid_keep_their_share_of_the_radiation_back():
    """Upright lines: random numbers say which way, how many, how tilted, and where they begin."""
    images = flat(0.4, 224, 1)
    found = Grid().corrupt(images, 0.3, fixed(0.75, 0.5, 0.5, 0.0))[0, 0].numpy()
    assert np.ptp(found, axis=0).max() < 1e-12  # one number a column
    places = (np.arange(224) + 0.5) / 224
    wanted = 1 - 0.6 * (1 - 0.3 * np.cos(np.pi * 30 * places) ** 2)
    assert found[0] == pytest.approx(wanted, abs=1e-12)
    waves = np.abs(np.fft.rfft(found[0] - found[0].mean()))
    assert waves.argmax() == 30 and waves[30] / 112 == pytest.approx(0.6 * 0.3 / 2)
    lying = Grid().corrupt(images, 0.3, fixed(0.25, 0.5, 0.5, 0.0))[0, 0].numpy()
    assert lying == pytest.approx(found.T, abs=1e-9)


@pytest.mark.parametrize(("size", "lines"), [(28, 11.2), (64, 25.6), (224, 40)])
def test_a_grid_is_never_finer_than_pixels_can_show(size, lines):
    found = Grid().corrupt(flat(0.4, size, 1), 0.3, fixed(0.75, 1.0, 0.5, 0.0))[0, 0, 0].numpy()
    places = (np.arange(size) + 0.5) / size
    assert found == pytest.approx(1 - 0.6 * (1 - 0.3 * np.cos(np.pi * lines * places) ** 2), abs=1e-12)


@pytest.mark.parametrize("width", [0.2, 0.9, 1.0, 2.3])
def test_a_stroke_covers_a_pixel_as_far_as_it_lies_over_it(width):
    """By a thousand points in each pixel."""
    distance = np.linspace(0, 3, 61)
    points = distance[:, None] + (np.arange(1000) + 0.5) / 1000 - 0.5
    found = stroke_cover(torch.from_numpy(distance), torch.tensor(width, dtype=torch.float64))
    assert found.numpy() == pytest.approx((np.abs(points) <= width / 2).mean(1), abs=2e-3)


@pytest.mark.parametrize("size", [28, 64, 224])
def test_a_straight_hair_covers_the_same_share_at_every_size(size):
    """Its random numbers: the way and colour of all, then spread, middle, length .8, no bend, no twist, width .012.
    It thins to two fifths at its tip, so that seven tenths of length by width are covered.
    """
    one = fixed(0.0, 0.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5)
    found = Hair().corrupt(flat(1.0, size), 1.0, one)
    covered = ((1 - found) / (1 - torch.tensor(DARK)[:, None, None])).mean((0, 2, 3))
    assert covered.numpy() == pytest.approx(np.full(3, 0.8 * 0.012 * 0.7), rel=0.02)
    short = Hair().corrupt(flat(1.0, size), 0.5, one)
    rooted = ((1 - short) / (1 - torch.tensor(DARK)[:, None, None])).mean()
    assert float(rooted) == pytest.approx(0.4 * 0.012 * 0.85, rel=0.04)
    dark = torch.nonzero(found[0, 0] < 0.999)
    assert dark[:, 0].unique().numel() <= 0.012 * size + 2  # it lies along the middle rows


def test_hairs_bend_as_their_polynomial_says():
    """v = .3 u^2 + .12 u^3 of the side, along the columns: the darkest row of each column."""
    size = 448
    one = fixed(0.0, 0.0, 0.5, 0.5, 0.5, 0.5, 0.75, 0.6, 1.0)
    found = Hair().corrupt(flat(1.0, size), 1.0, one)[0, 0].numpy()
    along = (np.arange(size) + 0.5) / size - 0.5
    inside = np.abs(along) < 0.35
    rows = (np.arange(size) + 0.5)[:, None] / size - 0.5
    ours = ((1 - found) * rows).sum(0) / np.maximum((1 - found).sum(0), 1e-9)  # the middle of what is dark
    assert ours[inside] == pytest.approx((0.3 * along**2 + 0.12 * along**3)[inside], abs=0.5 / size)


@pytest.mark.parametrize("size", [64, 224])
def test_a_dot_of_ink_is_a_disk_that_takes_its_share_of_the_light(size):
    """Its random numbers: dots, the first angle 0, violet; then no more angle and a place a third of the side away."""
    one = fixed(0.25, 0.0, 0.0, 0.0, 0.0)
    skin = flat(0.8, size)
    found = Ink().corrupt(skin, 1.0, one)
    covered = (1 - found / skin) / (1 - torch.tensor(VIOLET)[:, None, None])
    assert covered.mean((0, 2, 3)).numpy() == pytest.approx(np.full(3, np.pi * WIDTH**2), rel=0.02)
    places = (np.arange(size) + 0.5) / size - 0.5
    from_middle = np.hypot(places[None, :] - 0.34, places[:, None])
    assert covered[0, 0].numpy() == pytest.approx(np.clip((WIDTH - from_middle) * size + 0.5, 0, 1), abs=1e-6)
    assert torch.equal(Ink().corrupt(flat(0.0, size), 1.0, one), flat(0.0, size))
    grey = Ink().corrupt(flat(0.8, size, 1), 1.0, fixed(0.25, 0.0, 1.0, 0.0, 0.0))
    assert float(grey.min()) == pytest.approx(0.8 * np.mean(TEAL), abs=1e-6)


def test_a_stroke_of_ink_is_an_arc_with_round_ends():
    """Half its angle is .25 at a third of the side: its area is that of the arc and of the two halves of a disk."""
    found = Ink().corrupt(flat(1.0, 448), 1.0, fixed(0.75, 0.0, 0.0, 0.0, 0.0, 0.5))
    covered = ((1 - found) / (1 - torch.tensor(VIOLET)[:, None, None])).mean()
    assert float(covered) == pytest.approx(2 * 0.25 * 0.34 * WIDTH + np.pi * (WIDTH / 2) ** 2, rel=0.01)


@pytest.mark.parametrize("radius", [1.2, 0.8])
def test_nothing_is_seen_outside_a_circle(radius):
    size = 64
    found = BlackCorner().corrupt(flat(0.7, size), radius, fixed())[0, 0].numpy()
    far = np.hypot(*(np.mgrid[:size, :size] + 0.5 - size / 2))
    assert (found[far > radius * size / 2 + 0.5] == 0).all()
    assert found[far < radius * size / 2 - 0.5] == pytest.approx(0.7)
    if radius < 1:
        assert found.sum() / 0.7 == pytest.approx(np.pi * (radius * size / 2) ** 2, rel=1e-3)


def word(size):
    """The word 0A1X9, white on black, a tenth from the left and a fifth from the top: at 70, dots are whole pixels."""
    letters = [list(characters.GLYPHS).index(each) / len(characters.GLYPHS) + 0.01 for each in "0A1X9"]
    down, across = 0.2 / 0.9, 0.1 / (1 - 0.1 / 7 * 30)
    return Characters().corrupt(flat(0.0, size), 1.0, fixed(down, across, 0.25, *letters))[0, 0].numpy()


def test_letters_are_drawn_dot_by_dot():
    found = word(70)
    there = found[14:21, 7:37].round(6)
    lines = ["".join(".#"[int(each)] for each in row) for row in there]
    assert lines == [
        ".###...###....#...#...#..###..",
        "#...#.#...#..##...#...#.#...#.",
        "#..##.#...#...#....#.#..#...#.",
        "#.#.#.#####...#.....#....####.",
        "##..#.#...#...#....#.#......#.",
        "#...#.#...#...#...#...#....#..",
        ".###..#...#..###..#...#..##...",
    ]
    assert found.sum() == pytest.approx(there.sum(), abs=1e-6)


def test_small_letters_are_large_ones_seen_from_afar():
    large, small = word(70), word(35)
    assert small == pytest.approx(large.reshape(35, 2, 35, 2).mean((1, 3)), abs=1e-9)
    assert word(28).mean() == pytest.approx(large.mean(), abs=1e-9)


def test_no_two_letters_are_alike_and_none_is_wider_than_its_place():
    glyphs = list(characters.GLYPHS.values())
    assert len(set(glyphs)) == len(glyphs)
    assert all(len(each) == characters.TALL and max(each) < 2 ** (characters.WIDE - 1) for each in glyphs)


def random_numbers(seed):
    generator = torch.Generator().manual_seed(seed)
    return lambda count: torch.rand(1, count, generator=generator, dtype=torch.float64)


def test_noise_has_the_deviation_that_it_says():
    grey = flat(0.4, 400, 1)
    same = Gaussian().corrupt(grey, 0.05, random_numbers(0))
    assert float(same.mean()) == pytest.approx(0.4, abs=5 * 0.05 / 400)  # five standard errors
    assert float(same.std()) == pytest.approx(0.05, rel=0.01)
    for light in (0.2, 0.6):
        seen = Speckle().corrupt(flat(light, 400, 1), 0.1, random_numbers(1))
        assert float(seen.std()) == pytest.approx(0.1 * light, rel=0.01)
    assert torch.equal(Speckle().corrupt(flat(0.0, 8), 0.5, random_numbers(2)), flat(0.0, 8))


def test_as_many_pixels_are_black_as_white():
    found = Impulse().corrupt(flat(0.4, 400, 1), 0.1, random_numbers(3))
    for value, share in ((0.0, 0.05), (1.0, 0.05), (0.4, 0.9)):
        assert float((found == value).double().mean()) == pytest.approx(share, abs=0.003)  # five standard errors


def test_a_slope_zoomed_is_less_steep_by_the_mean_of_the_scales():
    places = (torch.arange(64, dtype=torch.float64) + 0.5) / 64
    found = Zoom().corrupt(places.expand(1, 1, 64, 64), 0.5, fixed())[0, 0].numpy()
    slope = np.mean(1 / np.linspace(1, 1.5, POINTS))
    assert found[5] == pytest.approx(0.5 + slope * (places.numpy() - 0.5), abs=1e-9)


def test_contrast_is_taken_from_the_mean_of_each_channel():
    images = phantoms(3, 24).double()
    found = HighContrast().corrupt(images, 2.5, fixed()).numpy()
    mean = images.numpy().mean((2, 3), keepdims=True)
    assert found == pytest.approx(np.clip(mean + 2.5 * (images.numpy() - mean), 0, 1), abs=1e-12)


def test_presets_are_of_their_modality():
    assert {name for names in PRESETS.values() for name in names} == set(BUNDLED)
    assert set(DRAWN_OVER) <= set(PRESETS["dermoscopy"]) and not set(DRAWN_OVER) & set(PRESETS["x-ray"])
    assert {"exposure", "grid", "gamma"} <= set(PRESETS["x-ray"]) - set(PRESETS["dermoscopy"])


def read(value):
    return Measure.read(value, discover())


def test_a_preset_is_kept_as_the_list_that_it_was():
    """So a suite that was kept means the same after the preset has grown."""
    measure = read({"measure": "corruptions", "preset": "x-ray", "corruptions": ["hair"]})
    kept = json.loads(measure.model_dump_json())
    assert kept["preset"] is None
    assert [each["corruption"] for each in kept["corruptions"]] == [*PRESETS["x-ray"], "hair"]
    assert read(kept) == measure and read(kept).declaration() == measure.declaration()


def test_strengths_are_always_part_of_what_is_declared():
    """Other strengths by default are another measurement, and those given as they are by default are the same."""
    usual = made("jpeg").declaration()
    assert usual == {"corruption": "jpeg", "strengths": made("jpeg").strengths}
    assert read({"measure": "corruptions", "corruptions": [usual]}) == read(
        {"measure": "corruptions", "corruptions": ["jpeg"]}
    )

    class Other(type(made("jpeg"))):
        strengths: list[float] = [50.0, 40.0, 30.0, 20.0, 10.0]

    assert Other().declaration() != usual


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"corruption": "hair", "strengths": [1, 2, 3, 4, -5]}, "greater than 0"),
        ({"corruption": "hair", "strengths": [1, 2, 3]}, "at least 5 items"),
        ({"corruption": "impulse", "strengths": [0.1, 0.2, 0.3, 0.4, 1.5]}, "less than or equal to 1"),
        ({"corruption": "grid", "strengths": [0.1, 0.2, 0.3, 0.4, 1.5]}, "less than or equal to 1"),
    ],
)
def test_strengths_without_a_meaning_are_refused(given, message):
    with pytest.raises(ValidationError, match=message):
        Corruption.read(given, discover())
