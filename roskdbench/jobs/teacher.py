"""`teacher`: a network trained on labels, on the training part or on a subset of it."""

from roskdbench.job import Kind
from roskdbench.jobs.context import JobContext

KIND = Kind(revision=2, trains=True, uses_gpu=True)


def run(context: JobContext) -> str | None:
    """Write last.safetensors and history.json, or return why the training diverged.

    A teacher's views and order are its own: a bank is asked about views that no teacher has learnt by heart.
    """
    from roskdbench.engine.checkpoint import Checkpoint
    from roskdbench.engine.device import prepare
    from roskdbench.engine.recipe import Recipe, Seeds
    from roskdbench.engine.training import Training
    from roskdbench.jobs import networks
    from roskdbench.method import Method

    device, problem, spec = prepare(), context.problem(), context.spec
    samples, recipe = context.training_part(), Recipe.of(spec["recipe"])
    if "subsets" in context.inputs:
        chosen, recipe = networks.on_subset(context, recipe)
        samples = samples[chosen]
    described = networks.facts(context, problem)
    purpose = ("teacher", spec["position"], spec["seed"])
    training = Training(
        task=problem.labels.task,
        method=Method.model_validate({"soft_loss": spec["soft_loss"]} if "soft_loss" in spec else {}),
        network=networks.fresh(context, described, *purpose),
        examples=networks.examples(context, problem, samples, device),
        bank=[],
        recipe=recipe,
        seeds=Seeds.of(*purpose),
        config=networks.compute_config(context),
        checkpoint=Checkpoint(context.partial),
        report=context.report,
        validation=networks.validation(context, problem),
    )
    return networks.train(context, training, described)
