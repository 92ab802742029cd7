"""Storage for idle VMs and failing hosts: the engine against one second after the other, and by hand."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, replace
from fractions import Fraction

import numpy as np
import pytest

from consolidate.engine import Observation, replay
from consolidate.engine.idleness import Idleness
from consolidate.errors import InputError, InstanceError, UnsupportedError
from consolidate.model import Failures, HostFailure, Park, Parking, Placement, TraceSlices, Wake

SEEDS = range(90)


@dataclass(frozen=True)
class AtSteps:
    """Hands out plans at the steps they are meant for."""

    plans: dict

    def decide(self, observation: Observation):
        return self.plans.get(observation.step)


@pytest.fixture(scope="module")
def triples(naive_stops, scenes):
    """Each scene replayed by the engine, by the engine in windows, and by the oracle."""
    found = []
    for seed in SEEDS:
        trace, fleet, current, plans, rules, parking, failures = scenes.stopping_scene(seed)
        told = {"current": current, "rules": rules, "parking": parking, "failures": failures}
        fast = replay(trace, fleet, AtSteps(plans), **told)
        cut = TraceSlices.of(trace, 1 + seed % 3)
        in_windows = replay(cut, fleet, AtSteps(plans), history_steps=seed % 4, **told)
        slow = naive_stops(trace, fleet, current, plans, rules, parking, failures).run()
        found.append((seed, trace, fleet, fast, in_windows, slow))
    return found


def test_the_scenes_are_worth_their_seeds(scenes, triples):
    """Whatever never happens in the scenes is not tested by the comparison."""
    total = Counter()
    for _, _, _, fast, _, _ in triples:
        total.update({k: v > 0 for k, v in asdict(fast.service).items()})
        total.update({f"{s.cause} {s.completed}": True for s in fast.stops})
    assert min(total.values()) >= 1, total
    planned = sum(
        bool(p.saves) for *_, plans, _, _, _ in map(scenes.stopping_scene, SEEDS) for p in plans.values()
    )
    assert planned > 20
    assert {f"{c} {d}" for c in ("saving", "restoring", "restarting") for d in (True, False)} <= set(
        total
    )


def test_every_number_agrees(triples):
    """Energy by host, step, site and cause; unmet demand; every count."""
    for seed, _, _, fast, _, slow in triples:
        assert fast.energy_mj.tolist() == slow.host_mj, f"seed {seed}"
        assert fast.step_energy_mj.tolist() == slow.step_mj, f"seed {seed}"
        assert fast.site_energy_mj.tolist() == slow.site_mj, f"seed {seed}"
        assert fast.step_unmet_mcore_s.tolist() == slow.unmet, f"seed {seed}"
        assert fast.hosts_on.tolist() == slow.hosts_on, f"seed {seed}"
        assert asdict(fast.service) == slow.service, f"seed {seed}"


def test_every_second_and_every_stop_agree(naive, triples):
    """Whereabouts, states, and who stood still for what."""
    for seed, trace, fleet, fast, _, slow in triples:
        horizon = trace.grid.duration_s
        where = naive.seconds_of(fast.residency, trace.n_vms, horizon, nothing=-1)
        assert where == slow.seen, f"seed {seed}"
        states = naive.seconds_of(fast.host_states, fleet.n_hosts, horizon, nothing=-9)
        assert states == slow.seen_states, f"seed {seed}"
        keys = ("vm", "host", "cause", "start_s", "end_s", "asked_s", "completed")
        stops = sorted(tuple(getattr(s, k) for k in keys) for s in fast.stops)
        assert stops == sorted(slow.history), f"seed {seed}"


def test_windows_change_nothing(triples):
    """A trace read window by window gives the same replay, whatever is kept of the past."""
    for seed, _, _, fast, in_windows, _ in triples:
        for name in ("energy_mj", "step_energy_mj", "site_energy_mj", "residency", "host_states"):
            assert np.array_equal(getattr(fast, name), getattr(in_windows, name)), f"seed {seed}: {name}"
        assert np.array_equal(fast.utilization, in_windows.utilization, equal_nan=True)
        for name in ("service", "moves", "broken_off", "stops"):
            assert getattr(fast, name) == getattr(in_windows, name), f"seed {seed}: {name}"


# -- by hand -------------------------------------------------------------------------------------


def test_a_vm_is_saved_and_woken_by_demand(scenes):
    """100 MiB in use, 80 more: 2 s at 90 MiB/s and 1 s of setup, both ways; the host is off meanwhile."""
    fleet = scenes.make_fleet([scenes.host_type(boot_s=4, boot_j=400.0, shutdown_s=2, shutdown_j=100.0)])
    trace = scenes.make_trace([[0, 0, 0, 0, 900, 900]])
    policy = Parking(after_s=10, rule="always", write_mib_per_s=90.0, read_mib_per_s=90.0)
    arm = replay(trace, fleet, Placement(host_of=[0]), parking=policy)
    saving, woken, restoring = arm.stops
    assert (saving.cause, saving.start_s, saving.end_s, saving.image_mib) == ("saving", 10, 13, 180)
    assert (woken.cause, woken.start_s) == ("woken", 40)
    assert (restoring.start_s, restoring.end_s) == (44, 47)
    assert arm.wake_delays_s().tolist() == [7]
    assert arm.service.parked_vm_s == 27
    assert arm.service.waiting_vm_s == 4
    assert arm.service.unmet_mcore_s == 7 * 900
    assert arm.host_states.tolist() == [
        [0, 0, 0, 20], [0, 2, 20, 22], [0, 3, 22, 40], [0, 1, 40, 44], [0, 0, 44, 60],
    ]  # fmt: skip
    # 420 mcores of 4 cores on a straight line from 50 to 100 W, 6 s.
    assert arm.service.parking_mj == 6 * 5_250 == arm.by_cause_mj()["migration"]
    assert "wake delay 7 s (median)" in arm.summary()


def test_a_plan_parks_and_wakes_before_demand(scenes):
    """With the rule "asked" nothing is parked but what a plan names; a VM woken early serves at once."""
    fleet = scenes.make_fleet([scenes.host_type()])
    trace = scenes.make_trace([[0, 0, 0, 900], [0, 0, 0, 0]])
    plan = replace(
        scenes.make_plan([0, 0]), parks=(Park(vm=0, start_s=2),), wakes=(Wake(vm=0, start_s=27),)
    )
    arm = replay(trace, fleet, plan, parking=Parking(rule="asked", setup_s=1))
    assert [s.vm for s in arm.stops] == [0, 0, 0]
    assert arm.stops[-1].end_s == 29
    assert arm.service.unmet_mcore_s == 0
    with pytest.raises(UnsupportedError, match="parks VMs"):
        replay(trace, fleet, plan)


def test_work_is_lost_back_to_the_checkpoint(scenes):
    """The VM has run 400 mcores for 3 s since the checkpoint at 20 s, and is back on the other host."""
    fleet = scenes.make_fleet([scenes.host_type(), scenes.host_type()])
    trace = scenes.make_trace([[400] * 5])
    failures = Failures(
        events=(HostFailure(host=0, start_s=23, duration_s=10),), restart_s=6, checkpoint_s=20
    )
    arm = replay(trace, fleet, Placement(host_of=[0]), failures=failures)
    assert arm.service.lost_work_mcore_s == 3 * 400
    assert arm.residency.tolist() == [[0, 0, 0, 23], [0, 1, 23, 50]]
    assert arm.service.unmet_mcore_s == 6 * 400
    assert arm.host_states[:4].tolist() == [
        [0, 0, 0, 23],
        [0, 4, 23, 33],
        [0, 1, 33, 42],
        [0, 0, 42, 50],
    ]
    # 10 s at the power of a host that is off.
    assert arm.by_cause_mj()["off"] == 10 * 5_000
    assert arm.service.vm_restarts == 1


def test_idle_times_are_judged_by_the_past_alone(scenes):
    """Exposure over ends, own record with one spell of the mean, as fractions."""
    rng = np.random.default_rng(3)
    fleet = scenes.make_fleet([scenes.host_type(boot_s=30, boot_j=3_000.0)])
    quiet_part = np.array([0.5, 0.9, 0.98, 0.99, 0.995, 0.998])
    cpu = np.where(rng.random((6, 400)) < quiet_part[:, None], 0, 500)
    trace = scenes.make_trace(cpu, step_s=300, vcpus=1)
    policy = Parking(after_s=900)
    seen = Idleness(policy, trace.vms, fleet, 300)
    worth_steps = -(-policy.worth_s(1_000, fleet.types[0]) // 300)
    exposure, ends, idle = [0] * 6, [0] * 6, [0] * 6
    parked = 0
    for step in range(400):
        found = seen.candidates(np.zeros(6, dtype=np.int32)).tolist()
        mean = Fraction(sum(exposure), sum(ends) + 1)
        long_idle = [v for v in range(6) if idle[v] >= 3]
        own = {v: (exposure[v] + mean) / (ends[v] + 1) for v in long_idle}
        due = [v for v in long_idle if min(mean, own[v]) >= worth_steps]
        assert found == due, step
        parked += len(due)
        seen.watch(trace.alive[:, step], trace.cpu_mcores[:, step])
        for v in range(6):
            quiet = cpu[v, step] == 0
            exposure[v] += bool(quiet and idle[v] >= 3)
            ends[v] += bool(not quiet and idle[v] >= 3)
            idle[v] = idle[v] + 1 if quiet else 0
    assert parked > 20
    assert 0 < parked < 6 * 397


def test_failures_are_drawn_by_seed_and_bad_ones_refused(scenes):
    """The mean time between failures holds; a host cannot fail while it is down."""
    drawn = Failures.random(200, 100_000, mtbf_s=10_000.0, repair_s=100, seed=4)
    assert drawn == Failures.random(200, 100_000, mtbf_s=10_000.0, repair_s=100, seed=4)
    assert len(drawn.events) == pytest.approx(200 * 100_000 / 10_100, rel=0.1)
    with pytest.raises(InstanceError, match="before it is repaired"):
        Failures(events=tuple(HostFailure(host=0, start_s=t, duration_s=9) for t in (0, 5)))
    fleet, trace = scenes.make_fleet([scenes.host_type()]), scenes.make_trace([[1]])
    with pytest.raises(InputError, match="the fleet has 1 hosts"):
        replay(
            trace,
            fleet,
            Placement(host_of=[0]),
            failures=Failures(events=(HostFailure(host=1, start_s=0, duration_s=1),)),
        )


@pytest.mark.parametrize("key", ["after_s", "write_mib_per_s", "threshold_fraction", "rule", "setup_s"])
def test_bad_policies_are_refused(key):
    """Every field is judged at birth."""
    with pytest.raises(InstanceError, match=key):
        Parking(**{key: "never" if key == "rule" else -1})
