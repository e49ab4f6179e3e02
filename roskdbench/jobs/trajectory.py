"""`trajectory`: one student training under a method's objective. Methods that differ only in what they read off it,
as Baseline V and RoS-KD do, share it.
"""

from roskdbench.engine.checkpoint import Checkpoint
from roskdbench.engine.device import prepare
from roskdbench.engine.training import Recipe, Training
from roskdbench.errors import UserError
from roskdbench.jobs import networks
from roskdbench.jobs.context import JobContext
from roskdbench.method import Method, code_identity
from roskdbench.registry import discover


def run(context: JobContext) -> str | None:
    """Write last.safetensors, averaged.safetensors (where averaging started) and history.json, or return why the
    training diverged.
    """
    device, problem, spec = prepare(), context.problem(), context.spec
    method = _method(context)
    described = networks.facts(context, problem)
    training = Training(
        task=problem.labels.task,
        method=method,
        network=networks.fresh(context, described, "student", spec["seed"]),
        examples=networks.examples(context, problem, context.training_part(), device),
        bank=[bank.array("logits.npy") for bank in context.numbered("bank")],
        recipe=Recipe.of(spec["recipe"]),
        seeds=networks.student_seeds(spec["seed"]),
        form=networks.form(context),
        mean=method.collected_mean,
        warmup=spec["averaging"]["warmup"],
        checkpoint=Checkpoint(context.partial),
        report=context.report,
        validation=networks.validation(context, problem),
    )
    return networks.train(context, training, described)


def _method(context: JobContext) -> Method:
    """The method with the parameters of the spec, from the file that the plan saw."""
    name = context.job.hints["method"]
    method = discover(context.method_folders).make(name, context.job.hints["parameters"])
    if dict(context.job.code) != code_identity(method):
        raise UserError(f"the code of method '{name}' changed while the suite was running; run it again")
    return method
