"""A method whose losses are watched: what is added to them without a gradient is found."""

from typing import TYPE_CHECKING

from roskdbench.errors import UserError
from roskdbench.method import Method

if TYPE_CHECKING:
    import torch

    from roskdbench.method import Batch


class StoppedError(Exception):
    """A training was stopped in the middle of an epoch, as by a kill."""


def watched(method: Method, killed_in: int | None = None) -> Method:
    """The same method, which raises a UserError where its loss rests on what `batch.student` says: no gradient flows
    there, so that such a term trains nothing. `killed_in` is an epoch in whose middle it stops.
    """

    class Watched(type(method)):  # type: ignore[misc]
        def loss(self, batch: "Batch") -> "torch.Tensor":
            import torch

            if batch.epoch == killed_in and batch.step > 0:
                raise StoppedError
            marks: list[torch.Tensor] = []
            ask = batch.student

            def student(images: torch.Tensor) -> torch.Tensor:
                said = ask(images)
                marks.append(torch.zeros_like(said, requires_grad=True))
                return said + marks[-1]

            batch.student = student
            loss: torch.Tensor = super().loss(batch)
            batch.student = ask
            if marks and isinstance(loss, torch.Tensor) and loss.requires_grad:
                given = torch.autograd.grad(loss.sum(), marks, retain_graph=True, allow_unused=True)
                if any(each is not None and bool(each.any()) for each in given):
                    raise UserError(
                        "the loss rests on what batch.student says, and no gradient flows there: such a term trains "
                        "nothing (where it is meant as a constant, say .detach())"
                    )
            return loss

    found: Method = Watched.model_construct(**dict(method))
    return found
