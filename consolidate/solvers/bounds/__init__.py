"""Lower bounds on the objective, each certified by a proof or attested by the solver that claims it."""

from __future__ import annotations

from consolidate.solvers.bounds.on_off import lower_bounds

__all__ = ["lower_bounds"]
