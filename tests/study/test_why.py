"""Why hosts stay on, what moves bring back, what rules cost, what cannot be: against brute force."""

from __future__ import annotations

import json
from itertools import combinations, product
from random import Random

import numpy as np
import pytest

from consolidate.errors import UnsupportedError
from consolidate.model import Fence, Gather, Online, Placement, Spread
from consolidate.study.verbs import solve
from consolidate.study.why import minimal_core, price_rules, why_hosts, why_moves

RULES = ("spread", "fence", "ban", "split", "lonely", "interference")


def at(*hosts):
    return Placement(host_of=np.array(hosts, dtype=np.int32))


@pytest.fixture
def make(builders):
    """An instance on so many hosts of 4,000 mcores; each VM is on the host of its number."""

    def build(needs, *rules, hosts=2, current=None, **more):
        fleet = builders.fleet(kinds=(0,) * hosts)
        rows = [(cpu, 100) for cpu in needs]
        return builders.instance(
            rows,
            list(range(len(rows))) if current is None else current,
            fleet=fleet,
            rules=rules,
            **more,
        )

    return build


def test_room_keeps_a_host_on(make):
    """2,500 of 4,000 mcores on each of two hosts: neither VM fits beside the other, no rule needed."""
    instance = make([2_500, 2_500])
    first, second = why_hosts(instance, at(0, 1))
    assert (first.kind, first.vms, first.rules, first.smallest) == ("no_place", (0,), (), True)
    assert second.vms == (1,)
    assert first.sentence(instance) == "h0 stays on for vm0 (for lack of room)"


def test_a_rule_keeps_a_host_on(make):
    """There is room, but the two must be apart; the fence has nothing to do with it."""
    instance = make([500, 500], Fence(vms=(0,), hosts=(0, 1)), Spread(vms=(0, 1)))
    (first, _) = why_hosts(instance, at(0, 1))
    assert (first.vms, first.rules) == ((0,), (1,))
    assert "because of spread[1]" in first.sentence(instance)


def test_only_together_they_find_no_place(make):
    """Either of two VMs fits on the other host, both do not: the set has two members."""
    instance = make([1_000, 1_000, 500, 2_500], current=[0, 0, 0, 1])
    (first,) = why_hosts(instance, at(0, 0, 0, 1), hosts=[0])
    assert (first.vms, first.smallest) == ((0, 1), True)


def test_a_host_that_must_stay_on(make):
    """The rule says so; no VM is to blame, and an empty host is explained as well."""
    instance = make([500], Online(hosts=(0, 1)))
    assert [r.kind for r in why_hosts(instance, at(0))] == ["must", "must"]


@pytest.mark.parametrize(("move_mj", "kind"), [(10**12, "price"), (0, "missed")])
def test_what_could_be_emptied(make, move_mj, kind):
    """Two small VMs apart: only the price of a move keeps both hosts on, or nothing does."""
    instance = make([500, 500], move_mj=move_mj)
    (first, _) = why_hosts(instance, at(0, 1))
    assert first.kind == kind
    emptied = instance.energy(at(1, 1)).total_mj - instance.energy(at(0, 1)).total_mj
    assert first.change_mj == emptied
    assert (first.change_mj < 0) == (kind == "missed")


def test_gathered_vms_go_together_or_not_at_all(make):
    """The small one would fit on h1, its mate would not."""
    instance = make([2_000, 500, 3_000], Gather(vms=(0, 1)), current=[0, 0, 1])
    (first,) = why_hosts(instance, at(0, 0, 1), hosts=[0])
    assert first.kind == "no_place"
    assert first.vms == (0,)


def stuck(instance, placement, host, vms, rules):
    """Say by trying everything whether VMs find no place on the other hosts in use."""
    others = [h for h in placement.used_hosts().tolist() if h != host]
    mask_of, masks = instance.host_masks()
    before = {k: len(instance.rules[k].violations(placement, instance=instance)) for k in rules}
    for choice in product(others, repeat=len(vms)):
        host_of = np.array(placement.host_of)
        host_of[list(vms)] = choice
        to = Placement(host_of=host_of)
        over = (instance.usage(to) > instance.capacity)[list(choice)].any()
        barred = not all(masks[mask_of[v], h] for v, h in zip(vms, choice, strict=True))
        broken = any(len(instance.rules[k].violations(to, instance=instance)) > before[k] for k in rules)
        if not (over or barred or broken):
            return False
    return True


def test_sets_are_minimal_by_brute_force(builders):
    """Random placements: the set finds no place, every smaller one does, without a named rule it does."""
    seen = set()
    for seed in range(150):
        rnd = Random(seed)
        instance = builders.random_instance(rnd, max_vms=7, max_hosts=4, rules=RULES, crowded=0)
        placement = instance.current
        if seed % 2:
            placement = solve(instance, "bfd", min_saving_fraction=0.0).placement
        if (instance.usage(placement) > instance.capacity).any():
            continue
        if any(r.violations(placement, instance=instance) for r in instance.rules):
            continue
        for reason in why_hosts(instance, placement):
            seen.add(reason.kind)
            residents = np.flatnonzero(placement.host_of == reason.host).tolist()
            every = range(len(instance.rules))
            if reason.kind in ("price", "missed"):
                assert not stuck(instance, placement, reason.host, residents, every), seed
            elif reason.kind == "no_place":
                assert stuck(instance, placement, reason.host, reason.vms, every), seed
                for n in range(1, len(reason.vms)):
                    for fewer in combinations(residents, n):
                        assert not stuck(instance, placement, reason.host, fewer, every), seed
    assert {"no_place", "must"} <= seen
    assert seen & {"price", "missed"}


def test_returns_add_up(builders):
    """What all moves bring back, less what they spend, is what the placement saves over staying."""
    compared = 0
    for seed in range(60):
        rnd = Random(seed)
        instance = builders.random_instance(rnd, rules=("spread",))
        result = solve(instance, "bfd", min_saving_fraction=0.0)
        moves = why_moves(instance, result.placement)
        if not moves:
            continue
        stay = instance.energy(instance.current).total_mj
        saved = (stay - instance.energy(result.placement).total_mj) / 1_000
        net = sum(m.back_j - m.spent_j for m in moves)
        assert net == pytest.approx(saved, rel=1e-9, abs=1e-3), seed
        compared += 1
    assert compared > 8


def test_a_move_pays_back(make):
    """One move of 1 J lets h1 go off for 8 hours: it is back at once, and h1 is released."""
    instance = make([500, 500], move_mj=1_000)
    (move,) = why_moves(instance, at(0, 0))
    assert (move.vm, move.source, move.target, move.spent_j, move.releases) == (1, 1, 0, 1.0, True)
    assert move.payback_s == pytest.approx(8 * 3_600 / move.back_j)


def test_a_move_that_frees_nothing_never_pays(make):
    """h0 stays on for another VM: the move costs, and brings nothing."""
    instance = make([500, 500, 500], current=[0, 0, 1], move_mj=1_000)
    (move,) = why_moves(instance, at(1, 0, 1))
    assert move.back_j == pytest.approx(0, abs=100)
    assert not move.releases


def test_the_price_of_a_rule(make):
    """Without spread one host is enough; the proven prices enclose the one that was found."""
    instance = make([500, 500], Spread(vms=(0, 1)), Fence(vms=(0,), hosts=(0, 1)))
    result = solve(instance, min_saving_fraction=0.0)
    spread, fence = price_rules(instance, result)
    assert spread.price_w > 50
    assert spread.at_least_w - 1e-9 <= spread.price_w <= spread.at_most_w + 1e-9
    assert fence.price_w == pytest.approx(0, abs=1e-6)


def test_a_minimal_core(make):
    """Three VMs apart on two hosts: the rule and these three; the fence and the fourth are left out."""
    rules = (Fence(vms=(3,), hosts=(0,)), Spread(vms=(0, 1, 2)))
    instance = make([500] * 4, *rules, current=[0, 1, 0, 1])
    core = minimal_core(instance)
    assert (core.vms, core.rules, core.minimal) == ((0, 1, 2), (1,), True)
    assert core.sentence(instance) == (
        "no placement has room for vm0, vm1, vm2 under spread[1]; none of them can be left out"
    )


def test_a_core_of_room_alone(make):
    """Three VMs of 2,500 mcores on two hosts; the small ones are innocent."""
    instance = make([2_500, 100, 2_500, 100, 2_500], current=[0, 0, 1, 1, 0])
    core = minimal_core(instance)
    assert (core.vms, core.rules) == ((0, 2, 4), ())


def test_no_core_where_there_is_a_placement(make):
    """Nothing to explain; and too much to explain is refused."""
    assert minimal_core(make([500, 500])) is None
    with pytest.raises(UnsupportedError, match="201 VMs"):
        minimal_core(make([1] * 201, current=[0] * 201))


def test_the_command(tmp_path):
    """A file of BtrPlace: hosts, moves, prices; without a placement the core, and exit code 3."""
    from click.testing import CliRunner

    from consolidate.cli.main import _run, cli

    view = {"id": "shareableResource", "rcId": "cpu", "defCapacity": 4, "defConsumption": 1}
    mapping = {"onlineNodes": {str(h): {"runningVMs": [h]} for h in range(3)}}
    what = {
        "model": {"mapping": mapping, "views": [view]},
        "constraints": [{"id": "spread", "vms": [0, 1], "continuous": True}],
    }
    path = tmp_path / "three.json"
    path.write_text(json.dumps(what), "utf-8")
    told = CliRunner().invoke(cli, ["why", str(path), "--rules", "--quiet"])
    assert told.exit_code == 0, told.output
    assert "because of spread[0] and the room that is left" in told.output
    assert "1 moves spend" in told.output
    assert "spread[0] costs 99.9" in told.output
    what["constraints"] += [{"id": "fence", "vm": v, "nodes": [0], "continuous": True} for v in (0, 1)]
    path.write_text(json.dumps(what), "utf-8")
    assert _run(["why", str(path), "--quiet"]) == 3
