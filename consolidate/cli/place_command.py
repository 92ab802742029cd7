"""``consolidate place``."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import click

from consolidate.cli.options import budget_from, placement_options
from consolidate.cli.terminal import say

if TYPE_CHECKING:
    from consolidate.model import Instance, MigrationPlan, Result
    from consolidate.model.progress import Progress

__all__ = ["command"]


@click.command("place")
@click.argument("source")
@click.option(
    "--format", "name", help="See `consolidate list instance-formats`; found from names by default."
)
@placement_options
@click.option("--out", metavar="FILE", help="Write the placement (CSV).")
@click.option("--plan", "with_plan", is_flag=True, help="Also schedule the way there.")
@click.option(
    "--plan-out", metavar="FILE", help="Write the plan as JSON, one action a line; implies --plan."
)
@click.option("--fast", is_flag=True, help="Take a list schedule as it is, in seconds; implies --plan.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option("--quiet", is_flag=True, help="No progress.")
def command(
    source: str,
    name: str | None,
    out: str | None,
    with_plan: bool,
    plan_out: str | None,
    fast: bool,
    as_json: bool,
    quiet: bool,
    **given: Any,
) -> None:
    """Solve a placement problem from SOURCE, a file or folder of a benchmark library.

    Placement and plan are judged by the independent checks before anything is printed. Ctrl-C ends the search
    with the best placement so far.
    """
    from consolidate.cli.progress import show_progress
    from consolidate.inventory import read_instance, write_placement
    from consolidate.study.verbs import plan

    started = time.monotonic()
    instance = read_instance(source, format=name)
    with show_progress(quiet=quiet) as progress:
        result = _solved(instance, given, progress)
        with_plan = with_plan or plan_out is not None or fast
        made = plan(instance, result.placement, fast=fast, progress=progress) if with_plan else None
    seconds = time.monotonic() - started
    if made is not None and plan_out:
        made.to_frame().to_json(plan_out, orient="records", lines=True)
    if out:
        write_placement(result.placement, out, vms=instance.vms, fleet=instance.fleet)
    if as_json:
        click.echo(json.dumps(_figures(instance, result, made, seconds), indent=1))
    else:
        _print(instance, result, made, seconds)


def _solved(instance: Instance, given: dict[str, Any], progress: Progress) -> Result:
    """Solve, within a budget of moves where there is one."""
    from consolidate.model import MoveBudget
    from consolidate.study.budgets import solve_within
    from consolidate.study.verbs import solve

    minutes, policy = given["most_minutes"], given["policy"]
    moves = MoveBudget(
        moves=given["most_moves"],
        memory_gib=given["most_gib"],
        per_host=given["most_per_host"],
        makespan_s=None if minutes is None else int(minutes * 60),
        stay=_indices(instance, [name for name in given["stay"].split(",") if name]),
    )
    more: dict[str, Any] = {
        "budget": budget_from(given),
        "seed": given["seed"],
        "progress": progress,
        "min_saving_fraction": 0.0,
    }
    if moves.is_empty():
        return solve(instance, policy, **more).raise_if_infeasible()
    inner = "keep" if policy == "auto" else policy
    return solve_within(instance, moves, policy=inner, **more).raise_if_infeasible()


def _figures(
    instance: Instance, result: Result, made: MigrationPlan | None, seconds: float
) -> dict[str, object]:
    from consolidate.cli.output import peak_memory_mib

    figures: dict[str, object] = {
        "policy": result.policy,
        "status": result.status,
        "objective_mj": result.objective_mj,
        "bound_mj": result.bound_mj,
        "gap": result.gap,
        "hosts_used": int(result.placement.used_hosts().size),
        "moves": int(result.placement.moved_from(instance.current).size),
        "seed": result.seed,
        "repeat": result.repeat,
        "stopped": result.stopped,
        "elapsed_s": round(seconds, 3),
        "peak_memory_mib": peak_memory_mib(),
    }
    if made is not None:
        figures |= {
            "starts": len(made.starts),
            "migrations": len(made.migrations),
            "boots": len(made.boots),
            "shutdowns": len(made.shutdowns),
            "makespan_s": made.makespan_s,
            "makespan_bound_s": made.makespan_bound_s,
        }
    return figures


def _print(instance: Instance, result: Result, made: MigrationPlan | None, seconds: float) -> None:
    from consolidate.cli.output import peak_memory_mib

    click.echo(f"{len(instance.vms)} VMs, {instance.fleet.n_hosts} hosts, {len(instance.rules)} rules")
    say(result.summary())
    click.echo(f"{result.placement.moved_from(instance.current).size} VMs move")
    if made is not None:
        say(made.summary())
    memory_mib = peak_memory_mib()
    memory = "" if memory_mib is None else f", peak memory {memory_mib} MiB"
    click.echo(f"{seconds:.1f} s with reading and checks{memory}")


def _indices(instance: Instance, names: list[str]) -> tuple[int, ...]:
    """Return the VMs of these names."""
    from consolidate.errors import ConfigError

    index = {name: v for v, name in enumerate(instance.vms.ids)}
    for name in names:
        if name not in index:
            msg = f"no VM is called {name!r}"
            raise ConfigError(msg, path="--stay")
    return tuple(index[name] for name in names)
