"""`trajectory`: one student training under a method's objective. Methods that differ only in what they read off it,
as Baseline V and RoS-KD do, share it.
"""

from roskdbench.engine.checkpoint import Checkpoint
from roskdbench.engine.device import prepare
from roskdbench.engine.training import Recipe, Training
from roskdbench.errors import UserError
from roskdbench.jobs import networks
from roskdbench.jobs.work import Work
from roskdbench.method import Method, code_identity
from roskdbench.registry import discover


def run(work: Work) -> str | None:
    """Write last.safetensors, averaged.safetensors (where averaging started) and history.json, or return why the
    training diverged.
    """
    device, problem, spec = prepare(), work.problem(), work.spec
    method = _method(work)
    described = networks.facts(work, problem)
    training = Training(
        task=problem.labels.task,
        method=method,
        network=networks.fresh(work, described, "student", spec["seed"]),
        examples=networks.examples(work, problem, work.training_part(), device),
        bank=[bank.array("logits.npy") for bank in work.numbered("bank")],
        recipe=Recipe.of(spec["recipe"]),
        seeds=networks.student_seeds(spec["seed"]),
        form=networks.form(work),
        mean=method.collected_mean,
        warmup=spec["averaging"]["warmup"],
        checkpoint=Checkpoint(work.partial),
        report=work.report,
        exam=networks.exam(work, problem),
    )
    return networks.train(work, training, described)


def _method(work: Work) -> Method:
    """The method with the parameters of the spec, from the file that the plan saw."""
    name = work.job.hints["method"]
    method = discover(work.method_folders).make(name, work.job.hints["parameters"])
    if dict(work.job.code) != code_identity(method):
        raise UserError(f"the code of method '{name}' changed while the suite was running; run it again")
    return method
