"""What the policies of the naive twin ask and choose: detectors, selectors, and a host for a VM."""

from __future__ import annotations

import math


class Policy:
    """Decides in a simulation; ``detector`` is a name and a number, ``selector`` a name."""

    def __init__(self, hosts, detector, selector, ram_binds):
        self.hosts, self.detector, self.selector, self.ram_binds = hosts, detector, selector, ram_binds

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
