"""`trajectory`: one student training under a method's objective. Methods that differ only in what they read off it,
as Baseline V and RoS-KD do, share it.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from roskdbench.errors import UserError
from roskdbench.job import Kind
from roskdbench.jobs.context import JobContext

if TYPE_CHECKING:
    from roskdbench.method import Method

KIND = Kind(revision=2, trains=True, uses_gpu=True)


def run(context: JobContext) -> str | None:
    """Write last.safetensors, averaged.safetensors (where averaging started) and history.json, or return why the
    training diverged.
    """
    from roskdbench.engine.checkpoint import Checkpoint
    from roskdbench.engine.device import prepare
    from roskdbench.engine.recipe import Recipe
    from roskdbench.engine.training import Training
    from roskdbench.jobs import networks

    device, problem, spec = prepare(), context.problem(), context.spec
    method, recipe = method_of(context), Recipe.of(spec["recipe"])
    samples, bank = context.training_part(), [bank.array("logits.npy") for bank in context.numbered("bank")]
    warmup = spec["averaging"]["warmup"]
    if "subsets" in context.inputs:
        views, epochs = recipe.view_count, recipe.epochs
        chosen, recipe = networks.on_subset(context, recipe)
        if spec.get("averaging begins") == "stretched":
            warmup = min(round(warmup * recipe.epochs / epochs), recipe.epochs - 1)
        recipe = replace(recipe, views=views) if bank else recipe  # more epochs meet the views of the bank again
        samples, bank = samples[chosen], [logits[:, chosen] for logits in bank]
    described = networks.facts(context, problem)
    asked = context.numbered("teacher")
    readings = spec.get("readings", ["last"] * len(asked))
    training = Training(
        task=problem.labels.task,
        method=method,
        network=networks.fresh(context, described, "student", spec["seed"]),
        examples=networks.examples(context, problem, samples, device),
        bank=bank,
        recipe=recipe,
        seeds=networks.student_seeds(spec["seed"]),
        config=networks.compute_config(context),
        mean=method.collected_mean,
        warmup=warmup,
        checkpoint=Checkpoint(context.partial),
        report=context.report,
        validation=networks.validation(context, problem),
        teachers=[
            networks.trained(each, reading, context.registry) for each, reading in zip(asked, readings, strict=True)
        ],
        fresh_network=lambda purpose: networks.fresh(context, described, "of the method", purpose, spec["seed"]),
    )
    return networks.train(context, training, described)


def method_of(context: JobContext) -> "Method":
    """The method that the spec declares, by the code that the plan saw. Its name says only where to look for it."""
    from roskdbench.method import code_identity

    name, spec = context.job.locations["method"], context.spec
    mean = {key: value for key, value in spec["averaging"].items() if key != "warmup"}
    chosen: type[Method] = context.registry.find("method", name).thing
    method = chosen.model_validate({**spec["method"], "averaging": mean})
    network_code = {role: digest for role, digest in context.job.code.items() if role.startswith("network.")}
    if {**code_identity(method), **network_code} != dict(context.job.code):
        raise UserError(f"the code of method '{name}' changed while the suite was running; run it again")
    if method.training_declaration() != spec["method"]:
        raise UserError(f"method '{name}' is no more what it was when the suite was planned; run it again")
    return method
