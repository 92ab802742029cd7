"""CloudSim's power experiments: the arrays that its compiled steps share.

Written from a description of what the program 3.0.3 computes (Beloglazov and Buyya 2012,
doi:10.1002/cpe.1867). Sums go from left to right in the order of the lists, and comparisons are exact.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.jit import inner

__all__ = [
    "HISTORY",
    "Ledger",
    "WATTS",
    "Machines",
    "Rules",
    "State",
    "host_share",
    "power_w",
]

#: Samples of its past that a VM keeps.
HISTORY = 30
#: Column of a host in which its power table begins.
WATTS = 3


class Machines(NamedTuple):
    """What does not change during a day."""

    # MIPS, MIPS of one core, RAM in MB, then watts at 0, 10, ..., 100 %.
    host: NDArray[np.float64]  # (hosts, 14)
    kind: NDArray[np.int64]  # (hosts,), row of ``past``
    vm: NDArray[np.float64]  # (vms, 3): MIPS, RAM in MB, seconds that a migration takes
    sample: NDArray[np.float64]  # (289, vms), share of the VM's MIPS
    past: NDArray[np.float64]  # (kinds, vms, steps), utilization at each step as share of such a host
    seen: NDArray[np.float64]  # (vms, steps), utilization at each step as share of the VM
    hashed: NDArray[np.int64]  # (vms,), where the program's hash tables put a VM


class Rules(NamedTuple):
    """The policy and the named departures from the program."""

    detector: int
    parameter: float
    selector: int
    off_costs_all: bool
    fresh_baseline: bool
    # Effective weights of the ten samples of the local regression, all 1 in the program.
    weight: NDArray[np.float64]
    keep_idle: bool
    ram_binds: bool
    shield_targets: bool
    stale_load: bool


class State(NamedTuple):
    """Who is where and gets what; changed in place."""

    # Lists of VMs by host: the first ``filled[h]`` entries of each column, in the order of arrival. What
    # hosts have first lies side by side, since most have few VMs and all are gone through often.
    listed: NDArray[np.int64]  # (vms, hosts)
    incoming: NDArray[np.bool_]  # (vms, hosts), whether it only arrives here
    given: NDArray[np.float64]  # (vms, hosts), allocated MIPS
    filled: NDArray[np.int64]  # (hosts,)
    # Most VMs that the host's hash table ever held, and whether what is available was summed in its order.
    table: NDArray[np.int64]  # (hosts, 2)
    # MIPS by host: available, in use now, in use before; while planning, allocated and requested, the watts
    # from which a rise counts, and MB of RAM.
    mips: NDArray[np.float64]  # (hosts, 7)
    past: NDArray[np.float64]  # (hosts, HISTORY), newest first, while planning
    host_of: NDArray[np.int64]  # (vms,), -1 when gone
    wanted: NDArray[np.float64]  # (vms,), requested MIPS
    moving: NDArray[np.bool_]  # (vms,)


class Ledger(NamedTuple):
    """What has been counted; changed in place."""

    total: NDArray[np.float64]  # (3,): time of the last pass, joules, joules of standby
    host_seen: NDArray[np.float64]  # (hosts, columns of cloudsim_records)
    vm_seen: NDArray[np.float64]  # (vms, columns of cloudsim_records)
    spread: NDArray[np.float64]  # (2, 4): count, sum, mean, squares of shutdowns and of migrations


@inner
def power_w(host: NDArray[np.float64], h: Any, share: Any) -> Any:
    """Return what host ``h`` draws at a utilization of 0 to 1, in the program's own order of operations."""
    if np.fmod(share, 0.1) == 0:
        return host[h, WATTS + int(share * 10)]
    below, above = int(np.floor(share * 10)), int(np.ceil(share * 10))
    least = host[h, WATTS + below]
    slope = (host[h, WATTS + above] - least) / 10
    return least + slope * (share - below / 10) * 100


@inner
def host_share(mips: Any, whole: Any) -> Any:
    """Return a utilization; what rounding puts just above 1 counts as 1."""
    share = mips / whole
    return 1.0 if 1 < share < 1.01 else share
