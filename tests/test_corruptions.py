"""Corruptions do what their names say, by other routes; an image is corrupted alike whoever is asked about it."""

import io
from itertools import product

import numpy as np
import pytest
import scipy.ndimage
import torch
from conftest import TINY
from PIL import Image

from roskdbench.checking import check_named
from roskdbench.corruptions.brightness import Brightness
from roskdbench.corruptions.contrast import Contrast
from roskdbench.corruptions.defocus import Defocus
from roskdbench.corruptions.gamma import Gamma
from roskdbench.corruptions.jpeg import Jpeg
from roskdbench.corruptions.motion import Motion
from roskdbench.corruptions.pixelation import Pixelation
from roskdbench.corruptions.poisson import Poisson
from roskdbench.data.phantoms import draw_lesions
from roskdbench.errors import UserError
from roskdbench.measures.corruptions import PRESETS
from roskdbench.measuring.corruptions import corrupted
from roskdbench.plan import plan
from roskdbench.plugins import discover
from roskdbench.report.figures.corruptions import corrupted_pictures, over_severity
from roskdbench.report.figures.drawing import Drawing
from roskdbench.report.layout import layout_of
from roskdbench.results import collect
from roskdbench.store import Store
from roskdbench.suite import read_suite
from roskdbench.walk import run

BUNDLED = sorted(discover().of("corruption"))


def no_uniforms(count):
    raise AssertionError("this one draws nothing")


def lesions(count=6, size=48):
    images, _, _ = draw_lesions(count, size, 0)
    return torch.from_numpy(images).double() / 255


def halves(count):
    """A random number below a half for the first image, above it for the second."""
    return torch.tensor([[0.25], [0.75]], dtype=torch.float64).expand(2, count)


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_corruptions_keep_the_contract(name):
    assert [(claim, said) for claim, said in check_named(discover(), name) if said] == []


@pytest.mark.parametrize("quality", [5, 10, 25, 40, 75])
def test_jpeg_is_what_libjpeg_makes_of_a_grey_image(quality):
    """Theirs computes in whole numbers and rounds a few waves otherwise: that is a twelfth of what the file changes at
    most, and nothing at low qualities. A tenth more quality would be half of it.
    """
    grey = (lesions(size=44).mean(1) * 255).round()  # not a multiple of eight
    ours = Jpeg().corrupt(grey[:, None] / 255, float(quality), no_uniforms)[:, 0] * 255
    apart, changed = [], []
    for image, found in zip(grey, ours, strict=True):
        file = io.BytesIO()
        Image.fromarray(image.byte().numpy()).save(file, "JPEG", quality=quality)
        theirs = np.asarray(Image.open(file), dtype=float)
        apart.append(np.abs(found.numpy() - theirs)[:40, :40].mean())  # the last blocks are filled up in another way
        changed.append(np.abs(image.numpy() - theirs)[:40, :40].mean())
    assert np.mean(apart) < 0.12 * np.mean(changed)


def test_pixels_are_means_of_what_they_cover_as_pillow_has_it():
    images = lesions(size=48)[:, :1]
    small = Pixelation().corrupt(images, 0.25, no_uniforms)
    for image, found in zip(images, small, strict=True):
        shrunk = Image.fromarray(image[0].float().numpy()).resize((12, 12), Image.Resampling.BOX)
        assert found[0].numpy() == pytest.approx(np.asarray(shrunk).repeat(4, 0).repeat(4, 1), abs=1e-6)


@pytest.mark.parametrize("radius", [0.6, 1.5, 3.0])
def test_defocus_is_a_convolution_with_a_disk(radius):
    images = lesions(size=40)
    found = Defocus().corrupt(images, radius / 40, no_uniforms)
    reach = int(radius) + 1
    places = np.hypot(*np.mgrid[-reach : reach + 1, -reach : reach + 1])
    disk = np.clip(radius + 0.5 - places, 0, 1)
    for image, channel in product(range(2), range(3)):
        wanted = scipy.ndimage.convolve(images[image, channel].numpy(), disk / disk.sum(), mode="nearest")
        assert found[image, channel].numpy() == pytest.approx(wanted, abs=1e-10)


def test_motion_is_the_mean_along_its_path():
    """Along the rows, by whole pixels: 15 points two pixels apart of an image of 56."""
    images = lesions(size=56)[:1]
    length = 2 * 7 * 2 / 56  # from 14 pixels to the left to 14 to the right, of 56, where -1 to 1 is all of them
    along = Motion().corrupt(images, length, lambda count: torch.zeros(1, count, dtype=torch.float64))
    wide = np.pad(images[0].numpy(), ((0, 0), (0, 0), (14, 14)), mode="edge")
    wanted = np.mean([wide[:, :, start : start + 56] for start in range(0, 29, 2)], axis=0)
    assert along[0].numpy() == pytest.approx(wanted, abs=1e-6)
    across = Motion().corrupt(images, length, lambda count: torch.full((1, count), 0.5, dtype=torch.float64))
    turned = Motion().corrupt(images.transpose(2, 3), length, lambda count: torch.zeros(1, count, dtype=torch.float64))
    assert across.numpy() == pytest.approx(turned.transpose(2, 3).numpy(), abs=1e-6)


def test_tone_curves_and_light_follow_their_formulas():
    images = lesions(2)
    brighter, darker = Brightness().corrupt(images, 0.2, halves)
    assert torch.allclose(brighter, (images[0] + 0.2).clamp(max=1)) and torch.allclose(
        darker, (images[1] - 0.2).clamp(0)
    )
    dim, light = Gamma().corrupt(images, 2.0, halves)
    assert torch.allclose(dim, images[0] ** 2) and torch.allclose(light, images[1].sqrt())
    flat = Contrast().corrupt(images, 0.25, no_uniforms)
    assert torch.allclose(flat.mean((2, 3)), images.mean((2, 3)))
    assert torch.allclose(flat.std((2, 3)), images.std((2, 3)) / 4)


def test_photons_are_counted_as_poisson_counts_them():
    random = torch.Generator().manual_seed(0)
    grey = torch.full((1, 1, 400, 400), 0.4, dtype=torch.float64)
    noisy = Poisson().corrupt(grey, 50.0, lambda count: torch.rand(1, count, generator=random, dtype=torch.float64))
    assert noisy.mean() == pytest.approx(0.4, abs=0.002)  # five standard errors are .0011
    assert noisy.var() == pytest.approx(0.4 / 50, rel=0.03)  # of a Poisson number of 20 photons, by 50 a white pixel


@pytest.mark.parametrize("name", BUNDLED)
def test_every_image_has_numbers_of_its_own(name):
    images = lesions(1).float().expand(2, -1, -1, -1)
    corruption = discover().of("corruption")[name].thing()
    samples = torch.tensor([3, 9])
    first, second = corrupted(corruption, 3, images, samples)
    draws = name not in ("black-corner", "contrast", "defocus", "high-contrast", "jpeg", "pixelation", "zoom")
    alike = [torch.equal(*corrupted(corruption, 3, images, samples + step)) for step in range(0, 40, 2)]
    assert all(alike) != draws
    assert torch.equal(first, corrupted(corruption, 3, images[:1], samples[:1])[0])
    assert torch.equal(second, corrupted(corruption, 3, images[1:], samples[1:])[0])


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corruptions")
    measure = "    measures: [{measure: corruptions, preset: dermoscopy, severities: [1, 5], images: 20}]\n"
    (folder / "tiny.yaml").write_text(TINY + measure)
    planned, store = plan(read_suite(str(folder / "tiny.yaml")), discover()), Store.at(folder / "store")
    assert run(planned, store).well
    return collect(planned, store), store


def test_means_are_over_corruptions_and_severities(measured):
    results, _ = measured
    frame = results.frame[(results.frame["metric"] == "accuracy") & (results.frame["method"] == "Baseline I")]
    single = frame[frame["perturbation"].isin(PRESETS["dermoscopy"])]
    means = frame[frame["perturbation"] == "corruptions"]
    assert len(single) == 2 * len(PRESETS["dermoscopy"]) and len(means) == 3
    for severity, value in zip(means["severity"], means["value"], strict=True):
        of = single if np.isnan(severity) else single[single["severity"] == severity]
        assert value == pytest.approx(of["value"].mean(), abs=1e-12)


def test_pictures_of_corruptions_are_drawn(measured):
    results, store = measured
    drawing = Drawing(results, store, "main")
    curves, pictures = over_severity(drawing), corrupted_pictures(drawing)
    titles = [panel.get_title() for panel in curves.axes if panel.get_title()]
    assert titles == ["lesion, mean of all", *(f"lesion, {name}" for name in PRESETS["dermoscopy"])]
    assert len(pictures.axes) == len(PRESETS["dermoscopy"]) * 3
    assert [panel.get_title() for panel in pictures.axes[:3]] == ["clean", "severity 1", "severity 5"]
    assert layout_of(results, "main").problems == ["lesion"]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("{measure: corruptions, corruptions: [bluur]}", "unknown corruption 'bluur'"),
        ("{measure: corruptions, corruptions: [jpeg, jpeg]}", "corruptions names 'jpeg' twice"),
        ("{measure: corruptions, severities: [6]}", "less than or equal to 5"),
        ("{measure: corruptions, corruptions: [{corruption: jpeg, strengths: [1]}]}", "at least 5 items"),
        ("{measure: corruptions, corruptions: [{corruption: jpeg, strengths: [9, 7, 5, 3, 0]}]}", "greater than 0"),
        ("{measure: corruptions, preset: xray}", "'dermoscopy' or 'x-ray'"),
    ],
)
def test_a_mistake_is_one_line(tmp_path, said, message):
    (tmp_path / "tiny.yaml").write_text(f"{TINY}    measures: [{said}]\n")
    with pytest.raises(UserError, match=message):
        read_suite(str(tmp_path / "tiny.yaml"))
