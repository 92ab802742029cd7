"""Placements of few distinct VMs, solved in whole numbers of VMs per class and host."""

from __future__ import annotations

from consolidate.solvers.counts.policy import Counts

__all__ = ["Counts"]
