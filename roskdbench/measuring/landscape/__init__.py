"""The loss as a function of the weights: on a plane, along a line, and how sharply it bends at the trained ones."""
