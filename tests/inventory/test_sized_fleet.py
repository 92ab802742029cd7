from __future__ import annotations

import numpy as np
import pytest

from consolidate.errors import ConfigError, InfeasibleError, UnknownNameError
from consolidate.inventory import sized_fleet
from consolidate.model import TimeGrid, Trace, VMs


def trace_of(n: int, *, memory_mib: int = 8_192, cpu_mcores: int = 4_000, containers: int = 0) -> Trace:
    vms = VMs(
        ids=tuple(f"vm-{i}" for i in range(n)),
        vcpus=np.full(n, 2),
        cpu_mcores=np.full(n, cpu_mcores),
        memory_mib=np.full(n, memory_mib),
        dirty_mib_per_s=np.zeros(n),
        is_container=np.arange(n) < containers,
    )
    grid = TimeGrid(start=np.datetime64("2024-01-01"), step_s=300, n_steps=4)
    alive = np.ones((n, 4), dtype=bool)
    demand = np.full((n, 4), 400)
    return Trace(vms=vms, grid=grid, cpu_mcores=demand, memory_mib=demand, alive=alive)


def test_memory_decides_the_number_of_hosts() -> None:
    """Computed by hand: 100 VMs of 8 GiB + 128 MiB, hosts of 380 usable GiB, at most 40 % full."""
    fleet = sized_fleet(trace_of(100))
    assert fleet.n_hosts == int(np.ceil(100 * (8_192 + 128) / (0.4 * 380 * 1_024))) == 6
    assert fleet.types[0].usable_memory_mib == 380 * 1_024
    assert fleet.sites[0].zone == "DE"
    used = {d.key: d.value for d in fleet.defaults}
    assert used["fleet.hosts"] == "6"
    assert used["host_types[dell-r740-8280].memory_mib"] == str(384 * 1_024)


def test_cpu_allocation_decides_when_memory_is_small() -> None:
    """CPU allocation binds against the allocation ratio, not against cores."""
    fleet = sized_fleet(trace_of(400, memory_mib=64, cpu_mcores=8_000))
    (host,) = fleet.types
    assert fleet.n_hosts == int(np.ceil(400 * 8_000 / (0.4 * 4 * host.usable_mcores)))


def test_fewer_vms_still_get_two_hosts() -> None:
    """With a single host there is nothing to consolidate."""
    assert sized_fleet(trace_of(1)).n_hosts == 2


def test_only_vms_that_exist_together_count() -> None:
    """VMs that come and go must not add up: a churning trace would get a far too large fleet."""
    trace = trace_of(100)
    alive = np.zeros((100, 4), dtype=bool)
    alive[:50, :2] = alive[50:, 2:] = True
    demand = np.where(alive, 400, 0)
    halves = Trace(vms=trace.vms, grid=trace.grid, cpu_mcores=demand, memory_mib=demand, alive=alive)
    assert sized_fleet(halves).n_hosts == sized_fleet(trace_of(50)).n_hosts


def test_memory_grows_for_the_largest_vm() -> None:
    """A VM larger than the default host must fit, twice, unless the user fixed the memory."""
    fleet = sized_fleet(trace_of(3, memory_mib=300 * 1_024))
    assert fleet.types[0].memory_mib == 768 * 1_024
    with pytest.raises(InfeasibleError, match="vm-0 needs"):
        sized_fleet(trace_of(3, memory_mib=300 * 1_024), memory_gib=256)


def test_containers_get_their_own_hosts() -> None:
    """A container cannot run beside VMs on a hypervisor."""
    fleet = sized_fleet(trace_of(10, containers=4))
    kinds = [fleet.types[t].hypervisor.kind for t in fleet.host_type]
    assert kinds == ["type1", "type1", "container_engine", "container_engine"]


def test_options_are_checked() -> None:
    """A fill of 40 instead of 0.4 must not silently give two hosts."""
    with pytest.raises(ConfigError, match="fill_fraction"):
        sized_fleet(trace_of(3), fill_fraction=40)
    with pytest.raises(UnknownNameError, match="dell-r740-8280"):
        sized_fleet(trace_of(3), server="dell-r740-8281")
