"""The whole suite as on other machines, one after the other, and a table of how it went: `make test-anywhere`.

Each line names an instruction set, a load and a Python. Words after the command go to pytest.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
BUSY = [sys.executable, "-c", "while True: pass"]


def limited(aten: str, onednn: str) -> dict[str, str]:
    return {"ATEN_CPU_CAPABILITY": aten, "ONEDNN_MAX_CPU_ISA": onednn}


def runs() -> list[tuple[str, str, dict[str, str], int]]:
    """Of each run: a name, the Python, its variables, how many busy loops run beside it."""
    flags = Path("/proc/cpuinfo").read_text("utf-8").split() if Path("/proc/cpuinfo").exists() else []
    found = [("native", "", {}, 0), ("SSE4.1", "", limited("default", "SSE41"), 0)]
    found += [("AVX2", "", limited("avx2", "AVX2"), 0)] if "avx2" in flags else []
    found += [("AVX512", "", limited("avx512", "AVX512_CORE"), 0)] if "avx512f" in flags else []
    found += [("two busy loops", "", {}, 2)]
    found += [(each, each, {}, 0) for each in ("python3.11", "python3.13") if shutil.which(each)]
    return found


def installed(python: str) -> str:
    """A Python with all that tests need."""
    if not python:
        return sys.executable
    folder = f".venv-{python}"
    subprocess.run(
        ["make", f"VENV={folder}", f"PYTHON={python}", f"{folder}/installed-for-tests"], cwd=ROOT, check=True
    )
    return str(ROOT / folder / "bin" / "python")


def main() -> int:
    table, well = [], True
    for name, python, variables, loops in runs():
        line = [installed(python), "-m", "pytest", "--numprocesses", "auto", "--dist", "loadfile", *sys.argv[1:]]
        busy = [subprocess.Popen(BUSY) for _ in range(loops)]
        started = time.monotonic()
        try:
            done = subprocess.run(
                line, cwd=ROOT, env=os.environ | variables, stdout=subprocess.PIPE, text=True, check=False
            )
        finally:
            for each in busy:
                each.kill()
        well = well and done.returncode == 0
        said = [each for each in done.stdout.splitlines() if each.startswith(("FAILED", "ERROR"))]
        table.append(f"{name:16} {(time.monotonic() - started) / 60:5.1f} min  {done.stdout.strip().splitlines()[-1]}")
        print("\n".join([table[-1], *said]), flush=True)
    print("\n".join(["", *table]))
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
