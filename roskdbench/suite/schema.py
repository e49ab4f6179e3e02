"""The suite as a whole, and what can be checked about it before anything is planned."""

from typing import Annotated, get_args

from pydantic import Field, StringConstraints, model_validator

from roskdbench.errors import nearest
from roskdbench.suite.claims import Claim
from roskdbench.suite.declared import Declared
from roskdbench.suite.experiments import Experiment
from roskdbench.suite.noise import Annotators
from roskdbench.suite.problems import Dataset, ProblemSpec
from roskdbench.suite.protocol import Protocol

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=100)]


class Suite(Declared):
    """Problems, one protocol, and experiments."""

    suite: Name
    """The suite's name."""
    title: str = ""
    problems: Annotated[dict[Name, ProblemSpec], Field(min_length=1)]
    protocol: Protocol = Protocol()
    experiments: Annotated[dict[Name, Experiment], Field(min_length=1)]
    claims: dict[Name, Claim] = {}
    """What it says, before it runs, that its numbers will show; reports give each a verdict."""

    @model_validator(mode="after")
    def _problems_are_known(self) -> "Suite":
        for name, experiment in self.experiments.items():
            for problem in experiment.problems:
                if problem not in self.problems:
                    raise ValueError(
                        f"experiment '{name}' names the problem '{problem}'; {nearest(problem, self.problems)}"
                    )
            for problem in experiment.problems or self.problems:
                objection = _objection(experiment, self.problems[problem])
                if objection:
                    raise ValueError(f"experiment '{name}': problem '{problem}' {objection}")
        return self

    @model_validator(mode="after")
    def _colour_needs_colours(self) -> "Suite":
        steps = [step.view for step in self.protocol.augmentation if step.colour]
        for name, problem in self.problems.items():
            if steps and problem.channels == 1:
                raise ValueError(f"protocol.augmentation has {steps[0]}, and the images of problem '{name}' are grey")
        return self


def _objection(experiment: Experiment, problem: Dataset) -> str | None:
    """Why the experiment cannot be made on the problem, as far as their declarations tell."""
    for noise in experiment.noise:
        if noise.kind == "own" and not problem.has_noisy_copy:
            return "has no noisy copy of its own"
        if problem.task is not None and (objection := noise.task_objection(problem.task)):
            return f"is {problem.task}; {objection}"
        if isinstance(noise, Annotators) and noise.of_the_data and not problem.has_votes:
            return "does not know what several annotators said, which annotators with source: data are about"
    if experiment.folds > 1 and problem.keeps_test_part:
        other = "; say split: ours" if "ours" in get_args(type(problem).model_fields["split"].annotation) else ""
        return f"keeps its official split, which has no {experiment.folds} folds{other}"
    return None
