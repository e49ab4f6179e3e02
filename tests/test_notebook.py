"""From Python, a run is what the command line makes of it."""

import pytest
from conftest import command

import roskdbench as rb
from roskdbench import UserError
from roskdbench.report.contents import tables_of
from roskdbench.report.formats.markdown import markdown
from roskdbench.report.paper import Paper
from roskdbench.results import collect
from roskdbench.store import Store


@pytest.fixture(scope="module")
def ran(smoke):
    return rb.load("smoke", store=smoke[1].root)


def test_a_suite_is_run_where_its_results_are_missing(tiny, tmp_path):
    run = rb.run(tiny, store=tmp_path / "store", settings={"experiments.main.methods": ["baseline-i"]})
    assert run.gaps.empty
    assert set(run.results["method"]) == {"Baseline I"}
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "store").glob("??/*/job.json")}
    again = rb.run(tiny, store=tmp_path / "store", settings={"experiments.main.methods": ["baseline-i"]})
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "store").glob("??/*/job.json")}
    assert again.results.equals(run.results)
    assert rb.load(store=tmp_path / "store").name == run.name
    assert callable(rb.run)


def test_tables_are_those_of_a_report(smoke, ran):
    made, store, _ = smoke
    results = collect(made, store)
    assert [str(table) for table in ran.tables()] == [markdown([table]) for table in tables_of(results, "table1")]
    assert str(ran.table("I")) == markdown(tables_of(results, "table1")[:1])
    assert str(ran.table("I", compare="paper")) == markdown(tables_of(results, "table1", Paper(results))[:1])
    assert str(ran.table("I")) != str(ran.table("I", compare="paper"))
    assert ran.table("table1-differences").labels == ["method"]
    with pytest.raises(rb.UserError, match="has no table 'table1-difference'; did you mean 'table1-differences'"):
        ran.table("table1-difference")
    with pytest.raises(rb.UserError, match="repeats no Table III"):
        ran.table("III")


@pytest.mark.slow
def test_figures_and_pages_are_made_on_request(ran, tmp_path):
    figure = ran.figure("f1")
    assert {panel.get_title() for panel in figure.axes} == {"lesion", "cardio"}
    with pytest.raises(rb.UserError, match="nothing to draw for 'overlap'"):
        ran.figure("overlap")
    assert ran.page(tmp_path / "page").read_text().startswith("<!doctype html>")


def test_a_notebook_shows_text_as_text(ran):
    assert "RoS-KD" in ran._repr_html_()
    assert repr(ran).startswith(f"<run {ran.name}: 16 cells")
    table = ran.table("I")
    table.title = "<script>alert(1)</script>"
    assert "<script>" not in table._repr_html_()
    assert "&lt;script&gt;" in table._repr_html_()


def test_mistakes_of_python_are_sentences(ran, smoke, tmp_path):
    wrong = {
        "no folder of plugins at nowhere": {"plugins": "nowhere"},
        "workers='two': a whole number, of one at least": {"workers": "two"},
        "settings='a=b': give a mapping": {"settings": "a=b"},
    }
    for said, given in wrong.items():
        with pytest.raises(UserError, match=said):
            rb.run("smoke", store=tmp_path / "store", progress=False, **given)
    with pytest.raises(UserError, match="give the file of a suite"):
        rb.run({"suite": "smoke"}, store=tmp_path / "store", progress=False)
    with pytest.raises(UserError, match="'ros-kd' and 'RoS-KD' are one row; name two"):
        ran.compare("ros-kd", "RoS-KD")


def test_a_run_that_is_not_there_is_said_so(tmp_path):
    Store.at(tmp_path / "store")
    with pytest.raises(rb.UserError, match="nothing has been run"):
        rb.load(store=tmp_path / "store")


def test_a_run_with_settings_is_loaded_by_its_suite_and_them(smoke):
    _, store, _ = smoke
    assert rb.load("smoke", store=store.root).name.startswith("smoke-")
    with pytest.raises(rb.UserError, match=r"as it stands is in the store .*; runs of it with other settings: smoke-"):
        rb.load("smoke", store=store.root, settings={"protocol.epochs": 5})


def test_a_figure_of_something_that_was_not_measured_says_so(smoke):
    _, store, _ = smoke
    run = rb.load(store=store.root)
    with pytest.raises(rb.UserError, match="nothing to draw for 'landscape': its suite does not ask for it"):
        run.figure("landscape")
    with pytest.raises(rb.UserError, match="no figure 'landscap'; did you mean 'landscape'"):
        run.figure("landscap")


def test_two_methods_are_compared_as_in_the_table_of_differences(smoke, ran):
    """Where two rows are all there are, nothing is corrected for, and the table says the same."""
    from dataclasses import replace

    made, store, _ = smoke
    found = ran.compare("baseline-i", "ros-kd")
    assert set(found["problem"]) == {"lesion", "cardio"}
    assert set(found["noise"]) == {"own"}
    two = replace(made, cells=[cell for cell in made.cells if cell.method in ("Baseline I", "RoS-KD")])
    table = next(each for each in tables_of(collect(two, store), "table1") if each.name == "table1-differences")
    ((label, cells),) = table.rows
    assert label == ["Baseline I"]
    for column, cell in zip(table.columns, cells, strict=True):
        (row,) = found[(found["problem"] == column.problem) & (found["metric"] == column.metric)].itertuples()
        assert (row.difference, row.low, row.high, row.p) == pytest.approx(tuple(cell))
    turned = ran.compare("RoS-KD", "Baseline I")
    assert list(turned["difference"]) == pytest.approx(list(-found["difference"]))
    with pytest.raises(rb.UserError, match="no method 'baseline-x'"):
        ran.compare("baseline-x", "ros-kd")


def test_parquet_is_the_frame_and_the_same_bytes_again(smoke, ran):
    parquet = pytest.importorskip("pyarrow.parquet")
    import io

    from roskdbench.report.formats.parquet import as_parquet

    results = collect(smoke[0], smoke[1])
    written = as_parquet([], results)
    assert written == as_parquet([], results)
    back = parquet.read_table(io.BytesIO(written)).to_pandas()
    assert list(back.columns) == list(ran.results.columns)
    assert len(back) == len(ran.results)
    for name in back.columns:
        one, other = back[name], ran.results[name]
        assert ((one == other) | (one.isna() & other.isna())).all(), name


def test_parquet_goes_into_the_folder_that_is_named(smoke, tmp_path):
    pytest.importorskip("pyarrow")
    done = command("report", "--store", smoke[1].root, "--format", "parquet", "--out", tmp_path / "out")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert (tmp_path / "out" / "results.parquet").read_bytes()[:4] == b"PAR1"
