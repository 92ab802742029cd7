"""What the kernel adds up, step by step."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.replay import BOOTING, OFF, ON, Hosts, Now, Totals, play_step
from consolidate.engine.world import World
from consolidate.model import LEDGER, Fleet, TimeGrid, VMs

__all__ = ["Ledger"]


class Ledger:
    """Energy, use and service levels of a replay.

    Parameters
    ----------
    vms, fleet, grid
        What is replayed, where, and when.
    world
        The data centre; its journal is read at the end of each step.

    Attributes
    ----------
    totals
        All sums.
    hosts_on
        Hosts on or booting at the end of each step.
    """

    def __init__(self, vms: VMs, fleet: Fleet, grid: TimeGrid, world: World) -> None:
        assert (ON, OFF) == (0, 3)  # the order of LEDGER's last three columns follows the states
        self._world, self._step_s = world, grid.step_s
        self._hosts, self._now = _host_arrays(fleet), _now_arrays(world)
        n_hosts, n_steps = fleet.n_hosts, grid.n_steps
        self.totals = Totals(
            host_mj=np.zeros((n_hosts, len(LEDGER)), dtype=np.int64),
            step_mj=np.zeros((n_steps, len(LEDGER)), dtype=np.int64),
            site_mj=np.zeros((len(fleet.sites), n_steps), dtype=np.int64),
            step_unmet=np.zeros(n_steps, dtype=np.int64),
            busy=np.zeros(n_hosts, dtype=np.int64),
            on_s=np.zeros(n_hosts, dtype=np.int64),
            service=np.zeros(7, dtype=np.int64),
        )
        self.hosts_on = np.zeros(n_steps, dtype=np.int32)
        self._use = np.full((n_steps, n_hosts), np.nan, dtype=np.float32)
        self._vcpus = vms.vcpus.astype(np.int64)

    def add_step(self, step: int) -> NDArray[np.int64]:
        """Add a step; return the changes, with the work of VMs whose state became safe."""
        demand, totals, start_s = self._world.demand, self.totals, step * self._step_s
        changes = self._world.journal.take()
        play_step(  # type: ignore[no-untyped-call]
            self._hosts, self._now, totals, self._vcpus, demand.alive, demand.cpu_mcores,
            demand.memory_mib, changes, step, start_s, start_s + self._step_s,
        )  # fmt: skip
        on = totals.on_s > 0
        self._use[step, on] = totals.busy[on] / (totals.on_s[on] * self._hosts.cpu[on])
        self.hosts_on[step] = np.count_nonzero(self._world.power.state <= BOOTING)
        totals.busy[:] = 0
        totals.on_s[:] = 0
        return changes

    def utilization(self) -> NDArray[np.float32]:
        """Return the mean use of each host in each step, shape ``(hosts, steps)``."""
        use = np.ascontiguousarray(self._use.T)
        use.flags.writeable = False
        return use


def _host_arrays(fleet: Fleet) -> Hosts:
    """Return the fleet as the bare arrays of the replay kernel."""
    types = fleet.types

    def by_host(rows: list[object]) -> NDArray[np.int64]:
        return np.array(rows, dtype=np.int64)[fleet.host_type]

    return Hosts(
        empty_table=by_host([t.power.points_mw for t in types]),
        hosting_table=by_host([t.power.hosting_mw for t in types]),
        transition_mw=by_host([(t.boot_mw, t.shutdown_mw, t.off_mw, t.off_mw) for t in types]),
        cpu=by_host([t.cpu_mcores for t in types]),
        usable=by_host([t.usable_mcores for t in types]),
        memory=by_host([t.usable_memory_mib for t in types]),
        core=by_host([t.core_mcores for t in types]),
        background=by_host([t.hypervisor.background_mcores for t in types]),
        per_vm=by_host([t.hypervisor.per_vm_mcores for t in types]),
        per_vm_memory=by_host([t.hypervisor.per_vm_memory_mib for t in types]),
        site=fleet.host_site,
    )


def _now_arrays(world: World) -> Now:
    """Return the start of the replay; the kernel keeps it up to date from the journal."""
    n_hosts, n_vms = world.power.state.size, world.host_of.size
    load, held, n_guests, lost, since, overhead, storage = (
        np.zeros(n_hosts, dtype=np.int64) for _ in range(7)
    )
    return Now(
        state=world.power.state.copy(),
        overhead=overhead,
        storage=storage,
        load=load,
        held=held,
        n_vms=n_guests,
        lost=lost,
        since=since,
        host_of=world.host_of.copy(),
        target_of=np.full(n_vms, -1, dtype=np.int32),
        stopped=np.zeros(n_vms, dtype=np.bool_),
        parked=np.zeros(n_vms, dtype=np.bool_),
        work=np.zeros(n_vms, dtype=np.int64),
        nowhere=np.zeros(4, dtype=np.int64),
    )
