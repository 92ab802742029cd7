"""Rules that the instance itself keeps: states of hosts and VMs, promises, limits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from consolidate.checks.rules import broken_rules
from consolidate.errors import InstanceError
from consolidate.inventory import read_rules
from consolidate.model import (
    Offline,
    Online,
    Placement,
    Preserve,
    Ready,
    ResourceCapacity,
    Running,
)
from consolidate.solvers import POLICIES
from consolidate.study.judge import placement_case
from consolidate.study.verbs import plan, solve

CPU = "cpu_demand_mcores"


@pytest.fixture
def small(builders):
    """Three hosts with a small VM each: without rules one host is enough."""
    hosts = builders.fleet(kinds=(0, 0, 0))
    return lambda *rules, **more: builders.instance(
        [(500, 512)] * 3, [0, 1, 2], fleet=hosts, rules=rules, **more
    )


def test_an_online_host_stays_on(small):
    """h1 is kept on; the best placement uses it, and no plan switches it off."""
    instance = small(Online(hosts=(1,)))
    result = solve(instance)
    assert result.placement.used_hosts().tolist() == [1]
    assert {off.host for off in plan(instance, result.placement).shutdowns} == {0, 2}


def test_two_online_hosts_cost_what_they_cost(small):
    """An empty host that must stay on counts in objective and bound; the judge says so, too."""
    one, two = solve(small(Online(hosts=(1,)))), solve(small(Online(hosts=(0, 1))))
    assert two.status == "optimal"
    assert two.objective_mj > one.objective_mj


def test_an_offline_host_is_emptied_and_switched_off(small):
    """h1 goes off although any host would do."""
    instance = small(Offline(hosts=(1,)))
    result = solve(instance)
    made = plan(instance, result.placement)
    assert 1 in {off.host for off in made.shutdowns}
    assert 1 not in result.placement.used_hosts()


def test_nothing_saved_is_no_excuse(small):
    """An empty host that is on breaks the rule: doing nothing is no answer."""
    instance = replace(
        small(Offline(hosts=(2,))), current=Placement(host_of=np.array([0, 1, 1], dtype=np.int32))
    )
    result = solve(instance, min_saving_fraction=0.9)
    assert result.worthwhile
    assert "breaks the rule offline" in result.message


def test_promises_are_needs(small):
    """3,500 mcores for each of two VMs: a host of 4,000 holds one of them."""
    instance = small(Preserve(vms=(0, 1), resource=CPU, least=3_500))
    assert instance.need[:, 0].tolist() == [3_500, 3_500, 500]
    assert solve(instance).placement.used_hosts().size == 2


def test_limits_are_capacity(small):
    """At most 600 mcores on h0: one VM fits there."""
    instance = small(ResourceCapacity(hosts=(0,), resource=CPU, most=600), Online(hosts=(0,)))
    assert instance.capacity[:, 0].tolist()[0] == 600
    assert np.bincount(solve(instance).placement.host_of, minlength=3)[0] <= 1


@pytest.mark.parametrize("policy", ["cp-sat", "ffd", "drain", "keep", "quick", "lns", "counts", "auto"])
def test_every_policy_keeps_them(small, policy):
    """The exact one, the large ones and the simple ones; the checks judge each."""
    assert policy in POLICIES
    rules = (
        Online(hosts=(2,)),
        Offline(hosts=(0,)),
        Running(vms=(0,)),
        Preserve(vms=(1,), resource=CPU, least=900),
    )
    result = solve(small(*rules), policy)
    assert 0 not in result.placement.used_hosts()


@pytest.mark.parametrize(
    ("rules", "change", "message"),
    [
        ((Online(hosts=(0,)), Offline(hosts=(0,))), {}, "online and offline"),
        ((Offline(hosts=(0,)),), {"horizon_s": 60}, "is not to be switched off"),
        ((Ready(vms=(0,)),), {}, "a plan stops no VM"),
        ((Running(vms=(0,)),), {"active": np.zeros(3, dtype=bool)}, "does not exist"),
        ((Preserve(vms=(0,), resource="gpu", least=1),), {}, "no resource 'gpu'"),
    ],
)
def test_what_cannot_be_is_refused_at_birth(small, rules, change, message):
    """With host or VM by name."""
    if "active" in change:
        change["current"] = [-1, -1, -1]
        instance = small()
        with pytest.raises(InstanceError, match=message):
            replace(
                instance,
                rules=rules,
                active=change["active"],
                current=Placement(host_of=np.full(3, -1, dtype=np.int32)),
            )
        return
    with pytest.raises(InstanceError, match=message):
        small(*rules, **change)


def test_an_online_rule_boots_no_host(builders):
    """It is refused by name; hosts are booted for VMs only."""
    hosts = builders.fleet(kinds=(0, 0), powered_on=np.array([True, False]))
    with pytest.raises(InstanceError, match="h1 is off"):
        builders.instance([(1, 1)], [0], fleet=hosts, rules=(Online(hosts=(1,)),))


def test_one_host_a_limit():
    """A limit over several hosts together is another rule, which nobody keeps."""
    with pytest.raises(InstanceError, match="needs one host, got 2"):
        ResourceCapacity(hosts=(0, 1), resource=CPU, most=5)


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        (Offline(hosts=(2,)), [0, 1, 1], [0, 1, 2]),
        (Running(vms=(0, 1)), [0, 1, 2], [-1, 1, 2]),
    ],
)
def test_judge_and_model_agree(small, rule, good, bad):
    """A placement that keeps the rule and one that breaks it, for both alike."""
    instance = small(rule)
    for host_of, broken in ((good, False), (bad, True)):
        placement = Placement(host_of=np.array(host_of, dtype=np.int32))
        case = placement_case(instance, placement)
        assert bool(list(broken_rules(case, case.target))) == broken
        assert bool(rule.violations(placement, instance=instance)) == broken


def test_the_judge_looks_at_amounts(small):
    """A need below the promise and a host above the limit, behind the back of the instance."""
    rules = (
        Preserve(vms=(0,), resource=CPU, least=900),
        ResourceCapacity(hosts=(1,), resource=CPU, most=400),
    )
    case = placement_case(small(), Placement(host_of=np.array([0, 1, 2], dtype=np.int32)))
    stated = placement_case(small(*rules), Placement(host_of=np.array([0, 2, 2], dtype=np.int32)))
    assert not list(broken_rules(stated, stated.target))
    broken = [label for label, _, _ in broken_rules(replace(case, rules=stated.rules), case.target)]
    assert broken == ["preserve[0]", "resource_capacity[1]"]


def test_the_rules_file_knows_them(small, tmp_path):
    """Names, hosts, amounts."""
    path = tmp_path / "rules.toml"
    path.write_text(
        '[[rule]]\nname = "online"\nhosts = ["h1"]\n'
        '[[rule]]\nname = "preserve"\nvms = ["vm0"]\nresource = "cpu_demand_mcores"\nleast = 700\n',
        "utf-8",
    )
    instance = small()
    rules = read_rules(path, instance.vms, instance.fleet)
    assert rules == (
        Online(hosts=(1,), continuous=False),
        Preserve(vms=(0,), resource=CPU, least=700),
    )
