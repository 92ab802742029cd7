"""Independent pods: the largest instances in parts that are alike, each solved on its own."""

from __future__ import annotations

from consolidate.solvers.pods.policy import Pods

__all__ = ["Pods"]
