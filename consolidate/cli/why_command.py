"""``consolidate why``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from consolidate.model import Instance, Result

__all__ = ["command"]

_SHOWN = 20


@click.command("why")
@click.argument("path")
@click.option(
    "--host", "hosts", multiple=True, metavar="NAME", help="Explain this host; may be repeated."
)
@click.option("--rules", "with_rules", is_flag=True, help="Also the price of each rule: one solve each.")
@click.option(
    "--all", "everything", is_flag=True, help=f"All hosts and moves, not only {_SHOWN} of each."
)
@click.option("--quiet", is_flag=True, help="No progress.")
def command(path: str, hosts: tuple[str, ...], with_rules: bool, everything: bool, quiet: bool) -> None:
    """Say why a placement is as it is: PATH is a solved run folder, or a problem that `place` reads.

    For each host that is on, the fewest VMs that keep it on and the rules that take part in that; for each
    move, the joules it costs and brings back, and when. Of a problem without a placement, VMs and rules that
    cannot be together, and of which none can be left out.
    """
    from consolidate.cli.progress import show_progress
    from consolidate.study.why import price_rules

    with show_progress(quiet=quiet) as progress:
        instance, result = _solved(path, with_rules=with_rules)
        lines = [*_hosts(instance, result, hosts, everything), "", *_moves(instance, result, everything)]
        if with_rules:
            lines.append("")
            for price in price_rules(instance, result, progress=progress):
                rule = instance.rules[price.rule]
                lines.append(
                    f"{rule.name}[{price.rule}] costs {price.price_w:.2f} W "
                    f"(proven: {price.at_least_w:.2f} to {price.at_most_w:.2f} W)"
                )
    click.echo("\n".join(lines))


def _solved(path: str, *, with_rules: bool) -> tuple[Instance, Result]:
    """Return the problem and its result, solved now unless the folder holds one.

    Raises
    ------
    ConfigError
        When prices of rules are asked for of a run that minimised emissions.
    InfeasibleError
        When there is no placement; its message is the minimal core.
    """
    from pathlib import Path

    from consolidate.errors import ConfigError, InfeasibleError
    from consolidate.inventory import read_instance
    from consolidate.model import in_joules
    from consolidate.study import load
    from consolidate.study.verbs import solve
    from consolidate.study.why import minimal_core

    folder = Path(path)
    if (folder / "result.json").is_file():
        result = load.load_result(folder)
        if with_rules and result.measure != "energy":
            msg = "prices of rules are in watts; this run has minimised emissions"
            raise ConfigError(msg, path="--rules")
        return in_joules(load.load_instance(folder)), result
    instance = read_instance(path)
    result = solve(instance, min_saving_fraction=0.0)
    if result.status == "infeasible":
        core = minimal_core(instance)
        if core is not None:
            names = [instance.vms.ids[v] for v in core.vms]
            raise InfeasibleError(core.sentence(instance), vms=names)
    return instance, result.raise_if_infeasible()


def _hosts(instance: Instance, result: Result, hosts: tuple[str, ...], everything: bool) -> list[str]:
    from consolidate.errors import ConfigError
    from consolidate.study.why import why_hosts

    index = {name: h for h, name in enumerate(instance.fleet.host_ids)}
    for name in hosts:
        if name not in index:
            msg = f"no host is called {name!r}"
            raise ConfigError(msg, path="--host")
    asked = [index[name] for name in hosts] or result.placement.used_hosts().tolist()
    shown = asked if everything or hosts else asked[:_SHOWN]
    lines = [r.sentence(instance) for r in why_hosts(instance, result.placement, hosts=shown)]
    used = set(result.placement.used_hosts().tolist())
    lines += [f"{instance.fleet.host_ids[h]} is not on" for h in shown if h not in used and hosts]
    return lines + _more(len(asked) - len(shown), "hosts")


def _moves(instance: Instance, result: Result, everything: bool) -> list[str]:
    from consolidate.study.why import why_moves

    moves = why_moves(instance, result.placement)
    if not moves:
        return ["no VM moves"]
    spent, back = sum(m.spent_j for m in moves), sum(m.back_j for m in moves)
    lines = [f"{len(moves)} moves spend {spent / 1e3:.1f} kJ and bring back {back / 1e3:.1f} kJ"]
    shown = moves if everything else moves[:_SHOWN]
    for m in shown:
        when = "never by itself" if m.payback_s is None else f"after {m.payback_s:.0f} s"
        source, target = (instance.fleet.host_ids[h] for h in (m.source, m.target))
        lines.append(
            f"{instance.vms.ids[m.vm]} from {source} to {target}: spends {m.spent_j:.0f} J, brings back "
            f"{m.back_j:.0f} J, {when}" + (f" ({source} goes off)" if m.releases else "")
        )
    return lines + _more(len(moves) - len(shown), "moves")


def _more(n: int, what: str) -> list[str]:
    return [f"... and {n} more {what}; --all shows them"] if n > 0 else []
