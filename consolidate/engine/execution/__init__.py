"""A simulated executor: carries out a plan on hosts and networks that fail, and goes on from there."""

from __future__ import annotations

from consolidate.engine.execution.executor import Replanner, execute
from consolidate.engine.execution.faults import Faults
from consolidate.engine.execution.history import Event, Execution

__all__ = ["Event", "Execution", "Faults", "Replanner", "execute"]
