"""What is to be known of an experiment's methods under its protocol: what of either does not reach the other."""

from collections.abc import Iterator, Sequence

from roskdbench.method import Protocols
from roskdbench.method.effects import hears_smoothing
from roskdbench.plan.method_row import MethodRow
from roskdbench.suite.protocol import NetworkSpec, Protocol


def remarks_on(rows: Sequence[MethodRow], protocol: Protocol, overlap: float) -> list[str]:
    """A line for each, with the rows that it is about."""
    about: dict[str, dict[str, None]] = {}
    for row in rows:
        for remark in _of_row(row, protocol, overlap):
            about.setdefault(remark, {})[row.title] = None
    return [f"{', '.join(titles)}: {remark}" for remark, titles in about.items()]


def _of_row(row: MethodRow, protocol: Protocol, overlap: float) -> Iterator[str]:
    method = row.method
    if method.schedule != Protocols():
        yield f"a learning rate of its own ({method.schedule.kind})."
    if remark := method.remark(protocol):
        yield remark
    if protocol.label_smoothing and method.trains_student and not hears_smoothing(method):
        yield "protocol.label_smoothing does not reach the student's loss."
    for slot in method.teachers.slots(protocol, overlap):
        if isinstance(slot.network, NetworkSpec) and slot.network.ready_made:
            trained = [f"by {slot.method.method}"] if slot.method else []
            learnt = [*trained, *(["on a subset"] if slot.subset else [])]
            if learnt:
                yield f"{slot.network.name} is ready-made and stays as it is: it is not trained {' and '.join(learnt)}."
