"""Energy-aware placement of virtual machines: solve with a bound, plan the moves, replay, report.

The public names below load on first use, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from consolidate._version import __version__ as __version__

if TYPE_CHECKING:
    from consolidate import cloudsim, plotting
    from consolidate.carbon import constant_intensity, emissions_g, read_intensity, redate
    from consolidate.checks import check_run
    from consolidate.control import controller
    from consolidate.datasets import PrivateCloud, generate, write_dataset
    from consolidate.engine import replay
    from consolidate.engine.execution import Execution, Faults
    from consolidate.errors import ConsolidateError
    from consolidate.exports import export_plan
    from consolidate.forecasting import Curve, Percentile
    from consolidate.inventory import (
        MeasuredCloud,
        fleet_names,
        read_fleet,
        read_ifca_cloud,
        read_instance,
        read_placement,
        read_rules,
        sized_fleet,
        write_placement,
    )
    from consolidate.migration import MoveSettings
    from consolidate.model import (
        VM,
        Among,
        Ban,
        Bound,
        CarbonIntensity,
        Fence,
        Fleet,
        Gather,
        HostType,
        Hypervisor,
        Instance,
        Interference,
        JoulesOverHorizon,
        LinearPower,
        Lonely,
        MaxOnline,
        MigrationPlan,
        MoveBudget,
        Offline,
        Online,
        PiecewisePower,
        Placement,
        Preserve,
        Quarantine,
        Ready,
        Replay,
        ResourceCapacity,
        Result,
        Root,
        Running,
        ServiceLevel,
        Site,
        SpecPower,
        Split,
        SplitAmong,
        Spread,
        TimeGrid,
        Trace,
        VMs,
        WattTable,
        spec_servers,
    )
    from consolidate.reporting import Report, report, report_run, write_study
    from consolidate.solvers import Budget
    from consolidate.solvers.bounds.clairvoyant import ReplayBound, replay_bound, saving_share
    from consolidate.study import RunConfig, compare, front_frame, load_run, pareto_front, run
    from consolidate.study.budgets import solve_within
    from consolidate.study.executing import execute
    from consolidate.study.grid import run_study
    from consolidate.study.judge import prove_reserve
    from consolidate.study.verbs import improvements, plan, solve
    from consolidate.study.why import minimal_core, price_rules, why_hosts, why_moves
    from consolidate.traces import inspect_trace, read_trace, write_tidy

_HOMES = {
    "consolidate.carbon": ("constant_intensity", "emissions_g", "read_intensity", "redate"),
    "consolidate.checks": ("check_run",),
    "consolidate.control": ("controller",),
    "consolidate.datasets": ("PrivateCloud", "generate", "write_dataset"),
    "consolidate.engine": ("replay",),
    "consolidate.engine.execution": ("Execution", "Faults"),
    "consolidate.errors": ("ConsolidateError",),
    "consolidate.exports": ("export_plan",),
    "consolidate.forecasting": ("Curve", "Percentile"),
    "consolidate.inventory": (
        "MeasuredCloud",
        "fleet_names",
        "read_fleet",
        "read_ifca_cloud",
        "read_instance",
        "read_placement",
        "read_rules",
        "sized_fleet",
        "write_placement",
    ),
    "consolidate.migration": ("MoveSettings",),
    "consolidate.model": (
        "Among",
        "Ban",
        "Bound",
        "CarbonIntensity",
        "Fence",
        "Fleet",
        "Gather",
        "HostType",
        "Hypervisor",
        "Instance",
        "Interference",
        "JoulesOverHorizon",
        "LinearPower",
        "Lonely",
        "MaxOnline",
        "MigrationPlan",
        "MoveBudget",
        "Offline",
        "Online",
        "PiecewisePower",
        "Placement",
        "Preserve",
        "Quarantine",
        "Ready",
        "Replay",
        "ResourceCapacity",
        "Result",
        "Root",
        "Running",
        "ServiceLevel",
        "Site",
        "SpecPower",
        "Split",
        "SplitAmong",
        "Spread",
        "TimeGrid",
        "Trace",
        "VM",
        "VMs",
        "WattTable",
        "spec_servers",
    ),
    "consolidate.reporting": ("Report", "report", "report_run", "write_study"),
    "consolidate.solvers": ("Budget",),
    "consolidate.solvers.bounds.clairvoyant": ("ReplayBound", "replay_bound", "saving_share"),
    "consolidate.study": ("RunConfig", "compare", "front_frame", "load_run", "pareto_front", "run"),
    "consolidate.study.budgets": ("solve_within",),
    "consolidate.study.executing": ("execute",),
    "consolidate.study.grid": ("run_study",),
    "consolidate.study.judge": ("prove_reserve",),
    "consolidate.study.verbs": ("improvements", "plan", "solve"),
    "consolidate.study.why": ("minimal_core", "price_rules", "why_hosts", "why_moves"),
    "consolidate.traces": ("inspect_trace", "read_trace", "write_tidy"),
}
_MODULES = ("cloudsim", "plotting")
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Among",
    "Ban",
    "Bound",
    "Budget",
    "CarbonIntensity",
    "ConsolidateError",
    "Curve",
    "Execution",
    "Faults",
    "Fence",
    "Fleet",
    "Gather",
    "HostType",
    "Hypervisor",
    "Instance",
    "Interference",
    "JoulesOverHorizon",
    "LinearPower",
    "Lonely",
    "MaxOnline",
    "MeasuredCloud",
    "MigrationPlan",
    "MoveBudget",
    "MoveSettings",
    "Offline",
    "Online",
    "Percentile",
    "PiecewisePower",
    "Placement",
    "Preserve",
    "PrivateCloud",
    "Quarantine",
    "Ready",
    "Replay",
    "ReplayBound",
    "Report",
    "ResourceCapacity",
    "Result",
    "Root",
    "RunConfig",
    "Running",
    "ServiceLevel",
    "Site",
    "SpecPower",
    "Split",
    "SplitAmong",
    "Spread",
    "TimeGrid",
    "Trace",
    "VM",
    "VMs",
    "WattTable",
    "check_run",
    "cloudsim",
    "compare",
    "constant_intensity",
    "controller",
    "emissions_g",
    "execute",
    "export_plan",
    "fleet_names",
    "front_frame",
    "generate",
    "improvements",
    "inspect_trace",
    "load_run",
    "minimal_core",
    "pareto_front",
    "plan",
    "plotting",
    "price_rules",
    "prove_reserve",
    "read_fleet",
    "read_ifca_cloud",
    "read_instance",
    "read_intensity",
    "read_placement",
    "read_rules",
    "read_trace",
    "redate",
    "replay",
    "replay_bound",
    "report",
    "report_run",
    "run",
    "run_study",
    "saving_share",
    "sized_fleet",
    "solve",
    "solve_within",
    "spec_servers",
    "why_hosts",
    "why_moves",
    "write_dataset",
    "write_placement",
    "write_study",
    "write_tidy",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"consolidate.{name}")
    if name not in _HOME_OF:
        msg = f"module 'consolidate' has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
