"""What a run looks like while it goes on: a live view in a terminal, plain lines elsewhere."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as BarProgress
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from roskdbench.executors import Event, Finished, Progressed
from roskdbench.time_left import TimeLeft
from roskdbench.walk import UNDONE, Progress

LINE_EVERY = 10.0  # seconds between plain lines of a job under way


class View(Protocol):
    """Watches a run."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def __call__(self, progress: Progress, event: Event | None) -> None:
        """Take note of where the run stands."""


def view_for(console: Console) -> View:
    """The live view where the terminal can show it."""
    return LiveView(console) if console.is_terminal else PlainView(console)


class _Clock:
    """How long the run has gone on, and how long it may go on."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self._left = TimeLeft()

    def note(self, progress: Progress, event: Event | None) -> None:
        """Take an event in."""
        self._left.note(progress, event)

    def left(self, progress: Progress) -> str:
        """Time left; nothing while too little is known."""
        seconds = self._left.seconds(progress)
        return "…" if seconds is None else duration(seconds)

    def passed(self) -> str:
        return duration(time.monotonic() - self.started)


def duration(seconds: float) -> str:
    """As a person says it: 42 s, 3:05, 2:04:10."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class LiveView:
    """Jobs by kind, and those under way with their loss and the time left."""

    def __init__(self, console: Console) -> None:
        self._console, self._clock = console, _Clock()
        self._progress: Progress | None = None
        self._said = 0
        self._live = Live(console=console, refresh_per_second=8, get_renderable=self.render)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def __call__(self, progress: Progress, event: Event | None) -> None:
        """Messages stay above the view; the rest is drawn from the progress."""
        self._progress = progress
        self._clock.note(progress, event)
        for line in progress.messages[self._said :]:
            self._console.print(Text(line, style="yellow"))
        self._said = len(progress.messages)

    def render(self) -> RenderableType:
        """The view as it is now."""
        progress = self._progress
        if progress is None:
            return Text("")
        share = progress.cost_done
        total = Table.grid(padding=(0, 1))
        total.add_row(
            ProgressBar(total=1.0, completed=share, width=40),
            Text(f"{share:4.0%}"),
            Text(f"{self._clock.passed()} so far, {self._clock.left(progress)} left", style="dim"),
        )
        return Group(_kinds(progress), total, _running(progress))


def _kinds(progress: Progress) -> RenderableType:
    jobs, states = progress.plan.jobs, list(progress.state.items())  # the run goes on while this is drawn
    total = Counter(jobs[each].group for each, _ in states)
    over = Counter(jobs[each].group for each, state in states if state not in UNDONE)
    text = Text()
    for kind in dict.fromkeys(job.group for job in jobs.values()):
        if total[kind]:
            done = over[kind] == total[kind]
            text.append(f"{kind} ", style="dim" if done else "bold")
            text.append(f"{over[kind]}/{total[kind]}   ", style="green" if done else "")
    return text


def _running(progress: Progress) -> RenderableType:
    grid = Table.grid(padding=(0, 1))
    for fingerprint, step in list(progress.running.items()):
        grid.add_row(
            Text("•", style="cyan"),
            Text(progress.plan.jobs[fingerprint].label, overflow="ellipsis", no_wrap=True),
            ProgressBar(total=1.0, completed=step.done, width=16),
            Text(step.note, style="dim"),
        )
    return grid


class PlainView:
    """A line when a job ends, and now and then one for jobs under way."""

    def __init__(self, console: Console) -> None:
        self._console, self._clock = console, _Clock()
        self._spoke: dict[str, float] = {}
        self._said = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def __call__(self, progress: Progress, event: Event | None) -> None:
        """Print messages and what is done, with the share behind and the time left."""
        self._clock.note(progress, event)
        head = f"[{progress.cost_done:4.0%}, {self._clock.left(progress)} left]"
        for line in progress.messages[self._said :]:
            self._say(f"{head} {line}")
        self._said = len(progress.messages)
        match event:
            case Progressed(fingerprint=each, done=done, note=note):
                now = time.monotonic()
                if now - self._spoke.setdefault(each, now) > LINE_EVERY:
                    self._spoke[each] = now
                    self._say(f"{head} {progress.plan.jobs[each].label}: {done:.0%} {note}")
            case Finished(fingerprint=each, diverged=""):
                self._say(f"{head} done: {progress.plan.jobs[each].label}")

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


Decoding = Callable[[str, int, int, int], None]
"""Takes a problem's name, how many of its images are done, how many of those were found, and how many there are."""


@contextmanager
def decoding_for(console: Console) -> Iterator[Decoding]:
    """Bars of the images being decoded, with images per second and the time left; lines where there is no terminal."""
    if not console.is_terminal:
        yield _PlainDecoding(console)
        return
    columns = (
        TextColumn("decoding {task.description}"),
        BarColumn(40),
        MofNCompleteColumn(),
        TextColumn("{task.fields[speed]}", style="dim"),
        TimeRemainingColumn(compact=True),
    )
    bars: dict[str, TaskID] = {}
    speed = _Speed()
    with BarProgress(*columns, console=console) as progress:

        def report(name: str, done: int, found: int, total: int) -> None:
            if name not in bars:
                bars[name] = progress.add_task(name, total=total, speed="")
            progress.update(bars[name], completed=done, speed=speed(name, done, found))

        yield report


class _Speed:
    """Images per second, those apart that were found from before."""

    def __init__(self) -> None:
        self._started: dict[str, float] = {}

    def __call__(self, name: str, done: int, found: int) -> str:
        start = self._started.setdefault(name, time.monotonic())
        passed = time.monotonic() - start
        return f"{(done - found) / passed:,.0f} images/s" if passed > 0.5 and done > found else ""


class _PlainDecoding:
    """A line now and then."""

    def __init__(self, console: Console) -> None:
        self._console, self._speed = console, _Speed()
        self._spoke = time.monotonic()

    def __call__(self, name: str, done: int, found: int, total: int) -> None:
        speed, now = self._speed(name, done, found), time.monotonic()
        if now - self._spoke > LINE_EVERY or (done == total and found < total):
            self._spoke = now
            line = f"decoding {name}: {done:,} of {total:,} images" + (f", {speed}" if speed else "")
            self._console.print(line, markup=False, soft_wrap=True)
