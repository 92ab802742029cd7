"""``Instance -> Result``: placements, their value in joules, and how far from the best they can be."""

from __future__ import annotations

from consolidate.solvers.base import POLICIES, Budget, Policy, Proposal
from consolidate.solvers.solving import solve

__all__ = ["POLICIES", "Budget", "Policy", "Proposal", "solve"]
