"""Runs under VPSolver's environment: arc-flow graph, HiGHS, patterns; moves are ignored.

Identical VMs are one item with a demand, hosts of one type one kind of bin with a price: the watts
of an empty host. The answer is a set of patterns; they are laid onto the hosts so that many VMs stay.
"""

from __future__ import annotations

import subprocess
import sys
from ast import literal_eval
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import highspy
from wire import serve

_BIN = Path(sys.executable).parent


def prepare(snapshot: Any) -> tuple[list[tuple[int, ...]], list[list[int]]]:
    """Return the sizes that occur, and the VMs of each."""
    members: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for v, need in enumerate(snapshot.need):
        members[tuple(need)].append(v)
    return list(members), list(members.values())


def decide(
    snapshot: Any, given: tuple[list[tuple[int, ...]], list[list[int]]]
) -> tuple[list[int] | None, str]:
    """Build the graph, solve the flow model, read the patterns."""
    sizes, members = given
    hosts_of = defaultdict(list)
    for h, kind in enumerate(snapshot.kind):
        hosts_of[kind].append(h)
    kinds = sorted(hosts_of)
    lines = [str(len(sizes[0])), str(len(kinds))]
    for kind in kinds:
        # Watts, not milliwatts: large prices slow the solver down.
        price = round(snapshot.idle_mw[kind] / 1_000)
        capacity = snapshot.capacity[hosts_of[kind][0]]
        lines.append(" ".join(map(str, [*capacity, price, len(hosts_of[kind])])))
    lines.append(str(len(sizes)))
    for size, of_size in zip(sizes, members, strict=True):
        lines += [f"1 {len(of_size)}", " ".join(map(str, size))]
    Path("model.mvp").write_text("\n".join([*lines, "BINARY{0};", "VTYPE{I};", ""]))
    _tool("vbp2afg", "model.mvp", "model.afg")
    _tool("afg2mps", "model.afg", "model.mps")
    status = _solve(snapshot)
    if status is None:
        return None, f"no solution of the flow model in {snapshot.limit_s:g} s"
    printed = _tool("vbpsol", "model.afg", "model.sol", "0", "1")
    bins = literal_eval(printed.split("PYSOL=", 1)[1].splitlines()[0])[1]
    patterns = [
        [Counter(item for item, _ in pattern) for count, pattern in of_kind for _ in range(count)]
        for of_kind in bins
    ]
    return _lay(snapshot, members, [hosts_of[k] for k in kinds], patterns), status


def _tool(name: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, _BIN / name, *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout


def _solve(snapshot: Any) -> str | None:
    """Solve ``model.mps`` and write ``model.sol``, one name and value a line."""
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    solver.setOptionValue("random_seed", snapshot.seed)
    solver.setOptionValue("time_limit", float(snapshot.limit_s))
    solver.readModel("model.mps")
    solver.run()
    values = solver.getSolution().col_value
    if not values or solver.getInfo().primal_solution_status != 2:
        return None
    names = [solver.getColName(c)[1] for c in range(len(values))]
    Path("model.sol").write_text(
        "\n".join(f"{n} {round(x)}" for n, x in zip(names, values, strict=True) if round(x))
    )
    return str(solver.modelStatusToString(solver.getModelStatus())).lower()


def _lay(
    snapshot: Any,
    members: list[list[int]],
    hosts: list[list[int]],
    patterns: list[list[Counter[int]]],
) -> list[int]:
    """Lay each pattern onto the free host of its kind where the most VMs stay; the rest fill up."""
    here: dict[tuple[int, int], list[int]] = defaultdict(list)
    for item, of_size in enumerate(members):
        for v in of_size:
            here[snapshot.current[v], item].append(v)
    host_of = [-1] * len(snapshot.need)
    open_places: list[tuple[int, int]] = []
    for of_kind, free in zip(patterns, hosts, strict=True):
        rated = sorted(
            (-sum(min(n, len(here[h, item])) for item, n in pattern.items()), p, h)
            for p, pattern in enumerate(of_kind)
            for h in free
        )
        laid: dict[int, int] = {}
        for _, p, h in rated:
            if p not in laid and h not in laid.values():
                laid[p] = h
        for p, h in laid.items():
            for item, n in of_kind[p].items():
                stay = here[h, item][:n]
                for v in stay:
                    host_of[v] = h
                open_places += [(item, h)] * (n - len(stay))
    waiting = [[v for v in of_size if host_of[v] < 0] for of_size in members]
    for item, h in open_places:
        # Patterns may cover more than is demanded.
        if waiting[item]:
            host_of[waiting[item].pop()] = h
    return host_of


serve(prepare, decide)
