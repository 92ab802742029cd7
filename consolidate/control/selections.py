"""Which VM leaves an overloaded host: the selections of Beloglazov and Buyya (doi:10.1002/cpe.1867)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["SELECTIONS", "Choice"]

SELECTIONS = ("mc", "mmt", "mu", "rs")


@dataclass(slots=True)
class Choice:
    """Choose one VM of a host.

    Parameters
    ----------
    name
        ``mmt`` (least time to move: least memory), ``mu`` (least utilisation), ``mc`` (most correlated with the
        others) or ``rs`` (at random).
    seed
        Seed of ``rs``.
    """

    name: str
    seed: int

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng(self.seed)

    _rng: np.random.Generator = None  # type: ignore[assignment]

    def of(
        self,
        guests: NDArray[np.int64],
        *,
        memory_mib: NDArray[np.int64],
        share: NDArray[np.float64],
        past: NDArray[np.float64],
    ) -> int:
        """Return the VM that leaves.

        Parameters
        ----------
        guests
            The VMs of the host that may move.
        memory_mib : MiB
            Memory of all VMs, shape ``(vms,)``.
        share
            Demand in parts of the allocation, shape ``(vms,)``.
        past
            Past demand, the newest first, shape ``(vms, samples)``.
        """
        if self.name == "rs":
            return int(self._rng.choice(guests))
        if self.name == "mu":
            return int(guests[share[guests].argmin()])
        if self.name == "mc":
            return int(guests[_most_correlated(past[guests], memory_mib[guests])])
        return int(guests[memory_mib[guests].argmin()])


def _most_correlated(past: NDArray[np.float64], memory_mib: NDArray[np.int64]) -> int:
    """Return the row that a regression on the others explains best; the least memory if none is told."""
    n, samples = past.shape
    if n < 2 or samples <= n:
        return int(memory_mib.argmin())
    best, most = -1, 0.0
    for i in range(n):
        y = past[i]
        x = np.column_stack([np.ones(samples), np.delete(past, i, axis=0).T])
        total = float(((y - y.mean()) ** 2).sum())
        if total <= 0:
            continue
        rest = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
        explained = 1.0 - float(rest @ rest) / total
        if explained > most + 1e-9:
            best, most = i, explained
    return best if best >= 0 else int(memory_mib.argmin())
