"""VMs that a plan leaves in storage to break a cycle of moves: stopped until the plan restores them."""

from __future__ import annotations

from typing import Any

from consolidate._kernels.replay import ON
from consolidate.engine.stops import StoppingWorld
from consolidate.model import MigrationPlan, Restore, Save

__all__ = ["StoringWorld"]


class StoringWorld(StoppingWorld):
    """A data centre in which plans may also save VMs and restore them elsewhere.

    Such a VM is in storage like one that was parked, but its demand does not wake it. If the host where it is
    to be restored cannot take it, it is restored wherever there is room.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._back: dict[int, Restore] = {}
        self.starting |= {Save: self._start_save, Restore: self._start_restore}

    def accept(self, plan: MigrationPlan, now: int) -> None:
        """Take on a plan whose times count from now."""
        super().accept(plan, now)
        for restore in plan.restores:
            self.admission.reserve(restore.vm, restore.host)

    def _start_save(self, save: Save, now: int) -> None:
        v = save.vm
        if not self.alive[v] or self.host_of[v] != save.host or self.is_busy(v):
            return
        self.parked[v] = self.kept[v] = True
        self.image_mib[v] = save.image_mib
        lasts_s = save.end_s - save.start_s
        self.stand(v, "saving", now, lasts_s, asked_s=now, overhead_mcores=save.overhead_mcores)

    def _start_restore(self, restore: Restore, now: int) -> None:
        v, host = restore.vm, restore.host
        self.admission.unreserve(v, host)
        if not self.kept[v]:
            return
        self.kept[v] = False
        self._back[v] = restore
        self.wake(v, now)
        if self.power.state[host] == ON and self.host_of[v] < 0:
            self.waiting.remove(v)
            self.put_on(v, host, now)

    def restoring(self, v: int) -> tuple[int, int]:
        """Return the seconds and the CPU, in mcores, that restoring a VM takes."""
        restore = self._back.get(v)
        if restore is None:
            return super().restoring(v)
        return restore.end_s - restore.start_s, restore.overhead_mcores

    def forget(self, v: int) -> None:
        """Forget that a VM was in storage or lost: it runs, or is no more."""
        super().forget(v)
        self._back.pop(v, None)
