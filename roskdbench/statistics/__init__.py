"""What can be said of numbers from finite test sets and few trainings: intervals, comparisons, ranks."""

DRAWS_FILE = "draws.npz"
"""Beside the numbers of scores: the same over draws of the test part."""
