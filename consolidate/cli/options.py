"""Options that several verbs share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from consolidate.solvers import Budget
    from consolidate.study import RunConfig

__all__ = [
    "budget_from",
    "comparison_options",
    "config_from",
    "placement_options",
    "reader_options",
    "run_options",
]

F = TypeVar("F", bound=Callable[..., Any])

_BUDGET = (
    click.option("--iterations", default=4_000, show_default=True, help="Iterations of local search."),
    click.option(
        "--deterministic-seconds", default=5.0, show_default=True, help="Work of the exact solver."
    ),
    click.option(
        "--time-limit",
        type=float,
        metavar="S",
        help="Wall time of the solver; results then depend on the machine.",
    ),
    click.option(
        "--bounds",
        type=click.Choice(["strong", "quick"]),
        default="strong",
        show_default=True,
        help="Lower bounds: the strong ones, or only the certified one of the relaxation.",
    ),
)

_OPTIONS = (
    click.option("--format", help="Trace format; found from the file by default."),
    click.option("--reader", multiple=True, metavar="KEY=VALUE", help="Option of the trace reader."),
    click.option(
        "--repair", default="", metavar="NAME,...", help="Repairs the reader may make, or 'all'."
    ),
    click.option("--fleet", metavar="FILE|NAME", help="Fleet file, or name of a built-in fleet."),
    click.option("--placement", metavar="FILE", help="Present placement (CSV). Default: spread evenly."),
    click.option("--rules", metavar="FILE", help="Placement rules (TOML)."),
    click.option(
        "--percentile", default=95.0, show_default=True, help="CPU percentile that sizes a VM."
    ),
    click.option(
        "--slots", type=int, help="Parts of the day for which CPU is sized apart (demand curves)."
    ),
    click.option(
        "--sizing-fraction",
        default=0.25,
        show_default=True,
        help="First part of the trace, which sizes; the rest is replayed.",
    ),
    click.option(
        "--hindsight", is_flag=True, help="Size on the replayed window itself (labelled everywhere)."
    ),
    click.option(
        "--cpu-limit", type=float, help="Part of a host's CPU that sized demand may fill. Default 0.9."
    ),
    *_BUDGET,
    click.option(
        "--min-saving",
        default=0.01,
        show_default=True,
        help="Least part of the energy a plan must save.",
    ),
    click.option(
        "--move-price",
        default=0.0,
        show_default=True,
        metavar="J",
        help="What a move has to be worth on top of its energy, in joules; more means fewer moves.",
    ),
    click.option(
        "--downtime-price",
        type=float,
        metavar="J",
        help="Price of a second, in joules, in which a VM stands still because the plan leaves it in storage; "
        "without one none is stopped. Default: what the fleet file states.",
    ),
    click.option(
        "--carbon",
        metavar="FILE|ZONE|G",
        help="Intensity file, zone, or g/kWh; SITE=..., with commas, where sites differ. Default: zone of "
        "the site.",
    ),
    click.option(
        "--carbon-scope",
        type=click.Choice(["life_cycle", "direct"]),
        help="For files that have both; default: life cycle where the file holds it.",
    ),
    click.option(
        "--redate",
        type=int,
        metavar="YEAR",
        help="Use intensities of the same weekday and hour of this year.",
    ),
)

_ONE_POLICY = (
    click.option("--policy", default="auto", show_default=True, help="See `consolidate list policies`."),
    click.option("--seed", default=0, show_default=True, help="Seed of everything random."),
    click.option(
        "--repeat",
        default="",
        metavar="ANSWERS",
        help="What result.json of a run with a time limit says: the same placement again, on any machine.",
    ),
    click.option("--most-moves", type=int, metavar="N", help="Move at most so many VMs."),
    click.option("--most-gib", type=float, metavar="GIB", help="Move at most so much memory."),
    click.option(
        "--most-per-host",
        type=int,
        metavar="N",
        help="At most so many VMs leave a host and come to it.",
    ),
    click.option("--most-minutes", type=float, metavar="MIN", help="The plan takes at most so long."),
    click.option("--stay", default="", metavar="VM,...", help="VMs that do not move."),
)


_OBJECTIVE = (
    click.option(
        "--objective",
        type=click.Choice(["joules", "carbon"]),
        default="joules",
        show_default=True,
        help="What is minimised: energy, or grams of CO2e by a forecast of the intensity.",
    ),
    click.option(
        "--forecast",
        default="seasonal",
        show_default=True,
        metavar="NAME|FILE",
        help="For grams: seasonal, persistence, actual (hindsight), or an intensity file.",
    ),
)


def placement_options(function: F) -> F:
    """Add the options of one solve that has neither trace nor run to a command."""
    return _added((*_ONE_POLICY, *_BUDGET), function)


def run_options(function: F) -> F:
    """Add the options of a run to a command."""
    return _added((*_OPTIONS, *_ONE_POLICY, *_OBJECTIVE), function)


def comparison_options(function: F) -> F:
    """Add the options of a run to a command that has policies and seeds of its own."""
    return _added((*_OPTIONS, *_OBJECTIVE), function)


def _added(options: tuple[Callable[[F], F], ...], function: F) -> F:
    for option in reversed(options):
        function = option(function)
    return function


def config_from(trace: str, given: dict[str, Any]) -> RunConfig:
    """Turn parsed options into a :class:`~consolidate.study.RunConfig`."""
    from consolidate.study import RunConfig

    return RunConfig(
        trace=trace,
        format=given["format"],
        reader_options=reader_options(given["reader"]),
        repair=tuple(name for name in given["repair"].split(",") if name),
        fleet=given["fleet"],
        placement=given["placement"],
        rules=given["rules"],
        percentile=given["percentile"],
        slots=given["slots"],
        sizing_fraction=given["sizing_fraction"],
        hindsight=given["hindsight"],
        cpu_limit_fraction=given["cpu_limit"],
        policy=given.get("policy", "auto"),
        budget=budget_from(given),
        seed=given.get("seed", 0),
        min_saving_fraction=given["min_saving"],
        carbon=given["carbon"],
        carbon_scope=given["carbon_scope"],
        move_price_j=given["move_price"],
        downtime_j_per_s=given["downtime_price"],
        most_moves=given.get("most_moves"),
        most_gib=given.get("most_gib"),
        most_per_host=given.get("most_per_host"),
        most_minutes=given.get("most_minutes"),
        stay=tuple(name for name in given.get("stay", "").split(",") if name),
        redate_year=given["redate"],
        objective=given.get("objective", "joules"),
        forecast=given.get("forecast", "seasonal"),
    )


def budget_from(given: dict[str, Any]) -> Budget:
    """Turn parsed options into a :class:`~consolidate.solvers.Budget`."""
    from consolidate.solvers import Budget

    return Budget(
        iterations=given["iterations"],
        deterministic_s=given["deterministic_seconds"],
        time_limit_s=given["time_limit"],
        bounds=given["bounds"],
        repeat=given.get("repeat", ""),
    )


def reader_options(pairs: Iterable[str]) -> dict[str, Any]:
    """Turn ``KEY=VALUE`` pairs into options of a reader.

    Raises
    ------
    ConfigError
        When a pair has no ``=``, or its key is no option of a reader.
    """
    from consolidate.errors import ConfigError

    options: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            msg = f"needs KEY=VALUE, got {pair!r}"
            raise ConfigError(msg, path="--reader")
        name = key.replace("-", "_")
        if name in {"path", "format", "repair"}:
            msg = f"{key!r} is an option of the command, not of the reader"
            raise ConfigError(msg, path="--reader")
        options[name] = _value(value)
    return options


def _value(text: str) -> object:
    """Read a number where the text is one."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
