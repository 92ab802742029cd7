"""Lower bounds on the objective, each certified by a proof or attested by the solver that claims it."""

from __future__ import annotations

from consolidate.solvers.bounds.on_off import host_ratios, lower_bounds

__all__ = ["host_ratios", "lower_bounds"]
