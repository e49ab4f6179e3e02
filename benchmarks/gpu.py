"""All that a GPU is needed for, in order of worth: what was found is kept when time runs out.

    python benchmarks/gpu.py [--minutes 40] [--out DIR] [--parts tests,quick,…] [--pretend]

- tests: `pytest -m gpu`;
- quick: `quick.yaml`'s Table I on the CPU and on the GPU, the numbers compared;
- steps: images a second in training, of a ResNet-18 at 28, 64 and 224 px and a ResNet-50 at 224 px, alone and with five
  teachers from banks, in float32, TF32 and bf16, eager and compiled, beside timm's own step; timm's also as a CUDA
  graph, which is what launches cost; shares of the peak of a product of matrices;
- sharing: one, two, four and eight jobs at a time on the card;
- profile: where the time of a step goes, with its trace;
- paper: a part of `paper.yaml` on drawn images of true size, and the hours that all of it would take.

Each part is a process of its own, and leaves PART.json and PART.txt in DIR; a part that is there is not done again.
README.md in DIR says what was found. `--pretend` does all of it on a CPU, very small: it shows that the script works.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
Found = dict[str, Any]
SHARES = {"tests": 0.15, "quick": 0.2, "steps": 0.3, "sharing": 0.1, "profile": 0.05, "paper": 0.2}
"""Of the time there is, what a part may take; what one leaves over goes to those behind it."""


SMALL = {"channels": [8, 8, 8, 8], "layers": [1, 1, 1, 1]}


def sides(pretend: bool) -> Iterator[tuple[str, int, str, bool, bool]]:
    """Network, size, precision, compiled, with teachers: in order of worth."""
    true = [("resnet18", 224), ("resnet18", 28), ("resnet50", 224), ("resnet18", 64)]
    cases = [("resnet18", 28)] if pretend else true
    precisions = ("float32",) if pretend else ("bf16", "float32", "tf32")
    for compiled in (False,) if pretend else (False, True):
        for model, size in cases:
            for precision in precisions:
                for taught in (False, True):
                    yield model, size, precision, compiled, taught


def tests(out: Path, pretend: bool) -> Found:
    """What pytest says."""
    chosen = ["tests/test_device.py", "-k", "TestThePretence"] if pretend else ["-m", "gpu"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *chosen],
        cwd=HERE.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    (out / "tests-pytest.txt").write_text(done.stdout + done.stderr, "utf-8")
    return {"exit": done.returncode, "said": (done.stdout.strip().splitlines() or [""])[-1]}


def quick(out: Path, pretend: bool) -> Found:
    """Seconds on either device, and how far their tables are apart."""
    import roskdbench as rb

    suite = "smoke" if pretend else "quick"
    keys = ["method", "problem", "noise", "metric"]
    seconds, tables = {}, {}
    for name, device in (("cpu", "cpu"), ("gpu", "cpu" if pretend else "cuda:0")):
        store = out / "stores" / name
        workers = 1 if pretend else min(8, os.cpu_count() or 1)
        options = ["--only", "table1", "--set", "experiments.table1.seeds=[0]", "--devices", device]
        seconds[name] = run("run", suite, *options, "--workers", str(workers), "--store", str(store))
        frame = rb.load(store=store).results
        shown = frame[(frame["measure"] == "scores") & (frame["class"] == "") & frame["value"].notna()]
        tables[name] = shown.groupby(keys)["value"].mean()
    apart = (tables["gpu"] - tables["cpu"]).abs()
    return {
        "suite": suite,
        "seconds": seconds,
        "times as fast": seconds["cpu"] / seconds["gpu"],
        "numbers": len(apart),
        "apart, median": float(apart.median()),
        "apart, most": float(apart.max()),
    }


def steps(out: Path, pretend: bool) -> Found:
    """Images a second, a line each as soon as it is known."""
    import torch
    from distillation import network, operations, peak, timed
    from throughput import STEM, ours, timms

    from roskdbench.engine.device import ComputeConfig, prepare

    device = prepare()
    batch, taken, rounds = (4, 1, 1) if pretend else (256, 30, 5)
    most = {kind: peak(256 if pretend else 8192, getattr(torch, kind), device) for kind in ("float32", "bfloat16")}
    lines: list[Found] = []
    for model, size, precision, compiled, taught in sides(pretend):
        tf32 = precision == "tf32"
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
        form = ComputeConfig("bf16" if precision == "bf16" else "float32", compiled=compiled)
        made = {
            "ours": ours(size, batch, taken, form, device, taught, model),
            "timm": timms(size, batch, taken, form, device, taught, model),
        }
        if not (taught or compiled or pretend):
            made["timm, a CUDA graph"] = graphed(timms(size, batch, 1, form, device, taught, model), taken)
        found: dict[str, list[float]] = {name: [] for name in made}
        for turn in range(rounds + 1):
            for name, side in made.items():
                taken_seconds = timed(side, device)
                if turn:  # the first warms up, and compiles
                    found[name].append(batch * taken / taken_seconds)
        middle = {name: statistics.median(each) for name, each in found.items()}
        kind = "bfloat16" if precision == "bf16" else "float32"
        work = operations(network(model, size, STEM), size)
        lines.append(
            {
                "network": model,
                "pixels": size,
                "precision": precision,
                "compiled": compiled,
                "teachers": 5 if taught else 0,
                "images/s": middle,
                "ours over timm": middle["ours"] / middle["timm"],
                "share of the peak": None if taught or tf32 else work * middle["ours"] / most[kind],
            }
        )
        keep(out / "steps.partial.json", {"peak TFLOP/s": {k: v / 1e12 for k, v in most.items()}, "lines": lines})
    return {"peak TFLOP/s": {kind: each / 1e12 for kind, each in most.items()}, "lines": lines}


def graphed(step: Callable[[], object], times: int) -> Callable[[], None]:
    """The step as a CUDA graph, replayed."""
    import torch

    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()

    def replay() -> None:
        for _ in range(times):
            graph.replay()

    return replay


def sharing(out: Path, pretend: bool) -> Found:
    """Seconds for the same trainings with more and more jobs at a time."""
    found = {}
    for workers in (1, 2) if pretend else (1, 2, 4, 8):
        store = out / "stores" / f"sharing-{workers}"
        case = (
            ["smoke", "--set", "experiments.table1.methods=[baseline-i]"] if pretend else ["quick", "--only", "table1"]
        )
        where = ["--devices", "cpu" if pretend else "cuda:0", "--workers", str(workers), "--store", str(store)]
        found[str(workers)] = run("run", *case, *where)
        keep(out / "sharing.partial.json", {"seconds by jobs at a time": found})
    return {"seconds by jobs at a time": found}


def profile(out: Path, pretend: bool) -> Found:
    """What takes the time of a step, by kernel; the trace is kept."""
    from throughput import ours
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as watch

    from roskdbench.engine.device import ComputeConfig, prepare

    device = prepare()
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device.type == "cuda" else [])]
    order = "self_cuda_time_total" if device.type == "cuda" else "self_cpu_time_total"
    found: Found = {}
    for size in (28,) if pretend else (28, 224):
        form = ComputeConfig("float32" if pretend else "bf16")
        batch, taken = (4, 1) if pretend else (256, 10)
        side = ours(size, batch, taken, form, device, True)
        side()
        with watch(activities=activities) as seen:
            side()
        table = seen.key_averages().table(sort_by=order, row_limit=25)
        (out / f"profile-{size}.txt").write_text(table, "utf-8")
        seen.export_chrome_trace(str(out / f"profile-{size}.trace.json"))
        found[f"{size} px"] = [line for line in table.splitlines()[-2:] if line.strip()]
    return found


def paper(out: Path, pretend: bool) -> Found:
    """Jobs of `paper.yaml` on drawn images of its size, and what they say of all of it."""
    from roskdbench.plan import plan
    from roskdbench.plan.estimate import speeds
    from roskdbench.plugins import discover
    from roskdbench.store import Store
    from roskdbench.suite import read_suite

    size, samples = (28, 80) if pretend else (224, 2000)
    drawn = {"dataset": "phantom-lesion", "size": size, "samples": samples}
    methods = ["baseline-i"] if pretend else ["baseline-i", "baseline-ii", "ros-kd"]
    said = {
        "problems.lesion": drawn,
        "protocol.epochs": 2,
        "protocol.optimiser.milestones": [1],
        "protocol.averaging_warmup": 1,
        "experiments.table1.problems": ["lesion"],
        "experiments.table1.methods": methods,
    }
    if pretend:
        said["experiments.table1.students"] = [{"model": "resnet18", "options": SMALL}]
    settings = [part for key, value in said.items() for part in ("--set", f"{key}={json.dumps(value)}")]
    store = out / "stores" / "paper"
    where = ["--devices", "cpu" if pretend else "cuda:0", "--workers", "1", "--store", str(store)]
    seconds = run("run", "paper", "--only", "table1", *settings, *where)
    known = speeds(Store(store))
    if not known:
        return {"seconds of the part": seconds, "hours": "too little was computed to tell"}
    speed = known[0]
    whole = plan(read_suite("paper"), discover())
    hours = dict.fromkeys(whole.experiments, 0.0)
    hours["all of it"] = speed.hours(whole.jobs.values())
    for name in whole.experiments:
        hours[name] = speed.hours(plan(read_suite("paper"), discover(), [name]).jobs.values())
    return {"seconds of the part": seconds, "device": speed.device, "hours": hours}


PARTS: dict[str, Callable[[Path, bool], Found]] = {
    "tests": tests,
    "quick": quick,
    "steps": steps,
    "sharing": sharing,
    "profile": profile,
    "paper": paper,
}


def run(*arguments: str) -> float:
    """Seconds that a command of ours takes."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "roskdbench", *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def keep(path: Path, found: Found) -> None:
    """Write it as a whole, or not at all."""
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(found, indent=2) + "\n", "utf-8")
    draft.replace(path)


def one(name: str, out: Path, pretend: bool, seconds: float) -> str:
    """Do a part in a process of its own; how that ended."""
    command = [sys.executable, __file__, "--part", name, "--out", str(out), *(["--pretend"] if pretend else [])]
    with (out / f"{name}.txt").open("w", encoding="utf-8") as said:
        started = subprocess.Popen(command, stdout=said, stderr=said, start_new_session=True)
        try:
            code = started.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(started.pid, signal.SIGKILL)  # with all that it has started, which would share the card
            started.wait()
            return f"stopped after {seconds:.0f} s"
    return "done" if code == 0 else f"failed; see {name}.txt"


def summary(out: Path, ended: dict[str, str], pretend: bool) -> str:
    """What was found, as Markdown."""
    title = "# A GPU that is only pretended: these are the CPU's numbers" if pretend else "# What a GPU was asked"
    lines = [title, ""]
    for name in PARTS:
        if name not in ended:
            continue
        lines += [f"## {name}: {ended[name]}", ""]
        whole, partial = out / f"{name}.json", out / f"{name}.partial.json"
        file = whole if whole.is_file() else partial
        if file.is_file():
            lines += ["```json", file.read_text("utf-8").strip(), "```", ""]
    return "\n".join(lines)


def main() -> None:
    """Parts in order, as long as there is time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=40)
    parser.add_argument("--out", type=Path, default=Path("roskdbench-store/gpu"))
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--pretend", action="store_true")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    said = parser.parse_args()
    said.out.mkdir(parents=True, exist_ok=True)
    if said.part:
        keep(said.out / f"{said.part}.json", PARTS[said.part](said.out, said.pretend))
        return
    if not said.pretend:
        import torch

        if not torch.cuda.is_available():
            sys.exit("torch sees no GPU here; --pretend shows that this script works")
    wanted = [name for name in PARTS if name in said.parts.split(",")]
    if strange := set(said.parts.split(",")) - PARTS.keys():
        sys.exit(f"no part {', '.join(sorted(strange))}; there are: {', '.join(PARTS)}")
    left, ended = said.minutes * 60, dict[str, str]()
    for number, name in enumerate(wanted):
        if (said.out / f"{name}.json").is_file():
            ended[name] = "done before"
        else:
            share = SHARES[name] / sum(SHARES[each] for each in wanted[number:])
            start = time.perf_counter()
            ended[name] = one(name, said.out, said.pretend, max(1.0, left * share)) if left > 1 else "no time left"
            left -= time.perf_counter() - start
        print(f"{name}: {ended[name]}", flush=True)
        (said.out / "README.md").write_text(summary(said.out, ended, said.pretend), "utf-8")
    if any(each.startswith("failed") for each in ended.values()):
        sys.exit(1)


if __name__ == "__main__":
    main()
