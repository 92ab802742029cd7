"""Targets that no plan reaches, each refused with the reasons and the names."""

from __future__ import annotations

import dataclasses

import pytest

from consolidate.errors import DeadlockError, PlanError
from consolidate.model import Ban, Gather, PowerControl, Root, Spread
from consolidate.planning import plan
from consolidate.study.verbs import plan as judged_plan


def test_a_vm_that_cannot_converge_and_has_no_other_mode_is_refused(scenes):
    """Never "one second": btrplace's network view lets such a move take no time."""
    hosts = [scenes.host(nic=1_000.0) for _ in range(2)]
    instance = scenes.scene(hosts, [scenes.vm(memory=4_000, dirty=500.0)], [0], ids=["db"])
    with pytest.raises(PlanError, match=r"db cannot be moved from N1 to N2: live migration does not"):
        plan(instance, scenes.to(1))


REFUSED = {
    "immovable": ({"vm": {"movable": False}}, "web cannot be moved from N1 to N2: the VM is immovable"),
    "no mode": ({"host": {"modes": {"restart"}}}, "web cannot be moved from N1 to N2: no common mode"),
    "maintenance": ({"host": {"maintenance": True}}, "N2: the host is in maintenance"),
    "asleep": (
        {"host": {"on": False, "control": PowerControl.NO_WAKE}},
        "N2: the host is off and cannot be woken",
    ),
    "kind": (
        {"host": {"kind": "container_engine"}},
        "web cannot be moved from N1 to N2: the host runs no vms",
    ),
    "banned": ({"rules": [Ban(vms=(0,), hosts=(1,))]}, "N2: a rule forbids it"),
    "rooted": ({"rules": [Root(vms=(0,), hosts=(0,))]}, "N2: a rule forbids it"),
    "spread": ({"rules": [Spread(vms=(0, 1))]}, "breaks a rule: spread: 2 of its VMs on host 1"),
    "too full": ({"host": {"memory": 1_500}}, "host N2: 2000 of 1500 memory_demand_mib"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_target_that_cannot_be_is_refused_with_names(scenes, case):
    """Before anything is scheduled, and never as a deadlock or a bug of ours."""
    given, message = REFUSED[case]
    hosts = [scenes.host(), scenes.host(**given.get("host", {}))]
    vms = [scenes.vm(**given.get("vm", {})), scenes.vm()]
    current = [0, 0] if "host" in given else [0, 1]
    rules = given.get("rules", ())
    instance = scenes.scene(hosts, vms, current, rules=rules, ids=["web", "db"])
    with pytest.raises(PlanError) as caught:
        plan(instance, scenes.to(1, 1))
    assert message in str(caught.value)
    assert not isinstance(caught.value, DeadlockError)


def test_every_reason_is_listed_at_once(scenes):
    """A user who mends one VM must not run into the next."""
    vms = [scenes.vm(movable=False) for _ in range(12)]
    instance = scenes.scene([scenes.host(90_000, 90_000)] * 2, vms, [0] * 12)
    with pytest.raises(PlanError) as caught:
        plan(instance, scenes.to(*[1] * 12))
    text = str(caught.value)
    assert text.count("immovable") == 10
    assert text.endswith("... and 2 more")


def test_stopping_vms_is_not_for_a_plan(scenes):
    """A target that drops a VM or invents one is a mistake, not a move."""
    vms = [scenes.vm(), scenes.vm(active=False)]
    instance = scenes.scene([scenes.host()] * 2, vms, [0, -1], ids=["web", "new"])
    for target, why in (
        (scenes.to(-1, -1), "web is left on no host .* stops no VM"),
        (scenes.to(0, 1), "new cannot be started on N2: the VM does not exist"),
    ):
        with pytest.raises(PlanError, match=why):
            plan(instance, target)
    with pytest.raises(PlanError, match="1 VMs, the instance 2"):
        plan(instance, scenes.to(0))
    with pytest.raises(PlanError, match="host 2, which is not there"):
        plan(instance, scenes.to(2, -1))


def test_vms_that_must_stay_together_are_not_torn_apart(scenes):
    """One slot moves one VM at a time; a continuous gather rule says never apart."""
    vms = [scenes.vm(), scenes.vm()]
    together = Gather(vms=(0, 1))
    instance = scenes.scene([scenes.host()] * 2, vms, [0, 0], rules=[together])
    with pytest.raises(PlanError, match=r"continuous gather rule \(V1, V2\)"):
        plan(instance, scenes.to(1, 1))
    loose = dataclasses.replace(together, continuous=False)
    instance = scenes.scene([scenes.host()] * 2, vms, [0, 0], rules=[loose])
    assert len(judged_plan(instance, scenes.to(1, 1)).migrations) == 2
