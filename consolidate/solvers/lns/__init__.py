"""Large neighbourhood search: a few hosts at a time are packed anew, exactly, the rest stays."""

from __future__ import annotations

from consolidate.solvers.lns.part import PartSize
from consolidate.solvers.lns.policy import Neighbourhoods
from consolidate.solvers.lns.search import improve_by_parts

__all__ = ["Neighbourhoods", "PartSize", "improve_by_parts"]
