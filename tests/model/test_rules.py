"""What each placement rule means."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from consolidate.errors import InstanceError
from consolidate.model import (
    RULES,
    Among,
    Ban,
    Fence,
    Gather,
    Interference,
    Lonely,
    MaxOnline,
    Placement,
    PowerControl,
    Quarantine,
    Root,
    Rule,
    Split,
    SplitAmong,
    Spread,
)


def at(*hosts):
    return Placement(host_of=np.array(hosts, dtype=np.int32))


@pytest.mark.parametrize(
    ("rule", "kept", "broken"),
    [
        (Spread(vms=(0, 1, 2)), (0, 1, 2), (0, 1, 1)),
        (Gather(vms=(0, 2)), (4, 0, 4), (4, 4, 0)),
        (Fence(vms=(0, 1), hosts=(2, 3)), (2, 3, 9), (2, 1, 9)),
        (Ban(vms=(1,), hosts=(2, 3)), (2, 1, 3), (0, 3, 0)),
        (Root(vms=(0, 2), hosts=(5, 1)), (5, 0, 1), (5, 0, 2)),
        (Interference(vms=(0,), others=(1, 2), most=1), (3, 3, 4), (3, 3, 3)),
        (Interference(vms=(0, 1, 2), others=(0, 1, 2), most=2), (3, 3, 4), (3, 3, 3)),
        (MaxOnline(hosts=(1, 2, 3), most=2), (1, 2, 9), (1, 2, 3)),
        (Lonely(vms=(0, 1)), (3, 3, 4), (3, 3, 3)),
        (Split(parts=((0,), (1, 2))), (3, 4, 4), (3, 4, 3)),
        (Among(vms=(0, 1), zones=((1, 2), (3,))), (1, 2, 9), (1, 3, 9)),
        (Among(vms=(0, 1), zones=((1, 2), (3,))), (3, 3, 9), (1, 9, 1)),
        (SplitAmong(parts=((0, 1), (2,)), zones=((1, 2), (3,))), (1, 2, 3), (1, 2, 1)),
        (SplitAmong(parts=((0, 1), (2,)), zones=((1, 2), (3,), (4,))), (1, 2, 3), (1, 4, 3)),
    ],
)
def test_meaning(rule, kept, broken):
    """One placement that keeps each rule and one that breaks it once."""
    assert rule.violations(at(*kept)) == ()
    assert len(rule.violations(at(*broken))) == 1
    assert rule.name in rule.violations(at(*broken))[0]


@pytest.mark.parametrize(
    "rule",
    [
        Spread(vms=(0, 1)),
        Gather(vms=(0, 1)),
        Fence(vms=(0,), hosts=(3,)),
        Ban(vms=(0,), hosts=(0,)),
        Root(vms=(0,), hosts=(3,)),
        Interference(vms=(0,), others=(1,), most=0),
        Interference(vms=(1,), others=(0,), most=0),
        MaxOnline(hosts=(0, 1), most=1),
    ],
)
def test_a_vm_on_no_host_breaks_nothing(rule):
    """VMs that do not exist at the moment cannot be in the wrong place."""
    assert rule.violations(at(-1, 0)) == ()


def test_spread_reports_each_crowded_host():
    """Two hosts with two VMs each are two violations."""
    found = Spread(vms=(0, 1, 2, 3)).violations(at(5, 5, 7, 7))
    assert found == ("spread: 2 of its VMs on host 5", "spread: 2 of its VMs on host 7")


def test_a_host_that_stays_on_is_online(builders):
    """It counts although it carries nothing."""
    rule = MaxOnline(hosts=(0, 1), most=1)
    kept = builders.fleet(kinds=(0, 0), power_control=np.array([0, PowerControl.KEEP_ON]))
    free = builders.instance([(1, 1)] * 2, [0, 0], fleet=builders.fleet(kinds=(0, 0)))
    assert rule.violations(at(0, 0), instance=free) == ()
    found = rule.violations(at(0, 0), instance=replace(free, fleet=kept))
    assert found == ("max_online: 2 of its hosts are on, at most 1 may be",)


def test_nobody_crosses_a_quarantine(builders):
    """Out of it, into it, and between its hosts; who stays, or is elsewhere, breaks nothing."""
    instance = builders.spread_out()  # VM k on host k
    rule = Quarantine(hosts=(0, 1))
    assert rule.violations(at(0, 1, 3, 2), instance=instance) == ()
    assert rule.violations(at(0, 1, 0, 3), instance=instance) == (
        "quarantine: VM 2 went from host 2 to host 0",
    )
    assert len(rule.violations(at(1, 2, 2, 3), instance=instance)) == 2


@pytest.mark.parametrize(
    "make",
    [
        lambda: Split(parts=((0,),)),
        lambda: Split(parts=((0,), ())),
        lambda: Split(parts=((0, 1), (1,))),
        lambda: Among(vms=(0,), zones=()),
        lambda: SplitAmong(parts=((0,),), zones=((1, 2), (2,))),
        lambda: Quarantine(hosts=()),
    ],
)
def test_parts_and_zones_are_disjoint_and_not_empty(make):
    """A host in two zones, a VM in two parts, nobody at all."""
    with pytest.raises(InstanceError, match=r"needs at least|no two parts"):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: Interference(vms=(0,), others=()),
        lambda: Interference(vms=(0,), others=(1,), most=-1),
        lambda: MaxOnline(hosts=(), most=1),
        lambda: MaxOnline(hosts=(0,), most=-1),
    ],
)
def test_a_limit_needs_sense(make):
    """Nobody to count, nothing to limit, or less than nothing allowed."""
    with pytest.raises(InstanceError, match=r"0 or more|at least one host"):
        make()


def test_vms_are_sorted_and_unique():
    """The same rule written in another order is the same value."""
    assert Spread(vms=(2, 0, 2)) == Spread(vms=(0, 2))
    assert Fence(vms=(1,), hosts=(3, 2, 3)).hosts == (2, 3)


def test_root_keeps_each_vm_with_its_host():
    """Sorting the VMs must not swap their hosts: VM 4 stays on host 1, VM 2 on host 0."""
    rule = Root(vms=(4, 2), hosts=(1, 0))
    assert (rule.vms, rule.hosts) == ((2, 4), (0, 1))
    assert rule == Root(vms=(2, 4), hosts=(0, 1))
    assert rule.violations(at(9, 9, 0, 9, 1)) == ()


@pytest.mark.parametrize(("vms", "hosts"), [((0, 1), (3,)), ((0,), ()), ((0, 0), (1, 2))])
def test_root_needs_a_host_for_each_vm(vms, hosts):
    """A root without homes would crash while it is judged, or mean two places at once."""
    with pytest.raises(InstanceError, match=r"rule\.hosts"):
        Root(vms=vms, hosts=hosts)


@pytest.mark.parametrize("vms", [(), (-1, 3)])
def test_a_rule_speaks_of_known_vms(vms):
    """A rule about nobody is a mistake in a file, not a rule."""
    with pytest.raises(InstanceError, match=r"rule\.vms"):
        Spread(vms=vms)


def test_registry_has_every_rule():
    """Names of files lead to classes that satisfy the protocol."""
    assert RULES.names() == (
        "among",
        "ban",
        "fence",
        "gather",
        "interference",
        "licence_group",
        "lonely",
        "max_online",
        "offline",
        "online",
        "preserve",
        "quarantine",
        "ready",
        "resource_capacity",
        "root",
        "running",
        "shared_capacity",
        "split",
        "split_among",
        "spread",
    )
    for name in RULES:
        assert RULES.get(name).name == name
    assert isinstance(Spread(vms=(0,)), Rule)
    assert Spread(vms=(0,)).continuous is True
