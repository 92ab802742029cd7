"""Run a program under a time and a memory limit, and say what it took."""

from __future__ import annotations

import math
import os
import resource
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Ended", "end_on_terminate", "own_peak_mib", "run_program"]

#: Seconds between two looks: short programs are seen several times, long ones are not disturbed.
_FIRST_POLL_S, _LAST_POLL_S = 0.000_5, 0.02
#: Fewer looks than this at a program that is there say nothing of its peak.
_LOOKS = 3
#: What a program that has been loaded holds at least.
_LOADED_KIB = 1_024
#: Seconds from the request to end to the end by force.
_GRACE_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a program ended.

    Parameters
    ----------
    code
        Its exit code; negative for a signal.
    stdout, stderr
        What it printed.
    wall_s, cpu_s : s
        From start to end, its children included in the CPU seconds.
    peak_mib : MiB
        Largest resident memory of the program and its children together, sampled; not a number where it
        ended before it was seen a few times.
    stopped
        Why it was stopped, empty if it ended by itself.
    """

    code: int
    stdout: str
    stderr: str
    wall_s: float
    cpu_s: float
    peak_mib: float
    stopped: str = ""


def own_peak_mib() -> float:
    """Return the largest resident memory of this process so far, in MiB.

    The kernel's figure for children would include the parent's memory at the moment of the fork;
    this one counts from the start of the present program.
    """
    return _status_kib("self", "VmHWM") / 1_024


def run_program(
    argv: Sequence[str],
    *,
    folder: Path,
    limit_s: float,
    memory_limit_mib: float,
    cwd: Path | None = None,
) -> Ended:
    """Run a program and wait for it.

    Parameters
    ----------
    argv
        The program and its arguments.
    folder
        Where its output is kept while it runs.
    limit_s : s
        Wall time after which it is stopped, with all its children.
    memory_limit_mib : MiB
        Resident memory above which it is stopped.
    cwd
        Where it runs.
    """
    out_path, err_path = folder / "stdout", folder / "stderr"
    with out_path.open("wb") as out, err_path.open("wb") as err:
        started = time.perf_counter()
        # A session of its own, so that the children of the program can be stopped with it.
        process = subprocess.Popen(argv, stdout=out, stderr=err, cwd=cwd, start_new_session=True)
        try:
            status, usage, peak_kib, stopped = _watch(process.pid, started, limit_s, memory_limit_mib)
        except BaseException:
            # Nobody may go on computing when the caller is interrupted.
            os.killpg(process.pid, signal.SIGTERM)
            raise
        wall_s = time.perf_counter() - started
        # The object would wait again when it is collected.
        process.returncode = os.waitstatus_to_exitcode(status)
    return Ended(
        code=process.returncode,
        stdout=out_path.read_text(errors="replace"),
        stderr=err_path.read_text(errors="replace"),
        wall_s=wall_s,
        cpu_s=usage.ru_utime + usage.ru_stime,
        peak_mib=math.nan if peak_kib is None else peak_kib / 1_024,
        stopped=stopped,
    )


def _watch(
    pid: int, started: float, limit_s: float, memory_limit_mib: float
) -> tuple[int, resource.struct_rusage, int | None, str]:
    """Wait for a program; return its status, what it used, its peak in KiB if seen, why it was stopped."""
    peak_kib, stopped, stopped_at, looks = 0, "", 0.0, 0
    poll_s = _FIRST_POLL_S
    while True:
        ended, status, usage = os.wait4(pid, os.WNOHANG)
        if ended:
            return status, usage, peak_kib if looks >= _LOOKS else None, stopped
        now = time.perf_counter()
        held_kib = _tree_kib(pid)
        looks += held_kib >= _LOADED_KIB
        peak_kib = max(peak_kib, held_kib)
        if stopped:
            if now - stopped_at > _GRACE_S:
                os.killpg(pid, signal.SIGKILL)
        elif now - started > limit_s:
            stopped = f"stopped after {limit_s:g} s"
        elif peak_kib > memory_limit_mib * 1_024:
            stopped = f"stopped above {memory_limit_mib:g} MiB"
        if stopped and not stopped_at:
            stopped_at = now
            # A program that itself runs one like this gets the time to stop it.
            os.killpg(pid, signal.SIGTERM)
        time.sleep(poll_s)
        poll_s = min(_LAST_POLL_S, 1.1 * poll_s)


def end_on_terminate() -> None:
    """Let SIGTERM end this process as an exception, so that what it runs is stopped too."""

    def leave(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, leave)


def _tree_kib(pid: int) -> int:
    """Return the resident memory of a process and its descendants."""
    total, queue = 0, [str(pid)]
    while queue:
        one = queue.pop()
        total += _status_kib(one, "VmRSS")
        try:
            queue += Path(f"/proc/{one}/task/{one}/children").read_text().split()
        except OSError:
            continue
    return total


def _status_kib(pid: str, key: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(key + ":")), 0)
