from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.measure import ROOT, Contender, Measured, Sample, Spread, job, run_once, run_rounds, tagger

needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is measured on Linux alone")


def _python(name: str, code: str, **more: object) -> Contender:
    return Contender(name, (sys.executable, "-c", code), **more)  # type: ignore[arg-type]


def _quiet(what: str) -> None:
    pass


def test_rounds_alternate(tmp_path: Path) -> None:
    log = tmp_path / "log"
    contenders = [_python(name, f"open({str(log)!r}, 'a').write({name!r})") for name in "abc"]
    measured = run_rounds(contenders, 2, _quiet)
    assert log.read_text() == "abcabc"
    assert [len(each.samples) for each in measured] == [2, 2, 2]


def test_a_warm_up_is_run_but_not_measured(tmp_path: Path) -> None:
    log = tmp_path / "log"
    (measured,) = run_rounds([_python("a", f"open({str(log)!r}, 'a').write('a')")], 1, _quiet, warm_up=True)
    assert log.read_text() == "aa"
    assert len(measured.samples) == 1


def test_median_and_spread() -> None:
    samples = [Sample(wall, cpu=2 * wall, memory=int(1e6 * wall)) for wall in (5.0, 1.0, 2.0, 3.0)]
    measured = Measured(_python("a", ""), samples)
    assert measured.wall == Spread(2.5, 1, 5)
    assert measured.cpu == Spread(5, 2, 10)
    assert measured.memory == Spread(2.5, 1, 5)


def test_unknown_memory_stays_unknown() -> None:
    assert Measured(_python("a", ""), [Sample(1, 1, None)]).memory is None


def test_a_failure_is_reported_and_the_others_go_on(tmp_path: Path) -> None:
    log = tmp_path / "log"
    broken = "import sys; print('first', file=sys.stderr); print('the last line', file=sys.stderr); sys.exit(5)"
    good = f"open({str(log)!r}, 'a').write('x')"
    failed, succeeded = run_rounds([_python("broken", broken), _python("good", good)], 2, _quiet)
    assert (failed.error, failed.samples) == ("the last line", [])
    assert (succeeded.error, len(succeeded.samples)) == ("", 2)
    assert log.read_text() == "xx"


def test_a_program_that_is_missing_is_a_failure() -> None:
    (failed,) = run_rounds([Contender("missing", ("/no/such/program",))], 1, _quiet)
    assert "/no/such/program" in failed.error


def test_other_exit_codes_may_be_success() -> None:
    (measured,) = run_rounds([_python("three", "raise SystemExit(3)", succeeds=(0, 3))], 1, _quiet)
    assert not measured.error


def test_what_a_command_measures_itself(tmp_path: Path) -> None:
    photos = tmp_path / "list"
    photos.write_text("1\n2\n")
    code = "import sys; print('noise'); print('{\"lines\": %d}' % len(sys.stdin.readlines()))"
    assert run_once(_python("a", code, stdin=photos)).values == {"lines": 2}


def test_long_output_does_not_block() -> None:
    assert (
        run_once(_python("a", "import sys; print('x' * 1_000_000); print('y' * 1_000_000, file=sys.stderr)")).wall > 0
    )


def test_cpu_time_counts_children() -> None:
    busy = "import time\nwhile time.process_time() < 0.3: pass"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {busy!r}])"
    assert run_once(_python("a", code)).cpu >= 0.3


@needs_proc
def test_peak_memory_is_what_was_allocated() -> None:
    # Touched, and given back before the end: the peak counts.
    code = "import time; block = bytearray(b'x') * 100_000_000; time.sleep(0.3); del block; time.sleep(0.1)"
    base, peak = (run_once(_python("a", c)).memory for c in ("import time; time.sleep(0.3)", code))
    assert base is not None and peak is not None
    assert peak - base == pytest.approx(100e6, rel=0.1)


@needs_proc
def test_peak_memory_is_summed_over_the_tree() -> None:
    allocate = "import time; block = bytearray(b'x') * 60_000_000; time.sleep(1)"
    start = f"import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', {allocate!r}])"
    code = f"{start}; {allocate}; child.wait()"
    memory = run_once(_python("a", code)).memory
    assert memory is not None
    assert 120e6 < memory < 170e6


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def _ends(process: int) -> bool:
    deadline = time.monotonic() + 20
    while _alive(process) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not _alive(process)


def _leaves_a_child(file: Path) -> str:
    child = "import time; time.sleep(60)"
    return (
        "import pathlib, subprocess, sys\n"
        f"child = subprocess.Popen([sys.executable, '-c', {child!r}])\n"
        f"pathlib.Path({str(file)!r} + '.new').write_text(str(child.pid))\n"
        f"pathlib.Path({str(file)!r} + '.new').rename({str(file)!r})\n"
    )


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    run_once(_python("a", _leaves_a_child(tmp_path / "pid")))
    assert _ends(int((tmp_path / "pid").read_text()))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_whole_tree(tmp_path: Path, number: signal.Signals) -> None:
    file = tmp_path / "pid"
    contender = _leaves_a_child(file) + "import time; time.sleep(60)\n"
    code = (
        "import signal, sys\n"
        "from benchmarks.__main__ import main\n"
        "from benchmarks.measure import Contender, run_once\n"
        "main.callback()\n"
        f"run_once(Contender('a', (sys.executable, '-c', {contender!r})))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while not file.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    assert process.wait(timeout=20) != 0
    assert _ends(int(file.read_text()))


def test_commands_run_from_the_checkout() -> None:
    assert run_once(Contender("a", tagger("--version"))).wall > 0
    assert job("train", Path("x"), 3) == (sys.executable, "-m", "benchmarks.jobs.train", "x", "3")
