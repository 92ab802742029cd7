"""Placement rules: data, each with its own meaning as ``violations``.

Names and semantics are those of BtrPlace (Hermenier, Lawall, Muller 2013, doi:10.1109/TDSC.2013.5).
A rule is *continuous* when it must hold at every moment of a plan, *discrete* when the end state is
enough. The checks state the meaning of each rule again, in their own code.
"""

from __future__ import annotations

from consolidate.model.rules.amounts import LicenceGroup, ResourceCapacity, SharedCapacity
from consolidate.model.rules.base import Rule
from consolidate.model.rules.online import MaxOnline
from consolidate.model.rules.states import Offline, Online, Preserve, Ready, Running
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
    "LicenceGroup",
    "Lonely",
    "MaxOnline",
    "Offline",
    "Online",
    "Preserve",
    "Quarantine",
    "Ready",
    "ResourceCapacity",
    "Root",
    "Rule",
    "Running",
    "SharedCapacity",
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
        "licence_group": "consolidate.model.rules:LicenceGroup",
        "lonely": "consolidate.model.rules:Lonely",
        "max_online": "consolidate.model.rules:MaxOnline",
        "offline": "consolidate.model.rules:Offline",
        "online": "consolidate.model.rules:Online",
        "preserve": "consolidate.model.rules:Preserve",
        "quarantine": "consolidate.model.rules:Quarantine",
        "ready": "consolidate.model.rules:Ready",
        "resource_capacity": "consolidate.model.rules:ResourceCapacity",
        "root": "consolidate.model.rules:Root",
        "running": "consolidate.model.rules:Running",
        "shared_capacity": "consolidate.model.rules:SharedCapacity",
        "split": "consolidate.model.rules:Split",
        "split_among": "consolidate.model.rules:SplitAmong",
        "spread": "consolidate.model.rules:Spread",
    },
)
