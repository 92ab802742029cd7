"""Placement of VMs with demand curves: many columns per resource, one for each slot of time."""

from __future__ import annotations

from consolidate.solvers.profile.bound import fewest_hosts, slot_bound
from consolidate.solvers.profile.policy import Profile
from consolidate.solvers.profile.view import is_wide

__all__ = ["Profile", "fewest_hosts", "is_wide", "slot_bound"]
