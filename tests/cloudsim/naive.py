"""CloudSim's PlanetLab experiment in plain Python, event by event, written from its description alone.

No arrays, no sums kept from one question to the next: a host that is asked whether it would be overloaded
really gets the VM and loses it again, every record is kept and walked at the end. Slow on purpose.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

KINDS = ((3720.0, 1860.0), (5320.0, 2660.0))
WATTS = (
    (86, 89.4, 92.6, 96, 99.5, 102, 106, 108, 112, 114, 117),
    (93.7, 97, 101, 105, 110, 116, 121, 125, 129, 133, 135),
)
SIZES = ((2500.0, 870.0), (2000.0, 1740.0), (1000.0, 1740.0), (500.0, 613.0))


class JavaMap:
    """A HashMap of Java 8: 16 buckets, doubled above three quarters, never halved."""

    def __init__(self):
        self.buckets = [[] for _ in range(16)]
        self.size = 0

    def bucket(self, key):
        code = 0
        for letter in key:
            code = (code * 31 + ord(letter)) & 0xFFFFFFFF
        code ^= code >> 16
        return self.buckets[code % len(self.buckets)]

    def put(self, key, value):
        bucket = self.bucket(key)
        for entry in bucket:
            if entry[0] == key:
                entry[1] = value
                return
        bucket.append([key, value])
        self.size += 1
        if self.size > 0.75 * len(self.buckets):
            old = [entry for bucket in self.buckets for entry in bucket]
            self.buckets = [[] for _ in range(2 * len(self.buckets))]
            for entry in old:
                self.bucket(entry[0]).append(entry)

    def remove(self, key):
        bucket = self.bucket(key)
        bucket[:] = [entry for entry in bucket if entry[0] != key]
        self.size = sum(len(bucket) for bucket in self.buckets)

    def clear(self):
        for bucket in self.buckets:
            bucket.clear()
        self.size = 0

    def values(self):
        return [entry[1] for bucket in self.buckets for entry in bucket]


@dataclass(eq=False)
class Vm:
    id: int
    mips: float
    ram: float
    data: list[float]
    host: Host | None = None
    moving: bool = False
    asked: float = 0.0
    history: list[float] = field(default_factory=list)
    records: list[tuple] = field(default_factory=list)

    def utilization(self, time):
        k = int(time // 300)
        a, b = self.data[k], self.data[k + 1]
        return a if time == 300 * k else a + (b - a) / 300 * (time - 300 * k)


class Host:
    def __init__(self, number):
        self.id = number
        self.total, self.core = KINDS[number % 2]
        self.watts = WATTS[number % 2]
        self.vms, self.incoming = [], set()
        self.requests, self.given, self.free = JavaMap(), {}, self.total
        self.util = self.previous = 0.0
        self.ram = self.links = 0.0
        self.records = []

    def power(self, u):
        if math.fmod(u, 0.1) == 0:
            return self.watts[int(10 * u)]
        a, b = math.floor(10 * u), math.ceil(10 * u)
        return self.watts[a] + (self.watts[b] - self.watts[a]) / 10 * (u - a / 10) * 100

    def share(self, mips):
        u = mips / self.total
        return 1.0 if 1 < u < 1.01 else u

    # --- the scheduler

    def need(self, vm, request):
        capped = min(request, self.core)
        return 0.1 * capped if vm in self.incoming else capped

    def allocate(self, vm, request):
        self.requests.put(f"2-{vm.id}", (vm, request))
        capped, need = min(request, self.core), self.need(vm, request)
        if self.free >= need:
            self.given[vm] = capped
            if vm in self.incoming:
                self.given[vm] = 0.1 * capped
            elif vm.moving:
                self.given[vm] = 0.9 * capped
            self.free -= need
            return
        needs = 0.0
        for other, wish in self.requests.values():
            needs += self.need(other, wish)
        f = self.total / needs
        for other, wish in self.requests.values():
            c = min(wish, self.core)
            if other in self.incoming:
                self.given[other] = math.floor(c * 0.1 * f)
            elif other.moving:
                self.given[other] = math.floor(c * f * 0.9)
            else:
                self.given[other] = math.floor(c * f)
        self.free = 0.0

    def deallocate(self, vm):
        self.requests.remove(f"2-{vm.id}")
        self.given.clear()
        self.free = self.total
        for other, wish in self.requests.values():
            self.allocate(other, wish)

    def create(self, vm):
        self.allocate(vm, vm.asked)
        self.vms.append(vm)

    def destroy(self, vm):
        self.deallocate(vm)
        self.vms.remove(vm)

    def allocated(self):
        total = 0.0
        for vm in self.vms:
            total += self.given[vm]
        return total

    # --- processing

    def process(self, time):
        for vm in self.vms:
            u = vm.utilization(time)
            vm.asked = u * vm.mips
            if (time - 0.1) % 300 == 0 and len(vm.history) < round((time - 0.1) / 300):
                vm.history.insert(0, u)
        self.previous = self.util
        for vm in self.vms:
            self.deallocate(vm)
        for vm in self.vms:
            self.allocate(vm, vm.asked)
        self.util = asked = 0.0
        for vm in self.vms:
            a = self.given[vm]
            if vm not in self.incoming:
                record(vm.records, (time, a, vm.asked, vm.moving))
                if vm.moving:
                    a /= 0.9
            self.util += a
            asked += vm.asked
        record(self.records, (time, self.util, asked, self.util > 0))


def record(records, entry):
    if records and records[-1][0] == entry[0]:
        records.pop()
    records.append(entry)


class Simulation:
    """One day; ``detector`` is a name and a number, ``selector`` a name."""

    def __init__(self, percent, n_hosts, detector=("lr", 1.2), selector="mmt", ram_binds=False):
        block = -(-len(percent) // 4)
        self.vms = [
            Vm(i, *SIZES[i // block], [p / 100.0 for p in [*row, row[-1]]])
            for i, row in enumerate(percent)
        ]
        self.hosts = [Host(i) for i in range(n_hosts)]
        self.detector, self.selector, self.ram_binds = detector, selector, ram_binds
        self.energy, self.last = 0.0, 0.0
        self.moves = []

    def run(self, *, migrating=True):
        self.place_all(by_power=migrating)
        for k in range(1, 288):
            time = 300 * k + 0.1
            self.account(time)
            plan = self.optimize(time) if migrating else []
            self.moves += [(k, vm.id, vm.host.id, host.id) for vm, host in plan]
            self.migrate(plan, time)
        return self

    def place_all(self, *, by_power):
        for vm in self.vms:
            vm.asked = vm.mips
            able = [h for h in self.hosts if h.ram + vm.ram <= 4096 and h.links + 100_000 <= 1_000_000]
            if by_power:
                host = self.find(vm, set(self.hosts) - set(able), 0.0)
            else:
                host = next(h for h in able if h.core >= vm.mips and h.free >= vm.mips)
            host.create(vm)
            host.ram += vm.ram
            host.links += 100_000
            vm.host, vm.asked = host, 0.0
        for host in self.hosts:
            host.ram = 0.0

    def account(self, time):
        for host in self.hosts:
            host.process(time)
        if time > self.last:
            added = 0.0
            for host in self.hosts:
                u0, u1 = host.share(host.previous), host.share(host.util)
                if u0:
                    p0, p1 = host.power(u0), host.power(u1)
                    added += (p0 + (p1 - p0) / 2) * (time - self.last)
            self.energy += added
        for host in self.hosts:
            for vm in list(host.vms):
                if not vm.moving and vm.asked == 0:
                    host.destroy(vm)
                    vm.host = None
        self.last = time

    # --- the policy

    def overloaded(self, host):
        name, s = self.detector
        r = sum(vm.asked for vm in host.vms) / host.total
        if name == "thr":
            return r > s
        n = max((len(vm.history) for vm in host.vms), default=0)
        h = [0.0] * 30
        for vm in host.vms:
            for i in range(min(n, 30)):
                h[i] += vm.history[i] * vm.mips / host.total
        while len(h) > 1 and h[-1] == 0:
            h.pop()
        if name in ("lr", "lrr"):
            if len(h) < 10:
                return r > 0.7
            y = h[9::-1]
            slope, intercept = line(y)
            return s * (intercept + slope * 11) >= 1
        if len(h) < 12:
            return r > 0.7
        if name == "mad":
            m = median(h)
            return r > 1 - s * median([abs(m - v) for v in h])
        h.sort()
        q1, q3 = (math.floor(q * (len(h) + 1) + 0.5) - 1 for q in (0.25, 0.75))
        return r > 1 - s * (h[q3] - h[q1])

    def select(self, host, time):
        if self.selector == "mu":
            return min(host.vms, key=lambda vm: vm.utilization(time) * vm.mips / vm.mips)
        return min(host.vms, key=lambda vm: vm.ram)

    def find(self, vm, excluded, time):
        best, least = None, math.inf
        for host in self.hosts:
            if host in excluded or host.core < vm.asked or host.free < vm.asked:
                continue
            if self.ram_binds and time and sum(v.ram for v in host.vms) + vm.ram > 4096:
                continue
            if host.allocated() != 0:
                host.create(vm)
                over = self.overloaded(host)
                host.destroy(vm)
                if over:
                    continue
            u = (host.allocated() + vm.asked) / host.total
            rise = host.power(u) - host.power(host.share(host.util))
            if rise < least:
                best, least = host, rise
        return best

    def optimize(self, time):
        over = [host for host in self.hosts if self.overloaded(host)]
        saved = {host: list(host.vms) for host in self.hosts}
        leaving = []
        for host in over:
            while True:
                vm = self.select(host, time)
                leaving.append(vm)
                host.destroy(vm)
                if not host.vms or not self.overloaded(host):
                    break
        plan = []
        for vm in sorted(leaving, key=lambda vm: -(vm.utilization(time) * vm.mips)):
            target = self.find(vm, set(over), time)
            if target:
                target.create(vm)
                plan.append((vm, target))
        plan += self.drain(over, time)
        for host in self.hosts:
            host.requests.clear()
            host.given.clear()
            host.vms, host.free = [], host.total
            for vm in saved[host]:
                host.create(vm)
        return plan

    def drain(self, over, time):
        off = [host for host in self.hosts if host.share(host.util) == 0]
        no_source, no_target, plan = set(over) | set(off), set(over) | set(off), []
        while len(no_source) < len(self.hosts):
            left = [h for h in self.hosts if h not in no_source and 0 < h.share(h.util) < 1 and h.vms]
            if not left:
                break
            source = min(left, key=lambda h: h.share(h.util))
            no_source.add(source)
            no_target.add(source)
            found = []
            for vm in sorted(source.vms, key=lambda vm: -(vm.utilization(time) * vm.mips)):
                target = self.find(vm, no_target, time)
                if target is None:
                    for placed, host in found:
                        host.destroy(placed)
                    found = []
                    break
                target.create(vm)
                found.append((vm, target))
            plan += found
            no_source |= {host for _, host in found}
        return plan

    # --- migrations

    def migrate(self, plan, time):
        for vm, target in plan:
            vm.moving = True
            if vm not in target.incoming:
                target.incoming.add(vm)
                target.allocate(vm, vm.asked)
                target.vms.append(vm)
                target.process(time)
                vm.host.process(time)
        for delay in sorted({vm.ram / 62.5 for vm, _ in plan}):
            self.account(time + delay)
            for vm, target in plan:
                if vm.ram / 62.5 == delay:
                    vm.moving = False
                    vm.host.destroy(vm)
                    if vm in target.incoming:
                        target.incoming.discard(vm)
                        target.destroy(vm)
                    target.create(vm)
                    vm.host = target
            self.account(time + delay)

    # --- figures

    def figures(self):
        violated = active = stops = 0.0
        for host in self.hosts:
            on = True
            for p, q in zip(host.records, host.records[1:], strict=False):
                if p[3]:
                    active += q[0] - p[0]
                    violated += q[0] - p[0] if p[1] < p[2] else 0
            for entry in host.records:
                stops += on and not entry[3]
                on = entry[3]
        asked = got = lost = 0.0
        for vm in self.vms:
            for p, q in zip(vm.records, vm.records[1:], strict=False):
                span = q[0] - p[0]
                asked, got = asked + p[2] * span, got + p[1] * span
                if p[1] < p[2] and p[3]:
                    lost += (p[2] - p[1]) * span
        return {
            "energy_kwh": self.energy / 3.6e6,
            "migrations": len(self.moves),
            "slatah": violated / active,
            "pdm": lost / asked,
            "sla_overall": (asked - got) / asked,
            "host_shutdowns": int(stops),
            "vms_remaining_at_end": sum(vm.host is not None for vm in self.vms),
        }


def median(values):
    ordered, n = sorted(values), len(values)
    low, high = ordered[(n - 1) // 2], ordered[n // 2]
    return low if low == high else low + 0.5 * (high - low)


def line(y):
    """Slope and intercept of the least squares line through y at 1, 2, ..."""
    x = list(range(1, len(y) + 1))
    mx, my = sum(x) / len(x), sum(y) / len(y)
    slope = sum((a - mx) * (b - my) for a, b in zip(x, y, strict=True)) / sum((a - mx) ** 2 for a in x)
    return slope, my - slope * mx
