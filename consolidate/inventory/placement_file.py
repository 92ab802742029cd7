"""Read and write the present placement: a CSV table ``vm_id,host_id``."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np

from consolidate.errors import TraceError
from consolidate.inventory.csv_rows import csv_rows
from consolidate.inventory.toml_tables import did_you_mean
from consolidate.model import Fleet, Placement, VMs

__all__ = ["read_placement", "write_placement"]

COLUMNS = ("vm_id", "host_id")
SHOWN = 20

#: Line (from 1), column and message of one problem.
Problem = tuple[int | None, str | None, str]


def read_placement(path: str | Path, vms: VMs, fleet: Fleet) -> Placement:
    """Read which VM is on which host.

    The file has a header and one row per VM; an empty ``host_id`` puts the VM on no host (it is not
    running yet). Other columns are refused.

    Parameters
    ----------
    path
        The CSV file.
    vms
        The VMs of the trace; each needs a row.
    fleet
        The hosts.

    Raises
    ------
    TraceError
        When a VM or host is unknown, a VM is listed twice or not at all, or a VM is on a host that is
        off or cannot run guests of its kind; names file, line and column of the first problem and
        lists all.
    """
    host_of = np.full(len(vms), -1, dtype=np.int32)
    index_of_vm = {vm: v for v, vm in enumerate(vms.ids)}
    index_of_host = {host: h for h, host in enumerate(fleet.host_ids)}
    seen: dict[str, int] = {}
    problems: list[Problem] = []
    for line, row in csv_rows(path, COLUMNS):
        vm, host = row["vm_id"], row["host_id"]
        v = index_of_vm.get(vm)
        if v is None:
            problems.append((line, "vm_id", f"no VM is called {vm!r}{did_you_mean(vm, vms.ids)}"))
            continue
        if vm in seen:
            problems.append((line, "vm_id", f"{vm} is listed twice, first in line {seen[vm]}"))
            continue
        seen[vm] = line
        if not host:
            continue
        h = index_of_host.get(host)
        if h is None:
            near = did_you_mean(host, fleet.host_ids)
            problems.append((line, "host_id", f"no host is called {host!r}{near}"))
        elif problem := _unusable(fleet, h, vms[v].kind):
            problems.append((line, "host_id", f"{vm} is on {host}, which {problem}"))
        else:
            host_of[v] = h
    problems += [
        (None, None, f"{vm} has no row; write one, with an empty host_id if it is on no host")
        for vm in vms.ids
        if vm not in seen
    ]
    _refuse(problems, file=str(path))
    return Placement(host_of=host_of)


def write_placement(placement: Placement, path: str | Path, *, vms: VMs, fleet: Fleet) -> None:
    """Write a placement in the form that :func:`read_placement` reads.

    Parameters
    ----------
    placement
        Host of each VM.
    path
        The CSV file, overwritten if it exists.
    vms, fleet
        The VMs and hosts whose indices the placement uses.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for vm, host in zip(vms.ids, placement.host_of, strict=True):
        writer.writerow((vm, fleet.host_ids[host] if host >= 0 else ""))
    Path(path).write_text(buffer.getvalue(), encoding="utf-8")


def _unusable(fleet: Fleet, host: int, guest: str) -> str:
    """Say why a guest cannot be on a host; empty when it can."""
    hypervisor = fleet.types[fleet.host_type[host]].hypervisor
    if not fleet.powered_on[host]:
        return "is powered off"
    if not hypervisor.hosts(guest):
        return f"runs no guest of kind {guest} (its hypervisor is a {hypervisor.kind})"
    return ""


def _refuse(problems: list[Problem], *, file: str) -> None:
    if not problems:
        return
    line, column, message = problems[0]
    lines = [message]
    lines += [f"line {k}, column {c}: {m}" if k is not None else m for k, c, m in problems[1:SHOWN]]
    if len(problems) > SHOWN:
        lines.append(f"... and {len(problems) - SHOWN} more")
    raise TraceError("\n".join(lines), file=file, line=line, column=column)
