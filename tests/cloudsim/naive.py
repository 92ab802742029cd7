"""CloudSim's PlanetLab experiment in plain Python, event by event, written from its description alone.

No arrays, no sums kept from one question to the next: a host that is asked whether it would be overloaded
really gets the VM and loses it again, every record is kept and walked at the end. Slow on purpose.
"""

from __future__ import annotations

from consolidate_tests_cloudsim_naive_hosts import Host, Vm
from consolidate_tests_cloudsim_naive_policy import Policy

SIZES = ((2500.0, 870.0), (2000.0, 1740.0), (1000.0, 1740.0), (500.0, 613.0))


class Simulation:
    """One day; ``detector`` is a name and a number, ``selector`` a name."""

    def __init__(self, percent, n_hosts, detector=("lr", 1.2), selector="mmt", ram_binds=False):
        block = -(-len(percent) // 4)
        self.vms = [
            Vm(i, *SIZES[i // block], [p / 100.0 for p in [*row, row[-1]]])
            for i, row in enumerate(percent)
        ]
        self.hosts = [Host(i) for i in range(n_hosts)]
        self.policy = Policy(self.hosts, detector, selector, ram_binds)
        self.energy, self.last = 0.0, 0.0
        self.moves = []

    def run(self, *, migrating=True):
        self.place_all(by_power=migrating)
        for k in range(1, 288):
            time = 300 * k + 0.1
            self.account(time)
            plan = self.policy.optimize(time) if migrating else []
            self.moves += [(k, vm.id, vm.host.id, host.id) for vm, host in plan]
            self.migrate(plan, time)
        return self

    def place_all(self, *, by_power):
        for vm in self.vms:
            vm.asked = vm.mips
            able = [h for h in self.hosts if h.ram + vm.ram <= 4096 and h.links + 100_000 <= 1_000_000]
            if by_power:
                host = self.policy.find(vm, set(self.hosts) - set(able), 0.0)
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
