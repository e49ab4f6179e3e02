"""One instruction set for all: the variables under which x86-64 processors of different kinds compute the same bytes.

Each library that chooses code by processor is held to what all processors of the last fifteen years have (SSE4.2):
torch and oneDNN, MKL, numpy and its BLAS, and the C library's exponentials and logarithms. The variables have to be
set before a process starts.
"""

import platform

from roskdbench.engine import DETERMINISTIC_CPU
from roskdbench.errors import UserError

WITHOUT = "glibc.cpu.hwcaps=-AVX2,-FMA,-FMA4"


def variables() -> dict[str, str]:
    """For the environment of a process that is still to start. UserError on other processors than x86-64."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        raise UserError(f"--deterministic-cpu is for x86-64 processors, and this is {platform.machine()}")
    import numpy

    extensions = numpy.show_config(mode="dicts")["SIMD Extensions"]
    return {
        DETERMINISTIC_CPU: "1",
        "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "MKL_CBWR": "COMPATIBLE",
        "OPENBLAS_CORETYPE": "Nehalem",
        "NPY_DISABLE_CPU_FEATURES": " ".join(extensions.get("found", ())),
        "GLIBC_TUNABLES": WITHOUT,
    }
