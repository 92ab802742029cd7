"""``consolidate place``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from consolidate.model import Instance

__all__ = ["command"]


@click.command("place")
@click.argument("source")
@click.option(
    "--format", "name", help="See `consolidate list instance-formats`; found from names by default."
)
@click.option("--policy", default="auto", show_default=True, help="See `consolidate list policies`.")
@click.option("--seed", default=0, show_default=True, help="Seed of everything random.")
@click.option("--iterations", default=4_000, show_default=True, help="Iterations of local search.")
@click.option(
    "--deterministic-seconds", default=5.0, show_default=True, help="Work of the exact solver."
)
@click.option(
    "--time-limit", type=float, metavar="S", help="Wall time; results then depend on the machine."
)
@click.option("--out", metavar="FILE", help="Write the placement (CSV).")
@click.option("--most-moves", type=int, metavar="N", help="Move at most so many VMs.")
@click.option("--most-gib", type=float, metavar="GIB", help="Move at most so much memory.")
@click.option(
    "--most-per-host", type=int, metavar="N", help="At most so many VMs leave a host and come to it."
)
@click.option("--most-minutes", type=float, metavar="MIN", help="The plan takes at most so long.")
@click.option("--stay", default="", metavar="VM,...", help="VMs that do not move.")
@click.option("--plan", "with_plan", is_flag=True, help="Also schedule the way there.")
@click.option(
    "--plan-out", metavar="FILE", help="Write the plan as JSON, one action a line; implies --plan."
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option("--quiet", is_flag=True, help="No progress.")
def command(
    source: str,
    name: str | None,
    policy: str,
    seed: int,
    iterations: int,
    deterministic_seconds: float,
    time_limit: float | None,
    out: str | None,
    most_moves: int | None,
    most_gib: float | None,
    most_per_host: int | None,
    most_minutes: float | None,
    stay: str,
    with_plan: bool,
    plan_out: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Solve a placement problem from SOURCE, a file or folder of a benchmark library.

    Placement and plan are judged by the independent checks before anything is printed. Ctrl-C ends the search
    with the best placement so far.
    """
    import time

    from consolidate.cli.output import peak_memory_mib
    from consolidate.cli.progress import show_progress
    from consolidate.inventory import read_instance, write_placement
    from consolidate.model import MoveBudget
    from consolidate.solvers import Budget
    from consolidate.study.budgets import solve_within
    from consolidate.study.verbs import plan, solve

    started = time.monotonic()
    instance = read_instance(source, format=name)
    moves = MoveBudget(
        moves=most_moves,
        memory_gib=most_gib,
        per_host=most_per_host,
        makespan_s=None if most_minutes is None else int(most_minutes * 60),
        stay=_indices(instance, [name for name in stay.split(",") if name]),
    )
    budget = Budget(
        iterations=iterations, deterministic_s=deterministic_seconds, time_limit_s=time_limit
    )
    with show_progress(quiet=quiet) as progress:
        more: dict[str, Any] = {"budget": budget, "seed": seed, "progress": progress}
        more["min_saving_fraction"] = 0.0
        if moves.is_empty():
            result = solve(instance, policy, **more)
        else:
            inner = "keep" if policy == "auto" else policy
            result = solve_within(instance, moves, policy=inner, **more)
        result.raise_if_infeasible()
        with_plan = with_plan or plan_out is not None
        made = plan(instance, result.placement, progress=progress) if with_plan else None
    seconds = time.monotonic() - started
    if made is not None and plan_out:
        made.to_frame().to_json(plan_out, orient="records", lines=True)
    if out:
        write_placement(result.placement, out, vms=instance.vms, fleet=instance.fleet)
    moved = int(result.placement.moved_from(instance.current).size)
    if as_json:
        figures = {
            "policy": result.policy,
            "status": result.status,
            "objective_mj": result.objective_mj,
            "bound_mj": result.bound_mj,
            "gap": result.gap,
            "hosts_used": int(result.placement.used_hosts().size),
            "moves": moved,
            "seed": seed,
            "iterations": result.iterations,
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
        click.echo(json.dumps(figures, indent=1))
    else:
        click.echo(
            f"{len(instance.vms)} VMs, {instance.fleet.n_hosts} hosts, {len(instance.rules)} rules"
        )
        click.echo(result.summary())
        click.echo(f"{moved} VMs move")
        if made is not None:
            click.echo(made.summary())
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
