"""Run one cell: read, prepare, solve or control, replay, and put it into a row."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from consolidate.control import CONTROLLERS, Setting
from consolidate.control.base import begin
from consolidate.engine import replay
from consolidate.model import LEDGER, Replay
from consolidate.solvers import Budget
from consolidate.solvers.base import POLICIES
from consolidate.solvers.bounds.clairvoyant import ReplayBound, replay_bound, saving_share
from consolidate.study.config import RunConfig
from consolidate.study.grid.cells import Cell
from consolidate.study.grid.compatible import FLEET, compatible_row
from consolidate.study.preparation import Prepared, prepare
from consolidate.study.verbs import plan, solve
from consolidate.units import mj_to_kwh

__all__ = ["run_cell"]

_BUDGET = ("iterations", "deterministic_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Base:
    """What all cells of a group share."""

    prepared: Prepared
    nothing: Replay
    bound: ReplayBound
    bound_no_standby: ReplayBound


def run_cell(cell: Cell) -> dict[str, object]:
    """Return the row of a cell; the same cell gives the same row, whatever ran before."""
    row: dict[str, object] = {
        "trace": cell.trace,
        "fleet": None,
        "mode": "cloudsim" if cell.kind == "cloudsim" else "engine",
        "kind": cell.kind,
        "policy": cell.label,
        "seed": cell.seed,
        "parameters": " ".join(f"{k}={v}" for k, v in cell.parameters),
    }
    if cell.kind == "cloudsim":
        return row | {"fleet": FLEET} | compatible_row(cell)
    base = _base(_config(cell))
    row["fleet"] = base.prepared.instance.fleet.source if cell.fleet is None else Path(cell.fleet).stem
    return row | _columns(_arm(cell, base), base)


def _config(cell: Cell) -> RunConfig:
    options = dict(cell.parameters)
    budget = Budget(**{k: options.pop(k) for k in _BUDGET if k in options})
    return RunConfig(
        trace=cell.path,
        format=cell.format,
        reader_options=dict(cell.reader),
        repair=cell.repair,
        fleet=cell.fleet,
        rules=cell.rules,
        placement=cell.placement,
        budget=budget,
        **options,
    )


class _ByValue:
    """A configuration as a key: equal when all options are."""

    def __init__(self, config: RunConfig) -> None:
        self.config = config
        self._text = repr(config)

    def __hash__(self) -> int:
        return hash(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByValue) and self._text == other._text


def _base(config: RunConfig) -> _Base:
    return _prepared(_ByValue(config))


@lru_cache(maxsize=2)
def _prepared(key: _ByValue) -> _Base:
    prepared = prepare(key.config)
    instance, window = prepared.instance, prepared.replayed
    nothing = replay(window, instance.fleet, instance.current, label="do-nothing", rules=instance.rules)
    return _Base(
        prepared=prepared,
        nothing=nothing,
        bound=replay_bound(window, instance.fleet),
        bound_no_standby=replay_bound(window, instance.fleet, standby=False),
    )


def _arm(cell: Cell, base: _Base) -> Replay:
    prepared = base.prepared
    instance, window = prepared.instance, prepared.replayed
    if cell.kind == "baseline":
        return base.nothing
    if cell.kind == "controller":
        kind = CONTROLLERS.get(cell.name)(**dict(cell.component))
        setting = Setting.of(window, instance.fleet, rules=instance.rules, moves=instance.moves)
        controller = begin(kind, setting, seed=cell.seed)
        start = instance.current
        return replay(
            window, instance.fleet, controller, label=cell.label, current=start, rules=instance.rules
        )
    config = prepared.config
    result = solve(
        instance,
        POLICIES.get(cell.name)(**dict(cell.component)),
        # The table says nothing of the bounds of a solve.
        budget=replace(config.budget, bounds="quick"),
        seed=cell.seed,
        min_saving_fraction=config.min_saving_fraction,
        move_price_j=config.move_price_j,
    ).raise_if_infeasible()
    moves = plan(instance, result.placement) if result.worthwhile else None
    return replay(
        window, instance.fleet, moves or instance.current, label=cell.label, rules=instance.rules
    )


def _columns(arm: Replay, base: _Base) -> dict[str, object]:
    window, fleet = base.prepared.replayed, base.prepared.instance.fleet
    service = arm.service
    credited = base.bound
    if service.unmet_mcore_s or service.memory_overcommit_host_s or service.waiting_vm_s:
        credited = replay_bound(window, fleet, credit=arm)
    lit, lit_before = (_no_standby_mj(r) for r in (arm, base.nothing))
    row: dict[str, Any] = {
        "energy_kwh": arm.energy_kwh,
        "energy_no_standby_kwh": mj_to_kwh(lit),
        "clairvoyant_kwh": base.bound.energy_kwh,
        "clairvoyant_no_standby_kwh": base.bound_no_standby.energy_kwh,
        "clairvoyant_credited_kwh": credited.energy_kwh,
        "bound_ratio": arm.total_mj / base.bound.value_mj if base.bound.value_mj > 0 else None,
        "saved_fraction": 1 - arm.total_mj / base.nothing.total_mj,
        "saved_no_standby_fraction": 1 - lit / lit_before,
        "saving_share_fraction": saving_share(base.nothing.total_mj, arm.total_mj, base.bound.value_mj),
        "overload_fraction": service.overload_fraction,
        "unmet_fraction": service.unmet_fraction,
        "migrations": service.migrations,
        "power_cycles_max": _most_cycles(arm),
        "hosts_on_mean": float(arm.hosts_on.mean()),
    }
    return row


def _no_standby_mj(arm: Replay) -> int:
    return arm.total_mj - int(arm.energy_mj[:, LEDGER.index("off")].sum())


def _most_cycles(arm: Replay) -> int:
    """Return the most boots or shutdowns, whichever are more, of one host."""
    host, state = arm.host_states[:, 0], arm.host_states[:, 1]
    n = len(arm.host_ids)
    counts = [np.bincount(host[state == s], minlength=n) for s in (1, 2)]
    return int(np.maximum(*counts).max())
