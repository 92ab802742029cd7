"""Ganeti's htools: ``hbal`` balances a cluster, ``hsqueeze`` empties nodes so that they can be off."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

import consolidate as cs
from benchmarks.isolate import run_program
from benchmarks.peers.base import MEMORY_LIMIT_MIB, Placing, not_two_resources

__all__ = ["Hbal", "Hsqueeze", "cluster_text", "moved"]

#: A step of hbal: number, instance, node before, node after, the score reached.
_STEP = re.compile(r"^\s*\d+\.\s+v(\d+)\s+h\d+\s+=>\s+h(\d+)\s", re.MULTILINE)
#: A command of hsqueeze.
_COMMAND = re.compile(r"gnt-instance migrate .*-n h(\d+) v(\d+)\s*$", re.MULTILINE)
#: Larger than any node; disks and limits of the policy are no matter here.
_AMPLE = 2**24


def cluster_text(instance: cs.Instance) -> str:
    """Return an instance in the text format of htools (man page htools(1), ``--text-data``).

    Disks are outside the nodes (template ``ext``), so that any node may receive any instance. A vCPU
    is one mcore, and none is oversold. htools needs a master node, which never goes off.
    """
    free = instance.capacity - instance.usage(instance.current)
    nodes = [
        f"h{h}|{memory}|0|{free[h, 1]}|{_AMPLE}|{_AMPLE}|{cpu}|{'N' if h else 'M'}|g0|1||N|0|0|1.0"
        for h, (cpu, memory) in enumerate(instance.capacity.tolist())
    ]
    guests = [
        f"v{v}|{memory}|0|{cpu}|running|Y|h{h}||ext||1|-"
        for v, ((cpu, memory), h) in enumerate(
            zip(instance.need.tolist(), instance.current.host_of.tolist(), strict=True)
        )
    ]
    limits = f"0,0,0,0,0,0;{_AMPLE},{_AMPLE},{_AMPLE},16,8,16"
    policy = [f"{owner}|1,1,1,1,0,1|{limits}|ext|1.0|1024.0" for owner in ("", "default")]
    # Sections are separated by one empty line; that of the tags is empty and has no line of its own.
    groups = ["default|g0|preferred||"]
    return "\n".join([*groups, "", *nodes, "", *guests, "", "", *policy, ""])


def moved(
    text: str, pattern: re.Pattern[str], order: Sequence[int], current: NDArray[np.int32]
) -> tuple[NDArray[np.int32], int]:
    """Return the placement after the moves that a program printed, and their number.

    Parameters
    ----------
    text
        What it printed.
    pattern
        A move, with two groups.
    order
        Which group is the VM and which the target.
    current
        The placement before, shape ``(vms,)``.
    """
    host_of = current.copy()
    moves = pattern.findall(text)
    for move in moves:
        vm, target = (int(move[i]) for i in order)
        host_of[vm] = target
    return host_of, len(moves)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Htool:
    licence: ClassVar[str] = "BSD-2-Clause"
    decided_in: ClassVar[str] = "Haskell"
    translated: ClassVar[str] = "nodes and instances as text, 1 vCPU = 1 mcore, disks outside the nodes"
    install: ClassVar[str] = "apt-get install ganeti-htools"
    seeded: ClassVar[bool] = False
    program: ClassVar[str]
    arguments: ClassVar[tuple[str, ...]]

    def version(self) -> str:
        """Return what the program says."""
        done = subprocess.run([self.program, "--version"], capture_output=True, text=True, check=True)
        return done.stdout.split("version")[1].split()[0]

    def available(self) -> str | None:
        """Say whether the program is on the path."""
        return None if shutil.which(self.program) else f"not installed; {self.install}"

    def refuses(self, instance: cs.Instance) -> str | None:
        """Refuse what is not plain, and more than CPU and memory."""
        return not_two_resources(instance)

    def place(
        self,
        instance: cs.Instance,
        *,
        seed: int,  # noqa: ARG002 - nothing random there
        limit_s: float,
    ) -> Placing:
        """Run the program; the moves that it has printed when its time is over count."""
        current = instance.current.host_of
        with tempfile.TemporaryDirectory(prefix="peer-") as temporary:
            folder = Path(temporary)
            data = folder / "cluster.data"
            data.write_text(cluster_text(instance))
            ended = run_program(
                [self.program, "-t", str(data), *self.arguments],
                folder=folder,
                limit_s=limit_s,
                memory_limit_mib=MEMORY_LIMIT_MIB,
            )
        if ended.code and not ended.stopped:
            host_of, note = None, ended.stderr.strip()[-200:]
        else:
            host_of, note = self._read(ended.stdout, current, ended.stopped)
        return Placing(
            host_of=host_of,
            wall_s=ended.wall_s,
            cpu_s=ended.cpu_s,
            peak_mib=ended.peak_mib,
            note=note,
        )

    def _read(
        self, text: str, current: NDArray[np.int32], stopped: str
    ) -> tuple[NDArray[np.int32] | None, str]:
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Hbal(_Htool):
    """The balancer, with its defaults."""

    name: ClassVar[str] = "hbal"
    minimises: ClassVar[str] = "a score of unevenness: deviations of free memory, CPU and load"
    lost: ClassVar[str] = "watts and moves; it spreads, and nodes stay on"
    program: ClassVar[str] = "hbal"
    arguments: ClassVar[tuple[str, ...]] = ()

    def _read(
        self, text: str, current: NDArray[np.int32], stopped: str
    ) -> tuple[NDArray[np.int32] | None, str]:
        host_of, n = moved(text, _STEP, (0, 1), current)
        return host_of, f"{stopped}: {n} steps so far" if stopped else f"{n} steps"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hsqueeze(_Htool):
    """Dynamic power management: nodes with the fewest instances go off while the rest can be balanced.

    No resources are held back for new instances, as in our own problem.
    """

    name: ClassVar[str] = "hsqueeze"
    minimises: ClassVar[str] = "nodes that are on, fewest instances first"
    lost: ClassVar[str] = "watts and moves; one node is the master and stays"
    program: ClassVar[str] = "hsqueeze"
    arguments: ClassVar[tuple[str, ...]] = ("--target-resources=0", "-C")

    def _read(
        self, text: str, current: NDArray[np.int32], stopped: str
    ) -> tuple[NDArray[np.int32] | None, str]:
        if stopped:
            # It prints its plan at the end only.
            return None, stopped
        host_of, n = moved(text, _COMMAND, (1, 0), current)
        return host_of, f"{n} migrations in its plan"
