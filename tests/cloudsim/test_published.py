"""Figures of the program itself, and of single departures from it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from consolidate import cloudsim

COUNTS = ("migrations", "host_shutdowns", "host_shutdowns_never_on", "vms_remaining_at_end")


def _shared(*parts: str) -> Path:
    named = os.environ.get("CONSOLIDATE_DATA")
    data = Path(named) if named else Path(__file__).parents[3] / "shared" / "data"
    place = data.parent.joinpath(*parts) if parts[0] == "reference" else data.joinpath(*parts)
    if not place.exists():
        pytest.skip(f"no {place}; set CONSOLIDATE_DATA to the folder of real data")
    return place


@pytest.fixture(scope="module")
def real_day() -> cloudsim.Day:
    """20110303, in the order behind the figures usually quoted; skipped where it is absent."""
    return cloudsim.read_day(_shared("planetlab", "20110303.tar.xz"))


#: Figures of CloudSim 3.0.3 on 20110303, order ``upper``: facts, measured with the program itself.
MEASURED = [
    (("dvfs", "mmt", None), 803.9101068942367, (0, 457, 388, 520)),
    (("lr", "mmt", 1.2), 163.1516447154339, (27_632, 5_023, 19, 520)),
    (("thr", "mc", 0.8), 183.60725293239543, (24_235, 5_565, 19, 520)),
]


@pytest.mark.parametrize(("policy", "energy_kwh", "counts"), MEASURED)
def test_to_the_last_digit(real_day, policy, energy_kwh, counts):
    """Energy is a sum of a million terms after thousands of decisions: one that differs would show."""
    detector, selector, parameter = policy
    outcome = cloudsim.run(real_day, detector, selector, parameter=parameter).outcome
    assert outcome.energy_kwh == pytest.approx(energy_kwh, rel=1e-9)
    assert tuple(getattr(outcome, name) for name in COUNTS) == counts


def test_the_last_digit_needs_the_order_of_hash_tables(real_day):
    """IQR-MMT-1.5, order ``sorted``: one sum in the order of arrival moves this by 3e-11 and PDM by 1e-6."""
    outcome = cloudsim.run(real_day.ordered("sorted"), "iqr").outcome
    assert outcome.energy_kwh == pytest.approx(189.98007272498137, rel=1e-13)
    assert outcome.pdm == pytest.approx(6.235223717749096e-4, rel=1e-12)


def test_step_by_step(real_day, tmp_path):
    """The log has the columns, steps and migrations of the reference run."""
    golden = _shared("reference", "cloudsim-golden")
    cloudsim.run(real_day, "lr").log.write(tmp_path)
    for name in ("initial", "steps", "migrations"):
        wanted = (golden / f"lr_mmt_1.2_20110303_upper_{name}.csv").read_text("utf-8")
        assert (tmp_path / f"{name}.csv").read_text("utf-8").split() == wanted.split(), name


#: Energy in kWh and migrations of LR-MMT-1.2 on the same day with one or two things changed.
CHANGED = [
    ({"off_hosts_cost_full": True, "fresh_baseline": True}, 123.05, 10_736),
    ({"tricube_weights": "paper"}, 172.76, 27_552),
    ({"keep_idle_vms": True}, 223.73, 44_975),
    ({"shield_overload_targets": True}, 175.54, 23_896),
    ({"tricube_weights": "3.0.1", "stale_load": True}, 116.71, 17_900),
]


@pytest.mark.parametrize(("changes", "energy_kwh", "migrations"), CHANGED)
def test_departures(real_day, changes, energy_kwh, migrations):
    """Each switch changes what it says and nothing else."""
    outcome = cloudsim.run(real_day, variant=cloudsim.Variant(**changes)).outcome
    assert (round(outcome.energy_kwh, 2), outcome.migrations) == (energy_kwh, migrations)


def test_random_choice_is_seeded_and_spreads(a_day):
    """The same seed gives the same day, another seed another one."""
    day = a_day(seed=5)
    runs = [cloudsim.run(day, "thr", "rs", parameter=0.6, hosts=12, seed=seed) for seed in (1, 1, 2)]
    assert runs[0].log.moves.tolist() == runs[1].log.moves.tolist()
    assert runs[0].log.moves.tolist() != runs[2].log.moves.tolist()
    assert cloudsim.frame(runs)["energy_kwh"].nunique() == 2


def test_full_power_is_a_closed_form(a_day):
    """NPA charges every host at full power from the start to the last step."""
    outcome = cloudsim.run(a_day(seed=6), "npa", hosts=12).outcome
    assert outcome.energy_kwh == pytest.approx(6 * (117 + 135) * 86_100.1 / 3.6e6)
    assert outcome.energy_with_standby_kwh == outcome.energy_kwh


def test_our_own_figures_by_hand():
    """Two VMs of 2500 and 2000 MIPS on two G4 and two G5 at a constant half load."""
    day = cloudsim.Day(ids=("a", "b"), percent=np.full((2, 288), 50))
    outcome = cloudsim.run(day, "dvfs", hosts=4).outcome
    # First fit puts both on the first G5, whose power at 2250 of 5320 MIPS is 112.5 W and a bit; three
    # hosts are off from the first step to the last.
    seconds = 286 * 300
    watts = 110 + (116 - 110) * (2_250 / 532 - 4)
    assert outcome.energy_kwh == pytest.approx(watts * seconds / 3.6e6)
    standby = outcome.energy_with_standby_kwh - outcome.energy_kwh
    assert standby == pytest.approx(3 * 12 * seconds / 3.6e6)
    assert (outcome.overload_share, outcome.unmet_share, outcome.power_cycles_max) == (0, 0, 0)
    assert outcome.hosts_ever_active == 1


def test_overload_and_unmet_demand_by_hand():
    """Three VMs that one G5 serves in the first half of the day; in the second they ask for 180 MIPS more."""

    class Gathers:
        def reset(self, view):
            assert view.host_of.tolist() == [1, 3, 0]

        def optimize(self, view):
            assert view.host_mips[1] == 5_320
            return np.array([[1, 1], [2, 1]]) if view.step == 1 else np.empty((0, 2), dtype=int)

    percent = np.full((3, 288), 20)
    percent[:, 144:] = 100
    day = cloudsim.Day(ids=("a", "b", "c"), percent=percent)
    outcome = cloudsim.run(day, hosts=4, optimizer=Gathers()).outcome
    assert outcome.migrations == 2
    # Two hosts are on for the 27.84 s more that 1740 MB take; the last 143 intervals are overloaded.
    on_s, over_s = 286 * 300 + 2 * 27.84, 143 * 300
    assert outcome.overload_share == pytest.approx(over_s / on_s)
    asked = 300 * 5_500 * (0.2 * 142 + (0.2 + 0.8 / 300 * 0.1) + 143)
    assert outcome.unmet_share == pytest.approx(180 * over_s / asked)
    assert outcome.sla_overall > outcome.unmet_share
