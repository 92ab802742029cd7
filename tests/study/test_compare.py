"""The table of a comparison, and the columns of every public table."""

from __future__ import annotations

import numpy as np
import pytest

from consolidate.carbon import constant_intensity
from consolidate.errors import ConfigError, UnknownNameError
from consolidate.forecasting import Percentile
from consolidate.model import Carbon
from consolidate.solvers import Budget
from consolidate.study import compare, prepare
from consolidate.study.executing import execute
from consolidate.units import SUFFIXES

QUICK = Budget(iterations=20, deterministic_s=0.1)

#: Columns that count or name; everything else has to end in its unit.
UNITLESS = {
    "action_id",
    "after",
    "detail",
    "group",
    "hosts_on",
    "hosts_on_last",
    "hosts_on_mean",
    "kind",
    "migrations",
    "mode",
    "parking",
    "policy",
    "seed",
    "source",
    "status",
    "target",
    "vcpus",
    "vm",
    "vm_id",
}


@pytest.fixture(scope="module")
def prepared(cloud, clouds):
    return prepare(clouds.config(cloud))


@pytest.fixture(scope="module")
def table(prepared):
    given = prepared.instance
    grid = prepared.replayed.grid
    return compare(
        prepared.trace,
        given.fleet,
        policies=["ffd", "drain"],
        current=given.current,
        rules=given.rules,
        carbon=constant_intensity("DE", grid),
        budget=QUICK,
        seeds=(0, 1),
    )


def without_clock(table):
    return table.drop(columns="solve_s")


def test_one_row_for_doing_nothing_and_one_per_policy_and_seed(table):
    """The baseline is a row of the same table, so that nobody compares with another one."""
    assert table["policy"].tolist() == ["do-nothing", "ffd", "ffd", "drain", "drain"]
    assert table["seed"].tolist()[1:] == [0, 1, 0, 1]
    assert np.isnan(table["saved_fraction"][0])


def test_savings_are_against_doing_nothing(table):
    """From the replay, not from the model; and carbon goes with the energy of a constant grid."""
    base = table["energy_kwh"][0]
    for _, row in table.iloc[1:].iterrows():
        assert row["saved_fraction"] == pytest.approx(1 - row["energy_kwh"] / base, rel=1e-12)
        assert row["carbon_kg"] == pytest.approx(0.381 * row["energy_kwh"], rel=1e-12)
        assert row["bound_kwh"] <= row["objective_kwh"]
        assert row["migrations"] > 0


def test_a_run_and_a_row_agree(table, finished):
    """The same policy on the same cloud: two ways to the same replay."""
    row = table.iloc[1]
    assert row["energy_kwh"] == finished.consolidated.energy_kwh
    assert row["unmet_fraction"] == finished.consolidated.service.unmet_fraction
    assert row["makespan_s"] == finished.plan.makespan_s
    assert table["energy_kwh"][0] == finished.baseline.energy_kwh


def test_the_same_comparison_twice_is_the_same_table(prepared, table):
    """But for the wall time of the solves."""
    given = prepared.instance
    again = compare(
        prepared.trace,
        given.fleet,
        policies=["ffd", "drain"],
        current=given.current,
        rules=given.rules,
        carbon=(constant_intensity("DE", prepared.replayed.grid),),
        budget=QUICK,
        seeds=(0, 1),
    )
    assert without_clock(again).equals(without_clock(table))


def test_options_of_the_instance_are_used(prepared):
    """An option that is taken and ignored is a wrong answer."""
    given = prepared.instance

    def energy(**more):
        found = compare(
            prepared.trace,
            given.fleet,
            rules=given.rules,
            budget=QUICK,
            **{"policies": ["ffd"]} | more,
        )
        return found["energy_kwh"].tolist(), found["objective_kwh"].tolist()[1]

    plain = energy()
    assert energy(min_saving_fraction=0.99)[0] == [plain[0][0]] * 2
    assert energy(policies=["keep"], move_price_j=1e9)[0] == [plain[0][0]] * 2
    assert energy(cpu_limit_fraction=0.02)[1] != plain[1]
    assert energy(hindsight=True)[1] != plain[1]
    assert energy(sizing=Percentile(50))[1] != plain[1]
    assert energy(sizing_fraction=0.5)[0][0] < plain[0][0]
    with pytest.raises(ConfigError, match="sizing_fraction"):
        energy(sizing_fraction=0.001)


def test_each_site_has_its_own_intensity(small, clouds):
    """One intensity for two sites is for both; three are a mistake."""
    prepared = prepare(clouds.config(small))
    given, grid = prepared.instance, prepared.replayed.grid
    two = [constant_intensity("x", grid, g_per_kwh=g) for g in (0, 1_000)]

    def kilograms(carbon):
        return compare(
            prepared.trace, given.fleet, ["ffd"], current=given.current, carbon=carbon, budget=QUICK
        )["carbon_kg"]

    assert (kilograms(two) < kilograms(two[1])).all()
    assert (kilograms(two[0]) == 0).all()
    with pytest.raises(ConfigError, match="one intensity for each of 2 sites, got 3"):
        kilograms([*two, two[0]])


def test_grams_can_be_what_is_minimised(small, clouds):
    """With a clean and a dirty site the placement of least grams emits no more than that of least energy."""
    prepared = prepare(clouds.config(small))
    given, grid = prepared.instance, prepared.replayed.grid
    gains = []
    for each in ((10, 1_000), (1_000, 10)):
        two = [constant_intensity("x", grid, g_per_kwh=g) for g in each]
        grams = Carbon.of(two, given.fleet, start=grid.start, horizon_s=grid.duration_s)
        joules, carbon = (
            compare(
                prepared.trace,
                given.fleet,
                ["keep"],
                current=given.current,
                carbon=two,
                objective=objective,
                budget=QUICK,
            ).iloc[-1]
            for objective in (None, grams)
        )
        assert carbon["bound_carbon_kg"] <= carbon["objective_carbon_kg"]
        gains.append(carbon["carbon_saved_fraction"] - joules["carbon_saved_fraction"])
    assert min(gains) >= 0
    assert max(gains) > 0.1
    assert "objective_kwh" not in carbon


def test_an_unknown_policy_is_named(prepared):
    """With the nearest known one."""
    with pytest.raises(UnknownNameError, match="did you mean 'drain'"):
        compare(prepared.trace, prepared.instance.fleet, ["drian"])


def frames(finished, table):
    yield "comparison", table
    yield "trace", finished.trace.to_frame()
    yield "VMs", finished.trace.vms.to_frame()
    yield "plan", finished.plan.to_frame()
    yield "replay", finished.baseline.to_frame()
    yield "execution", execute(finished.instance, finished.plan).to_frame()


def test_every_column_of_every_table_ends_in_its_unit(finished, table):
    """Kilowatt-hours taken for joules is the classic of this field."""
    for name, frame in frames(finished, table):
        for column in frame.columns:
            has_unit = any(column.endswith(f"_{suffix}") for suffix in SUFFIXES)
            assert has_unit != (column in UNITLESS), f"{name}: {column}"


def test_columns_are_of_their_types(finished, table):
    """Numbers are numbers, instants are instants; no column of objects but texts."""
    for name, frame in frames(finished, table):
        for column in frame.columns:
            if column.endswith("_utc"):
                assert frame[column].dtype.kind == "M", f"{name}: {column}"
            elif column not in UNITLESS:
                assert frame[column].dtype.kind in "iuf", f"{name}: {column}"


def test_every_public_table_is_looked_at(finished, table):
    """A new ``to_frame`` has to join the list above."""
    import consolidate

    nouns = {getattr(consolidate, name) for name in consolidate.__all__ if name != "plotting"}
    with_frames = {n.__name__ for n in nouns if isinstance(n, type) and hasattr(n, "to_frame")}
    assert with_frames == {"Execution", "MigrationPlan", "Replay", "Trace", "VMs"}
