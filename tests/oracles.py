"""Slow, obvious definitions, written from the documents and not from the code."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np

from consolidate.model import PowerControl


def power_mw(points_mw, load, cpu):
    """Interpolate eleven points exactly, to the nearest whole milliwatt, half up."""
    share = Fraction(min(max(load, 0), cpu) * 10, cpu)
    k = min(math.floor(share), 9)
    exact = points_mw[k] + (points_mw[k + 1] - points_mw[k]) * (share - k)
    return math.floor(exact + Fraction(1, 2))


def percentile(values, q):
    """Return the smallest observed value that at least ``q`` percent of the values do not exceed."""
    q = Fraction(str(q))
    return min(x for x in values if sum(y <= x for y in values) * 100 >= q * len(values))


def may_switch_off(instance, h):
    """Managed, on, not in maintenance, and off for long enough to pay."""
    hosts, kind = instance.fleet, instance.fleet.types[instance.fleet.host_type[h]]
    gain = kind.power.points_mw[0] - kind.off_mw
    spent = kind.shutdown_s * (kind.shutdown_mw - kind.off_mw) + kind.boot_s * (
        kind.boot_mw - kind.off_mw
    )
    horizon_s = instance.objective.horizon_s
    return bool(
        hosts.power_control[h] == PowerControl.MANAGED
        and hosts.powered_on[h]
        and not hosts.maintenance[h]
        and gain > 0
        and horizon_s >= instance.objective.min_off_s
        and horizon_s * gain >= 4 * spent
    )


def host_mj(instance, h, members, *, do_nothing=False):
    """Return the energy of one host with these VMs, boot or shutdown included."""
    hosts, kind = instance.fleet, instance.fleet.types[instance.fleet.host_type[h]]
    stays_on = hosts.powered_on[h] and (do_nothing or not may_switch_off(instance, h))
    if not members and not stays_on:
        shutdown = kind.shutdown_mw * kind.shutdown_s if hosts.powered_on[h] else 0
        return kind.off_mw * instance.objective.horizon_s + shutdown
    load = kind.hypervisor.background_mcores
    load += sum(int(instance.load_mcores[v]) + kind.hypervisor.per_vm_mcores for v in members)
    points = list(kind.power.points_mw)
    if members:
        points[0] = kind.power.hosting_idle_mw
    boot = 0 if hosts.powered_on[h] else kind.boot_mw * kind.boot_s
    return power_mw(points, load, kind.cpu_mcores) * instance.objective.horizon_s + boot


def energy_mj(instance, host_of, *, do_nothing=False):
    """Return the objective of a placement, in Python integers."""
    total = 0
    for h in range(instance.fleet.n_hosts):
        total += host_mj(
            instance, h, [v for v, at in enumerate(host_of) if at == h], do_nothing=do_nothing
        )
    for v, at in enumerate(host_of):
        home = int(instance.current.host_of[v])
        if at >= 0 and home >= 0 and at != home:
            total += int(instance.move_mj[v])
    return total


def may_run(instance, v, h):
    """Say whether a VM may be on a host, whoever else is there."""
    hosts, home = instance.fleet, int(instance.current.host_of[v])
    for rule in instance.rules:
        if v in rule.vms:
            if rule.name == "fence" and h not in rule.hosts:
                return False
            if rule.name == "ban" and h in rule.hosts:
                return False
            if rule.name == "root" and dict(zip(rule.vms, rule.hosts, strict=True))[v] != h:
                return False
            if rule.name in ("among", "split_among") and not any(h in zone for zone in rule.zones):
                return False
        if rule.name == "quarantine" and h != home and {h, home} & set(rule.hosts):
            return False
    if h == home:
        return True
    kind = hosts.types[hosts.host_type[h]]
    if home >= 0:
        origin = hosts.types[hosts.host_type[home]]
        if not instance.movable[v] or not origin.hypervisor.moves & kind.hypervisor.moves:
            return False
    asleep = not hosts.powered_on[h] and hosts.power_control[h] == PowerControl.NO_WAKE
    if hosts.maintenance[h] or asleep:
        return False
    engine = kind.hypervisor.kind == "container_engine"
    reach = int(instance.vms.vcpus[v]) * kind.core_mcores
    return engine == bool(instance.vms.is_container[v]) and int(instance.need[v, 0]) <= reach


def problems(instance, host_of, *, do_nothing=False):
    """Return everything that is wrong with a placement, in words; doing nothing leaves hosts on that are."""
    found = []
    members = {h: [v for v, at in enumerate(host_of) if at == h] for h in range(instance.fleet.n_hosts)}
    for v, at in enumerate(host_of):
        if instance.active[v] != (at >= 0):
            found.append(f"VM {v} is at {at}, active {instance.active[v]}")
        elif at >= 0 and not may_run(instance, v, int(at)):
            found.append(f"VM {v} may not be on host {at}")
    for h, here in members.items():
        for r in range(len(instance.resources)):
            used = sum(int(instance.need[v, r] + instance.vm_overhead[h, r]) for v in here)
            if here and used > instance.capacity[h, r]:
                found.append(f"host {h} carries {used} of resource {r}")
    for rule in instance.rules:
        at = [int(host_of[v]) for v in rule.vms if host_of[v] >= 0]
        if rule.name == "spread" and len(set(at)) < len(at):
            found.append("spread is broken")
        if rule.name == "gather" and len(set(at)) > 1:
            found.append("gather is broken")
        if rule.name == "interference":
            counts = [sum(host_of[v] == h for v in rule.others) for h in set(at)]
            found += ["interference is broken" for n in counts if n > rule.most]
        if rule.name == "lonely":
            beside = [w for h in set(at) for w in members[h] if w not in rule.vms]
            found += ["lonely is broken" for _ in beside]
        if rule.name == "split":
            found += ["split is broken" for a, b in pairs_of(rule.parts) if share(host_of, a, b)]
        if rule.name in ("among", "split_among"):
            parts = rule.parts if rule.name == "split_among" else [rule.vms]
            zones = [{zone_of(rule, host_of[v]) for v in part if host_of[v] >= 0} for part in parts]
            found += ["a part is in two zones" for zone in zones if len(zone) > 1]
            found += ["two parts are in one zone" for a, b in pairs_of(zones) if a & b]
        if rule.name == "max_online":
            lit = instance.fleet.powered_on if do_nothing else None
            online = [
                h for h in rule.hosts if members[h] or (stays_on(instance, h) if lit is None else lit[h])
            ]
            if len(online) > rule.most:
                found.append("max_online is broken")
    return found


def pairs_of(things):
    """Return every two of them."""
    return itertools.combinations(things, 2)


def share(host_of, some, others):
    """Say whether VMs of two sets are on one host."""
    return any(host_of[v] >= 0 and host_of[v] == host_of[w] for v in some for w in others)


def zone_of(rule, h):
    """Return the zone of a host; hosts outside all zones may carry none of the VMs."""
    return next((k for k, zone in enumerate(rule.zones) if h in zone), -1)


def stays_on(instance, h):
    """Say whether a host is on and stays on, whatever it carries."""
    return bool(instance.fleet.powered_on[h]) and not may_switch_off(instance, h)


def feasible_placements(instance):
    """Yield every placement that satisfies capacity, masks and rules."""
    choices = [
        [h for h in range(instance.fleet.n_hosts) if may_run(instance, v, h)]
        if instance.active[v]
        else [-1]
        for v in range(len(instance.vms))
    ]
    for host_of in itertools.product(*choices):
        if not problems(instance, host_of):
            yield host_of


def best_mj(instance):
    """Return the least energy of any feasible placement, ``None`` when there is none."""
    return min((energy_mj(instance, p) for p in feasible_placements(instance)), default=None)


def certificate_mj(instance, certificate):
    """Evaluate the certificate of ``docs/reference/run-folder.md``, load by load, in fractions."""
    scale, types = certificate["scale"], certificate["types"]
    hosts, horizon_s = instance.fleet, instance.objective.horizon_s
    active = [v for v in range(len(instance.vms)) if instance.active[v]]

    def receives(h):
        wakes = hosts.powered_on[h] or hosts.power_control[h] != PowerControl.NO_WAKE
        return wakes and not hosts.maintenance[h]

    def f(row, amounts):
        return math.floor(Fraction(int(amounts[row["resource"]]) * row["numerator"], row["denominator"]))

    def takes(row, v, k):
        if "rule" in row:
            assert instance.rules[row["rule"]].name == "spread"
            return int(v in instance.rules[row["rule"]].vms)
        of_kind = [h for h in range(hosts.n_hosts) if hosts.host_type[h] == k]
        least = [
            min(int(instance.vm_overhead[h, r]) for h in of_kind) for r in range(len(instance.resources))
        ]
        return f(row, [int(x) + o for x, o in zip(instance.need[v], least, strict=True)])

    def allowed(v, k):
        home = instance.current.host_of[v]
        if home >= 0 and hosts.host_type[home] == k:
            return True
        kind = hosts.types[k]
        guest = (kind.hypervisor.kind == "container_engine") == bool(instance.vms.is_container[v])
        fast = instance.need[v, 0] <= int(instance.vms.vcpus[v]) * kind.core_mcores
        some = any(receives(h) for h in range(hosts.n_hosts) if hosts.host_type[h] == k)
        return guest and fast and some

    total = Fraction(0)
    for v in active:
        if instance.current.host_of[v] >= 0:
            total += scale * int(instance.move_mj[v])
        asked = [
            t["load_multiplier"] * int(instance.load_mcores[v])
            + sum(row["multiplier"] * takes(row, v, k) for row in t["rows"])
            for k, t in enumerate(types)
            if allowed(v, k)
        ]
        total += min(asked, default=0)
    for h in range(hosts.n_hosts):
        kind = hosts.types[hosts.host_type[h]]
        mine = [v for v in active if instance.current.host_of[v] == h]
        rows, b = types[hosts.host_type[h]]["rows"], types[hosts.host_type[h]]["load_multiplier"]
        closed = not receives(h)
        empty = scale * host_mj(instance, h, [])
        if closed and not mine:
            total += empty
            continue
        offer = [int(x) for x in instance.capacity[h]]
        if closed:
            taken = instance.need + instance.vm_overhead[h]
            there = [sum(int(taken[v, r]) for v in mine) for r in range(len(offer))]
            offer = [min(pair) for pair in zip(offer, there, strict=True)]
        stay = sum(int(instance.move_mj[v]) for v in mine)
        cover = sum(row["multiplier"] * (1 if "rule" in row else f(row, offer)) for row in rows)
        points = (kind.power.hosting_idle_mw, *kind.power.points_mw[1:])
        boot = 0 if hosts.powered_on[h] else kind.boot_mw * kind.boot_s
        base = kind.hypervisor.background_mcores
        last = max(offer[0] + base, kind.cpu_mcores)
        power = [power_mw(points, load, kind.cpu_mcores) for load in range(base, last + 1)]
        if kind.hypervisor.per_vm_mcores:
            # Guests cost CPU of their own and their number is open: the host may run at any higher load.
            power = list(itertools.accumulate(reversed(power), min))[::-1]
        hosting = min(
            scale * (power[load] * horizon_s + boot - stay) - b * load for load in range(offer[0] + 1)
        )
        total += min(empty, hosting - cover)
    return math.floor(total / scale)


def with_current(instance, host_of):
    """Return a copy of a placement as an int32 array."""
    return np.array(host_of, dtype=np.int32)


def counts(taken):
    """What a hash table holds, wherever its entries lie."""
    used = taken.keys >= 0
    return dict(zip(taken.keys[used].tolist(), taken.counts[used].tolist(), strict=True))


def assert_same_state(one, other):
    """Two kernel states are the same, field by field."""
    for name, a, b in zip(one._fields, one, other, strict=True):
        if name == "taken":
            assert counts(a) == counts(b)
            np.testing.assert_array_equal(a.online, b.online)
            np.testing.assert_array_equal(a.in_zone, b.in_zone)
        else:
            np.testing.assert_array_equal(a, b, err_msg=name)
