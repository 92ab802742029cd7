"""Which VMs have been idle for long, and for how much longer they will be, from the past alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from consolidate.model import Fleet, Parking, VMs

__all__ = ["Idleness"]


class Idleness:
    """Idle times of VMs as they have been seen so far.

    Once a VM has been idle for as long as the policy asks, each further idle step is one step of
    exposure, and demand ends the spell. Exposure over ends is the mean time still to come if ends come
    at a constant rate, spells that have not ended included; one end more is counted than was seen. Both
    the record of all VMs and that of the VM itself, together with one spell of the mean of all, have to
    promise enough: one VM in storage frees no host.

    Parameters
    ----------
    policy
        When VMs are parked.
    vms, fleet
        VMs and hosts.
    step_s : s
        Length of a step.

    Attributes
    ----------
    threshold_mcores
        Demand up to which each VM is idle.
    """

    def __init__(self, policy: Parking, vms: VMs, fleet: Fleet, step_s: int) -> None:
        n = len(vms)
        self._policy, self._fleet = policy, fleet
        self._after = -(-policy.after_s // step_s)
        allocated = vms.cpu_mcores.tolist()
        self.threshold_mcores = np.array([policy.threshold_mcores(a) for a in allocated])
        self._may = np.full(n, policy.vms is None)
        if policy.vms is not None:
            self._may[list(policy.vms)] = True
        never = 2**31
        worth = {
            memory: [policy.worth_s(memory, kind) for kind in fleet.types]
            for memory in set(vms.memory_mib.tolist())
        }
        steps = {
            memory: [never if w is None else -(-w // step_s) for w in by_type]
            for memory, by_type in worth.items()
        }
        self._worth_steps = np.array([steps[m] for m in vms.memory_mib.tolist()], dtype=np.int64)
        self._idle, self._exposure, self._ends = (np.zeros(n, dtype=np.int64) for _ in range(3))

    def watch(self, alive: NDArray[np.bool_], cpu_mcores: NDArray[np.int32]) -> None:
        """Take note of a step that is over."""
        idle = alive & (cpu_mcores <= self.threshold_mcores)
        long_idle = self._idle >= self._after
        self._exposure += idle & long_idle & self._may
        self._ends += alive & ~idle & long_idle & self._may
        self._idle = np.where(idle, self._idle + 1, 0)

    def candidates(self, host_of: NDArray[np.int32]) -> NDArray[np.int64]:
        """Return the VMs on hosts that are to be parked now, ascending."""
        if self._policy.rule == "asked":
            return np.zeros(0, dtype=np.int64)
        ready = np.flatnonzero(self._may & (host_of >= 0) & (self._idle >= self._after))
        if self._policy.rule == "always" or not ready.size:
            return ready
        # (own exposure + mean of all) / (own ends + 1), compared in whole numbers.
        ends, exposure = int(self._ends.sum()) + 1, int(self._exposure.sum())
        own = self._exposure[ready] * ends + exposure
        needed = self._worth_steps[ready, self._fleet.host_type[host_of[ready]]]
        pays = (exposure >= needed * ends) & (own >= needed * (self._ends[ready] + 1) * ends)
        out: NDArray[np.int64] = ready[pays]
        return out
