"""Metrics on stored predictions, one file each: a function, its heading, and which direction is better."""
