"""The site over boards says what the boards say, runs nothing that stands in them, and works in a real browser."""

import json
import re
import shutil

import numpy as np
import pytest
import yaml
from conftest import ROOT, boards_that_come_along, command
from scipy.stats import rankdata
from test_page import EVIL, in_browser, needs_chromium

from roskdbench.board.content import read_board
from roskdbench.board.schema import board_schema
from roskdbench.errors import UserError
from roskdbench.plugins import bundled_registry
from roskdbench.report.formats.text import plain_number
from roskdbench.report.layout import CLEAN, layout_of
from roskdbench.report.tables import tables_of
from roskdbench.site import write_site
from roskdbench.site.prose import prose
from roskdbench.site.standings import _ranks, standings
from roskdbench.site.writing import slug
from roskdbench.statistics.comparison import Difference

BOARDS = ("nih1000", "pneumonia")  # the quickest to draw


@pytest.fixture(scope="module")
def boards(tmp_path_factory):
    folder = tmp_path_factory.mktemp("boards")
    for name in BOARDS:
        shutil.copytree(ROOT / "leaderboards" / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def site(boards, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    write_site(boards, folder, bundled_registry())
    return folder


@pytest.fixture(scope="module")
def nih(boards):
    results = read_board(boards / "nih1000").results()
    return results, list(standings(results))


def test_standings_are_the_means_of_the_table(nih):
    results, found = nih
    layout = layout_of(results, "table1", ("student", "overlap", "noise"))
    assert {each.metric for each in found} == {"f1", "auc"}
    assert len(found) == len({(each.method, each.noise, each.metric) for each in found})
    for each in found:
        (runs,) = (
            values
            for (method, _, _, noise, problem, condition, metric), values in layout.values.items()
            if (method, noise, problem, condition, metric)
            == (each.method, each.noise, each.problem, CLEAN, each.metric)
        )
        assert each.mean == pytest.approx(np.mean(list(runs.values())))
        assert each.low < each.mean < each.high


def test_who_is_ahead_is_who_the_table_of_differences_says(nih):
    """RoS-KD's comparisons are those of the table whose reference it is."""
    results, found = nih
    table = next(each for each in tables_of(results, "table1") if each.name == "table1-differences")
    sure = {
        (labels[0], labels[1], column.metric): cell.value
        for labels, cells in table.rows
        for column, cell in zip(table.columns, cells, strict=True)
        if isinstance(cell, Difference) and cell.sure
    }
    mine = [each for each in found if each.method == "RoS-KD"]
    assert len(mine) == 4
    for each in mine:
        here = {row: value for (row, *where), value in sure.items() if where == [each.noise, each.metric]}
        behind, ahead = ({row for row, value in here.items() if (value > 0) is more} for more in (True, False))
        assert (set(each.losses), set(each.wins)) == (behind, ahead)
        assert len(each.wins) + len(each.losses) + each.unclear == each.among - 1


def test_of_two_runs_nothing_is_told():
    found = list(standings(read_board(ROOT / "leaderboards" / "ham10000").results()))
    assert {each.runs for each in found} == {2}
    assert all(each.wins == each.losses == () and each.rank_low is None for each in found)


def test_ranks_are_those_of_the_means_and_lie_where_draws_put_them():
    random = np.random.default_rng(0)
    bases = {"a": 0.9, "b": 0.6, "c": 0.6}
    values = {name: {(0, seed): base + random.normal(0, 0.02) for seed in range(6)} for name, base in bases.items()}
    found = _ranks(values, ("p", "f1"))
    assert found["a"] == (1, 1, 1)
    means = [-np.mean(list(values[name].values())) for name in "abc"]
    assert [found[name][0] for name in "abc"] == list(rankdata(means))
    for name in "bc":
        assert found[name][1:] == (2, 3)
    alike = _ranks({"a": dict(values["b"]), "b": dict(values["b"])}, ("p",))
    assert alike["a"] == (1.5, 1.5, 1.5)
    few = _ranks({name: dict(list(runs.items())[:2]) for name, runs in values.items()}, ("p",))
    assert few["a"] == (1, None, None)


def test_every_page_is_there_and_every_link_of_its_own_leads_somewhere(site):
    pages = {path.name for path in site.glob("*.html")}
    assert {"index.html", "submit.html", "board-nih1000.html", "board-pneumonia.html", "method-ros-kd.html"} <= pages
    for page in pages:
        text = (site / page).read_text()
        ids = set(re.findall(r'id="([^"]+)"', text))
        for link in re.findall(r'(?:href|src)="([^"]+)"', text):
            if link.startswith("#"):
                assert link[1:] in ids, (page, link)
            elif not link.startswith("https://"):
                assert (site / link).is_file(), (page, link)


def test_numbers_of_the_boards_stand_on_their_pages(site, nih):
    _, found = nih
    text = (site / "board-nih1000.html").read_text()
    index = (site / "index.html").read_text()
    for each in found:
        assert plain_number(each.mean) in text
        assert f'data-value="{each.mean}"' in index
    assert "What it cannot show" in text or "cannot" in text
    for name in ("results.csv", "predictions.npz", "provenance.json"):
        kept = ROOT / "leaderboards" / "nih1000" / name
        assert (site / "boards" / "nih1000" / name).read_bytes() == kept.read_bytes()


@pytest.mark.slow
def test_it_is_the_same_bytes_again_and_has_no_path_and_loads_nothing(boards, site, tmp_path):
    told = []
    write_site(boards, tmp_path, bundled_registry(), told.append)
    assert told == [f"{doing} {name}" for doing in ("reading", "the page of") for name in BOARDS]
    for path in site.rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (tmp_path / path.relative_to(site)).read_bytes(), path
    for path in site.glob("*.html"):
        text = path.read_text()
        assert str(boards) not in text
        assert not re.search(r'<(?:script|img|link|iframe)[^>]*(?:src|href)="(?:https?:)?//', text)
        assert "@import" not in text


def test_what_stands_in_a_board_is_text(boards, tmp_path):
    """A board of a stranger whose titles, makers and README are code."""
    evil = tmp_path / "boards" / "evil"
    shutil.copytree(boards / "nih1000", evil)
    provenance = json.loads((evil / "provenance.json").read_text())
    provenance["suite"]["title"] = EVIL
    provenance["entries"][0]["by"] = EVIL
    for cell in provenance["cells"]:
        cell["method"] = cell["method"].replace("RoS-KD", EVIL)
    (evil / "provenance.json").write_text(json.dumps(provenance))
    csv = (evil / "results.csv").read_text()
    quoted = '"' + EVIL.replace('"', '""') + '"'
    (evil / "results.csv").write_text(csv.replace(",RoS-KD,", f",{quoted},"))
    (evil / "README.md").write_text(f"# x\n\n{EVIL} [a](javascript:alert(1)) ![b](https://example.org/b.png)\n")
    write_site(tmp_path / "boards", tmp_path / "site", bundled_registry())
    for path in (tmp_path / "site").glob("*.html"):
        text = path.read_text()
        assert "<script>window.hacked" not in text
        assert "<img src=x" not in text
        assert 'href="javascript:' not in text
        assert "https://example.org/b.png" not in text


def test_a_link_among_a_boards_files_is_not_published(boards, tmp_path):
    """It could lead to any file of the machine that makes the site."""
    linked = tmp_path / "boards" / "linked"
    shutil.copytree(boards / "nih1000", linked)
    (tmp_path / "secret").write_text("a secret")
    (linked / "own.png").symlink_to(tmp_path / "secret")
    (linked / "README.md").unlink()
    (linked / "README.md").symlink_to(tmp_path / "secret")
    write_site(tmp_path / "boards", tmp_path / "site", bundled_registry())
    for path in (tmp_path / "site").rglob("*"):
        assert not path.is_file() or b"a secret" not in path.read_bytes(), path


@pytest.mark.parametrize("name", ["../up", "a b", "Ä", "x" * 300, "CON"])
def test_a_name_becomes_a_file_of_its_own(name):
    assert re.fullmatch(r"[a-z0-9-]{1,70}", slug(name))
    assert slug(name) != slug(name + "!")
    assert slug("quick") == "quick"


def test_prose_keeps_what_people_write_and_its_own_pictures():
    text = str(
        prose(
            "# T\n\n**b** `c` [l](https://a.org)\n\n![own](a.png) ![other](b.png)\n<!-- tables: begin -->\nx",
            ["a.png"],
            "p/",
        )
    )
    assert "<strong>b</strong>" in text
    assert '<a href="https://a.org">' in text
    assert 'src="p/a.png"' in text
    assert "b.png" not in text
    assert "tables" not in text


@pytest.mark.parametrize("name", boards_that_come_along())
def test_boards_follow_the_schema_and_others_do_not(name):
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(board_schema(bundled_registry()))
    provenance = json.loads((ROOT / "leaderboards" / name / "provenance.json").read_text())
    assert [str(each.message) for each in validator.iter_errors(provenance)] == []
    for spoil in ({"version": 99}, {"cells": [{}]}, {"noise": [["a"]]}, {"entries": {}}):
        assert not validator.is_valid({**provenance, **spoil})


def test_over_an_earlier_site_it_is_the_same_files_and_what_is_not_ours_stays(boards, tmp_path):
    one = tmp_path / "one"
    shutil.copytree(boards / "nih1000", one / "nih1000")
    write_site(boards, tmp_path / "site", bundled_registry())
    (tmp_path / "site" / "boards" / "notes.txt").write_text("mine")
    write_site(one, tmp_path / "site", bundled_registry())
    write_site(one, tmp_path / "fresh", bundled_registry())
    names = [{str(path.relative_to(tmp_path / top)) for path in (tmp_path / top).rglob("*") if path.is_file()}
             for top in ("site", "fresh")]  # fmt: skip
    assert names[0] - names[1] == {"boards/notes.txt"} and not names[1] - names[0]
    other = tmp_path / "other"
    (other / "boards" / "x").mkdir(parents=True)
    for name in ("board-mine.html", "boards/x/README.md"):
        (other / name).write_text("somebody's")
    write_site(one, other, bundled_registry())
    assert (other / "board-mine.html").exists() and (other / "boards" / "x" / "README.md").exists()


def test_a_folder_without_boards_is_one_line(tmp_path):
    with pytest.raises(UserError, match="no board in"):
        write_site(tmp_path, tmp_path / "out", bundled_registry())
    done = command("leaderboard", "site", tmp_path / "out", "--boards", tmp_path / "none")
    assert done.returncode == 2
    assert "there is no folder" in done.stderr


def test_workflows_are_yaml_and_call_commands_that_are_there():
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        jobs = yaml.safe_load(path.read_text())["jobs"]
        said = " ".join(step.get("run", "") for job in jobs.values() for step in job["steps"])
        for name in re.findall(r"roskdbench leaderboard (\w+)", said):
            assert command("leaderboard", name, "--help").returncode == 0


@needs_chromium
def test_the_index_is_filtered_and_sorted_by_its_whole_heads(site, tmp_path):
    found = in_browser(
        site,
        """
        const rows = () => [...document.querySelectorAll("table.filtered tbody tr")].filter((row) => !row.hidden);
        const before = rows().length, metrics = [...new Set(rows().map((row) => row.dataset.metric))];
        const choose = (name, value) => {
          const node = document.querySelector(`select[data-column="${name}"]`);
          node.value = value; node.dispatchEvent(new Event("change"));
        };
        choose("metric", "AUC"); choose("board", "nih1000"); choose("noise", "none");
        const chosen = rows().map((row) => [row.dataset.metric, row.dataset.board, row.dataset.noise].join());
        const head = document.querySelectorAll("table.filtered thead th")[8];
        head.click();
        const down = rows().map((row) => Number(row.cells[8].dataset.value));
        const words = document.getElementById("filter");
        words.value = "ros-kd"; words.dispatchEvent(new Event("input"));
        return {before, metrics, chosen: [...new Set(chosen)], count: chosen.length, down, left: rows().length,
          said: document.getElementById("shown").textContent};
        """,
        tmp_path,
    )
    assert "error" not in found, found
    assert found["metrics"] == ["F1"]
    assert found["chosen"] == ["AUC,nih1000,none"]
    assert found["count"] == 9
    assert found["down"] == sorted(found["down"], reverse=True)
    assert found["left"] == 1
    assert re.fullmatch(r"1 of \d+ rows", found["said"])


@needs_chromium
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("page", ["index.html", "board-nih1000.html", "method-ros-kd.html", "submit.html"])
def test_pages_fit_a_phone_and_a_desk_in_light_and_dark(site, tmp_path, width, page):
    copy = tmp_path / "site"
    shutil.copytree(site, copy)
    if page != "index.html":
        shutil.copyfile(copy / page, copy / "index.html")
    found = in_browser(
        copy,
        """
        const back = () => getComputedStyle(document.body).backgroundColor;
        const one = back();
        document.getElementById("theme").click();
        const controls = [...document.querySelectorAll("a, button, input, select")];
        return {width: document.documentElement.scrollWidth, inner: innerWidth, other: back() !== one,
          unreachable: controls.filter((each) => each.tabIndex < 0).length,
          nameless: [...document.querySelectorAll("img")].filter((each) => !each.alt).length};
        """,
        tmp_path,
        width=width,
    )
    assert "error" not in found, found
    assert found["width"] <= found["inner"]
    assert found["other"]
    assert (found["unreachable"], found["nameless"]) == (0, 0)
