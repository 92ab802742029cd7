"""The nouns: frozen values, valid from birth."""

from __future__ import annotations

from consolidate.model.action import (
    Boot,
    Migration,
    Park,
    Restore,
    Save,
    Shutdown,
    Start,
    Wake,
)
from consolidate.model.carbon import CarbonIntensity
from consolidate.model.carbon_objective import Carbon, in_joules, reference_energy
from consolidate.model.failure import Failures, HostFailure
from consolidate.model.fleet import Default, Fleet, HostType, Hypervisor, PowerControl, Site
from consolidate.model.instance import Instance
from consolidate.model.jobs import Job
from consolidate.model.move_budget import MoveBudget
from consolidate.model.objective import EnergyBreakdown, JoulesOverHorizon
from consolidate.model.parking import Parking
from consolidate.model.placement import Placement
from consolidate.model.plan import MakespanBound, MigrationPlan
from consolidate.model.power import (
    LinearPower,
    PiecewisePower,
    PowerModel,
    SpecPower,
    WattTable,
    spec_servers,
)
from consolidate.model.replay import LEDGER, Replay, ServiceLevel, Stop
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
from consolidate.model.slices import TraceSlices
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
    "Carbon",
    "CarbonIntensity",
    "Default",
    "EnergyBreakdown",
    "Failures",
    "Fence",
    "Fleet",
    "Gather",
    "HostFailure",
    "HostType",
    "Hypervisor",
    "Instance",
    "Job",
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
    "Park",
    "Parking",
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
    "Restore",
    "Result",
    "Root",
    "Rule",
    "Running",
    "STATED_RULES",
    "Save",
    "ServiceLevel",
    "Shutdown",
    "Site",
    "SpecPower",
    "SharedCapacity",
    "Split",
    "SplitAmong",
    "Spread",
    "Start",
    "Stop",
    "TimeGrid",
    "Trace",
    "TraceSlices",
    "VMs",
    "Wake",
    "WattTable",
    "spec_servers",
    "in_joules",
    "reference_energy",
    "stated",
]
