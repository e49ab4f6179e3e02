"""A suite says what it means, and a mistake in one is a line with its place."""

import json

import pytest
from pydantic import BaseModel

from roskdbench.errors import UserError
from roskdbench.suite import Suite, find_suite, read_suite, suite_names
from roskdbench.suite.declared import Declared

GOOD = """suite: mine
problems:
  lesion: {dataset: phantom-lesion, size: 32}
protocol:
  epochs: 5
  teachers: [resnet18, {model: densenet121, options: {growth_rate: 8}}]
experiments:
  table1:
    methods: [baseline-i, {method: ros-kd, temperature: 4}]
    noise: [own]
"""


@pytest.fixture
def written(tmp_path):
    def write(text, name="mine.yaml"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def test_a_suite_is_read(written):
    suite = read_suite(written(GOOD))
    assert suite.protocol.epochs == 5
    assert [network.model for network in suite.protocol.teachers] == ["resnet18", "densenet121"]
    assert suite.experiments["table1"].methods[1].parameters == {"temperature": 4}


def test_the_defaults_of_the_protocol_are_the_papers(written):
    protocol = read_suite(written(GOOD.replace("  epochs: 5\n", ""))).protocol
    optimiser = protocol.optimiser
    assert (protocol.epochs, protocol.batch, protocol.averaging_warmup) == (50, 64, 10)
    assert (optimiser.lr, optimiser.momentum, optimiser.weight_decay) == (0.1, 0.9, 2e-4)
    assert (optimiser.milestones, optimiser.factor) == ([25, 40], 0.1)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("size: 32", "szie: 32", "mine.yaml:3: unknown key 'szie' in problems.lesion; did you mean 'size'?"),
        ("epochs: 5", "epocs: 5", "mine.yaml:5: unknown key 'epocs' in protocol; did you mean 'epochs'?"),
        ("suite: mine", "sute: mine", "mine.yaml:1: unknown key 'sute' in the suite; did you mean 'suite'?"),
        ("options:", "option:", "mine.yaml:6: unknown key 'option' in protocol.teachers.1; did you mean 'options'?"),
        (
            "phantom-lesion",
            "phantom-leson",
            "mine.yaml:3: problems.lesion: unknown dataset 'phantom-leson'; did you mean 'phantom-lesion'?",
        ),
        (
            "dataset: phantom-lesion, ",
            "",
            "mine.yaml:3: problems.lesion: it does not say which dataset; it needs the key 'dataset'",
        ),
        ("epochs: 5", "epochs: -5", "mine.yaml:5: protocol.epochs: input should be greater than 0 (it is -5)"),
        ("noise: [own]", "overlap: [1.5]", "mine.yaml:10: experiments.table1.overlap.0: input should be less than"),
        ("noise: [own]", "noise: own", "mine.yaml:10: experiments.table1.noise: input should be a valid list"),
        (
            "noise: [own]",
            "measures: [score]",
            "mine.yaml:10: experiments.table1.measures.0: unknown measure 'score'; did you mean 'scores'?",
        ),
        (
            "noise: [own]",
            "students: [resnet81]",
            "timm has no model 'resnet81'; did you mean 'resnet18', 'resnet61q' or 'resnet51q'?",
        ),
        (
            "noise: [own]",
            "students: [resnet18.a1_in1k]",
            "'.a1_in1k' names weights of timm's, and networks are trained from scratch here; write 'resnet18'",
        ),
        (
            "noise: [own]",
            "students: [{model: resnet18, options: {checkpoint_path: mine.pth}}]",
            "'checkpoint_path' would load weights, and networks are trained from scratch here; leave it out",
        ),
        (
            "noise: [own]",
            "measures: [{measure: attacks, attacks: [pdg linf 1/255]}]",
            "mine.yaml:10: experiments.table1.measures.0.attacks.0: unknown attack 'pdg'; did you mean 'pgd'?",
        ),
        (
            "noise: [own]",
            "measures: [{measure: attacks, attacks: [{attack: torchattacks, kind: APDG, radius: 1/255}]}]",
            "torchattacks has no attack 'APDG'; did you mean 'APGD'?",
        ),
        ("noise: [own]", "measures: [{measure: attacks, sweep: [4]}]", "linf 4 is beyond that; say 4/255"),
        ("noise: [own]", "problems: [lesio]", "names the problem 'lesio'; did you mean 'lesion'?"),
        ("suite: mine", "suite: a\nsuite: b", "mine.yaml:2: the key 'suite' is given twice"),
        ("suite: mine", "title: x", "mine.yaml:1: the key 'suite' is missing"),
        ("methods: [", "methods: ][", "mine.yaml:9: not YAML: "),
        ("suite: mine", "suite: mine\nextends: nope", "mine.yaml:2: no suite 'nope'"),
        ("suite: mine", "suite: mine\nextends: mine.yaml", "a suite cannot extend itself"),
        ("noise: [own]", "seeds: [0, 1, 0]", "mine.yaml:8: experiments.table1: seeds names '0' twice"),
        (
            "noise: [own]",
            "students: [resnet18, {model: resnet18, options: {channels: [8, 8, 8, 8]}}]",
            "mine.yaml:8: experiments.table1: students names 'resnet18' twice; give them titles of their own",
        ),
        ("epochs: 5", "optimiser: {lr: .inf}", "mine.yaml:5: protocol.optimiser.lr: should be a finite number"),
        ("size: 32", "size: &a [*a]", "mine.yaml:3: a value that holds itself"),
        (
            "epochs: 5",
            "split: {train: 0.5, validation: 0.1, test: 0.1}",
            "mine.yaml:5: protocol.split: train, validation and test are shares of one whole; they sum to 0.7",
        ),
        (
            "dataset: phantom-lesion, size: 32",
            "dataset: isic2019",
            "experiment 'table1': problem 'lesion' has no noisy copy of its own",
        ),
    ],
)
def test_a_mistake_is_one_line_with_its_place(written, old, new, said):
    path = written(GOOD.replace(old, new, 1))
    with pytest.raises(UserError) as error:
        read_suite(path)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["- a list", "just words", ""])
def test_a_file_that_is_no_suite_is_named(written, text):
    with pytest.raises(UserError, match=r"mine\.yaml: a suite is a mapping"):
        read_suite(written(text))


def test_a_file_that_is_not_text_is_named(tmp_path):
    (tmp_path / "mine.yaml").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(UserError, match="is not text in UTF-8"):
        read_suite(tmp_path / "mine.yaml")


def test_yaml_cannot_make_python_objects(written):
    with pytest.raises(UserError, match="a suite holds plain values, not the YAML tag"):
        read_suite(written(GOOD.replace("epochs: 5", "epochs: !!python/object/apply:os.getpid []")))


def test_extends_lays_one_suite_over_another(written):
    written(GOOD, "base.yaml")
    above = written("suite: mine\nextends: base\nprotocol: {epochs: 9, teachers: [resnet34]}\n")
    suite = read_suite(above)
    assert suite.suite == "mine"
    assert suite.protocol.epochs == 9
    assert [network.model for network in suite.protocol.teachers] == ["resnet34"]
    assert suite.problems["lesion"].size == 32


def test_a_mistake_in_an_extended_suite_is_placed_there(written):
    written(GOOD.replace("size:", "szie:"), "base.yaml")
    with pytest.raises(UserError, match=r"base\.yaml:3: unknown key 'szie'"):
        read_suite(written("suite: mine\nextends: base\n"))


def test_settings_override_keys(written):
    settings = ["protocol.epochs=7", "protocol.optimiser.lr=3e-2", "experiments.table1.methods.1.temperature=2"]
    suite = read_suite(written(GOOD), settings)
    assert suite.protocol.epochs == 7
    assert suite.protocol.optimiser.lr == 0.03
    assert suite.experiments["table1"].methods[1].parameters == {"temperature": 2}


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("protocol.epocs=5", "--set protocol.epocs=5: unknown key 'epocs' in protocol; did you mean 'epochs'?"),
        ("protocol.epochs=many", "--set protocol.epochs=many: protocol.epochs: input should be a valid integer"),
        ("protocol.epochs", "write it as KEY.KEY=VALUE"),
        ("protocol.teachers.9=resnet18", "'9' is not a position in a list of 2"),
        ("protocol.epochs.x=1", "'epochs' holds a value, not keys"),
    ],
)
def test_a_mistake_in_a_setting_is_one_line(written, setting, said):
    with pytest.raises(UserError) as error:
        read_suite(written(GOOD), [setting])
    assert said in str(error.value)


@pytest.mark.parametrize("name", suite_names())
def test_bundled_suites_are_valid_and_survive_being_written_down(name):
    suite = read_suite(name)
    assert suite.suite == name
    assert Suite.model_validate(json.loads(json.dumps(suite.model_dump(mode="json")))) == suite


def test_augmentation_is_a_preset_or_steps(written):
    plain = read_suite(written(GOOD)).protocol.augmentation
    assert plain == read_suite(written(GOOD), ["protocol.augmentation=paper"]).protocol.augmentation
    steps = "[flip, {view: shift, reach: 0.2, whole_pixels: true}, crop, rotation, colour-jitter, cutout]"
    found = read_suite(written(GOOD), [f"protocol.augmentation={steps}"]).protocol.augmentation
    assert [step.view for step in found] == ["flip", "shift", "crop", "rotation", "colour-jitter", "cutout"]
    assert found[1].reach == 0.2


def test_colours_are_refused_where_a_problem_is_grey(written):
    path = written(GOOD.replace("phantom-lesion", "phantom-chest"))
    with pytest.raises(UserError, match="augmentation has colour-jitter, and the images of problem 'lesion' are grey"):
        read_suite(path, ["protocol.augmentation=[colour-jitter]"])


def test_a_problem_may_be_called_like_a_key_that_holds_a_path(written):
    text = GOOD.replace("lesion:", "matrix:")
    assert read_suite(written(text)).problems["matrix"].dataset == "phantom-lesion"


def test_noises_have_names_that_differ(written):
    noises = (
        "[none, {kind: symmetric, rate: 0.2}, {kind: symmetric, rate: 0.4}, {kind: annotators, decision: majority}]"
    )
    found = read_suite(written(GOOD), [f"experiments.table1.noise={noises}"]).experiments["table1"].noise
    names = ["none", "symmetric 0.2", "symmetric 0.4", "3 annotators, majority 0.3"]
    assert [noise.name for noise in found] == names
    twice = "[{kind: instance, rate: 0.2}, {kind: instance, rate: 0.2, seed: 1}]"
    with pytest.raises(UserError, match=r"noise names 'instance 0\.2' twice; give them titles of their own"):
        read_suite(written(GOOD), [f"experiments.table1.noise={twice}"])


def test_paths_in_a_suite_are_relative_to_it_and_the_matrix_is_read_at_once(written, tmp_path):
    (tmp_path / "matrix.csv").write_text("\n".join(",".join(map(str, row)) for row in [[3, 1], [0, 4]]))
    text = GOOD.replace("noise: [own]", "noise: [{kind: confusion, matrix: matrix.csv}]")
    text = text.replace("{dataset: phantom-lesion, size: 32}", "{dataset: isic2019, root: data/isic}")
    suite = read_suite(written(text))
    assert suite.problems["lesion"].root == tmp_path / "data" / "isic"
    assert suite.experiments["table1"].noise[0].matrix.rows == [[3, 1], [0, 4]]
    with pytest.raises(UserError, match=r"mine\.yaml:10: .*the confusion matrix: cannot read .*nowhere\.csv"):
        read_suite(written(text.replace("matrix.csv", "nowhere.csv")))


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        ("{dataset: folder, label: x}", "problems.lesion: 'label' names a column, and there is no csv"),
        (
            "{dataset: folder, csv: a.csv}",
            "problems.lesion: a csv needs either label (one column of classes) or",
        ),
        ("{dataset: folder, csv: a.csv, label: x, split: official}", "split: official needs the column with the parts"),
        ("{dataset: folder, csv: a.csv, label: x, part: y}", "say split: official, or leave it out"),
        ("{dataset: folder, csv: a.csv, labels: [x, y, x]}", "'labels' names 'x' twice"),
        ("{dataset: dermamnist, classes: [a]}", "the classes of dermamnist have names; leave out 'classes'"),
        ("{dataset: isic2019, fit: stretch}", "problems.lesion.fit: input should be 'crop' or 'pad' (it is 'stretch')"),
        ("{dataset: dermamist}", "unknown dataset 'dermamist'; did you mean 'dermamnist'?"),
        ("{dataset: chestxray14, labls: eight}", "unknown key 'labls' in problems.lesion; did you mean 'labels'?"),
    ],
)
def test_a_problem_that_cannot_be_is_one_line(written, problem, said):
    with pytest.raises(UserError) as error:
        read_suite(written(GOOD.replace("{dataset: phantom-lesion, size: 32}", problem).replace("[own]", "[none]")))
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_the_paper_suite_has_every_table_and_figure():
    wanted = {"table1", "table2", "table3", "figure2", "figure3", "figure4"}
    assert {experiment.paper for experiment in read_suite("paper").experiments.values()} - {None} == wanted


def test_an_unknown_suite_is_answered_with_the_nearest(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="did you mean 'quick'"):
        find_suite("quik")
    assert find_suite("suites/quick.yaml").name == "quick.yaml"


def test_the_text_under_a_field_describes_it_as_pydantic_would():
    class Shared(Declared):
        wide: float = 1.0
        """Of both."""

    class Own(Shared):
        plain: int
        long: Shared | None = None
        """Over
        two lines.
        """

    class Peer(BaseModel, use_attribute_docstrings=True):
        wide: float = 1.0
        """Of both."""
        plain: int
        long: Shared | None = None
        """Over
        two lines.
        """

    ours, peer = (each.model_json_schema()["properties"] for each in (Own, Peer))
    assert {name: field.get("description") for name, field in ours.items()} == {
        name: field.get("description") for name, field in peer.items()
    }
    assert ours["long"]["description"] == "Over\ntwo lines."
