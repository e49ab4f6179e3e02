"""The engine: one training loop for every teacher and student, on whatever device there is."""
