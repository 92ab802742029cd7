"""Energy against moves."""

from __future__ import annotations

import matplotlib as mpl
import pytest

from consolidate.errors import ConfigError, InputError
from consolidate.plotting import energy_vs_moves
from consolidate.study import front_frame, pareto_front
from consolidate.study.verbs import solve

mpl.use("agg")


@pytest.fixture
def instance(builders):
    """Six hosts in use; emptying them costs one, two or three moves."""
    hosts = builders.fleet(kinds=(0,) * 6)
    at = [0, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 5]
    return builders.instance([(400, 700)] * len(at), at, fleet=hosts)


def test_no_point_is_worse_than_another(instance):
    """Energy rises and moves fall from point to point; the first is the placement without a price."""
    front = pareto_front(instance, prices_j=(0.0, 1e5, 1e6, 1e9))
    energies = [p.result.objective_mj for p in front]
    moves = [p.moves for p in front]
    assert energies == sorted(energies)
    assert moves == sorted(moves, reverse=True)
    assert len(set(moves)) == len(moves) >= 2
    assert front[-1].moves == 0
    plain = solve(instance, "keep", min_saving_fraction=0.0)
    assert front[0].result.objective_mj <= plain.objective_mj


def test_a_price_changes_the_choice_not_the_figures(instance):
    """Energy, bound and gap of a priced solve are those of the energy alone."""
    priced = solve(instance, "keep", min_saving_fraction=0.0, move_price_j=1e9)
    assert priced.placement.moved_from(instance.current).size == 0
    assert priced.objective_mj == instance.energy(priced.placement).total_mj
    assert priced.bound_mj <= solve(instance, "keep", min_saving_fraction=0.0).objective_mj
    with pytest.raises(ConfigError, match="move_price_j"):
        solve(instance, "keep", move_price_j=-1.0)


def test_the_table_and_its_picture(instance):
    """Units in names; a table that is none is refused."""
    table = front_frame(pareto_front(instance, prices_j=(0.0, 1e9)))
    assert list(table.columns) == [
        "move_price_j",
        "energy_kwh",
        "saved_kwh",
        "moves",
        "moved_mib",
        "hosts_used",
    ]
    ax = energy_vs_moves(table)
    assert ax.get_xlabel() == "VMs that move"
    assert len(ax.texts) == len(table)
    with pytest.raises(InputError, match="lacks the columns moves"):
        energy_vs_moves(table.drop(columns="moves"))
