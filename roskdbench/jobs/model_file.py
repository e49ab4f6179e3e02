"""`model_file`: a network that was trained elsewhere, from a safetensors file, as if a training had left it here."""

from pathlib import Path

from roskdbench.errors import UserError
from roskdbench.fingerprint import file_digest
from roskdbench.job import Kind
from roskdbench.jobs.context import JobContext

KIND = Kind(revision=1)


def run(context: JobContext) -> None:
    """Write last.safetensors."""
    from roskdbench.engine import networks
    from roskdbench.jobs.networks import LAST

    path, spec = Path(context.job.locations["path"]), context.spec
    if file_digest(path) != spec["digest"]:
        raise UserError(f"{path} changed while it was being read; run the command again")
    problem, ours = context.problem(), spec["ours"] or networks.is_ours(path)
    classes, channels = problem.labels.classes, problem.images.shape[1]
    if ours:
        network, facts = networks.load_network(path, context.registry)
        wanted = {"model": spec["model"], "options": spec.get("options", {})}
        if not spec["ours"] and facts["architecture"] != wanted:
            raise UserError(f"{path} holds a {facts['architecture']}, and the suite says that it is a {wanted}")
        if tuple(facts["class_names"]) != classes or facts["channels"] != channels:
            theirs = f"{', '.join(facts['class_names'])} on {facts['channels']} channels"
            raise UserError(f"{path} was trained for {theirs}; the problem has {', '.join(classes)} on {channels}")
    else:
        facts = {
            "architecture": {"model": spec["model"], "options": spec.get("options", {})},
            "stem": "standard",
            "channels": channels,
            "size": problem.images.shape[2],
            "classes": len(classes),
            "task": problem.labels.task,
            "class_names": list(classes),
        }
        network = networks.adopt(path, facts, spec["mean"], spec["deviation"], context.registry)
    networks.save_weights(network, context.folder / LAST, facts)
