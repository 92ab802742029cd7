"""VMs and hosts of the naive twin: who asks for what, and who gets it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from consolidate_tests_cloudsim_naive_map import JavaMap

KINDS = ((3720.0, 1860.0), (5320.0, 2660.0))
WATTS = (
    (86, 89.4, 92.6, 96, 99.5, 102, 106, 108, 112, 114, 117),
    (93.7, 97, 101, 105, 110, 116, 121, 125, 129, 133, 135),
)


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
