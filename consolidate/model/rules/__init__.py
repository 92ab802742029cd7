"""Placement rules: data, each with its own meaning as ``violations``.

Names and semantics are those of BtrPlace (Hermenier, Lawall, Muller 2013, doi:10.1109/TDSC.2013.5).
A rule is *continuous* when it must hold at every moment of a plan, *discrete* when the end state is
enough. The checks state the meaning of each rule again, in their own code.
"""

from __future__ import annotations

from consolidate.model.rules.base import Rule
from consolidate.model.rules.online import MaxOnline
from consolidate.model.rules.together import Gather, Interference, Lonely, Split, Spread
from consolidate.model.rules.where import Among, Ban, Fence, Quarantine, Root, SplitAmong
from consolidate.registry import Registry

__all__ = [
    "RULES",
    "Among",
    "Ban",
    "Fence",
    "Gather",
    "Interference",
    "Lonely",
    "MaxOnline",
    "Quarantine",
    "Root",
    "Rule",
    "Split",
    "SplitAmong",
    "Spread",
]

RULES: Registry[type[Rule]] = Registry(
    "rule",
    entry_point_group="consolidate.rules",
    builtin={
        "among": "consolidate.model.rules:Among",
        "ban": "consolidate.model.rules:Ban",
        "fence": "consolidate.model.rules:Fence",
        "gather": "consolidate.model.rules:Gather",
        "interference": "consolidate.model.rules:Interference",
        "lonely": "consolidate.model.rules:Lonely",
        "max_online": "consolidate.model.rules:MaxOnline",
        "quarantine": "consolidate.model.rules:Quarantine",
        "root": "consolidate.model.rules:Root",
        "split": "consolidate.model.rules:Split",
        "split_among": "consolidate.model.rules:SplitAmong",
        "spread": "consolidate.model.rules:Spread",
    },
)
