"""The suite as a whole, and what can be checked about it before anything is planned."""

from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from roskdbench.errors import nearest
from roskdbench.suite.declared import Declared
from roskdbench.suite.experiments import Experiment
from roskdbench.suite.problems import ProblemSpec
from roskdbench.suite.protocol import Protocol

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]


class Suite(Declared):
    """Problems, one protocol, and experiments."""

    suite: Name
    """The suite's name."""
    title: str = ""
    problems: Annotated[dict[Name, ProblemSpec], Field(min_length=1)]
    protocol: Protocol = Protocol()
    experiments: Annotated[dict[Name, Experiment], Field(min_length=1)]

    @model_validator(mode="after")
    def _problems_are_known(self) -> "Suite":
        for name, experiment in self.experiments.items():
            for problem in experiment.problems:
                if problem not in self.problems:
                    raise ValueError(
                        f"experiment '{name}' names the problem '{problem}'; {nearest(problem, self.problems)}"
                    )
            for problem in experiment.problems or self.problems:
                if "own" in experiment.noise and not self.problems[problem].has_noisy_copy:
                    raise ValueError(f"experiment '{name}': problem '{problem}' has no noisy copy of its own")
        return self
