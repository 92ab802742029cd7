"""From files to an instance: everything that can be wrong with the input shows up here."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from consolidate.errors import ConfigError
from consolidate.inventory import read_fleet, read_moves, read_placement, read_rules, sized_fleet
from consolidate.migration import MoveSettings
from consolidate.model import Default, Fleet, Instance, Trace
from consolidate.study.config import RunConfig, split_carbon
from consolidate.study.forecasts import Forecasts, carbon_forecasts
from consolidate.traces import read_trace

__all__ = ["Prepared", "fleet_for", "prepare", "split_windows"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """An instance, the trace behind it, and the window that will be replayed.

    Parameters
    ----------
    config
        The options.
    trace
        The whole trace.
    instance
        The problem, sized on the first window.
    sizing_window, replay_window
        Half-open step ranges of the trace.
    inputs
        Name, hash and size of every file that was read.
    forecasts
        Intensities that the objective weighs energy by; ``None`` for joules.
    """

    config: RunConfig
    trace: Trace
    instance: Instance
    sizing_window: tuple[int, int]
    replay_window: tuple[int, int]
    inputs: tuple[dict[str, object], ...]
    forecasts: Forecasts | None = None

    @property
    def replayed(self) -> Trace:
        """The part of the trace that is replayed."""
        return self.trace.window(*self.replay_window)

    def manifest(self) -> dict[str, object]:
        """Return ``manifest.json``; see the run folder reference."""
        from consolidate._version import __version__

        trace, instance = self.trace, self.instance
        defaults = (*instance.defaults, *instance.fleet.defaults)
        return {
            "schema_version": 1,
            "package": "consolidate",
            "version": __version__,
            "command": self.config.command(),
            "options": self.config.options(),
            "seed": self.config.seed,
            "trace": {
                "format": trace.format,
                "source": trace.source,
                "sha256": trace.sha256,
                "vms": trace.n_vms,
                "steps": trace.grid.n_steps,
                "step_s": trace.grid.step_s,
                "start_utc": f"{trace.grid.start}Z",
                "hindsight": instance.hindsight,
            },
            "windows": {"sizing": list(self.sizing_window), "replay": list(self.replay_window)},
            "inputs": list(self.inputs),
            "defaults": [{"key": d.key, "value": d.value, "source": d.source} for d in defaults],
            "repairs": [{"name": r.name, "count": r.count, "detail": r.detail} for r in trace.repairs],
            "notes": list(trace.notes),
        }


def prepare(config: RunConfig) -> Prepared:
    """Read trace, fleet, placement and rules, and build the instance.

    Raises
    ------
    InputError
        When anything in the input is wrong.
    InfeasibleError
        When a VM is larger than every host.
    """
    trace = read_trace(
        config.trace, format=config.format, repair=config.repair, **_as_given(config.reader_options)
    )
    sizing, replayed = split_windows(trace, config.sizing_fraction)
    fleet, chosen = fleet_for(trace, config)
    placement = None
    if config.placement is not None:
        placement = read_placement(config.placement, trace.vms, fleet)
    rules = () if config.rules is None else read_rules(config.rules, trace.vms, fleet)
    observed = trace.window(*(replayed if config.hindsight else sizing))
    instance = Instance.from_trace(
        observed,
        fleet,
        sizing=config.sizing(),
        horizon_s=(replayed[1] - replayed[0]) * trace.grid.step_s,
        current=placement,
        rules=rules,
        cpu_limit_fraction=config.cpu_limit_fraction,
        moves=_moves(config, trace, fleet),
        hindsight=config.hindsight,
    )
    forecasts = None
    if config.objective == "carbon":
        forecasts = carbon_forecasts(fleet, trace.window(*replayed).grid, config)
        instance = replace(instance, objective=forecasts.objective(instance))
    instance = _with_defaults(instance, [*chosen, *_option_defaults(config, placement is None)])
    return Prepared(
        config=config,
        trace=trace,
        instance=instance,
        sizing_window=replayed if config.hindsight else sizing,
        replay_window=replayed,
        inputs=_inputs(trace, config),
        forecasts=forecasts,
    )


def _moves(config: RunConfig, trace: Trace, fleet: Fleet) -> MoveSettings:
    """Return how VMs move: what the fleet file says of it, and the options.

    Raises
    ------
    ConfigError
        When moves between sites carry disks, and nothing is said of any disk.
    """
    settings = MoveSettings() if config.fleet is None else read_moves(config.fleet)
    if config.downtime_j_per_s is not None:
        settings = replace(settings, downtime_j_per_s=config.downtime_j_per_s)
    if not settings.shared_storage and len(fleet.sites) > 1 and not trace.vms.disk_mib.any():
        msg = "moves between sites carry disks, but no VM has one: vms.csv needs a column disk_mib"
        raise ConfigError(msg, path="moves.shared_storage")
    return settings


def _as_given(options: Any) -> dict[str, Any]:
    return dict(options)


def split_windows(trace: Trace, sizing_fraction: float) -> tuple[tuple[int, int], tuple[int, int]]:
    """Cut the trace in two step ranges; the first part sizes, the second is replayed.

    Raises
    ------
    ConfigError
        When one of them would be empty.
    """
    cut = round(trace.grid.n_steps * sizing_fraction)
    if not 0 < cut < trace.grid.n_steps:
        msg = (
            f"the trace has {trace.grid.n_steps} steps; a part of {sizing_fraction} of it "
            "leaves nothing to size on or nothing to replay"
        )
        raise ConfigError(msg, path="sizing_fraction")
    return (0, cut), (cut, trace.grid.n_steps)


def fleet_for(trace: Trace, config: RunConfig) -> tuple[Fleet, list[Default]]:
    """Return the fleet of the options, or one that suits the trace, and what was assumed for that."""
    if config.fleet is not None:
        return read_fleet(config.fleet), []
    if trace.format == "planetlab":
        name = "planetlab-16gib"
        source = "the hosts of CloudSim's PlanetLab experiments, with memory that fits the VMs"
        return read_fleet(name), [Default(key="fleet", value=name, source=source)]
    fleet = sized_fleet(trace)
    source = "no fleet was given: identical hosts, as many as the trace needs at the stated fill"
    return fleet, [Default(key="fleet", value=fleet.source, source=source)]


def _option_defaults(config: RunConfig, spread: bool) -> list[Default]:
    """Return the assumptions that the options leave at their default and that move the result."""
    found = []
    plain = RunConfig(trace=config.trace)
    if config.percentile == plain.percentile:
        source = "engineering judgement: a tail of 5 % of the steps above the sized CPU"
        found.append(Default(key="percentile", value=f"{plain.percentile:g}", source=source))
    if not config.hindsight and config.sizing_fraction == plain.sizing_fraction:
        source = "the first quarter sizes, the rest is replayed: no knowledge of the future"
        found.append(Default(key="sizing_fraction", value=f"{plain.sizing_fraction:g}", source=source))
    if config.min_saving_fraction == plain.min_saving_fraction:
        source = "engineering judgement: a plan that saves less is not worth its risk"
        value = f"{plain.min_saving_fraction:g}"
        found.append(Default(key="min_saving_fraction", value=value, source=source))
    if spread:
        source = "no placement was given: each VM in turn on the emptiest host that fits, all hosts on"
        found.append(Default(key="placement", value="even spread", source=source))
    return found


def _with_defaults(instance: Instance, more: list[Default]) -> Instance:
    moves, plain = instance.moves, MoveSettings()
    settings = [
        Default(
            key="moves.bandwidth_fraction",
            value=f"{moves.bandwidth_fraction:g}",
            source="share of the network interface for one migration, one in and one out per host",
        ),
        Default(
            key="moves.downtime_limit_s",
            value=f"{moves.downtime_limit_s:g}",
            source="QEMU's default for live migration",
        ),
        Default(
            key="moves.working_set_fraction",
            value=f"{moves.working_set_fraction:g}",
            source="engineering judgement: part of its memory that a VM writes to",
        ),
        Default(
            key="objective.min_off_s",
            value=f"{instance.objective.min_off_s}",
            source="engineering judgement: no shorter off time, nor less than 4 x break-even",
        ),
    ]
    # What the fleet file states is no default.
    stated = {f"moves.{key}" for key, value in asdict(moves).items() if value != getattr(plain, key)}
    settings = [default for default in settings if default.key not in stated]
    return replace(instance, defaults=(*instance.defaults, *more, *settings))


def _inputs(trace: Trace, config: RunConfig) -> tuple[dict[str, object], ...]:
    found: list[dict[str, object]] = [_input(Path(config.trace), trace.sha256)]
    series = [value for key in (config.carbon, config.forecast) for _, value in split_carbon(key)]
    for given in (config.fleet, config.placement, config.rules, *dict.fromkeys(series)):
        if given is not None and Path(given).is_file():
            digest = hashlib.sha256(Path(given).read_bytes()).hexdigest()
            found.append(_input(Path(given), digest))
    return tuple(found)


def _input(path: Path, sha256: str) -> dict[str, object]:
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    return {"name": path.name, "sha256": sha256, "bytes": sum(p.stat().st_size for p in files)}
