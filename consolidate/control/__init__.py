"""Who decides while the hosts run: registered controllers for the replay.

A *kind* of controller is a frozen dataclass whose fields are its parameters; :func:`controller` makes one by
name, and its ``start`` makes the fresh controller of one replay.
"""

from __future__ import annotations

from consolidate.control.base import CONTROLLERS, ControllerKind, Setting, begin, controller
from consolidate.control.cloudsim import CloudSimRisk
from consolidate.control.first import first_placement
from consolidate.control.replaying import replay_controlled

__all__ = [
    "CONTROLLERS",
    "CloudSimRisk",
    "ControllerKind",
    "Setting",
    "begin",
    "controller",
    "first_placement",
    "replay_controlled",
]
