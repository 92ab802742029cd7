"""The engine against one second after the other, on random scenes: every integer has to agree."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass

import numpy as np
import pytest

from consolidate.engine import replay
from consolidate.model import LEDGER

SEEDS = range(250)
#: What needs storage or failures, which these scenes do not have.
ELSEWHERE = {
    "savings", "restorations", "parked_vm_s", "wake_delay_s", "longest_wake_delay_s", "parking_mj",
    "host_failures", "vm_restarts", "lost_work_mcore_s",
}  # fmt: skip


@dataclass(frozen=True)
class AtSteps:
    """Hands out plans at the steps they are meant for."""

    plans: dict

    def decide(self, observation):
        return self.plans.get(observation.step)


@pytest.fixture(scope="module")
def pairs(naive, scenes):
    """Each scene replayed by the engine and by the oracle."""
    found = []
    for seed in SEEDS:
        trace, fleet, current, plans, rules = scenes.random_scene(seed)
        fast = replay(trace, fleet, AtSteps(plans), current=current, rules=rules)
        slow = naive.Naive(trace, fleet, current, plans, rules).run()
        found.append((seed, trace, fleet, fast, slow))
    return found


def test_the_scenes_are_worth_their_seeds(pairs):
    """Whatever never happens in the scenes is not tested by the comparison."""
    total = Counter()
    for _, _, _, fast, slow in pairs:
        service = asdict(fast.service)
        total.update({k: v > 0 for k, v in service.items() if k not in ELSEWHERE})
        assert not any(service[k] for k in ELSEWHERE)
        total.update({f"{mode} move" for mode in {m.mode for m in slow.made}})
        total.update({"broken off": bool(fast.broken_off)})
        total.update({cause: bool(fast.energy_mj[:, k].any()) for k, cause in enumerate(LEDGER)})
        ends = {m.end_s % fast.grid.step_s == 0 for m in fast.moves}
        total.update({"move that ends with a step": True in ends, "other move": False in ends})
    assert min(total.values()) > 5, total


def test_energy_by_host_and_cause(pairs):
    """Idle, load, migration, booting, shutting down and off, in millijoules, to the last one."""
    for seed, _, _, fast, slow in pairs:
        assert fast.energy_mj.tolist() == slow.host_mj, f"seed {seed}"


def test_energy_by_step_and_by_site(pairs):
    """The same energy cut the other ways."""
    for seed, _, _, fast, slow in pairs:
        assert fast.step_energy_mj.tolist() == slow.step_mj, f"seed {seed}"
        assert fast.site_energy_mj.tolist() == slow.site_mj, f"seed {seed}"


def test_service_levels(pairs):
    """Unmet demand, overload, waiting, downtime and every count."""
    for seed, _, _, fast, slow in pairs:
        assert asdict(fast.service) == slow.service, f"seed {seed}"
        assert fast.step_unmet_mcore_s.tolist() == slow.unmet, f"seed {seed}"


def test_whereabouts_and_states_of_every_second(naive, pairs):
    """Residency and host states are what the report and the checks read."""
    for seed, trace, fleet, fast, slow in pairs:
        horizon = trace.grid.duration_s
        where = naive.seconds_of(fast.residency, trace.n_vms, horizon, nothing=-1)
        assert where == slow.seen, f"seed {seed}"
        states = naive.seconds_of(fast.host_states, fleet.n_hosts, horizon, nothing=-9)
        assert states == slow.seen_states, f"seed {seed}"


def test_moves_made(pairs):
    """Those that ended, with the times counted from the start of the replay."""
    for seed, _, _, fast, slow in pairs:
        made = Counter((m.vm, m.source, m.target, m.mode, m.downtime_ms) for m in fast.moves)
        assert made == Counter((m.vm, m.source, m.target, m.mode, m.downtime_ms) for m in slow.made)
        ends = [m.end_s for m in fast.moves]
        assert ends == sorted(ends), f"seed {seed}"


def test_hosts_on_and_utilization(pairs):
    """Hosts on or booting in the last second of a step, and mean use while on."""
    for seed, trace, fleet, fast, slow in pairs:
        assert fast.hosts_on.tolist() == slow.hosts_on, f"seed {seed}"
        for h in range(fleet.n_hosts):
            size = fleet.types[fleet.host_type[h]].cpu_mcores
            for step in range(trace.grid.n_steps):
                on = slow.on_s[h][step]
                if not on:
                    assert np.isnan(fast.utilization[h, step])
                else:
                    mean = slow.busy[h][step] / (on * size)
                    assert fast.utilization[h, step] == pytest.approx(mean, rel=1e-6)


def test_the_ledger_closes(pairs):
    """Hosts, steps and sites add up to one total, and no part of it is negative without a reason."""
    for _, trace, fleet, fast, _ in pairs:
        assert fast.total_mj == fast.step_energy_mj.sum() == fast.site_energy_mj.sum()
        assert fast.total_mj == sum(fast.by_cause_mj().values())
        assert (fast.energy_mj[:, [0, 3, 4, 5]] >= 0).all()
        most = sum(max(fleet.types[k].power.points_mw) for k in fleet.host_type)
        assert fast.total_mj <= trace.grid.duration_s * most
        seconds = sum(int(end - start) for _, _, start, end in fast.host_states.tolist())
        assert seconds == fleet.n_hosts * trace.grid.duration_s
