"""A program is timed, its memory seen, and it is stopped with all its children."""

import math
import os
import sys
import time
from pathlib import Path

import pytest

from benchmarks.isolate import own_peak_mib, run_program

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


def _run(code, tmp_path, **limits):
    given = {"limit_s": 30.0, "memory_limit_mib": 4_096.0, **limits}
    return run_program([sys.executable, "-c", code], folder=tmp_path, **given)


def test_a_program_that_ends_by_itself(tmp_path):
    ended = _run("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)", tmp_path)
    assert (ended.code, ended.stdout, ended.stderr, ended.stopped) == (3, "out\n", "err\n", "")
    assert ended.cpu_s > 0


def test_a_program_that_nobody_saw_has_no_peak(tmp_path, monkeypatch):
    """A guess from one look at a program that is still being loaded would be no figure."""
    monkeypatch.setattr("benchmarks.isolate._tree_kib", lambda pid: 4)
    assert math.isnan(_run("pass", tmp_path).peak_mib)
    monkeypatch.undo()
    assert _run("import time; time.sleep(0.2)", tmp_path).peak_mib > 1


def test_memory_of_children_counts_and_memory_of_the_parent_does_not(tmp_path):
    ballast = bytearray(300 * 2**20)
    ballast[::4_096] = b"x" * len(ballast[::4_096])
    child = "b = bytearray(120 * 2**20); b[::4096] = b'x' * len(b[::4096]); import time; time.sleep(.3)"
    ended = _run(f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])", tmp_path)
    del ballast
    assert 120 < ended.peak_mib < 250


def test_a_program_that_takes_too_long_is_stopped_with_its_children(tmp_path):
    code = (
        "import subprocess, sys, time\n"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(p.pid, flush=True); time.sleep(60)"
    )
    ended = _run(code, tmp_path, limit_s=0.5)
    assert ended.stopped == "stopped after 0.5 s"
    assert ended.code < 0
    pid = int(ended.stdout)
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        # A zombie that nobody has waited for yet is dead as well.
        if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return
        time.sleep(0.02)
    pytest.fail("the child lives on")


def test_a_program_that_takes_too_much_memory_is_stopped(tmp_path):
    code = "b = bytearray(200 * 2**20); b[::4096] = b'x' * len(b[::4096]); import time; time.sleep(60)"
    ended = _run(code, tmp_path, memory_limit_mib=100.0)
    assert ended.stopped == "stopped above 100 MiB"


def test_the_own_peak_never_falls():
    before = own_peak_mib()
    ballast = bytearray(50 * 2**20)
    ballast[::4_096] = b"x" * len(ballast[::4_096])
    del ballast
    assert own_peak_mib() >= before > 1


def test_an_interrupted_caller_leaves_nobody_behind(tmp_path):
    """A program in a program, each in a session of its own: ending the outer one ends both."""
    inner = (
        f"import time; from pathlib import Path; Path({str(tmp_path / 'on')!r}).touch(); time.sleep(60)"
    )
    root = str(Path(__file__).parents[2])
    outer = (
        f"import sys; sys.path.insert(0, {root!r})\n"
        "from pathlib import Path\n"
        "from benchmarks.isolate import end_on_terminate, run_program\n"
        "end_on_terminate()\n"
        f"folder = Path({str(tmp_path / 'inner')!r}); folder.mkdir()\n"
        f"run_program([sys.executable, '-c', {inner!r}], folder=folder, limit_s=60,"
        " memory_limit_mib=4096)"
    )
    ended = _run(outer, tmp_path, limit_s=2.0)
    assert (tmp_path / "on").is_file()
    assert ended.code == 128 + 15
    time.sleep(0.2)
    alive = [
        p for p in Path("/proc").glob("[0-9]*/cmdline") if str(tmp_path / "on").encode() in _read(p)
    ]
    assert not alive


def _read(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""
