"""The controller that leaves everything as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from consolidate.control.base import Setting
from consolidate.engine import Controller
from consolidate.engine import DoNothing as Still
from consolidate.model import RULES

__all__ = ["DoNothing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DoNothing:
    """Leave every VM and every host as they are: the yardstick of every saving."""

    name: ClassVar[str] = "do-nothing"
    rules: ClassVar[frozenset[str]] = frozenset(RULES)

    def start(self, setting: Setting, *, seed: int) -> Controller:  # noqa: ARG002
        """Return the controller."""
        return Still()
