"""What `roskdbench new method NAME` writes: a method with a loss of its own, and its test."""

import keyword
import re
from pathlib import Path

from roskdbench.errors import UserError, refusal
from roskdbench.plugins import discover

METHOD = '''"""{title}: say here where the idea comes from."""

from roskdbench import Method, Overlapping, register


@register("{name}")
class {class_name}(Method):
    """{title}: say in a line what it does."""

    teachers = Overlapping()
    sharpness: float = 1.0  # a parameter; a suite sets it with {{method: {name}, sharpness: 2}}

    def loss(self, batch):
        """The labels, and the divergence from each teacher that is largest for the example."""
        furthest = batch.divergences(self.temperature).amax(0).mean()  # from [K, B]
        return batch.hard_loss() + self.sharpness * self.temperature**2 * furthest
'''

TEST = '''"""{title} keeps the contract of roskdbench's methods."""

from pathlib import Path

from roskdbench.checking import check_method
from roskdbench.plugins import discover


def test_{module}_keeps_the_contract():
    verdicts = list(check_method(discover([Path(__file__).parent]), "{name}"))
    assert [verdict for verdict in verdicts if verdict[1] is not None] == []
'''


def write_method(name: str, folder: Path) -> list[Path]:
    """Write the two files into `folder`; a UserError if the name cannot be one or a file is there already."""
    module = name.replace("-", "_")
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name) or keyword.iskeyword(module):
        raise UserError(f"'{name}' cannot name a method: use small letters, digits and single hyphens, like my-method")
    if name in discover().of("method"):
        raise UserError(f"there is a method '{name}' already; give yours another name")
    words = name.split("-")
    texts = {
        "title": " ".join(words).capitalize(),
        "name": name,
        "module": module,
        "class_name": "".join(word.capitalize() for word in words),
    }
    files = {folder / f"{module}.py": METHOD, folder / f"test_{module}.py": TEST}
    for path in files:
        if path.exists():
            raise UserError(f"{path} is there already")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in files.items():
            path.write_text(text.format(**texts), "utf-8")
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {refusal(error)}") from None
    return list(files)
