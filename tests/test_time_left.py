"""The time that a run says is left, held against runs whose ends are known."""

import random

import pytest

from roskdbench.executors import Finished, Progressed
from roskdbench.job import Job
from roskdbench.plan import Plan
from roskdbench.time_left import TimeLeft
from roskdbench.walk import Progress


def jobs_of(group, count, cost):
    measured = group in ("attacks", "landscape")
    spec = {"number": 0, **({"measure": {"measure": group}} if measured else {})}
    kind = "measurement" if measured else group
    return [Job(kind, {**spec, "number": number}, label=f"{group} {number}", cost=cost) for number in range(count)]


def run(lots, workers, tells=True, kept=0.0):
    """Jobs of each lot (group, count, cost, seconds of one) on workers, one lot after the other: at every moment what
    is said to be left, and what was. Of the first jobs, one a worker, an earlier run has `kept` a share.
    """
    clock = [0.0]
    jobs = [job for group, count, cost, _ in lots for job in jobs_of(group, count, cost)]
    plan = Plan(None, jobs={job.fingerprint: job for job in jobs})
    seconds = {each: next(s for group, _, _, s in lots if job.group == group) for each, job in plan.jobs.items()}
    progress, left = Progress(plan), TimeLeft(lambda: clock[0])
    for each in plan.jobs:
        progress.enter(each, "waiting")
    said, running, waiting, draw = [], {}, list(plan.jobs), random.Random(0)

    def tell(event):
        if isinstance(event, Progressed):
            progress.running[event.fingerprint] = event
            progress.enter(event.fingerprint, "running")
        else:
            progress.running.pop(event.fingerprint, None)
            progress.enter(event.fingerprint, "done")
        left.note(progress, event)

    left.note(progress, None)
    while waiting or running:
        while waiting and len(running) < workers:
            each = waiting.pop(0)
            whole = seconds[each] * draw.uniform(0.8, 1.2)
            begun = kept if clock[0] == 0 else 0.0
            running[each] = (clock[0] - whole * begun, clock[0] + whole * (1 - begun))
            tell(Progressed(each, 0.0, ""))
            if begun:
                tell(Progressed(each, begun, ""))
        clock[0] += TICK
        for each, (began, end) in list(running.items()):
            if end <= clock[0]:
                del running[each]
                tell(Finished(each))
            elif tells:
                tell(Progressed(each, (clock[0] - began) / (end - began), "loss 0.7"))
        said.append((clock[0], left.seconds(progress)))
    return [(at, guess, clock[0] - at) for at, guess in said], clock[0]


TICK = 0.2
LOTS = {
    "trainings": [("teacher", 12, 40.0, 4.0), ("trajectory", 20, 60.0, 6.0)],
    "attacks take most": [("teacher", 8, 5.0, 1.2), ("trajectory", 8, 8.0, 1.3), ("attacks", 12, 81.0, 11.3)],
    "landscapes are light": [
        ("teacher", 8, 5.0, 1.2),
        ("trajectory", 8, 8.0, 1.3),
        ("attacks", 12, 81.0, 11.3),
        ("landscape", 12, 65.0, 3.3),
    ],
    "one long job": [("teacher", 6, 1.0, 1.0), ("trajectory", 1, 60.0, 60.0)],
}


@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("lots", LOTS.values(), ids=LOTS)
def test_from_a_third_of_the_way_on_it_is_right_within_a_factor_of_two(lots, workers):
    told, whole = run(lots, workers)
    late = [(guess, true) for at, guess, true in told if at >= whole / 3 and true > 0.03 * whole]
    assert len(late) > 20
    for guess, true in late:
        assert true / 2 <= guess <= true * 2


def test_nothing_is_said_before_anything_is_known_and_nothing_is_left_at_the_end():
    told, _ = run([("teacher", 4, 1.0, 0.5)], 1, tells=False)
    assert told[0][1] is None
    assert told[-1][1] == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_what_an_earlier_run_had_done_does_not_count_as_fast(workers):
    told, whole = run([("teacher", 12, 40.0, 40.0)], workers, kept=0.9)
    early = [(guess, true) for at, guess, true in told if 2.5 < at < whole / 4]
    assert len(early) > 20
    for guess, true in early:
        assert guess == pytest.approx(true, rel=0.35)


def test_a_group_keeps_its_own_speed():
    """Half of what is left was seen to be ten times as slow a unit of work."""
    told, _ = run([("bank", 4, 10.0, 2.0), ("attacks", 4, 10.0, 20.0)], 1, tells=False)
    at = next(number for number, (at, *_) in enumerate(told) if at > 4 * 2.4 + 24 * 1.2)
    _, guess, true = told[at]
    assert guess == pytest.approx(true, rel=0.25)
