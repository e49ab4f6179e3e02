"""Random numbers that come from torch's own generators: those of layers and of whatever draws without being asked."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def drawing_from(seed: int) -> Iterator[None]:
    """In the block torch draws from the seed; after it the CPU's generator is as it was.

    `torch.manual_seed` notes down, where no GPU has been used yet, what to do once one is: 3 ms and some memory a call.
    """
    before = torch.default_generator.get_state()
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.manual_seed_all(seed)
    try:
        yield
    finally:
        torch.default_generator.set_state(before)
