"""Everything that one run depends on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from consolidate.errors import ConfigError
from consolidate.forecasting import Curve, Percentile
from consolidate.model import MoveBudget
from consolidate.solvers import Budget

__all__ = ["RunConfig", "split_carbon", "without_folders"]

_RESERVED = {"path", "format", "repair"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """Options of one run; the defaults suit a known trace format without any further option.

    Parameters
    ----------
    trace
        File, folder or archive.
    format
        Name of the trace format; default found from the file.
    reader_options
        Options of the reader.
    repair
        Repairs that the reader may make.
    fleet
        Fleet file or name of a built-in fleet. Default: ``planetlab-16gib`` for that format, else
        a fleet of identical hosts sized for the trace.
    placement
        Present placement; default an even spread.
    rules
        Rules file.
    percentile : percent
        CPU sizing.
    slots
        Parts of the day for which CPU is sized apart, as a demand curve; default none.
    sizing_fraction
        First part of the trace, from which VMs are sized; the rest is replayed.
    hindsight
        Size on the replayed window itself. Labelled everywhere.
    cpu_limit_fraction
        Part of a host's usable CPU that sized demand may fill; default 0.9.
    policy
        Registry name.
    budget
        Work of the solver.
    seed
        Seed of everything random.
    min_saving_fraction
        Least part of the energy that a plan must save.
    move_price_j : J
        What a move has to be worth on top of its energy.
    downtime_j_per_s : J/s
        Price of a second in which a VM stands still in storage; default what the fleet file states, and
        without either no plan stops a VM. See :class:`~consolidate.migration.MoveSettings`.
    most_moves, most_gib, most_per_host, most_minutes
        Budget of moves, a hard limit: VMs, GiB, VMs that leave a host or come to it, minutes of the plan.
    stay
        Names of VMs that do not move.
    carbon
        Intensity file, zone name, or g/kWh; ``site=...`` for each site, with commas between, where they
        differ; default the zone of each site.
    objective
        ``joules``; or ``carbon``: grams of CO2e by a forecast of the intensity of each site.
    forecast
        For the latter: ``seasonal``, ``persistence`` (see ``INTENSITY_FORECASTS``), ``actual`` for hindsight,
        or a file of intensities, for each site like ``carbon``.
    carbon_scope
        ``life_cycle`` or ``direct``, for files that have both.
    redate_year
        Year of the intensities to which the trace is moved (same weekday and hour); default none.
    """

    trace: str
    format: str | None = None
    reader_options: Mapping[str, object] = field(default_factory=dict)
    repair: tuple[str, ...] = ()
    fleet: str | None = None
    placement: str | None = None
    rules: str | None = None
    percentile: float = 95.0
    slots: int | None = None
    sizing_fraction: float = 0.25
    hindsight: bool = False
    cpu_limit_fraction: float | None = None
    policy: str = "auto"
    budget: Budget = field(default_factory=Budget)
    seed: int = 0
    min_saving_fraction: float = 0.01
    carbon: str | None = None
    carbon_scope: str | None = None
    move_price_j: float = 0.0
    downtime_j_per_s: float | None = None
    most_moves: int | None = None
    most_gib: float | None = None
    most_per_host: int | None = None
    most_minutes: float | None = None
    stay: tuple[str, ...] = ()
    redate_year: int | None = None
    objective: str = "joules"
    forecast: str = "seasonal"

    def __post_init__(self) -> None:
        if not 0 < self.sizing_fraction < 1:
            msg = f"needs more than 0 and less than 1, got {self.sizing_fraction}"
            raise ConfigError(msg, path="sizing_fraction")
        if self.cpu_limit_fraction is not None and not 0 < self.cpu_limit_fraction <= 1:
            msg = f"needs more than 0 and at most 1, got {self.cpu_limit_fraction}"
            raise ConfigError(msg, path="cpu_limit_fraction")
        for key in ("deterministic_s", "time_limit_s"):
            value = getattr(self.budget, key)
            if value is not None and not math.isfinite(value):
                msg = f"needs a finite number of seconds, got {value}"
                raise ConfigError(msg, path=f"budget.{key}")
        for key in _RESERVED & set(self.reader_options):
            msg = "is an option of the run, not of the reader"
            raise ConfigError(msg, path=f"reader_options.{key}")
        if self.redate_year is not None and not 1 <= self.redate_year <= 9_999:
            msg = f"needs a year from 1 to 9999, got {self.redate_year}"
            raise ConfigError(msg, path="redate_year")
        if self.downtime_j_per_s is not None and not 0 <= self.downtime_j_per_s < math.inf:
            msg = f"needs a finite number from 0 on, got {self.downtime_j_per_s}"
            raise ConfigError(msg, path="downtime_j_per_s")
        if self.seed < 0:
            msg = f"needs 0 or more, got {self.seed}"
            raise ConfigError(msg, path="seed")
        if self.objective not in {"joules", "carbon"}:
            msg = f"needs joules or carbon, got {self.objective!r}"
            raise ConfigError(msg, path="objective")
        if self.objective == "joules" and self.forecast != "seasonal":
            msg = "is for the objective carbon; energy needs no forecast of an intensity"
            raise ConfigError(msg, path="forecast")
        if self.carbon_scope not in {None, "life_cycle", "direct"}:
            msg = f"needs life_cycle or direct, got {self.carbon_scope!r}"
            raise ConfigError(msg, path="carbon_scope")

    def sizing(self) -> Percentile | Curve:
        """Return how VMs are sized."""
        if self.slots is None:
            return Percentile(self.percentile)
        return Curve(slots=self.slots, q=self.percentile)

    def move_budget(self, vm_ids: tuple[str, ...]) -> MoveBudget:
        """Return the budget of moves.

        Raises
        ------
        ConfigError
            When a VM that is to stay is not there.
        """
        index = {name: v for v, name in enumerate(vm_ids)}
        for name in self.stay:
            if name not in index:
                msg = f"no VM is called {name!r}"
                raise ConfigError(msg, path="stay")
        return MoveBudget(
            moves=self.most_moves,
            memory_gib=self.most_gib,
            per_host=self.most_per_host,
            makespan_s=None if self.most_minutes is None else int(self.most_minutes * 60),
            stay=tuple(index[name] for name in self.stay),
        )

    def options(self) -> dict[str, object]:
        """Return every option for the manifest; of paths only the last part, which is no machine's."""
        values = asdict(self)
        for key in ("trace", "fleet", "placement", "rules"):
            if values[key] is not None:
                values[key] = Path(values[key]).name
        for key in ("carbon", "forecast"):
            values[key] = without_folders(values[key])
        return values

    def command(self) -> str:
        """Return the command that repeats the run, with the last part of each path."""
        parts = ["consolidate run", _quoted(Path(self.trace).name)]
        plain = RunConfig(trace=self.trace)
        for key, option in _FLAGS.items():
            value = getattr(self, key)
            if value == getattr(plain, key):
                continue
            if key in {"fleet", "placement", "rules"}:
                value = Path(value).name
            elif key in {"carbon", "forecast"}:
                value = without_folders(value)
            if value is True:
                parts.append(option)
            elif key in {"repair", "stay"}:
                parts.append(f"{option} {_quoted(','.join(value))}")
            else:
                parts.append(f"{option} {_quoted(str(value))}")
        parts += [f"--reader {_quoted(f'{k}={v}')}" for k, v in sorted(self.reader_options.items())]
        for key, option in (
            ("iterations", "--iterations"),
            ("deterministic_s", "--deterministic-seconds"),
            ("time_limit_s", "--time-limit"),
            ("bounds", "--bounds"),
            ("repeat", "--repeat"),
        ):
            if getattr(self.budget, key) != getattr(plain.budget, key):
                parts.append(f"{option} {getattr(self.budget, key)}")
        return " ".join([*parts, "--out RUN"])


_FLAGS = {
    "format": "--format",
    "repair": "--repair",
    "fleet": "--fleet",
    "placement": "--placement",
    "rules": "--rules",
    "percentile": "--percentile",
    "slots": "--slots",
    "sizing_fraction": "--sizing-fraction",
    "hindsight": "--hindsight",
    "cpu_limit_fraction": "--cpu-limit",
    "policy": "--policy",
    "seed": "--seed",
    "min_saving_fraction": "--min-saving",
    "carbon": "--carbon",
    "carbon_scope": "--carbon-scope",
    "move_price_j": "--move-price",
    "downtime_j_per_s": "--downtime-price",
    "most_moves": "--most-moves",
    "most_gib": "--most-gib",
    "most_per_host": "--most-per-host",
    "most_minutes": "--most-minutes",
    "stay": "--stay",
    "redate_year": "--redate",
    "objective": "--objective",
    "forecast": "--forecast",
}


def split_carbon(given: str | None) -> tuple[tuple[str, str], ...]:
    """Return pairs of a site and what is given for it; the site is empty where all have the same."""
    if given is None:
        return ()
    parts = [part.partition("=") for part in given.split(",")]
    if Path(given).exists() or not all(name and value for name, _, value in parts):
        return (("", given),)
    return tuple((name, value) for name, _, value in parts)


def without_folders(given: str | None) -> str | None:
    """Return what is given with only the last part of each path."""
    pairs = split_carbon(given)
    if not pairs:
        return None
    return ",".join(f"{site}={Path(v).name}" if site else Path(v).name for site, v in pairs)


def _quoted(text: str) -> str:
    import shlex

    return shlex.quote(text)
