"""Convolutions of small maps as products of matrices, beside torch's own convolutions."""

from collections.abc import Iterator
from copy import deepcopy
from itertools import product

import pytest
import torch
from torch import Tensor, nn

from roskdbench.engine.device import ComputeConfig
from roskdbench.engine.networks import Classifier, build

CAPABILITY = "torch.backends.cpu.get_cpu_capability"
STATISTICS = {"mean": [0.5] * 3, "deviation": [0.25] * 3}
SMALL = {"model": "resnet18", "options": {"channels": [8, 8, 16, 16], "layers": [1, 1, 1, 1]}}
LAYERS = [
    (kernel, stride, padding, size, groups, outputs)
    for kernel, stride, padding, size in product((1, 2, 3, 5, 7), (1, 2, 3), (0, 1, 2, 3), (1, 2, 3, 4, 5))
    for groups, outputs in ((1, 6), (1, 10), (6, 6), (2, 10))
    if size + 2 * padding >= kernel
]


@pytest.fixture(autouse=True)
def avx2(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a processor with AVX2 and nothing wider."""
    monkeypatch.setattr(CAPABILITY, lambda: "AVX2")


@pytest.fixture
def convolved(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[nn.Conv2d]]:
    """The layers that torch convolved, a mention a call."""
    seen: list[nn.Conv2d] = []
    plain = nn.Conv2d.forward

    def forward(layer: nn.Conv2d, images: Tensor) -> Tensor:
        seen.append(layer)
        return plain(layer, images)

    monkeypatch.setattr(nn.Conv2d, "forward", forward)
    yield seen


def network(model: str) -> Classifier:
    return build({"model": model, "options": {}}, 3, 8, 32, "standard", STATISTICS, seed=0).double()


def with_gradients(layer: nn.Module, images: Tensor) -> list[Tensor]:
    """What comes out, and the gradients of a fixed function of it by the images and by all weights."""
    images = images.clone().requires_grad_()
    made = layer(images)
    pull = torch.randn(made.shape, dtype=made.dtype, generator=torch.Generator().manual_seed(1))
    return [made, *torch.autograd.grad((made * pull).sum(), [images, *layer.parameters()])]


def assert_equal(found: list[Tensor], expected: list[Tensor], tolerance: float) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=tolerance, rtol=tolerance)


def test_products_are_the_convolutions_and_so_are_their_gradients(convolved):
    torch.manual_seed(0)
    multiplied = 0
    for kernel, stride, padding, size, groups, outputs in LAYERS:
        plain = nn.Conv2d(6, outputs, kernel, stride, padding, groups=groups).double()
        plain.to(memory_format=torch.channels_last)
        images = torch.randn(3, 6, size, size, dtype=torch.float64).contiguous(memory_format=torch.channels_last)
        expected = with_gradients(plain, images)
        layer = deepcopy(plain)
        ComputeConfig().lay_out(layer)
        convolved.clear()
        found = with_gradients(layer, images)
        multiplied += not convolved
        assert_equal(found, expected, 1e-12)
        assert convolved or found[0].is_contiguous(memory_format=torch.channels_last)
    assert multiplied > 150


def test_products_of_maps_that_are_not_square(convolved):
    torch.manual_seed(0)
    for shape, kernel, stride, padding in [
        ((1, 2), (3, 3), (1, 1), (1, 1)),
        ((2, 1), (3, 3), (2, 1), (1, 1)),
        ((1, 5), (1, 5), (1, 2), (0, 0)),
        ((3, 2), (3, 1), (1, 1), (0, 0)),
        ((2, 4), (1, 1), (1, 2), (0, 0)),
    ]:
        plain = nn.Conv2d(8, 7, kernel, stride, padding, bias=False).double()
        images = torch.randn(2, 8, *shape, dtype=torch.float64)
        expected = with_gradients(plain, images)
        layer = deepcopy(plain)
        ComputeConfig().lay_out(layer)
        convolved.clear()
        found = with_gradients(layer, images.contiguous(memory_format=torch.channels_last))
        assert_equal(found, expected, 1e-12)
        assert (not convolved) == (kernel != (3, 1)), (shape, kernel)


@pytest.mark.parametrize("model", ["resnet18", "mobilenetv2_100", "densenet121"])
def test_a_network_says_and_learns_the_same(model):
    plain = network(model).train()
    own = deepcopy(plain)
    ComputeConfig().lay_out(own)
    images = torch.rand(4, 3, 32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert_equal(with_gradients(own, images), with_gradients(plain, images), 1e-6)
    assert_equal(list(own.state_dict().values()), list(plain.state_dict().values()), 1e-12)
    assert_equal([own.eval()(images)], [plain.eval()(images)], 1e-10)


def test_a_training_ends_at_the_same_weights():
    images = torch.rand(48, 3, 32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    targets = torch.arange(48) % 8
    plain = build(SMALL, 3, 8, 32, "standard", STATISTICS, seed=0).double().train()
    own = deepcopy(plain)
    ComputeConfig().lay_out(own)
    for each in (plain, own):
        optimiser = torch.optim.SGD(each.parameters(), lr=0.05, momentum=0.9, weight_decay=2e-4)
        for step in range(12):
            chosen = torch.arange(16) + 16 * (step % 3)
            optimiser.zero_grad()
            nn.functional.cross_entropy(each(images[chosen]), targets[chosen]).backward()
            optimiser.step()
    assert_equal(list(own.state_dict().values()), list(plain.state_dict().values()), 1e-7)


def test_the_deep_layers_of_a_network_are_products(convolved):
    """Of a ResNet-18 at 32 pixels: 3x3 kernels on 2x2 pixels and on one, and shortcuts onto 4x4 pixels and fewer."""
    own = network("resnet18")
    ComputeConfig().lay_out(own)
    own.eval()(torch.rand(2, 3, 32, 32, dtype=torch.float64))
    names = {id(layer): name for name, layer in own.named_modules()}
    assert [names[id(layer)].removeprefix("body.") for layer in convolved] == [
        "conv1",
        *(f"layer1.{block}.conv{number}" for block in (0, 1) for number in (1, 2)),
        *(f"layer2.{block}.conv{number}" for block in (0, 1) for number in (1, 2)),
        "layer3.0.conv1",
    ]


def test_a_copy_multiplies_by_its_own_weights():
    """Averaged weights are a copy whose weights change."""
    own = nn.Conv2d(4, 4, 3, padding=1).double()
    ComputeConfig().lay_out(own)
    copy, images = deepcopy(own), torch.randn(2, 4, 1, 1, dtype=torch.float64)
    with torch.no_grad():
        copy.weight.zero_()
    assert torch.equal(copy(images), copy.bias[None, :, None, None].expand(2, 4, 1, 1))
    assert not torch.equal(own(images), copy(images))


@pytest.mark.parametrize("capability", ["AVX512", "DEFAULT", "SVE256"])
def test_other_processors_convolve(monkeypatch, convolved, capability):
    monkeypatch.setattr(CAPABILITY, lambda: capability)
    own = nn.Conv2d(4, 4, 3, padding=1)
    ComputeConfig().lay_out(own)
    own(torch.zeros(2, 4, 1, 1))
    assert convolved == [own]


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(8, 8, 3, padding=1, dilation=2),
        nn.Conv2d(8, 8, 3, padding=1, padding_mode="circular"),
        nn.Conv2d(8, 8, 3, padding="same"),
        nn.Conv2d(8, 8, 3, padding=1, groups=2),
    ],
    ids=["dilated", "circular", "padded by name", "in groups"],
)
def test_other_convolutions_are_left_alone(convolved, layer):
    ComputeConfig().lay_out(layer)
    layer(torch.zeros(2, 8, 3, 3))
    assert convolved == [layer]
