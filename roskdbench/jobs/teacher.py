"""`teacher`: a network trained on labels, on the training part or on a subset of it."""

from roskdbench.engine.checkpoint import Checkpoint
from roskdbench.engine.device import prepare
from roskdbench.engine.networks import save_weights
from roskdbench.engine.training import DivergedError, Recipe, Seeds, Training
from roskdbench.fingerprint import canonical_json, seed_for
from roskdbench.jobs import networks
from roskdbench.jobs.work import Work
from roskdbench.method import Method


def run(work: Work) -> str | None:
    """Write last.safetensors and history.json, or return why the training diverged.

    A teacher's views and order are its own: a bank is asked about views that no teacher has learnt by heart.
    """
    device, problem, spec = prepare(), work.problem(), work.spec
    samples = networks.training_part(work)
    if "subsets" in work.inputs:
        members = work.inputs["subsets"].arrays("members.npz")["members"]
        samples = samples[members[spec["subset"]] == 1]
    described = networks.facts(work, problem)
    purpose = ("teacher", spec["position"], spec["seed"])
    training = Training(
        task=problem.labels.task,
        method=Method(),
        network=networks.fresh(work, described, *purpose),
        examples=networks.examples(work, problem, samples, device),
        bank=[],
        recipe=Recipe.of(spec["recipe"]),
        seeds=Seeds(*(seed_for(what, *purpose) for what in ("order", "views", "method"))),
        form=networks.form(work),
        checkpoint=Checkpoint(work.partial),
        report=work.report,
    )
    try:
        training.run()
    except DivergedError as error:
        return str(error)
    save_weights(training.network, work.folder / networks.LAST, described)
    (work.folder / networks.HISTORY).write_text(canonical_json(training.history), "utf-8")
    return None
