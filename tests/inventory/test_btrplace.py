"""Instances of BtrPlace: every field, what is refused, and plans that are valid by the file's own words."""

from __future__ import annotations

import gzip
import json
import os
from collections import Counter
from pathlib import Path

import pytest

from consolidate.errors import TraceError, UnsupportedError
from consolidate.inventory import read_instance
from consolidate.study.verbs import plan, solve


def content():
    """Three hosts, one of them off; three VMs run, one is to be started, one may wait."""
    views = [
        {"id": "ns", "type": "vm", "map": {"web": 0, "db": 1}},
        {
            "id": "shareableResource",
            "rcId": "uCpu",
            "defCapacity": 10,
            "defConsumption": 1,
            "nodes": {"0": 8},
            "vms": {"0": 4, "1": 3},
        },
        {
            "id": "shareableResource",
            "rcId": "memory",
            "defCapacity": 100,
            "defConsumption": 10,
            "nodes": {},
            "vms": {"0": 50},
        },
    ]
    on = {"0": {"runningVMs": [0, 1]}, "1": {"runningVMs": [7], "sleepingVMs": []}}
    return {
        "model": {
            "mapping": {"readyVMs": [3, 5], "onlineNodes": on, "offlineNodes": [4]},
            "attributes": {"nodes": {"4": {"boot": 60}}, "vms": {"3": {"boot": 7}}},
            "views": views,
        },
        "constraints": [
            {"id": "online", "node": 0, "continuous": False},
            {"id": "online", "node": 1, "continuous": False},
            {"id": "running", "vm": 3, "continuous": False},
            {"id": "preserve", "vm": 1, "rc": "uCpu", "amount": 5},
            {"id": "spread", "vms": [0, 7], "continuous": True},
        ],
        "objective": {"id": "minimizeMTTR"},
    }


@pytest.fixture
def write(tmp_path):
    def to_file(what):
        path = tmp_path / "tiny.json"
        path.write_text(what if isinstance(what, str) else json.dumps(what), "utf-8")
        return path

    return to_file


def test_every_field(write):
    """Names, amounts, who is where, who is new, what is promised, and rules that say the same as one."""
    instance = read_instance(write(content()))
    assert instance.vms.ids == ("web", "db", "vm3", "vm5", "vm7")
    assert instance.fleet.host_ids == ("node0", "node1", "node4")
    assert instance.fleet.powered_on.tolist() == [True, True, False]
    assert instance.current.host_of.tolist() == [0, 0, -1, -1, 1]
    assert instance.active.tolist() == [True, True, True, False, True]
    assert instance.need[:, 0].tolist() == [4, 5, 1, 1, 1]  # the promise is in: 5 for db
    assert instance.capacity.tolist() == [[8, 100], [10, 100], [10, 100]]
    assert instance.fleet.per_host("boot_s").tolist() == [120, 120, 60]
    assert instance.moves.restart_s == 7
    assert [rule.name for rule in instance.rules] == ["spread", "online", "running", "preserve"]
    assert instance.rules[1].hosts == (0, 1)


def test_placement_and_plan(write):
    """Node0 is too full for the promise: one VM leaves it, and the new one starts; node4 stays off."""
    instance = read_instance(write(content()))
    result = solve(instance, min_saving_fraction=0.0)
    made = plan(instance, result.placement)
    assert result.status == "optimal"
    assert [(m.vm, m.target) for m in made.migrations] == [(1, 1)]  # web would meet vm7
    assert [start.vm for start in made.starts] == [2]
    assert not made.boots
    assert not made.shutdowns


def change(*path, to):
    def apply(what):
        for key in path[:-1]:
            what = what[key]
        what[path[-1]] = to

    return apply


def constraint(**fields):
    return lambda what: what["constraints"].append(fields)


@pytest.mark.parametrize(
    ("edit", "kind", "message"),
    [
        (constraint(id="deadline", vm=0), UnsupportedError, "deadline"),
        (constraint(id="sleeping", vm=0), UnsupportedError, "the constraint sleeping"),
        (constraint(id="killed", vm=0), UnsupportedError, "the constraint killed"),
        (constraint(id="ready", vm=0), UnsupportedError, "ready on a running VM"),
        (constraint(id="ban", vm=99, nodes=[0]), TraceError, "no VM 99"),
        (constraint(id="among", vms=[0], parts=[[0], [77]]), TraceError, "no node 77"),
        (constraint(id="preserve", vm=0, rc="gpu", amount=1), TraceError, "no resource 'gpu'"),
        (change("model", "mapping", "readyVMs", to=[0]), TraceError, "VM 0 is in the mapping twice"),
        (
            change("model", "mapping", "onlineNodes", "1", "sleepingVMs", to=[9]),
            UnsupportedError,
            "sleeping VMs",
        ),
        (change("model", "views", 1, "vms", "0", to=-4), TraceError, "below 0"),
        (change("model", "views", 1, "nodes", "0", to="8"), TraceError, r"nodes\[...\]"),
        (change("model", to={}), TraceError, "mapping"),
    ],
)
def test_refused_by_name(write, edit, kind, message):
    """What cannot be said here, and what is wrong in the file, is named; nothing is guessed."""
    what = content()
    edit(what)
    with pytest.raises(kind, match=message):
        read_instance(write(what))


def test_no_json(write, tmp_path):
    """A text, and a broken gzip."""
    with pytest.raises(TraceError, match="no BtrPlace instance"):
        read_instance(write("nonsense"))
    broken = tmp_path / "x.json.gz"
    broken.write_bytes(b"nonsense")
    with pytest.raises(TraceError, match="cannot be read"):
        read_instance(broken)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"id": "fence", "vm": 0, "nodes": [1]}, "fence"),
        ({"id": "root", "vm": 0}, "root"),
        ({"id": "offline", "node": 4}, "offline"),
        ({"id": "lonely", "vms": [0]}, "lonely"),
        ({"id": "maxOnline", "nodes": [0, 1, 4], "amount": 2}, "max_online"),
        ({"id": "quarantine", "node": 1}, "quarantine"),
        ({"id": "split", "parts": [[0], [1]]}, "split"),
        ({"id": "splitAmong", "vParts": [[0], [1]], "pParts": [[0], [1]]}, "split_among"),
        ({"id": "resourceCapacity", "nodes": [1], "rc": "uCpu", "amount": 3}, "resource_capacity"),
        ({"id": "resourceCapacity", "nodes": [0, 1], "rc": "uCpu", "amount": 9}, "shared_capacity"),
    ],
)
def test_each_constraint_is_a_rule(write, fields, expected):
    """Under the name that it has here."""
    what = content()
    what["constraints"].append(fields)
    instance = read_instance(write(what))
    assert expected in {rule.name for rule in instance.rules}


def test_overbooking_and_limits_are_capacity(write):
    """Half as much again on node1, and no more than 3 on node0."""
    what = content()
    what["constraints"] += [
        {"id": "overbook", "node": 1, "rc": "uCpu", "ratio": 1.5},
        {"id": "resourceCapacity", "nodes": [0], "rc": "uCpu", "amount": 3},
    ]
    assert read_instance(write(what)).capacity[:, 0].tolist() == [3, 15, 10]


REAL = ("std-perf_li3", "std-perf_nr3", "wkld-tdsc_li_r3_p5000_c33_1")


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_the_real_instances(name):
    """5,000 hosts and 15,000 VMs: the end of the plan satisfies each constraint as the file words it."""
    named = os.environ.get("CONSOLIDATE_DATA")
    folder = Path(named) if named else Path(__file__).parents[3] / "shared" / "data"
    path = folder / "btrplace" / f"{name}.json.gz"
    if not path.is_file():
        pytest.skip("the public instances are not here")
    instance = read_instance(path)
    made = plan(instance, solve(instance, min_saving_fraction=0.0).placement)
    raw = json.loads(gzip.decompress(path.read_bytes()))
    host_of, on = followed(raw, made)
    assert [c for c in raw["constraints"] if not holds(c, host_of, on)] == []
    promised = {c["vm"]: c["amount"] for c in raw["constraints"] if c["id"] == "preserve"}
    for view in raw["model"]["views"]:
        if view["id"] != "shareableResource":
            continue
        used = Counter()
        for v, h in host_of.items():
            least = promised.get(v, 0) if view["rcId"] == "uCpu" else 0
            used[h] += max(least, view["vms"].get(str(v), view["defConsumption"]))
        assert all(used[h] <= view["nodes"].get(str(h), view["defCapacity"]) for h in used)


def followed(raw, made):
    """Carry out the actions on the file's own mapping; ids of the file are dense, so they are indices."""
    mapping = raw["model"]["mapping"]
    host_of = {v: int(h) for h, row in mapping["onlineNodes"].items() for v in row["runningVMs"]}
    on = {int(h) for h in mapping["onlineNodes"]}
    for action in made.actions:
        if action.kind == "migration":
            assert host_of[action.vm] == action.source
            host_of[action.vm] = action.target
        elif action.kind == "start":
            assert action.vm not in host_of
            host_of[action.vm] = action.host
        elif action.kind == "boot":
            on.add(action.host)
        else:
            on.discard(action.host)
    assert set(host_of.values()) <= on
    return host_of, on


def holds(c, host_of, on):
    """Say whether a constraint holds in the end, in the words of BtrPlace."""
    match c["id"]:
        case "online":
            return c["node"] in on
        case "offline":
            return c["node"] not in on
        case "running":
            return c["vm"] in host_of
        case "preserve":
            return c["vm"] in host_of
        case "spread":
            return len({host_of[v] for v in c["vms"]}) == len(c["vms"])
        case "among":
            return any(all(host_of[v] in part for v in c["vms"]) for part in map(set, c["parts"]))
    return False
