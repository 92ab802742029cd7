"""How the scripts of the peers' own environments read a snapshot and answer.

These scripts run under another interpreter, where neither the package nor its dependencies exist: this
folder uses the standard library and the peer alone.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

__all__ = ["serve"]


def serve(
    prepare: Callable[[Any], Any], decide: Callable[[Any, Any], tuple[list[int] | None, str]]
) -> None:
    """Read the snapshot, time the decision, write the answer.

    Parameters
    ----------
    prepare
        Makes the peer's input from the snapshot: the part that a running installation has in memory.
    decide
        Takes the snapshot and the input; returns the host of each VM, or ``None``, and a note.
    """
    asked, answered = map(Path, sys.argv[1:])
    snapshot = SimpleNamespace(**json.loads(asked.read_text()))
    given = prepare(snapshot)
    wall, cpu = time.perf_counter(), _cpu_s()
    host_of, note = decide(snapshot, given)
    answer = {
        "host_of": host_of,
        "wall_s": time.perf_counter() - wall,
        "cpu_s": _cpu_s() - cpu,
        "note": note,
    }
    answered.write_text(json.dumps(answer))


def _cpu_s() -> float:
    """Return the CPU seconds of this process and of the children it has waited for."""
    import os

    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
