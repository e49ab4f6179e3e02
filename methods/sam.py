"""SAM: "Sharpness-Aware Minimization for Efficiently Improving Generalization", Foret et al., ICLR 2021 (2010.01412).

Each step goes by the gradient at the weights that are worst within rho, to first order: grad L(w + rho g / |g|) with
g = grad L(w). rho = .05 is what the paper's search between .01 and .5 chose for CIFAR-10.

What is adaptation: nothing but the shared recipe. BatchNorm remembers the statistics of the first pass only.
"""

from roskdbench import Method, Sharpness, register


@register("sam")
class SAM(Method):
    """SAM: sharpness-aware steps on labels."""

    stepping = Sharpness()
