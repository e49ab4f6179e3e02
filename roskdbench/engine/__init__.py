"""The engine: one training loop for every teacher and student, on whatever device there is."""

GPU_SHARERS = "ROSKDBENCH_GIVEN_GPU"
"""In the environment of a worker that was given a GPU: how many workers it is for."""

DETERMINISTIC_CPU = "ROSKDBENCH_DETERMINISTIC_CPU"
"""The variable of a process whose libraries are held to one instruction set for all x86-64 processors."""
