"""``consolidate doctor``."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command("doctor")
def command() -> int:
    """Print what to paste into a bug report, and try every compiled part once."""
    from consolidate.study.provenance import environment

    about = environment()
    packages = about.pop("packages")
    for key, value in about.items():
        click.echo(f"{key:12} {value}")
    assert isinstance(packages, dict)
    for name, version in packages.items():
        click.echo(f"  {name:12} {version}")
    failed = [(what, problem) for what, problem in _trials() if problem]
    for what, problem in failed:
        click.echo(f"FAILED {what}: {problem}")
    click.echo("everything works" if not failed else f"{len(failed)} parts do not work")
    return 1 if failed else 0


def _trials() -> list[tuple[str, str]]:
    results = []
    for what, trial in (("kernels", _kernels), ("CP-SAT", _cp_sat), ("figures", _figures)):
        try:
            trial()
        except Exception as error:
            results.append((what, f"{type(error).__name__}: {error}"))
        else:
            results.append((what, ""))
    return results


def _kernels() -> None:
    import numpy as np

    from consolidate._kernels.problem import table_power

    table = np.arange(0, 1100, 100, dtype=np.int64)
    assert table_power(table, 500, 1_000) == 500


def _cp_sat() -> None:
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    x = model.new_bool_var("x")
    model.maximize(x)
    solver = cp_model.CpSolver()
    assert solver.solve(model) == cp_model.OPTIMAL


def _figures() -> None:
    from matplotlib.figure import Figure

    Figure().add_subplot()
