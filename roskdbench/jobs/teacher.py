"""`teacher`: a network trained on labels, on the training part or on a subset of it."""

from roskdbench.engine.checkpoint import Checkpoint
from roskdbench.engine.device import prepare
from roskdbench.engine.training import Recipe, Seeds, Training
from roskdbench.jobs import networks
from roskdbench.jobs.work import Work
from roskdbench.method import Method


def run(work: Work) -> str | None:
    """Write last.safetensors and history.json, or return why the training diverged.

    A teacher's views and order are its own: a bank is asked about views that no teacher has learnt by heart.
    """
    device, problem, spec = prepare(), work.problem(), work.spec
    samples = work.training_part()
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
        seeds=Seeds.of(*purpose),
        form=networks.form(work),
        checkpoint=Checkpoint(work.partial),
        report=work.report,
        exam=networks.exam(work, problem),
    )
    return networks.train(work, training, described)
