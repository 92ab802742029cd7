"""``Instance -> Result``: placements, their value in joules, and how far from the best they can be."""

from __future__ import annotations

from consolidate.solvers.base import POLICIES, AnytimePolicy, Budget, Policy, Proposal, policy
from consolidate.solvers.solving import improvements, solve

__all__ = [
    "POLICIES",
    "AnytimePolicy",
    "Budget",
    "Policy",
    "Proposal",
    "improvements",
    "policy",
    "solve",
]
