"""Where the bundled methods, suites and leaderboards are: beside the code in a checkout, inside it in a wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).parent


def bundled(kind: str) -> Path:
    """The folder of bundled content of one kind: `methods`, `suites` or `leaderboards`."""
    installed = _PACKAGE / "content" / kind
    return installed if installed.is_dir() else _PACKAGE.parent / kind
