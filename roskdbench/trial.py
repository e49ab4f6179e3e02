"""A few training steps of the networks of a plan, to say how long it would take where no job has told yet."""

from collections.abc import Iterable

import torch

from roskdbench.engine.device import ComputeConfig, prepare
from roskdbench.engine.precision import Case, step_seconds
from roskdbench.job import Job
from roskdbench.jobs.execution import environment
from roskdbench.plan import Plan
from roskdbench.plan.estimate import ENOUGH, Speed, trainings_by_network
from roskdbench.plan.factory import BACKWARD
from roskdbench.plugins import Registry

COLOURS = 3
MOST_WORK = 64  # of a step: passes of a ResNet-18 at 64 pixels; more take as much longer
STEPS = 1000  # as if so many had been taken: more than any job has said of it


def with_trials(known: Iterable[Speed], planned: Plan, registry: Registry) -> list[Speed]:
    """The speed of this machine, with a trial of each network that it does not know; before those of others."""
    device = prepare()
    own_name = environment()["device"]
    others = [each for each in known if each.device != own_name]
    own = next((each for each in known if each.device == own_name), Speed(own_name))
    for network, job in trainings_by_network(planned).items():
        if not own.knows(network):
            batch = max(1, min(planned.suite.protocol.batch, round(MOST_WORK / job.pass_cost)))
            seconds = step_seconds(_config(job), _case(planned, job, batch, device, registry), ENOUGH)
            own.learn("", network, STEPS * BACKWARD * batch * job.pass_cost, STEPS * seconds)
    return [own, *others]


def _config(job: Job) -> ComputeConfig:
    precision = job.spec["precision"]
    return ComputeConfig() if precision == "measured" else ComputeConfig(precision)


def _case(planned: Plan, job: Job, batch: int, device: torch.device, registry: Registry) -> Case:
    problem = next(name for name in planned.problems if planned.pixels(name) == job.inputs["pixels"])
    size = planned.suite.problems[problem].image_size or 64
    return Case(job.spec["architecture"], size, batch, device, COLOURS, job.spec["stem"], registry)
