"""The engine: one training loop for every teacher and student, on whatever device there is."""

GIVEN = "ROSKDBENCH_GIVEN_GPU"  # in the environment of a worker that was given a GPU
