"""The naive replay with storage for idle VMs and hosts that fail, again one second at a time."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

from consolidate.model import PowerControl

ON, BOOTING, SHUTTING_DOWN, OFF, FAILED = range(5)


def with_stops(base):
    """Return the class; the module of the plain one is loaded by its place."""

    class NaiveStops(base):
        """Each VM has a phase: nothing, saving, parked, queue, restoring or restarting."""

        def __init__(self, trace, fleet, current, plans, rules, parking, failures):
            super().__init__(trace, fleet, current, plans, rules)
            self.parking, self.failures = parking, failures
            self.phase = [None] * self.n_vms
            self.image = [0] * self.n_vms
            self.asked = [None] * self.n_vms
            self.emptied = set()
            self.kept, self.back, self.over = set(), {}, [0] * self.n_vms
            self.idle = [0] * self.n_vms
            self.exposure, self.ended = [0] * self.n_vms, [0] * self.n_vms
            self.work = [0] * self.n_vms
            self.was_on, self.since = {}, {}
            self.history = []
            for event in failures.events:
                self.planned.append((event.start_s, None, event))
            step = failures.checkpoint_s
            self.checkpoints = set(range(step, self.step_s * self.n_steps, step)) if step else set()

        # -- steps -------------------------------------------------------------------------------

        def _begin(self, now):
            was = list(self.alive)
            step = now // self.step_s
            gone = [v for v in range(self.n_vms) if was[v] and not self.trace.alive[v, step]]
            for v in gone:
                if self.phase[v] in ("saving", "restoring", "restarting"):
                    self._log(v, self.phase[v], now, completed=False)
                self.phase[v] = self.asked[v] = None
                self.work[v] = 0
                self._let_go(v)
            if step:
                self._watch(step - 1)
            super()._begin(now)
            self._idle_ones(now)

        def _watch(self, step):
            for v in range(self.n_vms):
                here = bool(self.trace.alive[v, step])
                quiet = here and self._quiet(v, step)
                mine = self.parking.vms is None or v in self.parking.vms
                if mine and self.idle[v] >= ceil(self.parking.after_s / self.step_s):
                    self.exposure[v] += quiet
                    self.ended[v] += here and not quiet
                self.idle[v] = self.idle[v] + 1 if quiet else 0

        def _quiet(self, v, step):
            most = int(self.trace.vms.cpu_mcores[v]) * Fraction(str(self.parking.threshold_fraction))
            return int(self.trace.cpu_mcores[v, step]) <= most

        def _idle_ones(self, now):
            step = now // self.step_s
            for v in range(self.n_vms):
                if self._stored(v) and not self._quiet(v, step):
                    self._wake(v, now)
            if self.parking.switch_off and not self.waiting:
                self.emptied = {h for h in sorted(self.emptied) if self._stays_on(h, now)}
            if self.parking.rule == "asked":
                return
            for v in [v for v in range(self.n_vms) if self._worthwhile(v)]:
                if not self._busy(v):
                    self._save(v, now)

        def _worthwhile(self, v):
            mine = self.parking.vms is None or v in self.parking.vms
            steps = ceil(self.parking.after_s / self.step_s)
            if not mine or self.where[v] < 0 or self.idle[v] < steps:
                return False
            if self.parking.rule == "always":
                return True
            mean = Fraction(sum(self.exposure), sum(self.ended) + 1)
            expected = (self.exposure[v] + mean) / (self.ended[v] + 1)
            worth = self.parking.worth_s(int(self.trace.vms.memory_mib[v]), self.kind[self.where[v]])
            return worth is not None and min(mean, expected) >= ceil(worth / self.step_s)

        def _stays_on(self, h, now):
            may = self.fleet.power_control[h] == PowerControl.MANAGED and not self.fleet.maintenance[h]
            if not may or h in self.where or self.state[h] != ON:
                return False
            inbound = any(m.target == h for m in self.under_way.values())
            if inbound or any(t == h for _, t in self.coming) or not self._may_shut_down(h, now):
                return True
            self._shut_down(h, now, now + self.kind[h].shutdown_s)
            return False

        def _take(self, plan, now):
            super()._take(plan, now)
            for restore in plan.restores if plan is not None else ():
                self.coming.append((restore.vm, restore.host))
            for ask in (*plan.parks, *plan.wakes) if plan is not None else ():
                self.planned.append((now + ask.start_s, None, ask))

        # -- events ------------------------------------------------------------------------------

        def _start(self, now):
            super()._start(now)
            if now in self.checkpoints:
                self.checkpoints.discard(now)
                self.work = [0] * self.n_vms

        def _start_one(self, a, end, now):
            what = type(a).__name__
            if what == "HostFailure":
                self._fail(a, now)
            elif what == "Park":
                if self.where[a.vm] >= 0 and not self._busy(a.vm):
                    self._save(a.vm, now)
            elif what == "Wake":
                if self._stored(a.vm):
                    self._wake(a.vm, now)
            elif what == "Save":
                if self.alive[a.vm] and self.where[a.vm] == a.host and not self._busy(a.vm):
                    self.kept.add(a.vm)
                    self.image[a.vm], self.over[a.vm] = a.image_mib, a.overhead_mcores
                    self._stand(a.vm, "saving", now, end - now)
            elif what == "Restore":
                self.coming.remove((a.vm, a.host))
                if a.vm in self.kept:
                    self.kept.discard(a.vm)
                    self.back[a.vm] = a
                    self._wake(a.vm, now)
                    if self.state[a.host] == ON and self.phase[a.vm] == "queue":
                        self.waiting.remove(a.vm)
                        self.where[a.vm] = a.host
                        self._placed(a.vm, a.host, now)
            else:
                super()._start_one(a, end, now)

        def _let_go(self, v):
            self.kept.discard(v)
            self.back.pop(v, None)

        def _stored(self, v):
            """Say whether a VM is in storage or on the way there, not woken, and free to be woken."""
            there = self.phase[v] in ("saving", "parked") and self.asked[v] is None
            return there and v not in self.kept

        def _busy(self, v):
            return super()._busy(v) or self._stands(v)

        def _save(self, v, now):
            p = self.parking
            self.over[v] = p.overhead_mcores
            self.image[v] = int(self.trace.memory_mib[v, now // self.step_s]) + p.state_mib
            self.image[v] += p.disk_delta_mib
            self._stand(v, "saving", now, max(1, self._seconds(v, p.write_mib_per_s)))
            if not self._quiet(v, now // self.step_s):
                self._wake(v, now)

        def _seconds(self, v, speed):
            return ceil(Fraction(self.image[v]) / Fraction(speed)) + self.parking.setup_s

        def _wake(self, v, now):
            self.asked[v] = now
            self.history.append((v, self.where[v], "woken", now, now, now, True))
            if self.phase[v] == "parked":
                self.phase[v] = "queue"
                self.waiting.append(v)

        def _stand(self, v, phase, now, seconds):
            self.phase[v], self.since[v] = phase, now
            self.ends.append((now + seconds, phase, (v, now)))

        def _log(self, v, phase, now, *, completed):
            asked = self.since[v] if phase == "saving" else self.asked[v]
            self.history.append((v, self.where[v], phase, self.since[v], now, asked, completed))

        def _finish_other(self, what, about, now):
            if what == "repaired":
                if self.was_on.pop(about):
                    self._boot(about, now)
                else:
                    self.state[about], self.off_since[about] = OFF, now
                return
            v, since = about
            if self.phase[v] != what or self.since[v] != since:
                return
            self._log(v, what, now, completed=True)
            if what == "saving":
                self.service["savings"] += 1
                h, self.where[v] = self.where[v], -1
                self.work[v] = 0
                if h not in self.where and v not in self.kept:
                    self.emptied.add(h)
                self.phase[v] = "parked" if self.asked[v] is None else "queue"
                if self.asked[v] is not None:
                    self.waiting.append(v)
                return
            if what == "restoring":
                delay = now - self.asked[v]
                self.service["restorations"] += 1
                self.service["wake_delay_s"] += delay
                longest = max(self.service["longest_wake_delay_s"], delay)
                self.service["longest_wake_delay_s"] = longest
            else:
                self.service["vm_restarts"] += 1
            self.phase[v] = self.asked[v] = None
            self._let_go(v)

        def _host_for(self, v, candidates):
            return self._emptiest(v, candidates, sign=-1 if self.phase[v] == "queue" else 1)

        def _placed(self, v, h, now):
            if self.phase[v] == "queue":
                own = self.back.get(v)
                self.over[v] = own.overhead_mcores if own else self.parking.overhead_mcores
                seconds = max(1, self._seconds(v, self.parking.read_mib_per_s))
                self._stand(v, "restoring", now, own.end_s - own.start_s if own else seconds)
            elif self.phase[v] == "lost":
                self._stand(v, "restarting", now, self.failures.restart_s)

        def _fail(self, event, now):
            h = event.host
            self.service["host_failures"] += 1
            self.was_on[h] = self.state[h] in (ON, BOOTING)
            self.ends = [e for e in self.ends if not (e[1] in ("on", "off") and e[2] == h)]
            self.state[h] = FAILED
            for v, move in sorted(self.under_way.items()):
                if h in (move.source, move.target):
                    del self.under_way[v]
                    self.coming.remove((v, move.target))
                    self.service["skipped_migrations"] += 1
            for v in range(self.n_vms):
                if self.where[v] != h:
                    continue
                if self._stands(v):
                    self._log(v, self.phase[v], now, completed=False)
                self.history.append((v, h, "failed", now, now, now, True))
                self.service["lost_work_mcore_s"] += self.work[v]
                self.work[v] = 0
                if self.phase[v] == "restoring":
                    self.phase[v] = "queue"
                else:
                    self.phase[v], self.asked[v] = "lost", now
                    self._let_go(v)
                self.where[v] = -1
                self.waiting.append(v)
            self.ends.append((now + event.duration_s, "repaired", h))

        # -- one second --------------------------------------------------------------------------

        def _second(self, now):
            step = now // self.step_s
            for v in range(self.n_vms):
                move = self.under_way.get(v)
                still = self._stands(v) or (move is not None and move.mode != "live")
                if self.where[v] >= 0 and not still:
                    self.work[v] += self._capped(v, self.where[v], step)
            super()._second(now)

        def _in_storage(self, v):
            return self.phase[v] == "parked"

        def _stands(self, v):
            return self.phase[v] in ("saving", "restoring", "restarting")

        def _storage_mcores(self, h):
            users = [v for v in range(self.n_vms) if self.where[v] == h]
            busy = [v for v in users if self.phase[v] in ("saving", "restoring")]
            return sum(self.over[v] for v in busy)

        def run(self):
            super().run()
            end = self.step_s * self.n_steps
            for v in range(self.n_vms):
                if self._stands(v):
                    self._log(v, self.phase[v], end, completed=False)
            return self

    return NaiveStops
