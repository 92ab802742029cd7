"""A part of an instance: some of its VMs on some of its hosts, as an instance of its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import UnsupportedError
from consolidate.model.fleet import Fleet
from consolidate.model.instance import Instance
from consolidate.model.placement import Placement
from consolidate.model.rules import Ban, Fence, Interference, Quarantine, Root, Rule, Spread
from consolidate.model.trace import VMs

__all__ = ["PART_RULES", "part_of"]

#: Rules that hold for the whole when they hold in each part.
PART_RULES = frozenset({"ban", "fence", "interference", "quarantine", "root", "spread"})


def part_of(instance: Instance, vms: NDArray[np.int64], hosts: NDArray[np.int64]) -> Instance:
    """Return the instance of some VMs and some hosts; VMs that are on other hosts count as new.

    Parameters
    ----------
    vms, hosts
        Indices in ascending order.

    Raises
    ------
    UnsupportedError
        When a rule may hold in every part and not for the whole.
    """
    host_at = np.full(instance.fleet.n_hosts + 1, -1, dtype=np.int32)
    host_at[hosts] = np.arange(len(hosts))
    return replace(
        instance,
        fleet=_fleet(instance.fleet, hosts),
        vms=_vms(instance.vms, vms),
        need=instance.need[vms],
        capacity=instance.capacity[hosts],
        vm_overhead=instance.vm_overhead[hosts],
        load_mcores=instance.load_mcores[vms],
        # Index -1, for on no host, is the last one, which stays -1.
        current=Placement(host_of=host_at[instance.current.host_of[vms]]),
        active=instance.active[vms],
        movable=instance.movable[vms],
        move_mj=instance.move_mj[vms],
        rules=_rules(instance.rules, vms, hosts),
    )


def _fleet(fleet: Fleet, hosts: NDArray[np.int64]) -> Fleet:
    return replace(
        fleet,
        host_ids=tuple(fleet.host_ids[h] for h in hosts.tolist()),
        host_type=fleet.host_type[hosts],
        host_site=fleet.host_site[hosts],
        power_control=fleet.power_control[hosts],
        maintenance=fleet.maintenance[hosts],
        powered_on=fleet.powered_on[hosts],
    )


def _vms(vms: VMs, chosen: NDArray[np.int64]) -> VMs:
    at = chosen.tolist()
    return VMs(
        ids=tuple(vms.ids[v] for v in at),
        vcpus=vms.vcpus[chosen],
        cpu_mcores=vms.cpu_mcores[chosen],
        memory_mib=vms.memory_mib[chosen],
        dirty_mib_per_s=vms.dirty_mib_per_s[chosen],
        is_container=vms.is_container[chosen],
        groups=tuple(vms.groups[v] for v in at),
        disk_mib=vms.disk_mib[chosen],
    )


def _rules(
    rules: tuple[Rule, ...], vms: NDArray[np.int64], hosts: NDArray[np.int64]
) -> tuple[Rule, ...]:
    """Return what the rules ask of the part; those that ask nothing of it are left out."""
    if not rules:
        return ()
    vm_at = {v: k for k, v in enumerate(vms.tolist())}
    host_at = {h: k for k, h in enumerate(hosts.tolist())}

    def among(all_of: tuple[int, ...], at: dict[int, int]) -> tuple[int, ...]:
        return tuple(at[i] for i in all_of if i in at)

    kept: list[Rule] = []
    for rule in rules:
        own = among(rule.vms, vm_at)
        if isinstance(rule, Quarantine):
            if shut := among(rule.hosts, host_at):
                kept.append(replace(rule, hosts=shut))
        elif isinstance(rule, Root):
            pairs = [
                (vm_at[v], host_at[h])
                for v, h in zip(rule.vms, rule.hosts, strict=True)
                if v in vm_at and h in host_at
            ]
            if pairs:
                kept.append(Root(vms=tuple(v for v, _ in pairs), hosts=tuple(h for _, h in pairs)))
        elif isinstance(rule, Interference):
            if own and (others := among(rule.others, vm_at)):
                kept.append(replace(rule, vms=own, others=others))
        elif isinstance(rule, Fence | Ban):
            if own:
                kept.append(replace(rule, vms=own, hosts=among(rule.hosts, host_at)))
        elif isinstance(rule, Spread):
            if len(own) > 1:
                kept.append(replace(rule, vms=own))
        else:
            feature = f"the rule {rule.name} in parts"
            raise UnsupportedError(feature, who="part_of", supported_by=tuple(sorted(PART_RULES)))
    return tuple(kept)
