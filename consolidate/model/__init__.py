"""The nouns: frozen values, valid from birth."""

from __future__ import annotations

from consolidate.model.carbon import CarbonIntensity
from consolidate.model.fleet import Default, Fleet, HostType, Hypervisor, PowerControl, Site
from consolidate.model.instance import Instance
from consolidate.model.move_budget import MoveBudget
from consolidate.model.objective import EnergyBreakdown, JoulesOverHorizon
from consolidate.model.placement import Placement
from consolidate.model.plan import Boot, MakespanBound, Migration, MigrationPlan, Shutdown, Start
from consolidate.model.power import (
    LinearPower,
    PiecewisePower,
    PowerModel,
    SpecPower,
    WattTable,
    spec_servers,
)
from consolidate.model.replay import LEDGER, Replay, ServiceLevel
from consolidate.model.result import OPTIMAL_GAP, Bound, Result
from consolidate.model.rules import (
    RULES,
    Among,
    Ban,
    Fence,
    Gather,
    Interference,
    LicenceGroup,
    Lonely,
    MaxOnline,
    Offline,
    Online,
    Preserve,
    Quarantine,
    Ready,
    ResourceCapacity,
    Root,
    Rule,
    Running,
    SharedCapacity,
    Split,
    SplitAmong,
    Spread,
)
from consolidate.model.stated import STATED_RULES, stated
from consolidate.model.timegrid import TimeGrid
from consolidate.model.trace import VM, Repair, Trace, VMs

__all__ = [
    "LEDGER",
    "OPTIMAL_GAP",
    "RULES",
    "VM",
    "Among",
    "Ban",
    "Boot",
    "Bound",
    "CarbonIntensity",
    "Default",
    "EnergyBreakdown",
    "Fence",
    "Fleet",
    "Gather",
    "HostType",
    "Hypervisor",
    "Instance",
    "Interference",
    "JoulesOverHorizon",
    "LinearPower",
    "LicenceGroup",
    "Lonely",
    "MaxOnline",
    "Migration",
    "MakespanBound",
    "MigrationPlan",
    "MoveBudget",
    "Offline",
    "Online",
    "PiecewisePower",
    "Placement",
    "PowerControl",
    "PowerModel",
    "Preserve",
    "Quarantine",
    "Ready",
    "Repair",
    "Replay",
    "ResourceCapacity",
    "Result",
    "Root",
    "Rule",
    "Running",
    "STATED_RULES",
    "ServiceLevel",
    "Shutdown",
    "Site",
    "SpecPower",
    "SharedCapacity",
    "Split",
    "SplitAmong",
    "Spread",
    "Start",
    "TimeGrid",
    "Trace",
    "VMs",
    "WattTable",
    "spec_servers",
    "stated",
]
