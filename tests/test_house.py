"""The house keeps its order: rooms import from below, files stay short, content travels with the code."""

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from roskdbench.bundled import bundled

LONGEST = 300  # lines


def test_a_room_imports_only_from_rooms_below_it():
    linter = Path(sys.executable).with_name("lint-imports")
    if not linter.exists():
        pytest.skip("import-linter is not installed; `make test` installs it")
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_files_stay_short():
    long = {
        path.name: lines
        for path in (ROOT / "roskdbench").rglob("*.py")
        if (lines := len(path.read_text("utf-8").splitlines())) > LONGEST
    }
    assert long == {}


def test_content_is_found_beside_the_code():
    for kind in ("methods", "suites", "leaderboards"):
        assert bundled(kind) == ROOT / kind
        assert bundled(kind).is_dir()
