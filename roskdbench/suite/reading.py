"""From YAML files to a checked Suite: `extends` (of several the last lies above the others), `--set`, and errors that
name file, line and nearest key.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from roskdbench import foreign
from roskdbench.bundled import bundled
from roskdbench.errors import UserError, nearest, text_objection
from roskdbench.plugins import Registry
from roskdbench.suite.mistakes import Key, Keys, flat, sentence
from roskdbench.suite.problems import LOCATION_KEYS
from roskdbench.suite.schema import Suite

DEEPEST = 40  # keys inside keys
ENDINGS = (".yaml", ".yml")
PLAIN_TAG = "tag:yaml.org,2002:"
PLAIN_KINDS = ("map", "seq", "str", "int", "float", "bool", "null", "timestamp")


@dataclass
class _Document:
    """The data of a YAML file and where each key of it stands."""

    data: dict[str, Any]
    places: dict[Keys, str] = field(default_factory=dict)

    def place(self, keys: Keys) -> str:
        """Where the key, or the nearest one around it, was written."""
        while keys and keys not in self.places:
            keys = keys[:-1]
        return self.places.get(keys, "the suite")


def suite_names() -> list[str]:
    """The bundled suites; files that begin with an underscore are parts of them."""
    return sorted(path.stem for path in bundled("suites").glob("*.yaml") if not path.stem.startswith("_"))


def find_suite(name: str | Path) -> Path:
    """The file meant by a path or by the name of a bundled suite."""
    path = Path(name)
    if foreign.is_file(path):
        if path.suffix.lower() not in ENDINGS:
            raise UserError(f"{path} is no suite: its name ends in none of {', '.join(ENDINGS)}")
        return path
    inside = bundled("suites") / f"{path.stem}.yaml"
    if inside.is_file() and (path.name == str(path) == path.stem or path.parent.name == "suites"):
        return inside
    if inside.is_file():
        raise UserError(f"there is no file {path}; the suite that comes along is called '{path.stem}'")
    raise UserError(f"no suite '{name}': neither a file nor a bundled suite; {nearest(path.stem, suite_names())}")


def read_suite(name: str | Path, settings: Sequence[str] = (), registry: Registry | None = None) -> Suite:
    """The suite of a file or a bundled name, after `settings` such as "protocol.epochs=5". `registry` says which
    measures, datasets, attacks and networks there are; those that come with roskdbench if left out.
    """
    path = find_suite(name)
    document = _read(path, seen=())
    for setting in settings:
        _apply(document, setting)
    return _checked(document, registry)


def suite_of(data: dict[str, Any], places: Mapping[Keys, str], registry: Registry | None = None) -> Suite:
    """The suite of data that stand in no file; `places` say what a user wrote each part as."""
    return _checked(_Document(data, dict(places)), registry)


def _checked(document: _Document, registry: Registry | None) -> Suite:
    try:
        return Suite.model_validate(document.data, context={"registry": registry})
    except ValidationError as error:
        errors = list(flat(error.errors(), ()))
        unknown = [each for each in errors if each["type"] == "extra_forbidden"]  # a typo also makes its key missing
        raise UserError(sentence((unknown or errors)[0], document.data, document.place)) from None


def place(name: str | Path, settings: Sequence[str], keys: Keys) -> str:
    """Where in its files, or in which setting, a suite says something."""
    document = _read(find_suite(name), seen=())
    for setting in settings:
        _apply(document, setting)
    return document.place(keys)


def _read(path: Path, seen: tuple[Path, ...], read: list[Path] | None = None) -> _Document:
    """A file's content, laid over what it extends. `read` are all files that were read so far."""
    read = [] if read is None else read
    read.append(path)
    if path.resolve() in seen:
        raise UserError(f"{path}: a suite cannot extend itself")
    if len(read) > foreign.SUITES:
        raise UserError(f"{path}: a suite that extends more than {foreign.SUITES} files")
    try:
        with foreign.reading(path):
            text = foreign.text_of(path, foreign.SUITE)
            foreign.refuse_brackets(text, path)
            node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise UserError(f"{where}: not YAML: {getattr(error, 'problem', None) or 'it cannot be parsed'}") from None
    if not isinstance(node, yaml.MappingNode):
        raise UserError(f"{path}: a suite is a mapping with the keys suite, problems, protocol and experiments")
    document = _Document({})
    document.data = _Reader(path, document.places).plain(node, ())
    bases = document.data.pop("extends", [])
    for base in reversed(bases if isinstance(bases, list) else [bases]):
        try:
            below = _read(_extended(path, str(base)), (*seen, path.resolve()), read)
        except UserError as error:
            raise UserError(f"{document.place(('extends',))}: {error}") from None
        places = {**below.places, **document.places}
        document = _Document(_over(below.data, document.data), places)
    return document


def _extended(path: Path, base: str) -> Path:
    """The file meant by `extends`: a suite beside the one that says so, or a bundled one. Of no other file is anything
    told, not even in an error.
    """
    beside = path.parent / base
    for candidate in (beside, beside.with_name(f"{beside.name}.yaml")):
        if candidate.suffix in ENDINGS and foreign.is_file(candidate):
            return candidate
    if Path(base).name != base or Path(base).suffix not in ("", *ENDINGS):
        raise UserError(f"there is no suite '{base}' to extend: write the path of a {' or '.join(ENDINGS)} file")
    return find_suite(base)


class _Reader:
    """Python values of YAML nodes, noting the line of each; a key given twice is an error. Paths that are relative are
    so to the file. What a file repeats by reference counts as often as it stands there.
    """

    def __init__(self, path: Path, places: dict[Keys, str]) -> None:
        self._path, self._places, self._values = path, places, 0

    def plain(self, node: yaml.Node, keys: Keys) -> Any:
        """The value of a node that `keys` lead to."""
        self._places[keys] = place = f"{self._path}:{node.start_mark.line + 1}"
        self._values += 1
        if len(keys) > DEEPEST:
            raise UserError(f"{place}: a value that holds itself")
        if self._values > foreign.VALUES:
            raise UserError(f"{place}: more than {foreign.VALUES:,} values; a suite has some hundred")
        if node.tag.removeprefix(PLAIN_TAG) not in PLAIN_KINDS:
            raise UserError(f"{place}: a suite holds plain values, not the YAML tag '{node.tag}'")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, keys)
        if isinstance(node, yaml.SequenceNode):
            return [self.plain(item, (*keys, number)) for number, item in enumerate(node.value)]
        try:
            return self._scalar(node, keys)
        except (yaml.YAMLError, ValueError, OverflowError, RuntimeError) as error:
            dotted = ".".join(map(str, keys))
            raise UserError(f"{place}: {dotted}: {getattr(error, 'problem', None) or error}") from None

    def _mapping(self, node: yaml.MappingNode, keys: Keys) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            place = f"{self._path}:{key_node.start_mark.line + 1}"
            if not isinstance(key_node, yaml.ScalarNode):
                raise UserError(f"{place}: a key is a word")
            key = str(key_node.value)
            if objection := text_objection(key):
                raise UserError(f"{place}: a key {objection}")
            if key in mapping:
                raise UserError(f"{place}: the key '{key}' is given twice")
            mapping[key] = self.plain(value_node, (*keys, key))
            self._places[*keys, key] = place
        return mapping

    def _scalar(self, node: yaml.Node, keys: Keys) -> Any:
        """A text, a number, a switch or nothing; a date is the text that it was written as."""
        if len(node.value) > foreign.LETTERS:
            raise ValueError(f"a text of {len(node.value):,} letters; {foreign.LETTERS:,} are enough")
        dated = node.tag == f"{PLAIN_TAG}timestamp"
        value = node.value if dated else yaml.SafeLoader("").construct_object(node)
        if isinstance(value, str):
            if objection := text_objection(value):
                raise ValueError(f"a text {objection}")
            return str(self._path.parent / Path(value).expanduser()) if _is_path(keys) else value
        if isinstance(value, int | float) and not abs(value) < foreign.LARGEST:
            raise ValueError(f"should be a finite number, and a smaller one (it is {node.value[:40]})")
        return value


def _is_path(keys: Keys) -> bool:
    """Whether a text there is a path: problems.NAME.root, a matrix of experiments.NAME.noise.0, a network's weights."""
    match keys:
        case ("problems", _, str(place)):
            return place in LOCATION_KEYS
        case ("experiments", _, "noise", _, "matrix") | ("experiments", _, "noise", _, "matrix", _):
            return True
        case (*_, "pretrained") | (*_, "pretrained", "file"):
            return True
    return False


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Mappings are merged key by key; anything else above replaces what is below."""
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        both = isinstance(value, Mapping) and isinstance(under, Mapping)
        merged[key] = _over(under, value) if both and isinstance(under, Mapping) else value
    return merged


def _apply(document: _Document, setting: str) -> None:
    """Put one `--set a.b.c=value` into the document."""
    path, equals, text = setting.partition("=")
    if not equals or not path.strip():
        raise UserError(f"--set {setting}: write it as KEY.KEY=VALUE, such as protocol.epochs=5")
    keys: list[Key] = []
    here: Any = document.data
    *parents, last = path.strip().split(".")
    for part in parents:
        keys.append(_key(here, part, setting))
        here = here.setdefault(part, {}) if isinstance(here, dict) else here[keys[-1]]
        if not isinstance(here, dict | list):
            raise UserError(f"--set {setting}: '{part}' holds a value, not keys")
    keys.append(_key(here, last, setting))
    inside = tuple(keys)
    here[keys[-1]] = _value(text, setting, inside)
    document.places = {each: place for each, place in document.places.items() if each[: len(inside)] != inside}
    document.places[inside] = f"--set {setting}"


def _value(text: str, setting: str, keys: Keys) -> Any:
    """What is set, within the bounds of a suite's file."""
    try:
        with foreign.reading(f"--set {setting[:80]}"):
            foreign.refuse_brackets(text, "it")
            node = yaml.compose(text, Loader=yaml.SafeLoader) if len(text) < foreign.SUITE else None
            return None if node is None else _Reader(Path("--set"), {}).plain(node, keys)
    except yaml.YAMLError:
        raise UserError(f"--set {setting}: '{text}' is not a YAML value") from None
    except UserError as error:
        raise UserError(f"--set {setting[:80]}: {str(error).removeprefix('--set:1: ')}") from None


def _key(here: dict[str, Any] | list[Any], part: str, setting: str) -> Key:
    """What a part of a setting's path means here: a key, or a position in a list."""
    if isinstance(here, dict):
        return part
    if not part.isdigit() or int(part) >= len(here):
        raise UserError(f"--set {setting}: '{part}' is not a position in a list of {len(here)}")
    return int(part)
