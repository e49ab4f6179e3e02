"""Landscapes are centred on the trained weights, even, seeded and on the filters' own scale; curvature is true."""

import loss_landscapes
import numpy as np
import pytest
import torch
from conftest import TINY, command
from hypothesis import given
from hypothesis import strategies as st
from loss_landscapes.metrics.sl_metrics import Loss
from scipy.special import log_softmax
from tiny import tiny_network
from torch import nn
from torch.nn import functional

from roskdbench.data.problem import Problem
from roskdbench.fingerprint import seed_for
from roskdbench.measuring import EPSILON
from roskdbench.measuring.landscape.curvature import sharpness, top_eigenvalue
from roskdbench.measuring.landscape.line import barrier, walk
from roskdbench.measuring.landscape.plane import basin, coordinates, direction, plane
from roskdbench.measuring.landscape.surface import Surface, mean_loss, unmoved
from roskdbench.plan import plan
from roskdbench.plugins import discover
from roskdbench.report.figures.drawing import draw_all
from roskdbench.report.tables.scores import score_table
from roskdbench.results import collect
from roskdbench.store import Store
from roskdbench.suite import read_suite
from roskdbench.walk import run


class Weights(nn.Module):
    """Nothing but weights: two filters of five, and a bias."""

    def __init__(self, seed=0):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.filters = nn.Parameter(torch.randn(2, 5, dtype=torch.float64, generator=generator))
        self.bias = nn.Parameter(torch.zeros(2, dtype=torch.float64))


def quadratic(model, seed=1):
    """A bowl whose lowest point is the model as it stands, and the weights of its squares."""
    centre = model.filters.detach().clone()
    steepness = torch.rand(centre.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) + 0.1
    return (lambda: [(steepness * (model.filters - centre) ** 2).sum() / 2]), steepness


def images(count=40, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, 3, 28, 28, generator=generator), torch.randint(0, 8, (count,), generator=generator)


def settled(network):
    """The network with statistics in its normalisation layers that are not those of a fresh one."""
    network.train()
    with torch.no_grad():
        network(images(seed=5)[0])
    return network.eval()


def bytes_of(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


# Directions


@given(seed=st.integers(0, 10_000))
def test_each_filter_of_a_direction_is_as_long_as_the_models(seed):
    network = tiny_network(seed=3)
    for name, moved in direction(network, seed).items():
        weights = network.get_parameter(name).detach()
        for one, own in zip(moved, weights, strict=True):
            torch.testing.assert_close(one.norm(), own.norm())


def test_biases_and_normalisation_layers_stay_where_they_are():
    network = tiny_network()
    flat = {name for name, each in network.named_parameters() if each.ndim < 2}
    assert flat
    assert set(direction(network, 0)) == {name for name, _ in network.named_parameters()} - flat


def test_directions_are_gaussian_seeded_and_leave_the_global_generator_alone():
    network = tiny_network()
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    one, again, other = direction(network, 0, 0), direction(network, 0, 0), direction(network, 0, 1)
    assert torch.equal(before, torch.random.get_rng_state())
    flat = torch.cat([each.flatten() for each in one.values()])
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not any(torch.equal(one[name], other[name]) for name in one)
    assert 0.45 < (flat < 0).double().mean() < 0.55  # the package's are drawn from [0, 1]: none is below 0


def test_models_of_one_architecture_share_their_directions_up_to_the_length_of_filters():
    one, other = (direction(tiny_network(seed=seed), 0) for seed in (1, 2))
    for name in one:
        cosine = functional.cosine_similarity(one[name].flatten(1), other[name].flatten(1))
        torch.testing.assert_close(cosine, torch.ones_like(cosine))


def test_a_filter_of_zeros_does_not_move():
    model = Weights()
    with torch.no_grad():
        model.filters[1] = 0
    moved = direction(model, 0)["filters"]
    assert moved[0].norm() > 0
    assert torch.equal(moved[1], torch.zeros(5, dtype=torch.float64))
    with pytest.raises(ZeroDivisionError):  # the package, at the bias
        loss_landscapes.random_plane(model, lambda _: 0.0, steps=3, normalization="filter", deepcopy_model=True)


# The plane


@given(half=st.integers(1, 40))
def test_coordinates_are_even_around_a_centre(half):
    places = coordinates(2 * half + 1)
    assert places[half] == 0.0
    assert places[0] == -1.0
    assert np.array_equal(places, -places[::-1])


def test_the_centre_is_the_trained_model_to_the_bit_and_the_weights_come_back():
    network = settled(tiny_network())
    surface, before = Surface(network, "single-label", *images()), bytes_of(network)
    losses = plane(network, surface, direction(network, 0), direction(network, 1), coordinates(5))
    assert losses[2, 2] == mean_loss(surface)
    assert losses.min() < losses.max()
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_the_surface_is_the_mean_cross_entropy_in_eval_mode():
    network = settled(tiny_network())
    pixels, targets = images(300)
    surface = Surface(network.train(), "single-label", pixels, targets)
    with torch.no_grad():
        wanted = functional.cross_entropy(network.eval()(pixels), targets)
    assert mean_loss(surface) == pytest.approx(wanted.item(), rel=1e-6)


def test_an_even_loss_gives_an_even_plane_to_the_bit():
    model = Weights()
    with torch.no_grad():
        model.filters.zero_()
    directions = [{"filters": torch.randn(2, 5, dtype=torch.float64)} for _ in range(2)]
    losses = plane(model, lambda: [model.filters.pow(2).sum().cosh()], *directions, coordinates(9))
    assert np.array_equal(losses, losses[::-1, ::-1])


def test_on_a_quadratic_the_contours_are_the_known_ellipses():
    model = Weights()
    parts, steepness = quadratic(model)
    first, second = direction(model, 0), direction(model, 1)
    one, both, two = (
        float((steepness * a["filters"] * b["filters"]).sum())
        for a, b in ((first, first), (first, second), (second, second))
    )
    places = coordinates(51)
    losses = plane(model, parts, first, second, places)
    a, b = np.meshgrid(places, places)
    np.testing.assert_allclose(losses, (one * a**2 + 2 * both * a * b + two * b**2) / 2, atol=1e-12)
    level = 0.1 * min(one, two) * (1 - both**2 / (one * two))  # an ellipse inside the plane
    area = np.pi * 2 * level / np.sqrt(one * two - both**2)
    assert basin(losses, places, level) == pytest.approx(area / 4, rel=0.03)


def test_rows_of_the_plane_are_not_shifted_against_each_other():
    model = Weights()
    slope = torch.arange(10, dtype=torch.float64).view(2, 5)
    directions = [direction(model, seed) for seed in range(2)]
    losses = plane(model, lambda: [(slope * model.filters).sum()], *directions, coordinates(7))
    assert np.abs(np.diff(losses, n=2, axis=0)).max() < 1e-12
    assert np.abs(np.diff(losses, n=2, axis=1)).max() < 1e-12
    with torch.no_grad():
        model.bias += 1  # so that the package does not divide by its length
    theirs = loss_landscapes.random_plane(
        model, lambda wrapped: float((slope * wrapped.modules[0].filters).sum()), steps=7, deepcopy_model=True
    )
    assert np.abs(np.diff(theirs, n=2, axis=0)).max() > 1e-3  # a linear function, and its rows zigzag


def test_the_corner_of_the_plane_is_one_filter_length_away_in_each_direction():
    model = Weights()
    centre = model.filters.detach().clone()
    first, still = direction(model, 0), {"filters": torch.zeros_like(centre)}
    seen = []

    def parts():
        seen.append(model.filters.detach() - centre)
        return [model.filters.sum()]

    plane(model, parts, first, still, coordinates(3))
    torch.testing.assert_close(seen[2].norm(dim=1), centre.norm(dim=1))


def test_a_basin_is_the_part_that_holds_the_centre():
    places = coordinates(41)
    a, b = np.meshgrid(places, places)
    middle = a**2 + b**2
    with_a_second = np.minimum(middle, (a - 0.8) ** 2 + (b - 0.8) ** 2)
    assert basin(middle, places, 0.09) == pytest.approx(np.pi * 0.09 / 4, rel=0.03)
    assert basin(with_a_second, places, 0.09) == pytest.approx(np.pi * 0.09 / 4, rel=0.03)
    assert basin(1 - middle, places, 0.5) == 0.0


# The line


class Plain(nn.Sequential):
    """A network without BatchNorm."""

    def __init__(self, seed):
        torch.manual_seed(seed)
        super().__init__(nn.Conv2d(3, 4, 5, stride=3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 8 * 8, 8))


def test_the_line_is_the_packages_where_there_is_no_normalisation():
    pixels, targets = images()
    start, end, walked = Plain(0), Plain(1), Plain(2)
    theirs = loss_landscapes.linear_interpolation(
        start, end, Loss(functional.cross_entropy, pixels, targets), steps=10, deepcopy_model=True
    )
    surface = Surface(walked, "single-label", pixels, targets)
    places = np.arange(1, 11) / 10
    ours = walk(walked, start.state_dict(), end.state_dict(), places, lambda: mean_loss(surface))
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_the_ends_of_the_line_are_the_two_models_to_the_bit_buffers_too():
    start, end = settled(tiny_network(seed=1)), settled(tiny_network(seed=2))
    walked = tiny_network(seed=3).eval()
    before = bytes_of(walked)
    pixels = images()[0]
    seen = walk(
        walked, start.state_dict(), end.state_dict(), np.array([0.0, 0.5, 1.0]), lambda: walked(pixels).detach()
    )
    assert torch.equal(seen[0], start(pixels))
    assert torch.equal(seen[2], end(pixels))
    assert not torch.equal(seen[1], seen[0])
    assert all(torch.equal(value, before[name]) for name, value in walked.state_dict().items())


def test_a_barrier_is_what_rises_above_the_chord():
    places = np.linspace(-0.5, 1.5, 41)
    assert barrier(1 + 2 * places, places) == pytest.approx(0, abs=1e-12)
    assert barrier((places - 0.5) ** 2, places) == 0
    assert barrier(places * (1 - places), places) == pytest.approx(0.25)


# Curvature


def small():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2)).double()
    return model, torch.randn(50, 4, dtype=torch.float64), torch.randint(0, 2, (50,))


def test_the_top_eigenvalue_is_that_of_the_full_hessian():
    model, inputs, targets = small()
    surface = Surface(model, "single-label", inputs, targets)
    names = [name for name, _ in model.named_parameters()]
    shapes = [each.shape for each in model.parameters()]

    def loss(flat):
        parts = [
            part.view(shape)
            for part, shape in zip(flat.split([shape.numel() for shape in shapes]), shapes, strict=True)
        ]
        logits = torch.func.functional_call(model, dict(zip(names, parts, strict=True)), inputs)
        return functional.cross_entropy(logits, targets)

    flat = torch.cat([each.detach().flatten() for each in model.parameters()])
    wanted = torch.linalg.eigvalsh(torch.func.hessian(loss)(flat))
    found = top_eigenvalue(model, surface, 0, tolerance=1e-9, iterations=2000)
    assert found.value == pytest.approx(float(wanted[-1]), rel=1e-5)
    assert found.residual < 1e-3


def test_the_top_eigenvalue_is_found_below_a_larger_negative_one():
    model = Weights()
    bend = torch.linspace(-5, 2, 10, dtype=torch.float64).view(2, 5)
    found = top_eigenvalue(model, lambda: [(bend * model.filters**2).sum() / 2], 0, tolerance=1e-9, iterations=2000)
    assert found.value == pytest.approx(2, rel=1e-4)


def test_the_sharpness_of_linear_and_separable_losses_is_known():
    model = Weights()
    reach = EPSILON * (model.filters.detach().abs() + 1)
    slope = torch.linspace(-1, 1, 10, dtype=torch.float64).view(2, 5)
    here = float((slope * model.filters.detach()).sum()) + 50
    rise = float((slope.abs() * reach).sum())
    found = sharpness(model, lambda: [(slope * model.filters).sum() + 50], 0)
    assert found == pytest.approx(100 * rise / (1 + here), rel=1e-6)
    parts, steepness = quadratic(model)  # no slope at the centre: the random corner finds the rise
    assert sharpness(model, parts, 0) == pytest.approx(100 * float((steepness * reach**2).sum()) / 2, rel=1e-6)


def test_sharpness_puts_the_weights_back():
    model = Weights()
    before = bytes_of(model)
    sharpness(model, quadratic(model)[0], 0)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_weights_come_back_after_an_error():
    model = Weights()
    before = bytes_of(model)
    with pytest.raises(KeyError), unmoved(model), torch.no_grad():
        model.filters += 1
        raise KeyError
    assert torch.equal(model.filters, before["filters"])


# In a suite


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    folder = tmp_path_factory.mktemp("landscape")
    path = folder / "tiny.yaml"
    extra = "    measures: [scores, {measure: landscape, points: 5, images: 20}]\n"
    path.write_text(TINY.replace("methods: [baseline-i, baseline-v", "methods: [deep-ensemble, baseline-v") + extra)
    store = Store.at(folder / "store")
    planned = plan(read_suite(path), discover())
    assert run(planned, store).well
    return collect(planned, store), store, folder


def landscape_of(measured, title):
    results, store, _ = measured
    cell = next(cell for cell in results.plan.cells if cell.method == title)
    (fingerprint,) = (each.fingerprint for each in cell.measurements if each.measure == "landscape")
    rows = results.frame[(results.frame["method"] == title) & (results.frame["measure"] == "landscape")]
    assert set(rows["fingerprint"]) == {fingerprint}
    return store.open(fingerprint), dict(zip(rows["metric"], rows["value"], strict=True))


def test_the_middle_of_the_plane_is_the_loss_of_the_table(measured):
    for title in ("Baseline V", "RoS-KD"):
        artifact, numbers = landscape_of(measured, title)
        losses = artifact.arrays("plane.npz")["losses"]
        assert losses.shape == (5, 5)
        assert losses[2, 2] == pytest.approx(numbers["loss"], rel=1e-5)


def test_the_line_goes_from_baseline_v_to_ros_kd(measured):
    line = landscape_of(measured, "RoS-KD")[0].arrays("line.npz")
    ends = [line["losses"][line["places"] == place][0] for place in (0, 1)]
    wanted = [landscape_of(measured, title)[1]["loss"] for title in ("Baseline V", "RoS-KD")]
    assert ends == pytest.approx(wanted, rel=1e-5)
    assert not landscape_of(measured, "Baseline V")[0].file("line.npz").exists()


def test_the_loss_is_over_test_images_that_all_methods_share(measured):
    results, store, _ = measured
    cell = next(cell for cell in results.plan.cells if cell.method == "Baseline V")
    scores = results.plan.jobs[cell.scores]
    logits = store.open(scores.inputs["predictions"]).arrays("predictions.npz")["test"]
    split = store.open(scores.inputs["split"]).arrays("split.npz")["test"]
    targets = Problem.load(store.open(scores.inputs["pixels"]).path).labels.targets[split]
    assert len(split) > 20
    chosen = np.random.default_rng(seed_for("landscape", len(split))).permutation(len(split))[:20]
    wanted = -log_softmax(logits[chosen].astype(float), axis=1)[np.arange(20), targets[chosen]].mean()
    assert landscape_of(measured, "Baseline V")[1]["loss"] == pytest.approx(wanted, rel=1e-4)


def test_an_ensemble_has_no_landscape_and_the_table_says_nothing_there(measured):
    results, *_ = measured
    cell = next(cell for cell in results.plan.cells if "nsemble" in cell.method)
    assert [each.measure for each in cell.measurements] == ["scores"]
    table = score_table(results, "main")
    row = next(cells for labels, cells in table.rows if labels[0] == cell.method)
    assert row[-1] is None
    assert any("5 x 5 points" in note for note in table.notes)


def test_the_pictures_of_landscapes_are_drawn(measured):
    results, store, folder = measured
    names = {path.name for path in draw_all(results, store, folder / "pictures", discover())}
    assert {"main-landscape.png", "main-surface.png", "main-line.png"} <= names


def test_another_clamp_is_drawn_from_the_same_numbers(tmp_path):
    path = tmp_path / "tiny.yaml"
    plans = []
    for clamp in (8, 3):
        path.write_text(TINY + f"    measures: [scores, {{measure: landscape, clamp: {clamp}}}]\n")
        plans.append(set(plan(read_suite(path), discover()).jobs))
    assert plans[0] == plans[1]


def test_two_landscapes_that_differ_are_told_apart(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY + "    measures: [landscape, {measure: landscape, seed: 1}]\n")
    made = plan(read_suite(path), discover())
    for cell in made.cells:
        names = [each.measure for each in cell.measurements]
        assert names == ["scores", "landscape", "landscape 2"]
        first, second = (made.jobs[each.fingerprint] for each in cell.measurements[1:])
        assert first != second
        assert second.spec["measure"] == {"measure": "landscape", "seed": 1}


@pytest.mark.parametrize(
    ("measures", "said"),
    [
        ("[{measure: landscape, points: 50}]", "an even number of points has none at the trained weights"),
        ("[landscape, landscape]", "measures names 'landscape' twice"),
        ("[landscape, {measure: landscape, seed: 0}]", "measures names 'landscape' twice"),
        ("[{measure: landscape, part: validation}]", "part"),
    ],
)
def test_a_landscape_that_cannot_be_is_one_line(tmp_path, measures, said):
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY + f"    measures: {measures}\n")
    done = command("plan", path, "--store", tmp_path / "store")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert said in line
