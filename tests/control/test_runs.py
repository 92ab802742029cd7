"""Every controller in the replay: sound, blind to the future, the same each time, and true to the rules."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import consolidate as cs
from consolidate.control import CONTROLLERS, Setting, begin
from consolidate.errors import ConfigError

NAMES = [n for n in CONTROLLERS.names() if n != "do-nothing"]
#: Early enough for the short days here.
SOON = {"nightly": {"hour": 1.5}, "dpm": {"off_history_s": 1_200}}


class Recorder:
    """Remembers each plan of a controller."""

    def __init__(self, inner):
        self.inner, self.plans = inner, []

    def decide(self, observation):
        plan = self.inner.decide(observation)
        self.plans.append(None if plan is None else plan.actions)
        return plan


def run(name, trace, fleet, current, rules=(), seed=3):
    setting = Setting.of(trace, fleet, rules=rules)
    recorder = Recorder(begin(cs.controller(name, **SOON.get(name, {})), setting, seed=seed))
    return cs.replay(trace, fleet, recorder, current=current, rules=rules, label=name), recorder.plans


@pytest.mark.parametrize("name", NAMES)
def test_a_replay_is_sound_and_repeats_itself(day, name):
    """Moves start where the VM is, no host holds more memory than it has, a second run is the same."""
    trace, fleet, current = day()
    made, plans = run(name, trace, fleet, current)
    again, plans_again = run(name, trace, fleet, current)
    assert plans == plans_again
    assert np.array_equal(made.energy_mj, again.energy_mj)
    assert made.service.memory_overcommit_host_s == 0
    assert made.service.cancelled_shutdowns <= 2
    where = dict(enumerate(current.host_of.tolist()))
    for move in made.moves:
        if where[move.vm] >= 0:
            assert move.source == where[move.vm]
        where[move.vm] = move.target
    assert any(plans), "a day in which it does nothing tests nothing"


@pytest.mark.parametrize("name", NAMES)
def test_the_future_is_not_seen(day, name):
    """Whatever comes after a step, the decisions up to it stay as they were."""
    trace, fleet, current = day(arrivals=False)
    cut = 30
    later = np.array(trace.cpu_mcores)
    later[:, cut:] = np.roll(later[:, cut:], 7, axis=0)
    changed = replace(trace, cpu_mcores=later)
    _, plans = run(name, trace, fleet, current)
    _, plans_changed = run(name, changed, fleet, current)
    assert plans[: cut + 1] == plans_changed[: cut + 1]


@pytest.mark.parametrize("name", NAMES)
def test_rules_hold_whenever_a_move_ends(day, name):
    """Spread pairs never meet, and a fenced VM stays inside, also while plans are under way."""
    trace, fleet, current = day(arrivals=False)
    rules = (
        cs.Spread(vms=(0, 1, 2, 3)),
        cs.Spread(vms=(9, 10)),
        cs.Fence(vms=(5,), hosts=(5, 6, 7)),
        cs.Ban(vms=(11,), hosts=(0, 1)),
    )
    made, _ = run(name, trace, fleet, current, rules)
    where = np.array(current.host_of)
    for move in made.moves:
        where[move.vm] = move.target
        placement = cs.Placement(host_of=where)
        assert not [text for rule in rules for text in rule.violations(placement)]


@pytest.mark.parametrize("name", ["risk", "pabfd", "hsqueeze", "watcher", "nightly"])
def test_it_saves_energy_on_a_spread_fleet(day, name):
    """Twelve hosts for the work of three is what consolidation is for."""
    trace, fleet, current = day()
    made, _ = run(name, trace, fleet, current)
    idle = cs.replay(trace, fleet, current)
    assert made.total_mj < 0.8 * idle.total_mj


def test_hosts_stay_on_when_told_so(day):
    """Without switching off there is nothing to boot, and no power is cycled."""
    trace, fleet, current = day()
    made, _ = run("risk-hosts-on", trace, fleet, current)
    assert made.service.power_cycles == 0


def test_the_accepted_risk_is_what_decides(day):
    """More risk, fewer hosts, where CPU decides and not memory."""
    trace, fleet, current = day(n_vms=120, n_hosts=24, n_steps=96, arrivals=False)
    fleet = replace(fleet, types=tuple(replace(t, memory_mib=65_536) for t in fleet.types))
    hosts = {}
    for risk in (0.002, 0.2):
        setting = Setting.of(trace, fleet)
        controller = begin(cs.controller("risk", risk=risk), setting)
        hosts[risk] = cs.replay(trace, fleet, controller, current=current).hosts_on[24:].mean()
    assert hosts[0.2] < hosts[0.002]


def test_the_first_placement_takes_the_type_that_suits(day):
    """Where memory binds, the low idle power wins; it needs nothing but allocations."""
    trace, fleet, _ = day(n_hosts=40, arrivals=False)
    small = replace(fleet, types=tuple(replace(t, memory_mib=4_096) for t in fleet.types))
    assert set(small.host_type[cs.first_placement(trace, small).used_hosts()]) == {1}


def test_cloudsims_baseline_wakes_hosts_for_nothing(day):
    """A host that is off looks cheap when its idle power is not counted."""
    trace, fleet, current = day(n_vms=60, n_hosts=16, n_steps=48, arrivals=False)
    energy = {}
    for baseline in ("fresh", "cloudsim"):
        kind = cs.controller("pabfd", detector="thr", parameter=0.5, baseline=baseline)
        setting = Setting.of(trace, fleet)
        energy[baseline] = cs.replay(trace, fleet, begin(kind, setting), current=current).total_mj
    assert energy["cloudsim"] > energy["fresh"]
    with pytest.raises(ConfigError, match=r"controller\.pabfd\.baseline"):
        cs.controller("pabfd", baseline="stale")
