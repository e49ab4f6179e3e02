"""The device that arithmetic happens on, and the form a network takes there."""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from types import MethodType
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from roskdbench.engine import GPU_SHARERS
from roskdbench.engine.small_maps import multiply_small_maps
from roskdbench.errors import UserError

# One thread a job, whatever the number of workers: with more, sums would come out in another order.
THREADS = 1
SAFE_CHANNELS = 8
KERNELS = "TORCHINDUCTOR_CACHE_DIR"


def prepare() -> torch.device:
    """The device of this process, set up so that the same job gives the same bytes."""
    torch.set_num_threads(THREADS)
    torch.set_flush_denormal(True)
    Distribution.set_default_validate_args(False)  # training looks for what is not finite; checks would wait for a GPU
    if not torch.cuda.is_available():
        if os.environ.get(GPU_SHARERS):
            raise UserError(
                "torch does not see the GPU that this worker was given; see roskdbench doctor, or say --devices cpu"
            )
        return torch.device("cpu")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    return torch.device("cuda:0")


def corrupts_memory(network: nn.Module) -> bool:
    """Whether training the network with channels last would write outside its memory on a CPU.

    torch 2.11 does so in the backward pass of 1x1 convolutions with a stride and fewer than 8 input channels.
    """
    return any(
        isinstance(layer, nn.Conv2d)
        and layer.kernel_size == (1, 1)
        and max(layer.stride) > 1
        and layer.in_channels // layer.groups < SAFE_CHANNELS
        and layer.weight.device.type == "cpu"
        for layer in network.modules()
    )


@dataclass(frozen=True)
class ComputeConfig:
    """How a network computes: its precision, the layout of its images, and whether its training steps are compiled."""

    precision: Literal["float32", "bf16"] = "float32"
    channels_last: bool = True
    compiled: bool = False

    def lay_out(self, network: nn.Module) -> "ComputeConfig":
        """Lay a network's weights out so, or in the nearest way that is safe for it, which is returned."""
        config = self if self.channels_last and not corrupts_memory(network) else replace(self, channels_last=False)
        network.to(memory_format=config._layout)  # type: ignore[call-overload]
        if config.precision == "bf16":
            _leave_depthwise_in_float32(network)
        elif config.channels_last:
            multiply_small_maps(network)
        return config

    def images(self, batch: Tensor) -> Tensor:
        """A batch laid out for this config."""
        return batch.contiguous(memory_format=self._layout)

    def in_training(self, forward: Callable[[Tensor], Any]) -> Callable[[Tensor], Any]:
        """A forward pass as training calls it. A compiled one is made for images of one shape, at its first call."""
        if not self.compiled:
            return forward
        from torch._inductor import config as inductor_settings

        logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # it warns where there is no GPU
        _keep_kernels_apart()
        inductor_settings.compile_threads = 1  # no processes that would outlive this one
        if hasattr(inductor_settings, "deterministic"):  # torch 2.9 has no such switch
            inductor_settings.deterministic = True
        torch.compiler.reset()  # after so many networks of one process the next would not be compiled
        return torch.compile(forward, dynamic=False)

    @contextmanager
    def computing(self, device: torch.device) -> Iterator[None]:
        """The block's forward passes run in this precision."""
        with torch.autocast(device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            yield

    @property
    def _layout(self) -> torch.memory_format:
        return torch.channels_last if self.channels_last else torch.contiguous_format

    def __str__(self) -> str:
        layout = "channels last" if self.channels_last else "contiguous"
        return f"{self.precision}, {layout}{', compiled' if self.compiled else ''}"

    def facts(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def _leave_depthwise_in_float32(network: nn.Module) -> None:
    """On a CPU. Gradients of depthwise convolutions take several times as long in bf16 there."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d) and 1 < layer.groups == layer.in_channels and layer.weight.device.type == "cpu":
            vars(layer)["forward"] = MethodType(_in_float32, layer)


def _in_float32(layer: nn.Conv2d, images: Tensor) -> Tensor:
    with torch.autocast("cpu", enabled=False):
        return type(layer).forward(layer, images.float())


def _keep_kernels_apart() -> None:
    """A folder of compiled kernels for each instruction set. torch finds what it compiled by the network alone: kernels
    written for vectors of another length would write outside their memory.
    """
    from torch._inductor.runtime.cache_dir_utils import default_cache_dir

    kept, apart = os.environ.get(KERNELS, default_cache_dir()), f"-{torch.backends.cpu.get_cpu_capability()}"
    if not kept.endswith(apart):
        os.environ[KERNELS] = kept + apart
