"""A report over many results: how long `report` takes, and whether its page stays quick in a browser.

    python benchmarks/report.py [ROWS] [REPEATS]

A store with made-up scores is written: a suite of two problems, eight methods, five noises and as many seeds as it
takes for that many rows of results. Timed are `roskdbench report` as a process of its own, its page without figures,
and, if there is a Chromium, opening that page, filtering it letter by letter, and sorting it.
"""

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from unittest.mock import patch

import numpy as np

from roskdbench.plan import Plan, plan
from roskdbench.plugins import discover
from roskdbench.report.contents import contents_of
from roskdbench.report.page import writing
from roskdbench.results import collect
from roskdbench.runs import write_record
from roskdbench.statistics.draws_file import write_draws
from roskdbench.store import Store
from roskdbench.suite import read_suite

METRICS = [f"{metric}-{average}" for metric in ("precision", "recall", "f1")
           for average in ("macro", "micro", "weighted", "f1-of-means")]  # fmt: skip
NOISE = ["own", *(f"{{kind: symmetric, rate: {rate}}}" for rate in (0.1, 0.2, 0.3, 0.4))]


def made_up(store: Store, rows: int) -> tuple[Plan, int]:
    """A plan and artifacts for its scores, with numbers as many as asked for."""
    random = np.random.default_rng(0)
    cells_a_seed, rows_a_cell = 2 * 8 * len(NOISE), 2 * (len(METRICS) + 24)
    seeds = -(-rows // (cells_a_seed * rows_a_cell))
    settings = [f"experiments.table1.seeds={list(range(seeds))}", f"experiments.table1.noise=[{', '.join(NOISE)}]"]
    planned = plan(read_suite("quick", settings), discover(), ["table1"])
    count = 0
    for scores in dict.fromkeys(cell.scores for cell in planned.cells):
        numbers: list[tuple[str, str, float, int]] = []
        for suffix in ("", "@tuned"):
            numbers += [(f"{metric}{suffix}", "", random.random(), 300) for metric in METRICS]
            for label in "abcdefgh":
                numbers += [(f"{metric}{suffix}", label, random.random(), 30) for metric in ("precision", "f1")]
                numbers.append((f"auc{suffix}", label, random.random(), 30))
        numbers.append(("auc-macro", "", random.random(), 300))
        with store.writing(scores, {**planned.jobs[scores].identity, "environment": {}}) as folder:
            (folder / "numbers.json").write_text(json.dumps([{"facts": {}, "rows": numbers}]))
            shown = [f"{metric}-macro{suffix}" for metric in ("precision", "recall", "f1") for suffix in ("", "@tuned")]
            names = [*shown, "auc-macro", *(f"auc|{label}" for label in "abcdefgh")]
            values = random.random((len(names), 2000), dtype=np.float32)
            write_draws(folder, dict(zip(names, values, strict=True)))
        count += len(numbers) * sum(cell.scores == scores for cell in planned.cells)
    write_record(planned, store, discover(), (), {})
    return planned, count


SCRIPT = """<script>addEventListener("load", () => {
  const opened = performance.now(), filter = document.getElementById("filter"), times = [];
  for (const text of ["b", "ba", "bas", "baseline", "baseline i", "", "ros", "symmetric 0.3", ""]) {
    const start = performance.now(); filter.value = text; filter.dispatchEvent(new Event("input"));
    document.body.offsetHeight; times.push(performance.now() - start);
  }
  const head = document.querySelector("table.sortable th.number button"), start = performance.now();
  head.click(); document.body.offsetHeight;
  const node = document.createElement("pre"); node.id = "found";
  node.textContent = JSON.stringify({opened, filter: Math.max(...times), sort: performance.now() - start,
    rows: document.querySelectorAll("tbody tr").length}); document.body.append(node); });</script></body>"""


def in_browser(page: Path) -> dict[str, float] | None:
    chromium = next((path for name in ("chromium", "google-chrome") if (path := shutil.which(name))), None)
    if chromium is None:
        return None
    page.write_text(page.read_text().replace("</body>", SCRIPT))
    done = subprocess.run(
        [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", page.as_uri()],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = re.search(r'<pre id="found">(.*?)</pre>', done.stdout)
    return json.loads(found[1]) if found else None


def main(rows: int = 100_000, repeats: int = 5) -> None:
    folder = Path(tempfile.mkdtemp())
    store = Store.at(folder / "store")
    planned, count = made_up(store, rows)
    print(f"{count:,} rows of results, {len(planned.cells):,} cells")
    command = [sys.executable, "-m", "roskdbench", "report", "--store", str(store.root), "--format", "markdown"]
    imports = [sys.executable, "-c", "import pandas, scipy.stats"]
    for name, each in (("import pandas, scipy.stats", imports), ("roskdbench report", command)):
        seconds = []
        for _ in range(repeats):
            start = time.perf_counter()
            subprocess.run(each, check=True, capture_output=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
            seconds.append(time.perf_counter() - start)
        print(f"  {name:30} {min(seconds):.2f} {statistics.median(seconds):.2f} {max(seconds):.2f} s")
    results = collect(planned, store)
    start = time.perf_counter()
    with patch.object(writing, "draw_all", lambda *_: []):
        writing.write_page(results, contents_of(results), store, discover(), folder / "page")
    size = (folder / "page" / "index.html").stat().st_size / 1e6
    print(f"  the page, without figures: {time.perf_counter() - start:.2f} s, {size:.1f} MB")
    for _ in range(repeats):
        print("  in Chromium, ms:", in_browser(folder / "page" / "index.html"))
    shutil.rmtree(folder)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
