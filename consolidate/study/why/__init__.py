"""Why a result is as it is: what keeps hosts on, what moves cost and bring, what rules cost, what cannot be."""

from __future__ import annotations

from consolidate.study.why.core import Core, minimal_core
from consolidate.study.why.hosts import HostReason, why_hosts
from consolidate.study.why.moves import MoveReturn, why_moves
from consolidate.study.why.prices import RulePrice, price_rules

__all__ = [
    "Core",
    "HostReason",
    "MoveReturn",
    "RulePrice",
    "minimal_core",
    "price_rules",
    "why_hosts",
    "why_moves",
]
