"""Runs under ProxLB's environment: its CP-SAT balancer on one snapshot."""

from __future__ import annotations

from typing import Any

from proxlb_solver import VM, Balancing, Cluster, Constraints, Node, solve
from proxlb_solver.models import Expect
from wire import serve

_MIB = 1_024 * 1_024


def prepare(snapshot: Any) -> Cluster:
    """Describe the cluster; a core of ProxLB is one mcore here, which keeps fractions exact."""
    return Cluster(
        name="snapshot",
        description="",
        # The defaults, except that CPU is not oversold: our hosts hold what they hold.
        balancing=Balancing(cpu_overcommit=1.0),
        nodes=[
            Node(name=f"h{h}", cpu_total=cpu, memory_total=memory * _MIB)
            for h, (cpu, memory) in enumerate(snapshot.capacity)
        ],
        vms=[
            VM(
                name=f"v{v}",
                node=f"h{snapshot.current[v]}",
                cpu=cpu,
                memory=memory * _MIB,
                cpu_usage=snapshot.load_mcores[v],
            )
            for v, (cpu, memory) in enumerate(snapshot.need)
        ],
        constraints=Constraints(),
        expect=Expect(),
    )


def decide(snapshot: Any, cluster: Cluster) -> tuple[list[int] | None, str]:
    """Solve within the limit."""
    solution = solve(cluster, time_limit_s=snapshot.limit_s)
    if not solution.feasible:
        return None, f"{solution.stats.status.lower()} in {snapshot.limit_s:g} s"
    where = solution.placements
    return [int(where[f"v{v}"][1:]) for v in range(len(snapshot.need))], solution.stats.status.lower()


serve(prepare, decide)
