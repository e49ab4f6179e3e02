"""What can be said of numbers from finite test sets and few trainings: intervals, comparisons, ranks."""

DRAWS_FILE, DRAWN_FILE = "draws.npy", "drawn.json"
"""Beside the numbers of scores: the same over draws of the test part, and which they are."""
