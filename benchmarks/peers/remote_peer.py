"""A peer in an environment of its own, with other dependencies than ours."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

import consolidate as cs
from benchmarks.isolate import run_program
from benchmarks.peers.base import MEMORY_LIMIT_MIB, Placing

__all__ = ["PEERS_HOME", "RemotePeer", "install_command"]

#: Folder of the peers' own environments, one sub-folder each.
PEERS_HOME = Path(os.environ.get("CONSOLIDATE_PEERS", "~/.cache/consolidate-peers")).expanduser()
#: Wall seconds that a program of another environment may need to start, on top of its limit.
_START_S = 20.0


def install_command(folder: str, *requirements: str) -> str:
    """Return the command that makes an environment with these requirements."""
    home = PEERS_HOME / folder
    steps = [f"python -m venv {home}", *(f"{home}/bin/pip install {r}" for r in requirements)]
    return " && ".join(steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemotePeer:
    """Common to the peers that a script under another interpreter speaks to.

    The script ``remote/on_<folder>.py`` reads the snapshot as JSON and writes its answer as JSON; see
    ``remote/wire.py``.
    """

    folder: ClassVar[str]
    packages: ClassVar[tuple[str, ...]]
    install: ClassVar[str]

    def version(self) -> str:
        """Return the versions of its packages in its environment."""
        code = f"from importlib.metadata import version; print(*map(version, {self.packages!r}))"
        done = subprocess.run([self._python(), "-c", code], capture_output=True, text=True, check=False)
        found = done.stdout.split()
        return ", ".join(f"{p} {v}" for p, v in zip(self.packages, found, strict=False)) or "unknown"

    def available(self) -> str | None:
        """Say whether its environment is there."""
        return None if self._python().is_file() else f"not installed; {self.install}"

    def place(self, instance: cs.Instance, *, seed: int, limit_s: float) -> Placing:
        """Let its script decide."""
        script = Path(__file__).parent / "remote" / f"on_{self.folder}.py"
        with tempfile.TemporaryDirectory(prefix="peer-") as temporary:
            folder = Path(temporary)
            asked, answered = folder / "snapshot.json", folder / "answer.json"
            asked.write_text(json.dumps(_snapshot(instance, seed=seed, limit_s=limit_s)))
            ended = run_program(
                [str(self._python()), str(script), str(asked), str(answered)],
                folder=folder,
                limit_s=limit_s + _START_S,
                memory_limit_mib=MEMORY_LIMIT_MIB,
                cwd=folder,
            )
            if not answered.is_file():
                last = ended.stderr.strip().splitlines()[-1:] or ["no answer"]
                return Placing(
                    host_of=None,
                    wall_s=ended.wall_s,
                    cpu_s=ended.cpu_s,
                    peak_mib=ended.peak_mib,
                    note=ended.stopped or last[0],
                )
            answer = json.loads(answered.read_text())
        placed = answer["host_of"]
        return Placing(
            host_of=None if placed is None else np.array(placed, dtype=np.int32),
            wall_s=answer["wall_s"],
            cpu_s=answer["cpu_s"],
            peak_mib=ended.peak_mib,
            note=answer["note"],
        )

    def _python(self) -> Path:
        return PEERS_HOME / self.folder / "bin" / "python"


def _snapshot(instance: cs.Instance, *, seed: int, limit_s: float) -> dict[str, object]:
    """Return an instance as plain lists; ``kind`` and ``idle_mw`` tell the host types apart."""
    types = instance.fleet.types
    return {
        "need": instance.need.tolist(),
        "capacity": instance.capacity.tolist(),
        "load_mcores": instance.load_mcores.tolist(),
        "current": instance.current.host_of.tolist(),
        "kind": instance.fleet.host_type.tolist(),
        "idle_mw": [t.power.power_mw(0, t.cpu_mcores, hosting=True) for t in types],
        "seed": seed,
        "limit_s": limit_s,
    }
