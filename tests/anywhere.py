"""The whole suite as on other machines, one after the other, and a table of how it went: `make test-anywhere`.

Each line names an instruction set, a load, a Python, or other seeds for all that is drawn at random. Words after the
command go to pytest.
"""

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent
BUSY = [sys.executable, "-c", "while True: pass"]


def limited(aten: str, onednn: str) -> dict[str, str]:
    return {"ATEN_CPU_CAPABILITY": aten, "ONEDNN_MAX_CPU_ISA": onednn}


@dataclass
class Way:
    """How the suite is run once."""

    name: str
    python: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    busy_loops: int = 0
    options: tuple[str, ...] = ()


def ways() -> list[Way]:
    """All that this machine has."""
    flags = Path("/proc/cpuinfo").read_text("utf-8").split() if Path("/proc/cpuinfo").exists() else []
    found = [Way("native"), Way("SSE4.1", variables=limited("default", "SSE41"))]
    found += [Way("AVX2", variables=limited("avx2", "AVX2"))] if "avx2" in flags else []
    found += [Way("AVX512", variables=limited("avx512", "AVX512_CORE"))] if "avx512f" in flags else []
    found += [Way("two busy loops", busy_loops=2)]
    found += [Way(f"other seeds {salt}", options=("--reseed", salt)) for salt in "123"]
    return found + [Way(each, each) for each in ("python3.11", "python3.13") if runs(each)]


def runs(python: str) -> bool:
    """Whether there is such a Python, and not only a stand-in of its name."""
    found = shutil.which(python)
    return found is not None and subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode == 0


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
    for way in ways():
        line = [installed(way.python), "-m", "pytest", "--numprocesses", "auto", "--dist", "loadfile", *way.options]
        busy = [subprocess.Popen(BUSY) for _ in range(way.busy_loops)]
        started = time.monotonic()
        try:
            done = subprocess.run(
                [*line, *sys.argv[1:]],
                cwd=ROOT,
                env=os.environ | way.variables,
                stdout=subprocess.PIPE,
                text=True,
                check=False,
            )
        finally:
            for each in busy:
                each.kill()
        well = well and done.returncode == 0
        said = [each for each in done.stdout.splitlines() if each.startswith(("FAILED", "ERROR"))]
        table.append(
            f"{way.name:16} {(time.monotonic() - started) / 60:5.1f} min  {done.stdout.strip().splitlines()[-1]}"
        )
        print("\n".join([table[-1], *said]), flush=True)
    print("\n".join(["", *table]))
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
