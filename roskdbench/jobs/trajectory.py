"""`trajectory`: one student training under a method's objective. Methods that differ only in what they read off it,
as Baseline V and RoS-KD do, share it.
"""

from roskdbench.engine.checkpoint import Checkpoint
from roskdbench.engine.device import prepare
from roskdbench.engine.networks import save_weights
from roskdbench.engine.training import DivergedError, Recipe, Seeds, Training
from roskdbench.errors import UserError
from roskdbench.fingerprint import canonical_json, seed_for
from roskdbench.jobs import networks
from roskdbench.jobs.work import Work
from roskdbench.method import Mean, Method, RunningMean, code_identity
from roskdbench.registry import discover


def student_seeds(seed: int) -> Seeds:
    """Every student of a seed meets the same views in the same order, whatever its method."""
    return Seeds(*(seed_for(what, "student", seed) for what in ("order", "views", "method")))


def run(work: Work) -> str | None:
    """Write last.safetensors, averaged.safetensors (where averaging started) and history.json, or return why the
    training diverged.
    """
    device, problem, spec = prepare(), work.problem(), work.spec
    method = _method(work)
    mean = method.averaging if isinstance(method.averaging, Mean) else RunningMean()
    described = networks.facts(work, problem)
    training = Training(
        task=problem.labels.task,
        method=method,
        network=networks.fresh(work, described, "student", spec["seed"]),
        examples=networks.examples(work, problem, networks.training_part(work), device),
        bank=[bank.array("logits.npy") for bank in work.numbered("bank")],
        recipe=Recipe.of(spec["recipe"]),
        seeds=student_seeds(spec["seed"]),
        form=networks.form(work),
        mean=mean,
        warmup=spec["averaging"]["warmup"],
        checkpoint=Checkpoint(work.partial),
        report=work.report,
    )
    try:
        training.run()
    except DivergedError as error:
        return str(error)
    save_weights(training.network, work.folder / networks.LAST, described)
    if training.averaged is not None:
        save_weights(training.averaged.module, work.folder / networks.AVERAGED, described)
    (work.folder / networks.HISTORY).write_text(canonical_json(training.history), "utf-8")
    return None


def _method(work: Work) -> Method:
    """The method with the parameters of the spec, from the file that the plan saw."""
    name = work.job.hints["method"]
    method = discover(work.method_folders).make(name, work.job.hints["parameters"])
    if dict(work.job.code) != code_identity(method):
        raise UserError(f"the code of method '{name}' changed while the suite was running; run it again")
    return method
