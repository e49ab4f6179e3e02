"""`bank`: one teacher's logits for every view of the training part that students will meet."""

import numpy as np

from roskdbench.job import Kind
from roskdbench.jobs.context import JobContext
from roskdbench.store import reserve

KIND = Kind(revision=1, uses_gpu=True)


def run(context: JobContext) -> None:
    """Write logits.npy [views, n, C], rows in the order of the training part, straight to the file."""
    from roskdbench.engine.bank import fill
    from roskdbench.engine.device import prepare
    from roskdbench.engine.networks import load_network
    from roskdbench.engine.recipe import Recipe
    from roskdbench.jobs import networks

    device, problem, spec = prepare(), context.problem(), context.spec
    teacher, facts = load_network(
        context.inputs["teacher"].file(f"{spec.get('reading', 'last')}.safetensors"), context.registry
    )
    recipe = Recipe.of(spec["recipe"])
    samples = context.training_part()
    shape = (recipe.view_count, len(samples), facts["classes"])
    bank = np.lib.format.open_memmap(context.folder / "logits.npy", "w+", np.dtype(spec["dtype"]), shape)
    with (context.folder / "logits.npy").open("r+b") as file:  # once mapped, a full disk kills the process
        reserve(file, bank.offset + bank.nbytes)
    examples = networks.examples(context, problem, samples, device)
    config = networks.compute_config(context)
    fill(bank, teacher, examples, recipe, networks.student_seeds(spec["seed"]), config, context.report)
    bank.flush()
