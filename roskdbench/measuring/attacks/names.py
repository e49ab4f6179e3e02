"""What the checks of attacks are called: each a sentence of what should hold."""

from roskdbench.measuring import SAME_OF_ALL

NO_WEAKER_THAN_FGSM = "PGD is at least as strong as FGSM"
MORE_STEPS = "more steps and restarts add little"
MARGIN = "a margin loss is not stronger"
LARGE_RADIUS = "a large radius leaves no more than chance"
SQUARES = "random squares are not stronger"
TRANSFER = "images made for Baseline I are not stronger"
GRADIENTS = "gradients are not zero"
CHECKS = (NO_WEAKER_THAN_FGSM, MORE_STEPS, MARGIN, LARGE_RADIUS, SQUARES, TRANSFER, GRADIENTS, SAME_OF_ALL)
GRADIENTS_TAKEN, FORWARD_PASSES = "gradients", "forwards"
"""What an attack costs, for an image."""
