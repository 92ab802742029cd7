"""The machines and VMs of the PlanetLab experiments of CloudSim."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.cloudsim_state import Machines
from consolidate.cloudsim.day import SAMPLES, STEP_S, Day

__all__ = ["FIRST_S", "HOSTS", "HOST_NAMES", "STEPS", "VM_MIPS", "VM_RAM_MB", "machines", "step_time_s"]

HOSTS: Final = 800
#: Even hosts are of the first type, odd ones of the second.
HOST_NAMES: Final = ("HP ProLiant ML110 G4 (Xeon 3040)", "HP ProLiant ML110 G5 (Xeon 3075)")
CORES: Final = 2
CORE_MIPS: Final = (1_860.0, 2_660.0)
HOST_RAM_MB: Final = 4_096.0
#: Watts at 0, 10, ..., 100 % (SPECpower_ssj2008).
WATTS: Final = (
    (86.0, 89.4, 92.6, 96.0, 99.5, 102.0, 106.0, 108.0, 112.0, 114.0, 117.0),
    (93.7, 97.0, 101.0, 105.0, 110.0, 116.0, 121.0, 125.0, 129.0, 133.0, 135.0),
)
#: A host has room on its link for so many VMs, which counts at the start only.
MOST_VMS_AT_START: Final = 10
VM_MIPS: Final = (2_500.0, 2_000.0, 1_000.0, 500.0)
VM_RAM_MB: Final = (870.0, 1_740.0, 1_740.0, 613.0)
#: A migration uses half of a link of 1 Gbit/s.
MIGRATION_MB_PER_S: Final = 62.5
#: Tasks start this much after the VMs, the least time between two events of the program.
FIRST_S: Final = 0.1
#: Steps in which policies decide; the last sample of the day is past the end.
STEPS: Final = SAMPLES - 1


def step_time_s(step: int) -> float:
    """Return the time of step 1, 2, ..., 287 in seconds after the start of the day."""
    return STEP_S * step + FIRST_S


def machines(day: Day, n_hosts: int = HOSTS) -> Machines:
    """Return hosts, VMs and demand as the compiled steps read them."""
    kind = np.arange(n_hosts) % 2
    core = np.array(CORE_MIPS)[kind]
    watts = np.array(WATTS)[kind]
    host = np.column_stack([CORES * core, core, np.full(n_hosts, HOST_RAM_MB), watts])
    size = day.vm_type
    ram = np.array(VM_RAM_MB)[size]
    vm = np.column_stack([np.array(VM_MIPS)[size], ram, ram / MIGRATION_MB_PER_S])
    sample = np.concatenate([day.percent, day.percent[:, -1:]], axis=1) / 100.0
    seen = _seen(sample)
    whole = np.array(CORE_MIPS) * CORES
    past = np.ascontiguousarray((seen * vm[:, :1])[None] / whole[:, None, None])
    return Machines(host, kind, vm, np.ascontiguousarray(sample.T), past, seen, _hashed(day.n_vms))


def _seen(sample: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the utilization at each step, shape ``(vms, steps + 1)``; there is no step 0.

    The same operations as when hosts are processed, all at once.
    """
    seen = np.zeros((len(sample), STEPS + 1))
    for k in range(1, STEPS + 1):
        low, high = sample[:, k], sample[:, k + 1]
        seen[:, k] = low + (high - low) / STEP_S * (step_time_s(k) - STEP_S * k)
    return seen


def _hashed(n_vms: int) -> NDArray[np.int64]:
    """Return where a hash table of Java (8 or later) puts each VM, before the cut to the table's size.

    The key is the text ``2-17`` for VM 17: 2 is the number of the broker, which comes third in the program.
    """
    hashed = np.empty(n_vms, dtype=np.int64)
    for v in range(n_vms):
        code = 0
        for letter in f"2-{v}":
            code = (31 * code + ord(letter)) % 2**32
        hashed[v] = code ^ (code >> 16)
    return hashed
