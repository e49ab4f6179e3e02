"""What is on disk of a problem: its dataset's catalogue, with errors that begin with the problem's name."""

from dataclasses import replace
from pathlib import Path

from roskdbench.data.catalogue import Catalogue, is_nothing
from roskdbench.errors import UserError, refusal, text_objection
from roskdbench.suite.problems import RealProblem

FEWEST = 10


def catalogue(name: str, spec: RealProblem, root: Path) -> Catalogue:
    """What is under `root`; a UserError, beginning with the problem's name, for what is wrong with it."""
    try:
        found = spec.catalogue(root)
    except UserError as error:
        raise UserError(f"problem '{name}': {error}") from None
    except OSError as error:
        reason = refusal(error)
        raise UserError(f"problem '{name}': cannot read {error.filename or root}: {reason}") from None
    except UnicodeDecodeError:
        raise UserError(f"problem '{name}': a list under {root} is not text in UTF-8") from None
    if len(found.labels) < FEWEST:
        raise UserError(f"problem '{name}': {len(found.labels)} images are too few; there should be {FEWEST} or more")
    found = replace(found, remark=" ".join(filter(None, (found.remark, _on_unnamed(found, spec.grouped_by)))))
    texts = {"a class": set(found.labels.classes)}
    texts |= {f"the attribute '{attribute}'": set(values) for attribute, values in found.attributes.items()}
    for what, names in texts.items():
        for objection in filter(None, map(text_objection, sorted(names))):
            raise UserError(f"problem '{name}': {what} {objection}")
    return found


def _on_unnamed(found: Catalogue, kind: str | None) -> str:
    """A remark on samples of which it is not said who they are of, where it is said of others."""
    unnamed = sum(map(is_nothing, found.groups))
    if not unnamed:
        return ""
    whose = f"{unnamed:,} of {len(found.groups):,} images name no {kind or 'group'}"
    return f"{whose}, and each counts as one of its own: those of one {kind or 'group'} may stand in several parts."
