"""What each placement rule means."""

from __future__ import annotations

import numpy as np
import pytest

from consolidate.errors import InstanceError
from consolidate.model import RULES, Ban, Fence, Gather, Placement, Root, Rule, Spread


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
    ],
)
def test_a_vm_on_no_host_breaks_nothing(rule):
    """VMs that do not exist at the moment cannot be in the wrong place."""
    assert rule.violations(at(-1, 0)) == ()


def test_spread_reports_each_crowded_host():
    """Two hosts with two VMs each are two violations."""
    found = Spread(vms=(0, 1, 2, 3)).violations(at(5, 5, 7, 7))
    assert found == ("spread: 2 of its VMs on host 5", "spread: 2 of its VMs on host 7")


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
    assert RULES.names() == ("ban", "fence", "gather", "root", "spread")
    for name in RULES:
        assert RULES.get(name).name == name
    assert isinstance(Spread(vms=(0,)), Rule)
    assert Spread(vms=(0,)).continuous is True
