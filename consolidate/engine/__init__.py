"""A trace and a controller over time -> :class:`~consolidate.model.Replay`."""

from __future__ import annotations

from consolidate.engine.controllers import Controller, DoNothing, Execute, Observation
from consolidate.engine.engine import replay

__all__ = ["Controller", "DoNothing", "Execute", "Observation", "replay"]
