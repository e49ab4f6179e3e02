"""The pages say what the tables say, run nothing that came from a suite or a method, and work in a real browser."""

import json
import re
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from conftest import TINY
from PIL import Image

from roskdbench.plan import plan
from roskdbench.plugins import discover
from roskdbench.report.contents import contents_of, tables_of
from roskdbench.report.formats.text import plain_number
from roskdbench.report.page.writing import write_page
from roskdbench.report.paper import Paper
from roskdbench.report.table import Estimate
from roskdbench.results import collect
from roskdbench.store import Store
from roskdbench.suite import read_suite

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: install chromium to run it")
EVIL = '<script>window.hacked = 1</script><img src=x onerror="window.hacked = 1">"\'&'


DRIVER = """<script>addEventListener("load", async () => {
  let found;
  try { found = await (async () => { SCRIPT })(); } catch (error) { found = {error: String(error)}; }
  const node = document.createElement("pre");
  node.id = "found";
  node.textContent = JSON.stringify(found);
  document.body.append(node);
});</script></body>"""


@pytest.fixture(scope="module")
def results(smoke):
    made, store, _ = smoke
    return collect(made, store)


def written(results, store, folder):
    contents = contents_of(results, Paper(results))
    write_page(results, contents, store, discover(), folder)
    return contents.by_experiment


@pytest.fixture(scope="module")
def page(smoke, results, tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    return folder, written(results, smoke[1], folder)


def evil(results):
    """The results as if a method, a class and a suite had names that are code."""
    cells = [replace(cell, method=EVIL) if cell.method == "RoS-KD" else cell for cell in results.plan.cells]
    suite = results.plan.suite.model_copy(update={"title": EVIL})
    frame = results.frame.replace({"method": {"RoS-KD": EVIL}})
    return replace(results, plan=replace(results.plan, cells=cells, suite=suite), frame=frame)


def in_browser(page, script, tmp_path, width=1200, height=900):
    """What a script finds in the page, as a browser runs it."""
    copy = tmp_path / "copy"
    shutil.copytree(page, copy)
    index = copy / "index.html"
    index.write_text(index.read_text().replace("</body>", DRIVER.replace("SCRIPT", script)))
    done = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--window-size={width},{height}",
         "--virtual-time-budget=20000", "--dump-dom", index.as_uri()],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    found = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.S)
    assert found, done.stderr[-2000:]
    text = found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return json.loads(text)


def test_every_number_of_the_tables_is_on_the_page_and_leads_to_its_runs(page, results):
    folder, tables = page
    text = (folder / "index.html").read_text()
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.S)[1])
    for _, each in tables:
        for table in each:
            for _, cells in table.rows:
                for column, cell in zip(table.columns, cells, strict=True):
                    if isinstance(cell, Estimate) and not column.source:
                        assert f">{plain_number(cell.mean)}" in text
    links = set(re.findall(r'href="#(c\d+)"', text))
    assert links == set(data["cells"])
    scores = {run["prints"][0][1] for cell in data["cells"].values() for run in cell["runs"]}
    assert scores == {cell.scores for cell in results.plan.cells}
    for cell in data["cells"].values():
        f1 = results.frame[
            (results.frame["fingerprint"] == cell["runs"][0]["prints"][0][1])
            & results.frame["metric"].isin(["f1-macro", "f1-macro@tuned"])
        ]
        assert cell["runs"][0]["values"][data["metrics"].index("F1")] == f1["value"].iloc[0]


def test_a_page_needs_no_network_and_has_no_clock_and_no_path(page, smoke, results, tmp_path):
    folder, _ = page
    for path in folder.glob("*.html"):
        text = path.read_text()
        assert not re.search(r'(?:src|href)="(?:https?:)?//', text)
        assert str(folder) not in text
        assert str(smoke[1].root) not in text
    written(results, smoke[1], tmp_path / "again")
    ours, theirs = (sorted(path.relative_to(place) for path in place.rglob("*") if path.is_file())
                    for place in (folder, tmp_path / "again"))  # fmt: skip
    assert ours == theirs
    for name in ours:
        assert (folder / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name


def test_a_method_has_a_page_of_its_own(page):
    folder, _ = page
    text = (folder / "method-6-ros-kd.html").read_text()
    assert "<h1>RoS-KD</h1>" in text
    for said in ("teachers on overlapping subsets", "weighting", "averaging", "<code>ros-kd</code>", "lesion F1"):
        assert said in text, said


def test_what_came_from_outside_is_text(smoke, results, tmp_path):
    written(evil(results), smoke[1], tmp_path)
    for path in tmp_path.glob("*.html"):
        text = path.read_text()
        assert "<script>window" not in text
        assert "<img src=x" not in text


@pytest.mark.slow
@needs_chromium
def test_a_browser_runs_nothing_that_came_from_outside(smoke, results, tmp_path):
    written(evil(results), smoke[1], tmp_path / "page")
    found = in_browser(
        tmp_path / "page",
        "await new Promise((done) => setTimeout(done, 300));"
        "return {hacked: window.hacked || 0, title: document.querySelector('h1').textContent,"
        " options: [...document.querySelectorAll('#one option')].map((each) => each.textContent)};",
        tmp_path,
    )
    assert found["hacked"] == 0
    assert found["title"] == EVIL
    assert EVIL in found["options"]


@needs_chromium
def test_rows_are_sorted_and_filtered(page, tmp_path):
    found = in_browser(
        page[0],
        """
        const table = document.querySelector("table.sortable");
        const head = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
        const column = head.findIndex((each) => each.textContent.trim().startsWith("F1"));
        const values = () => [...table.tBodies[0].rows].map((row) => Number(row.cells[column].dataset.value));
        head[column].querySelector("button").click();
        const down = values(), said = head[column].getAttribute("aria-sort");
        head[column].querySelector("button").click();
        const up = values();
        const filter = document.getElementById("filter");
        filter.value = "baseline subset"; filter.dispatchEvent(new Event("input"));
        const seen = [...table.tBodies[0].rows].filter((row) => !row.hidden);
        const left = seen.map((row) => row.cells[0].textContent.trim());
        return {down, up, said, left, shown: document.getElementById("shown").textContent};
        """,
        tmp_path,
    )
    assert "error" not in found, found
    assert found["down"] == sorted(found["down"], reverse=True)
    assert found["up"] == sorted(found["down"])
    assert found["said"] == "descending"
    assert found["left"] == ["Baseline III (subset)"]
    assert re.fullmatch(r"\d of \d+ rows", found["shown"])


@needs_chromium
def test_a_number_leads_to_where_it_comes_from_and_two_methods_stand_side_by_side(page, results, tmp_path):
    found = in_browser(
        page[0],
        """
        document.querySelector("td.number a[href^='#c']").click();
        await new Promise((done) => setTimeout(done, 200));
        const dialog = document.getElementById("provenance");
        const opened = dialog.open, facts = dialog.textContent;
        dialog.close();
        dialog.dispatchEvent(new Event("close"));  // a browser without a screen does not get round to it
        await new Promise((done) => setTimeout(done, 100));
        const choose = (id, text) => {
          const node = document.getElementById(id);
          node.selectedIndex = [...node.options].findIndex((each) => each.textContent === text);
          node.dispatchEvent(new Event("change"));
        };
        choose("one", "Baseline I"); choose("other", "RoS-KD");
        const texts = (row) => [...row.cells].map((cell) => cell.textContent);
        const read = () => [...document.getElementById("differences").rows].map(texts);
        const rows = read();
        choose("one", "RoS-KD"); choose("other", "Baseline I");
        return {opened, facts, hash: location.hash, rows, turned: read()};
        """,
        tmp_path,
    )
    assert "error" not in found, found
    assert found["opened"]
    assert found["hash"] == "#-"
    assert results.plan.cells[0].scores in found["facts"]
    table = tables_of(results, "table1")[1]
    shift = next(cells[0] for labels, cells in table.rows if labels == ["Baseline I"])
    row = next(row for row in found["rows"] if row[1] == "lesion" and row[3] == "F1")
    assert float(row[6].replace("+.", "0.").replace("-.", "-0.")) == pytest.approx(shift.value, abs=6e-4)
    assert len(found["rows"]) == 4
    turned = next(row for row in found["turned"] if row[1] == "lesion" and row[3] == "F1")
    assert turned[4:6] == row[4:6][::-1]
    assert float(turned[6].replace("+.", "0.").replace("-.", "-0.")) == pytest.approx(-shift.value, abs=6e-4)


@needs_chromium
@pytest.mark.parametrize("width", [390, 1200])
def test_the_page_fits_a_phone_and_a_desk(page, tmp_path, width):
    found = in_browser(
        page[0],
        """
        document.getElementById("theme").click();
        const controls = [...document.querySelectorAll("a, button, input, select")];
        const unreachable = controls.filter((each) => each.tabIndex < 0).length;
        const nameless = [...document.querySelectorAll("img")].filter((each) => !each.alt).length;
        const theme = document.documentElement.dataset.theme;
        return {width: document.documentElement.scrollWidth, inner: innerWidth, unreachable, nameless, theme,
          broken: [...document.images].filter((each) => each.complete && !each.naturalWidth).length};
        """,
        tmp_path,
        width=width,
    )
    assert found["width"] <= found["inner"]
    assert (found["unreachable"], found["nameless"], found["broken"]) == (0, 0, 0)
    assert found["theme"] in ("light", "dark")


@needs_chromium
def test_landscapes_are_painted_and_turn_by_the_keyboard(tmp_path):
    """Two made-up planes: the picture changes with the keys and with the choice of a row, and says its loss."""
    suite = tmp_path / "bowls.yaml"
    suite.write_text(TINY.replace("    noise: [own]", "    noise: [own]\n    measures: [landscape]"))
    planned = plan(read_suite(str(suite)), discover())
    store = Store.at(tmp_path / "store")
    side = np.linspace(-1, 1, 5)
    for number, job in enumerate(job for job in planned.jobs.values() if job.group in ("landscape", "scores")):
        with store.writing(job.fingerprint, {**job.identity, "environment": {}}) as folder:
            (folder / "numbers.json").write_text('[{"facts": {}, "rows": [["auc-macro", "", 0.5, 10]]}]')
            losses = 1.0 + number + 5 * (side[:, None] ** 2 + side**2)
            np.savez(folder / "plane.npz", places=side, losses=losses)
    results = collect(planned, store)
    written(results, store, tmp_path / "page")
    found = in_browser(
        tmp_path / "page",
        """const [first, second] = document.querySelectorAll(".landscape");
        const canvas = first.querySelector("canvas");
        const painted = () => canvas.toDataURL(), before = painted();
        canvas.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowLeft"}));
        const turned = painted(), choice = first.querySelector("select");
        choice.selectedIndex = choice.options.length - 1; choice.dispatchEvent(new Event("change"));
        return {turned: turned !== before, chosen: painted() !== turned, rows: choice.options.length,
                said: second.querySelector("figcaption").textContent,
                planes: data.landscapes.map((each) => each.losses)};""",
        tmp_path,
    )
    assert found["turned"]
    assert found["chosen"]
    assert found["rows"] == 3
    kept = [
        store.open(job.fingerprint).arrays("plane.npz")["losses"]
        for cell in planned.cells
        for job in [planned.jobs[each.fingerprint] for each in cell.measurements]
        if job.group == "landscape"
    ]
    np.testing.assert_allclose(found["planes"], np.minimum(kept, 8.0), atol=1e-4)
    assert f"loss {kept[1][2, 2]:.3f} at the trained weights, at most {kept[1].max():.5g}" in found["said"]


def test_letters_are_of_one_size_in_all_figures(page):
    """A picture is shown no wider than half its pixels."""
    folder, _ = page
    shown = re.findall(
        r'<img class="on-light" src="(figures/[^"]+)"[^>]*max-width: (\d+)px', (folder / "index.html").read_text()
    )
    assert shown
    for name, width in shown:
        with Image.open(folder / name) as picture:
            assert picture.width // 2 == int(width)
