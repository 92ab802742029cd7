"""Moves between sites: the uplink is shared, saved state travels twice, and nobody gets more than there is."""

from __future__ import annotations

import dataclasses

import numpy as np

from consolidate.migration import MoveSettings
from consolidate.model import Site
from consolidate.planning import plan
from consolidate.study.judge import judge_plan

UPLINK = 1_000.0


def two_sites(scenes, n, **more):
    """VMs on one site, an empty host for each on the other, and an uplink of 1 Gbit/s between them."""
    hosts = [scenes.host(**more) for _ in range(2 * n)]
    moves = MoveSettings(uplink_mbit_per_s=UPLINK, downtime_j_per_s=1e6)
    vms = [scenes.vm(memory=4_000, dirty=more.pop("dirty", 0.0)) for _ in range(n)]
    instance = scenes.scene(hosts, vms, list(range(n)), moves=moves)
    fleet = dataclasses.replace(
        instance.fleet,
        sites=(Site(name="north"), Site(name="south")),
        host_site=np.repeat([0, 1], n),
    )
    return dataclasses.replace(instance, fleet=fleet), scenes.to(*range(n, 2 * n))


def test_the_uplink_is_never_oversold(scenes):
    """Four moves want 4 Gbit/s each; at every second what they get adds up to the uplink at most."""
    instance, target = two_sites(scenes, 4)
    made = plan(instance, target)
    judge_plan(instance, made)
    for second in range(made.makespan_s):
        rates = [m.rate_mib_per_s for m in made.migrations if m.start_s <= second < m.end_s]
        assert sum(rates) * 8 * 2**20 / 1e6 <= UPLINK * (1 + 1e-9)
    # 16,000 MiB over 1 Gbit/s are 134 s; nothing can be faster.
    moved_s = 4 * 4_000 * 8 * 2**20 / (UPLINK * 1e6)
    assert moved_s <= max(m.end_s for m in made.migrations) <= 1.3 * moved_s


def test_within_a_site_the_uplink_does_not_matter(scenes):
    """The same move takes 10 s at home and 35 s across."""
    instance, _ = two_sites(scenes, 2)
    home = plan(instance, scenes.to(1, 1)).migrations[0]
    across = plan(instance, scenes.to(2, 1)).migrations[0]
    assert (home.end_s - home.start_s, across.end_s - across.start_s) == (10, 35)


def test_a_saved_state_crosses_the_uplink_at_its_rate(scenes):
    """Twice the memory is written and read, at no more than the uplink gives."""
    instance, target = two_sites(scenes, 1, modes=["saved_state"])
    made = plan(instance, target).migrations[0]
    assert made.mode == "saved_state"
    assert made.moved_mib == 8_000
    assert made.end_s - made.start_s >= 8_000 * 8 * 2**20 / (UPLINK * 1e6)
    assert made.downtime_ms == 1_000 * (made.end_s - made.start_s)


def test_a_vm_in_storage_comes_to_another_site_where_that_reaches_the_storage(scenes):
    """A swap between two full hosts at two sites: read across the uplink, or at home."""
    instance, _ = two_sites(scenes, 1, modes=["live", "saved_state"], memory=4_500)
    both = dataclasses.replace(
        instance,
        vms=dataclasses.replace(
            instance.vms,
            ids=("a", "b"),
            groups=("", ""),
            **{
                name: np.repeat(getattr(instance.vms, name), 2)
                for name in (
                    "vcpus",
                    "cpu_mcores",
                    "memory_mib",
                    "dirty_mib_per_s",
                    "is_container",
                    "disk_mib",
                )
            },
        ),
        need=np.repeat(instance.need, 2, axis=0),
        current=scenes.to(0, 1),
        **{
            name: np.repeat(getattr(instance, name), 2)
            for name in ("load_mcores", "active", "movable", "move_mj")
        },
    )
    made = plan(both, scenes.to(1, 0))
    judge_plan(both, made)
    (save,), (restore,) = made.saves, made.restores
    assert save.end_s - save.start_s == 10
    assert restore.end_s - restore.start_s == 35
    apart = dataclasses.replace(both, moves=MoveSettings(shared_storage=False, downtime_j_per_s=1e6))
    # Without shared storage both are saved at the first site, one after the other, and restored there.
    made = plan(apart, scenes.to(1, 0))
    judge_plan(apart, made)
    assert {a.host for a in (*made.saves, *made.restores)} == {0}
