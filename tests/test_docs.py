"""The documentation is built without a warning, its links lead somewhere, and what it has its reader type works."""

import json
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from urllib.parse import unquote, urldefrag

import pytest
import yaml
from conftest import ROOT
from typer.main import get_command

from roskdbench.cli import app
from roskdbench.plugins import discover
from roskdbench.results import COLUMNS
from roskdbench.suite import read_suite

DOCS = ROOT / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md"))
BLOCK = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page, kind):
    """Titles and texts of a page's blocks of code of a kind."""
    return [(title, text) for each, title, text in BLOCK.findall(page.read_text("utf-8")) if each == kind]


def named(path):
    return str(path.relative_to(DOCS))


class Links(HTMLParser):
    """What a page links to, and what it can be linked at."""

    def __init__(self, text):
        super().__init__()
        self.links, self.anchors = [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.anchors |= {found[name] for name in ("id", "name") if found.get(name)}
        self.links += [found[name] for name in ("href", "src") if found.get(name)]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    pytest.importorskip("material")
    folder = tmp_path_factory.mktemp("docs")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "WARNING" not in done.stderr
    return folder


@pytest.mark.slow
def test_links_lead_somewhere_and_nothing_is_loaded_from_elsewhere(built):
    pages = {path: Links(path.read_text("utf-8")) for path in built.rglob("*.html") if path.name != "404.html"}
    assert len(pages) > 60
    for path, page in pages.items():
        for link in page.links:
            if re.match(r"(https?|mailto|data):", link):
                continue
            place, anchor = urldefrag(unquote(link))
            target = (path.parent / place).resolve() if place else path
            target = target / "index.html" if target.is_dir() else target
            assert target.is_file(), (named_in(path, built), link)
            if anchor and target in pages:
                assert anchor in pages[target].anchors, (named_in(path, built), link)
        text = path.read_text("utf-8")
        assert not re.search(r"<(?:script|img|link rel=.stylesheet.)[^>]*(?:src|href)=.https?://", text)


def named_in(path, folder):
    return str(path.relative_to(folder))


@pytest.mark.slow
def test_every_method_and_every_key_of_an_experiment_has_its_place(built):
    for name in discover().of("method"):
        assert (built / "methods" / f"{name}.html").is_file()
    text = (built / "reference" / "suite.html").read_text("utf-8")
    for key in ("problems", "protocol", "experiments", "claims", "methods", "seeds", "folds", "reference", "soft_loss"):
        assert f"<code>{key}</code>" in text


def test_the_page_of_results_names_every_column():
    text = (DOCS / "reference" / "results.md").read_text("utf-8")
    assert re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE) == list(COLUMNS)


@pytest.fixture(scope="module")
def desk(smoke, tmp_path_factory):
    """A folder with a store that has run the smoke suite, where a reader would type."""
    folder = tmp_path_factory.mktemp("desk")
    shutil.copytree(smoke[1].root, folder / "roskdbench-store")
    return folder


def written(page, folder):
    """Files that a page has its reader write."""
    for kind in ("python", "yaml"):
        for title, text in blocks(page, kind):
            if title:
                (folder / title).parent.mkdir(parents=True, exist_ok=True)
                (folder / title).write_text(text, "utf-8")


def run_in_order(texts, folder, monkeypatch):
    monkeypatch.chdir(folder)
    here = {"__name__": "__docs__"}
    for text in texts:
        exec(compile(text, "a page", "exec"), here)
    return here


@pytest.mark.parametrize("page", [each for each in PAGES if blocks(each, "python")], ids=named)
def test_python_on_a_page_runs_from_top_to_bottom(page, desk, monkeypatch):
    written(page, desk)
    untitled = [text for title, text in blocks(page, "python") if not title]
    run_in_order(untitled, desk, monkeypatch)
    if any(title.startswith("mine/") for title, _ in blocks(page, "python")):
        registry = discover([desk / "mine"])
        assert (registry.broken, registry.silent) == ([], [])


def test_the_notebook_runs_and_says_what_its_page_says(desk, monkeypatch):
    notebook = json.loads((DOCS / "tutorial" / "notebook.ipynb").read_text("utf-8"))
    code = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert code == [text.rstrip("\n") for _, text in blocks(DOCS / "tutorial" / "notebook.md", "python")]
    here = run_in_order(code, desk, monkeypatch)
    assert "RoS-KD" in here["run"]._repr_html_()
    assert not any(cell.get("outputs") for cell in notebook["cells"])


@pytest.mark.parametrize("page", [each for each in PAGES if blocks(each, "yaml")], ids=named)
def test_suites_on_a_page_can_be_read(page, desk, tmp_path):
    for number, (title, text) in enumerate(blocks(page, "yaml")):
        declared = yaml.safe_load(text)
        if "suite" in declared:
            file = tmp_path / (title or f"{number}.yaml")
            file.write_text(text, "utf-8")
            assert read_suite(str(file)).suite == declared["suite"]


@pytest.mark.parametrize("page", [each for each in PAGES if blocks(each, "sh")], ids=named)
def test_commands_on_a_page_are_there_with_their_options(page):
    lines = [line for _, text in blocks(page, "sh") for line in text.splitlines() if line.startswith("roskdbench ")]
    for line in lines:
        words = line.split()[1:]
        node = get_command(app)
        while words and words[0] in getattr(node, "commands", {}):
            node = node.commands[words.pop(0)]
        assert node.callback is not None, line
        known = {option for each in node.params for option in (*each.opts, *each.secondary_opts)}
        for word in words:
            assert not word.startswith("--") or word in known, (line, word)


def test_the_gallery_has_a_picture_of_every_figure_and_its_suite_draws_them():
    text = (DOCS / "gallery.md").read_text("utf-8")
    pictures = re.findall(r"\]\(figures/([\w-]+)\.png\)", text)
    suite = read_suite(DOCS / "gallery.yaml")
    places = [(name, each) for each in pictures for name in suite.experiments if each.startswith(f"{name}-")]
    shown = {each.removeprefix(f"{name}-") for name, each in places}
    assert shown == set(discover().of("figure"))
    assert all((DOCS / "figures" / f"{each}.png").stat().st_size < 400_000 for each in pictures)
    assert all(f"`{name}`" in text for name in shown)
