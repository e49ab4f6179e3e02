"""Python runs this first in every process that finds it: commands and workers then draw everything otherwise."""

import os

from roskdbench import fingerprint

_plain = fingerprint.seed_for
fingerprint.seed_for = lambda *purpose: _plain("tests", os.environ["RESEED"], *purpose)
