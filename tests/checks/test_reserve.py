"""Reserve N+k: proven where everybody finds room after any failure, at every step; not proven otherwise."""

from __future__ import annotations

import numpy as np
import pytest

from consolidate.errors import ConfigError
from consolidate.model import Fence, Lonely, Placement, Site, Spread
from consolidate.study.judge import prove_reserve
from consolidate.study.verbs import plan


def at(*hosts):
    return Placement(host_of=np.array(hosts, dtype=np.int32))


@pytest.fixture
def make(builders):
    """VMs of so many mcores, hosts of 4,000."""

    def build(needs, current, *rules, hosts=3, **more):
        fleet = builders.fleet(kinds=(0,) * hosts, **more)
        return builders.instance([(n, 100) for n in needs], current, fleet=fleet, rules=rules)

    return build


def test_room_for_any_one_host(make):
    """2,000 of 4,000 on each of three hosts: any one fits on the others; any two do not."""
    instance = make([1_000] * 6, [0, 0, 1, 1, 2, 2])
    stays = plan(instance, instance.current)
    one = prove_reserve(instance, stays)
    assert (one.proven, one.moments) == (True, 1)
    two = prove_reserve(instance, stays, failures=2)
    assert (two.proven, two.hosts) == (False, (0, 1))
    assert two.reason == "no room was found for the 4 VMs of h0, h1"


def test_a_plan_that_eats_the_reserve(make):
    """Before the plan any host may fail; once h2 is off, the two that are left hold 3,000 each."""
    instance = make([1_000] * 6, [0, 0, 1, 1, 2, 2])
    made = plan(instance, at(0, 0, 1, 1, 0, 1))
    verdict = prove_reserve(instance, made)
    assert not verdict.proven
    assert 0 < verdict.time_s <= made.makespan_s
    assert made.shutdowns


def test_first_choices_that_do_not_fit(make):
    """500 where it leaves least room leaves 300 without any; the search finds 500+300 and 400+300."""
    instance = make([500, 400, 300, 300, 3_200, 3_300], [0, 0, 0, 0, 1, 2])
    verdict = prove_reserve(instance, plan(instance, instance.current))
    assert verdict.hosts == (1,)  # h0 is survived; 3,200 find no room


def test_rules_hold_after_a_failure_too(make):
    """There is room, but only beside the VM that it must be apart from; or only outside its fence."""
    apart = make([1_000, 1_000], [0, 1], Spread(vms=(0, 1)), hosts=2)
    assert not prove_reserve(apart, plan(apart, apart.current)).proven
    third = make([1_000, 1_500, 1_000], [0, 1, 2], Spread(vms=(0, 1)))
    assert prove_reserve(third, plan(third, third.current)).proven
    fenced = make([1_000, 1_000], [0, 1], Fence(vms=(0,), hosts=(0,)), hosts=2)
    assert not prove_reserve(fenced, plan(fenced, fenced.current)).proven
    alone = make([1_000, 1_000], [0, 1], Lonely(vms=(0,)), hosts=2)
    assert "breaks lonely[0]" in prove_reserve(alone, plan(alone, alone.current)).reason


def test_hosts_that_are_off_are_no_reserve(make):
    """h1 would have room if it were on."""
    on = np.array([True, False])
    instance = make([1_000], [0], hosts=2, powered_on=on)
    assert not prove_reserve(instance, plan(instance, instance.current)).proven


def test_a_site_fails(make):
    """h0 and h1 are one site: their VMs do not fit on h2 alone, nor do they have to if one host fails."""
    sites = {"sites": (Site(name="a"), Site(name="b")), "host_site": np.array([0, 0, 1])}
    instance = make([2_500, 2_500, 1_000], [0, 1, 2], **sites)
    stays = plan(instance, instance.current)
    assert not prove_reserve(instance, stays, sites=True).proven
    light = make([1_000, 1_000, 1_000], [0, 1, 2], **sites)
    assert prove_reserve(light, plan(light, light.current), sites=True).proven


def test_too_many_sets_are_not_proven(make):
    """Nothing is claimed of what was not looked at."""
    instance = make([10] * 60, list(range(60)), hosts=60)
    verdict = prove_reserve(instance, plan(instance, instance.current), failures=5)
    assert not verdict.proven
    assert "too many to look at" in verdict.reason
    with pytest.raises(ConfigError, match="needs 1 or more"):
        prove_reserve(instance, plan(instance, instance.current), failures=0)
