"""Plans in the formats of other systems."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import consolidate as cs
from consolidate.errors import ConfigError, UnknownNameError
from consolidate.exports import EXPORTERS
from consolidate.model import Boot, Migration, Shutdown


@pytest.fixture
def instance() -> cs.Instance:
    """Three VMs on the first two of three hosts."""
    grid = cs.TimeGrid(start=np.datetime64("2024-01-01"), step_s=300, n_steps=24)
    vms = cs.VMs(
        ids=("101", "lxc/102", "qemu/103"),
        vcpus=np.ones(3),
        cpu_mcores=np.full(3, 1_000),
        memory_mib=np.full(3, 1_024),
        dirty_mib_per_s=np.zeros(3),
    )
    shape = (3, 24)
    trace = cs.Trace(
        vms=vms,
        grid=grid,
        cpu_mcores=np.full(shape, 200),
        memory_mib=np.full(shape, 512),
        alive=np.ones(shape, dtype=bool),
    )
    kind = cs.HostType(
        name="small",
        cores=8,
        memory_mib=16_384,
        power=cs.WattTable.sample(cs.LinearPower(idle_w=50, max_w=100)),
    )
    fleet = cs.Fleet(host_ids=("n1", "n 2", "n3"), host_type=np.zeros(3), types=(kind,))
    current = cs.Placement(host_of=np.array([0, 0, 1]))
    return cs.Instance.from_trace(trace, fleet, sizing=cs.Percentile(95), current=current)


@pytest.fixture
def moves(instance: cs.Instance) -> cs.MigrationPlan:
    """A boot, two moves to the booted host one after the other, and a shutdown."""
    common = {"mode": "live", "downtime_ms": 1, "moved_mib": 512, "rate_mib_per_s": 400.0}
    target = cs.Placement(host_of=np.array([2, 2, 1]))
    return cs.MigrationPlan(
        actions=(
            Boot(id=1, host=2, start_s=0, end_s=300),
            Migration(
                id=2,
                vm=0,
                source=0,
                target=2,
                start_s=300,
                end_s=310,
                overhead_mcores=1,
                after=(1,),
                **common,
            ),
            Migration(
                id=3,
                vm=1,
                source=0,
                target=2,
                start_s=310,
                end_s=320,
                overhead_mcores=1,
                after=(1, 2),
                **common,
            ),
            Shutdown(id=4, host=0, start_s=320, end_s=380, after=(2, 3)),
        ),
        current=instance.current,
        target=target,
    )


def test_watcher_actions_form_a_graph_in_order(instance, moves, tmp_path) -> None:
    """Watcher runs an action once its parents have ended, so every parent must come before."""
    path = cs.export_plan(moves, instance, tmp_path / "plan.json", to="watcher")
    document = json.loads(path.read_text("utf-8"))
    seen: set[str] = set()
    for action in document["actions"]:
        assert set(action["parents"]) <= seen
        seen.add(action["uuid"])
    kinds = [a["action_type"] for a in document["actions"]]
    assert kinds == [
        "change_node_power_state",
        "change_nova_service_state",
        "migrate",
        "migrate",
        "change_nova_service_state",
        "change_node_power_state",
    ]
    first = document["actions"][2]["input_parameters"]
    assert (first["source_node"], first["destination_node"]) == ("n1", "n3")
    assert document["action_plan"]["global_efficacy"][0]["value"] == pytest.approx(100 / 3)


def test_watcher_is_deterministic(instance, moves, tmp_path) -> None:
    """Equal plans give equal bytes, so that a plan can be compared and signed."""
    one = cs.export_plan(moves, instance, tmp_path / "a.json", to="watcher").read_bytes()
    assert one == cs.export_plan(moves, instance, tmp_path / "b.json", to="watcher").read_bytes()


def test_watcher_refuses_restarts(instance, moves, tmp_path) -> None:
    """A container's restart has no action there: better refused than migrated by force."""
    actions = list(moves.actions)
    actions[1] = replace(actions[1], mode="restart")
    with pytest.raises(ConfigError, match="101 is moved by restart"):
        cs.export_plan(replace(moves, actions=tuple(actions)), instance, tmp_path / "x", to="watcher")
    assert not list(tmp_path.iterdir())


def test_proxmox_script_quotes_and_orders(instance, moves, tmp_path) -> None:
    """Host names go through a shell; containers are restarted, guests moved online."""
    text = cs.export_plan(moves, instance, tmp_path / "plan.sh", to="proxmox").read_text("utf-8")
    assert text.splitlines()[3:] == [
        "# switch on n3",
        "pvesh create /nodes/n1/qemu/101/migrate --target n3 --online 1",
        "pvesh create /nodes/n1/lxc/102/migrate --target n3 --restart 1",
        "# switch off n1",
    ]


@pytest.mark.parametrize("vm", ["web-1", "qemu/x", "host/104", "१०४"])
def test_proxmox_refuses_other_ids(instance, moves, tmp_path, vm) -> None:
    """A wrong id in a command would move another guest."""
    ids = (vm, *instance.vms.ids[1:])
    other = replace(instance, vms=replace(instance.vms, ids=ids))
    with pytest.raises(ConfigError, match="no Proxmox guest id"):
        cs.export_plan(moves, other, tmp_path / "x", to="proxmox")


def test_unknown_format_names_the_nearest(instance, moves, tmp_path) -> None:
    """A typing error is answered with the format that was meant."""
    with pytest.raises(UnknownNameError, match="watcher"):
        cs.export_plan(moves, instance, tmp_path / "x", to="wacher")
    assert set(EXPORTERS) >= {"proxmox", "watcher"}
