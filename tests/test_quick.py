"""`quick`, everybody's first run, teaches: students learn from teachers who are better than the student alone."""

import csv
from collections import defaultdict

import pytest
from conftest import ROOT

ALONE, STUDENT, TEACHERS = "Baseline I", "Baseline III", "Deep ensemble"
MOST = 4  # of five seeds


@pytest.fixture(scope="module")
def board():
    """The noise experiment of quick's board, over five seeds: {(problem, method, noise, metric): values by seed}."""
    found = defaultdict(list)
    with (ROOT / "leaderboards" / "quick" / "results.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["experiment"] == "noise" and not row["class"] and row["member"] == "0" and row["value"]:
                found[row["problem"], row["method"], row["noise"], row["metric"]].append((row["seed"], row["value"]))
    return {key: [float(value) for _, value in sorted(values)] for key, values in found.items()}


def often(verdicts):
    """Whether most seeds say so."""
    verdicts = list(verdicts)
    assert len(verdicts) == 5
    return sum(verdicts) >= MOST


@pytest.mark.parametrize("problem", ["lesion", "cardio"])
class TestTheBoardOfQuick:
    """Its numbers are verified from the predictions that are with it in test_board.py."""

    def auc(self, board, problem, method, noise="own"):
        return board[problem, method, noise, "auc-macro"]

    def test_students_learn_from_their_teachers(self, board, problem):
        assert often(taken > 0.8 for taken in board[problem, STUDENT, "own", "taken@train"])

    def test_teachers_are_better_than_the_student_alone(self, board, problem):
        pairs = zip(self.auc(board, problem, TEACHERS), self.auc(board, problem, ALONE), strict=True)
        assert often(together > alone for together, alone in pairs)

    def test_plain_distillation_is_not_worse_than_the_student_alone(self, board, problem):
        pairs = zip(self.auc(board, problem, STUDENT), self.auc(board, problem, ALONE), strict=True)
        assert often(taught >= alone for taught, alone in pairs)

    def test_noise_costs_the_student_alone_more_than_the_ensemble(self, board, problem):
        costs = [
            [
                clean - noisy
                for clean, noisy in zip(
                    *(self.auc(board, problem, method, noise) for noise in ("none", "own")), strict=True
                )
            ]
            for method in (ALONE, TEACHERS)
        ]
        assert often(alone > together for alone, together in zip(*costs, strict=True))

    def test_plain_distillation_comes_near_the_ensemble(self, board, problem):
        pairs = zip(self.auc(board, problem, STUDENT), self.auc(board, problem, TEACHERS), strict=True)
        assert often(taught > together - 0.03 for taught, together in pairs)
