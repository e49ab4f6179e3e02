"""A GPU that is not there: its tensors say they are on it, are computed on the CPU, and refuse what real ones refuse.

It knows nothing of kernels, precision or speed. It does know where each tensor is: an operation on tensors of two
devices fails as it does with CUDA, a result is where its operands are, and each time that the processor has to wait for
the GPU is noted with the function that waits.
"""

import sys
from contextlib import ExitStack, contextmanager
from functools import cache
from unittest.mock import patch

import torch
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing

GPU = torch.device("cuda:0")
INSIDE = torch.device("meta")  # where torch itself takes the tensors to be: it has no kernels there that could run
aten = torch.ops.aten
COPIES = {aten._to_copy.default, aten.copy_.default}
TAKE_INDICES_OF_THE_CPU = {aten.index.Tensor, aten.index_put_.default, aten.index_put.default}
READ_VALUES = {
    aten._local_scalar_dense.default,
    aten.equal.default,
    aten.nonzero.default,
    aten.masked_select.default,
    aten.bincount.default,
    aten.repeat_interleave.Tensor,
    aten._unique2.default,
}
GIVE_PYTHON_VALUES = {aten._local_scalar_dense.default, aten.equal.default}


class OnGpu(torch.Tensor):
    """A tensor that says it is on the GPU."""

    device = property(lambda self: GPU)
    is_cuda = property(lambda self: True)
    is_meta = property(lambda self: False)

    @staticmethod
    def __new__(cls, held):
        shape, strides, offset = held.shape, held.stride(), held.storage_offset()
        return torch.Tensor._make_wrapper_subclass(cls, shape, strides, offset, dtype=held.dtype, device=INSIDE)

    def __init__(self, held):
        self.held = held

    def __repr__(self):
        return f"OnGpu({self.held!r})"

    def tolist(self):
        return self.cpu().tolist()

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, operation, types, args=(), kwargs=None):
        raise AssertionError(f"{operation} outside of pretended_gpu()")


class _Pretending(TorchDispatchMode):
    """Computes on the CPU what is said to be on the GPU."""

    def __init__(self):
        super().__init__()
        self.waits = []

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        tensors = list(_tensors((args, kwargs)))
        on_gpu = any(isinstance(each, OnGpu) for each in tensors)
        asked = kwargs.pop("device", None)
        to_gpu = on_gpu if asked is None else torch.device(asked) in (GPU, INSIDE)
        self._refuse(operation, tensors, args, kwargs.get("generator"), to_gpu)
        if (on_gpu or to_gpu) and self._waits(operation, args, kwargs, on_gpu, to_gpu):
            self.waits.append(_asker())
        if asked is not None:
            kwargs["device"] = torch.device("cpu")
        found = operation(*_each(args, OnGpu, _held), **_each(kwargs, OnGpu, _held))
        if not to_gpu or operation in GIVE_PYTHON_VALUES:
            return found
        made = _each(found, torch.Tensor, OnGpu)
        if asked is not None or not _shares_memory(operation):
            return made
        return return_and_correct_aliasing(operation, args, kwargs, made)

    @staticmethod
    def _refuse(operation, tensors, args, generator, to_gpu):
        if generator is not None and (generator.device.type == "cuda") != to_gpu:
            raise RuntimeError(f"{operation}: a generator of the {generator.device.type} for another device")
        if operation in COPIES or (operation in TAKE_INDICES_OF_THE_CPU and isinstance(args[0], OnGpu)):
            return
        elsewhere = [each for each in tensors if not isinstance(each, OnGpu)]
        if torch.Tag.pointwise in operation.tags and isinstance(args[0], OnGpu):
            elsewhere = [each for each in elsewhere if each.dim()]  # a number may come from anywhere
        if elsewhere and len(elsewhere) < len(tensors):
            raise RuntimeError(f"{operation}: expected all tensors to be on the same device")

    @staticmethod
    def _waits(operation, args, kwargs, on_gpu, to_gpu):
        if operation is aten.copy_.default:
            there, here = (isinstance(each, OnGpu) for each in args[:2])
            return here != there and not (there and args[2:] == (True,))
        if operation is aten._to_copy.default:
            return on_gpu != to_gpu and not (to_gpu and kwargs.get("non_blocking"))
        if operation in TAKE_INDICES_OF_THE_CPU:
            return any(each is not None and each.dtype == torch.bool for each in args[1])
        return operation in READ_VALUES


def _tensor(data, *, device=None, made=torch.tensor, **rest):
    """torch.tensor, which asks the driver before anyone can come between."""
    return made(data, **rest) if device is None else made(data, **rest).to(device)


def _held(tensor):
    return tensor.held


def _tensors(values):
    """Those among the arguments of an operation. torch's own walk through them takes longer than all else here."""
    if isinstance(values, torch.Tensor):
        yield values
    elif isinstance(values, (tuple, list, dict)):
        for each in values.values() if isinstance(values, dict) else values:
            yield from _tensors(each)


def _each(values, kind, made):
    """The same, with something made of each value of a kind."""
    if isinstance(values, kind):
        return made(values)
    if isinstance(values, dict):
        return {name: _each(value, kind, made) for name, value in values.items()}
    return type(values)(_each(each, kind, made) for each in values) if type(values) in (tuple, list) else values


@cache
def _shares_memory(operation):
    schema = operation._schema
    return any(each.alias_info is not None for each in (*schema.arguments, *schema.returns))


def _asker():
    """The function of ours that waits, such as `engine/bank.py fill`."""
    frame = sys._getframe()
    while frame is not None:
        _, ours, name = frame.f_code.co_filename.rpartition("/roskdbench/")
        if ours:
            return f"{name} {frame.f_code.co_name}"
        frame = frame.f_back
    return "a test"


@contextmanager
def pretended_gpu():
    """In the block torch sees one GPU. Yields a list that grows by a function's name each time it waits for the GPU."""
    pretending = _Pretending()
    of_cuda = {
        "is_available": lambda: True,
        "_lazy_init": lambda: None,
        "is_current_stream_capturing": lambda: False,
        "device_count": lambda: 1,
        "mem_get_info": lambda device=None: (1 << 34, 1 << 34),
        "get_device_name": lambda device=None: "a GPU that is not there",
    }
    with ExitStack() as stack:
        for name, value in of_cuda.items():
            stack.enter_context(patch.object(torch.cuda, name, value))
        stack.enter_context(patch.object(torch, "tensor", _tensor))
        stack.enter_context(patch.object(torch, "inference_mode", torch.no_grad))  # wrapped tensors cannot be in it
        torch._C._ensureCUDADeviceGuardSet()
        torch.__future__.set_overwrite_module_params_on_conversion(True)
        stack.callback(torch.__future__.set_overwrite_module_params_on_conversion, False)
        stack.callback(torch.use_deterministic_algorithms, torch.are_deterministic_algorithms_enabled())
        stack.enter_context(pretending)
        yield pretending.waits
