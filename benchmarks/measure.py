"""Run contenders alternately, each in a fresh process, and measure the time and the memory of each.

Peak memory is that of the whole process tree: fifty times a second, and oftener at first, the resident sets' high-water
marks, VmHWM in /proc/PID/status, are added up over the processes that are alive, and the largest sum counts. The kernel
keeps the high-water marks, so that no peak between two looks is missed, except what grows in the last moment before a
process ends. Pages that processes share, and pages of mapped files, count in full: the sum is an upper bound. Where
there is no /proc, the memory is not measured.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Self

#: The folder that holds `benchmarks` and `tagger`; what is measured runs there, so all paths must be absolute.
ROOT = Path(__file__).resolve().parents[1]
#: Seconds between two looks at the memory: a twentieth of the time that has passed, within these limits.
_SHORTEST_LOOK, _LONGEST_LOOK = 0.002, 0.02

Say = Callable[[str], None]


@dataclass(frozen=True)
class Contender:
    """One way to do the work.

    Args:
        name: as the report calls it.
        command: program and arguments.
        items: photos, steps or queries that the command gets through.
        stdin: a file to read from; None: nothing.
        succeeds: exit codes that mean success.
    """

    name: str
    command: tuple[str, ...]
    items: int = 1
    stdin: Path | None = None
    succeeds: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class Sample:
    """One run of a contender.

    Args:
        wall: seconds from start to end of the process.
        cpu: seconds of CPU, user and system, of the process and the children that it waited for.
        memory: peak in bytes over the whole tree; None where it can't be measured.
        values: what the command itself measured: the JSON object in its last line on stdout, if there is one.
    """

    wall: float
    cpu: float
    memory: int | None
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Spread:
    """Median, least and greatest of some measurements."""

    median: float
    least: float
    greatest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Summarize at least one value."""
        return cls(median(values), min(values), max(values))


@dataclass
class Measured:
    """A contender, its samples in the order of the rounds, and why it failed, "" where it did not."""

    contender: Contender
    samples: list[Sample] = field(default_factory=list)
    error: str = ""

    def spread(self, value: Callable[[Sample], float]) -> Spread:
        """Spread of a value over the rounds."""
        return Spread.of([value(sample) for sample in self.samples])

    @property
    def wall(self) -> Spread:
        """Seconds."""
        return self.spread(lambda sample: sample.wall)

    @property
    def cpu(self) -> Spread:
        """Seconds of CPU."""
        return self.spread(lambda sample: sample.cpu)

    @property
    def memory(self) -> Spread | None:
        """Peak in MB, 10⁶ bytes; None where it can't be measured."""
        peaks = [sample.memory / 1e6 for sample in self.samples if sample.memory is not None]
        return Spread.of(peaks) if peaks else None


class ContenderError(Exception):
    """A contender did not succeed; the message is its last line on stderr."""


def tagger(*arguments: str | Path) -> tuple[str, ...]:
    """The `tagger` command with these arguments."""
    return (sys.executable, "-m", "tagger", *map(str, arguments))


def job(name: str, *arguments: str | Path | int) -> tuple[str, ...]:
    """A program of `benchmarks.jobs` with these arguments."""
    return (sys.executable, "-m", f"benchmarks.jobs.{name}", *map(str, arguments))


def run_rounds(contenders: Sequence[Contender], rounds: int, say: Say, *, warm_up: bool = False) -> list[Measured]:
    """Run all contenders once, then all once more, and so on: what disturbs the machine for a while disturbs them all.

    One that fails is not run again; the others go on.

    Args:
        rounds: how often each is run.
        say: told what runs.
        warm_up: run each once before, unmeasured, so that files are in the page cache and Python's bytecode is written.
    """
    measured = [Measured(contender) for contender in contenders]
    for number in range(0 if warm_up else 1, rounds + 1):
        for each in measured:
            if each.error:
                continue
            say(f"{f'round {number}/{rounds}' if number else 'warm-up'}: {each.contender.name}")
            try:
                sample = run_once(each.contender)
            except (ContenderError, OSError) as error:  # OSError: there is no such program
                each.error = str(error)
                say(f"failed: {each.contender.name}: {each.error}")
            else:
                each.samples += [sample] if number else []
    return measured


def run_once(contender: Contender) -> Sample:
    """Run a contender to its end. Whatever it started is gone afterwards, also after Ctrl-C.

    Raises:
        ContenderError: it failed.
        OSError: it can't be started.
    """
    with contextlib.ExitStack() as stack:
        stdin = stack.enter_context(contender.stdin.open("rb")) if contender.stdin else subprocess.DEVNULL
        stdout, stderr = (stack.enter_context(tempfile.TemporaryFile()) for _ in range(2))  # pipes might fill up
        started = time.perf_counter()
        process = subprocess.Popen(
            contender.command, cwd=ROOT, env=_environment(), stdin=stdin, stdout=stdout, stderr=stderr,
            start_new_session=True,
        )  # fmt: skip
        stack.callback(_end_group, process)
        with _watch_memory(process.pid) as watch:
            _, status, usage = os.wait4(process.pid, 0)
            wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output, errors = (_read(file) for file in (stdout, stderr))
    if process.returncode not in contender.succeeds:
        raise ContenderError(_last_line(errors) or f"exit code {process.returncode}")
    return Sample(wall, usage.ru_utime + usage.ru_stime, watch.peak, _values(output))


def _environment() -> dict[str, str]:
    """As ours, but with bytecode kept, as pip does for those who install, and without the notes of TensorFlow."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return environment | {"TF_CPP_MIN_LOG_LEVEL": "2"}


def _end_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class _Watch(threading.Thread):
    """Looks at the memory of a process and its descendants until it is told to stop."""

    def __init__(self, root: int) -> None:
        super().__init__(name="memory", daemon=True)
        self.root = root
        self.peak: int | None = None
        self.stopped = threading.Event()

    def run(self) -> None:
        started = time.monotonic()
        while not self.stopped.wait(min(_LONGEST_LOOK, max(_SHORTEST_LOOK, (time.monotonic() - started) / 20))):
            if now := sum(map(_high_water, _tree(self.root))):
                self.peak = max(self.peak or 0, now)


@contextlib.contextmanager
def _watch_memory(root: int) -> Iterator[_Watch]:
    watch = _Watch(root)
    watch.start()
    try:
        yield watch
    finally:
        watch.stopped.set()
        watch.join()


def _tree(root: int) -> Iterator[int]:
    """Yield a process and its descendants."""
    yield root
    for thread in Path(f"/proc/{root}/task").glob("*"):
        with contextlib.suppress(OSError):
            for child in (thread / "children").read_text().split():
                yield from _tree(int(child))


def _high_water(process: int) -> int:
    """Bytes; 0 for a process that is gone."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def _read(file: Any) -> str:
    file.seek(0)
    return str(file.read().decode("utf-8", "replace"))


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.replace("\r", "\n").splitlines()) if line.strip()), "")


def _values(output: str) -> dict[str, Any]:
    line = _last_line(output)
    if line.startswith("{"):
        with contextlib.suppress(ValueError):
            values: dict[str, Any] = json.loads(line)
            return values
    return {}
