"""Run CloudSim's power experiment on a day."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from consolidate._kernels.cloudsim_state import Rules
from consolidate.cloudsim.day import SAMPLES, Day, Order, read_day
from consolidate.cloudsim.hardware import HOSTS, STEPS, machines, step_time_s
from consolidate.cloudsim.log import Log
from consolidate.cloudsim.outcome import Outcome, outcome
from consolidate.cloudsim.policies import DETECTORS, SELECTORS, Detector, Selector
from consolidate.cloudsim.simulation import Compiled, Foreign, Planner, simulate
from consolidate.cloudsim.variant import Variant
from consolidate.cloudsim.view import Optimizer
from consolidate.errors import ConfigError
from consolidate.model import Trace

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BASELINES", "Experiment", "frame", "run", "warm_up"]

#: Baselines without migrations: ``npa`` (all hosts at full power), ``dvfs`` (power follows load).
BASELINES: Final = ("dvfs", "npa")


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """A day that has been run.

    Parameters
    ----------
    policy
        Name as in the literature, such as ``LR-MMT-1.2``; with the seed where it matters.
    day, order
        Name of the day, and order of its VMs.
    hosts, vms
        How many there were.
    variant
        What was computed otherwise than in the program.
    seed
        Seed of the random choice; plays no part without it.
    outcome
        The figures.
    log
        Step by step.
    """

    policy: str
    day: str
    order: str
    hosts: int
    vms: int
    variant: Variant
    seed: int
    outcome: Outcome
    log: Log

    def to_dict(self) -> dict[str, Any]:
        """Return settings and figures by name."""
        about = {
            "policy": self.policy,
            "day": self.day,
            "order": self.order,
            "hosts": self.hosts,
            "vms": self.vms,
            "variant": self.variant.describe(),
            "seed": self.seed,
        }
        return about | self.outcome.to_dict()


def run(
    day: Day | Trace | str | Path,
    detector: str | Detector = "lr",
    selector: str | Selector = "mmt",
    *,
    parameter: float | None = None,
    order: Order | None = None,
    seed: int = 0,
    variant: Variant | None = None,
    optimizer: Optimizer | None = None,
    hosts: int = HOSTS,
) -> Experiment:
    """Run the PlanetLab power experiment of CloudSim 3.0.3 on a day.

    Parameters
    ----------
    day
        A day, a trace of format ``planetlab``, or the folder or archive of one.
    detector
        ``thr``, ``iqr``, ``mad``, ``lr``, ``lrr`` or an object of theirs; ``npa`` and ``dvfs`` run the
        baselines without migrations.
    selector
        ``mmt``, ``mc``, ``mu``, ``rs`` or an object of theirs.
    parameter
        Parameter of a detector given by name; default that of the paper.
    order
        Order of the VMs, which decides their sizes; default ``upper`` for a folder or archive, and for
        days and traces the order that they have.
    seed
        Seed of the selector ``rs``.
    variant
        Named departures; default none.
    optimizer
        Decides instead of detector and selector, after the same start and in the same accounting.
    hosts
        Number of hosts, in turns of both types.

    Returns
    -------
    Experiment
        Figures and log.

    Raises
    ------
    InputError
        When a day, name or number is wrong.
    InfeasibleError
        When a VM finds no host at the start.

    References
    ----------
    Beloglazov and Buyya 2012, doi:10.1002/cpe.1867.
    """
    chosen = variant if variant is not None else Variant()
    if hosts < 1:
        msg = f"needs 1 or more, got {hosts}"
        raise ConfigError(msg, path="hosts")
    if seed < 0:
        msg = f"needs 0 or more, got {seed}"
        raise ConfigError(msg, path="seed")
    baseline = detector if isinstance(detector, str) and detector in BASELINES else None
    rules, label = _rules("lr" if baseline else detector, selector, parameter, chosen)
    planner: Planner | None = Compiled(rules, seed)
    if baseline:
        if parameter is not None or optimizer is not None:
            msg = f"{baseline!r} has no parameter and takes no optimizer: nothing moves"
            raise ConfigError(msg, path="detector")
        planner, label = None, baseline.upper()
    elif optimizer is not None:
        planner, label = Foreign(optimizer), type(optimizer).__name__
    given = _day(day, order)
    m = machines(given, hosts)
    state, ledger, log = simulate(m, rules, planner, by_power=baseline is None, ids=given.ids)
    energy_j = float(ledger.total[1])
    if baseline == "npa":
        energy_j = float(m.host[:, -1].sum()) * step_time_s(STEPS)
        # Nothing is ever off there.
        ledger.total[2] = 0.0
    return Experiment(
        policy=label,
        day=given.name,
        order=given.order,
        hosts=hosts,
        vms=given.n_vms,
        variant=chosen,
        seed=seed,
        outcome=outcome(
            state,
            ledger,
            energy_j=energy_j,
            migrations=len(log.moves),
            decided_s=step_time_s(STEPS) - step_time_s(1),
        ),
        log=log,
    )


def frame(experiments: Iterable[Experiment]) -> pd.DataFrame:
    """Return settings and figures as a table, one row per experiment; see :class:`Outcome` for units."""
    import pandas as pd

    return pd.DataFrame([experiment.to_dict() for experiment in experiments])


def warm_up() -> None:
    """Compile the kernels, or load them, by a day of two VMs, so that it is not part of what one times."""
    percent = np.full((2, SAMPLES), 10)
    run(Day(ids=("a", "b"), percent=percent), hosts=4)


def _day(day: Day | Trace | str | Path, order: Order | None) -> Day:
    if isinstance(day, str | Path):
        return read_day(day, order="upper" if order is None else order)
    given = Day.from_trace(day) if isinstance(day, Trace) else day
    return given if order is None else given.ordered(order)


def _rules(
    detector: str | Detector, selector: str | Selector, parameter: float | None, variant: Variant
) -> tuple[Rules, str]:
    if isinstance(detector, str):
        kind = DETECTORS.get(detector)
        detector = kind() if parameter is None else kind(parameter=parameter)  # type: ignore[call-arg]
    elif parameter is not None:
        msg = "goes with a detector given by name; this one has its own"
        raise ConfigError(msg, path="parameter")
    if isinstance(selector, str):
        selector = SELECTORS.get(selector)()
    rules = Rules(
        detector=detector.code,
        parameter=float(detector.parameter),
        selector=selector.code,
        off_costs_all=variant.off_hosts_cost_full,
        fresh_baseline=variant.fresh_baseline,
        weight=variant.weights(),
        keep_idle=variant.keep_idle_vms,
        ram_binds=variant.enforce_ram,
        shield_targets=variant.shield_overload_targets,
        stale_load=variant.stale_load,
    )
    return rules, f"{detector.name}-{selector.name}-{detector.parameter:g}".upper()
