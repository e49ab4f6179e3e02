"""A word of warning where nobody said what a group is, and the data look as if they knew: two images of one patient
in different parts make a test too easy.
"""

import re
from collections import Counter
from collections.abc import Sequence

NUMBER = "id|no|nr|num|number|uid"
COLUMN = re.compile(rf"(?:patient|subject|participant|person|case)(?:{NUMBER})?|lesion(?:{NUMBER})|mrn|pid|ptid")
FOLDER = re.compile(
    r"(?:^|/)(?:((?:patient|subject|participant|person|case|lesion|subj|sub|pat|pt)[-_ ]?)\d+[/_-]|(p)\d{6,}/)",
    re.IGNORECASE,
)


def group_hint(columns: Sequence[str], paths: Sequence[str]) -> str:
    """What to say as `group`, if a column is named like a patient or lesion, or most paths hold one; or nothing."""
    for column in columns:
        if COLUMN.fullmatch(re.sub(r"[\W_]+", "", column.lower())):
            return f"No group is given, and the column '{column}' looks like one: say group: {column}."
    found = [match for match in map(FOLDER.search, paths) if match]
    if 2 * len(found) <= len(paths):
        return ""
    named, _ = Counter(match[1] or match[2] for match in found).most_common(1)[0]
    digits = r"\d{6,}" if named.lower() == "p" else r"\d+"
    first, ends = found[0][0].strip("/_-"), "".join(sorted({match[0][-1] for match in found}))
    end = ends if len(ends) == 1 else f"[{ends.replace('-', '')}{'-' * ('-' in ends)}]"
    return (
        f"No group is given, and most paths hold one, such as {first}: say group: {{path: '({named}{digits}){end}'}}."
    )
