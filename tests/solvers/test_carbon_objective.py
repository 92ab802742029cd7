"""Grams instead of joules: what is minimised, in which unit, with which bounds."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from random import Random

import numpy as np
import pytest

from consolidate.errors import HorizonError, InstanceError
from consolidate.model import Carbon, CarbonIntensity, Placement, Site, TimeGrid
from consolidate.study.verbs import solve
from tests import oracles
from tests.builders import START, fleet, host_type, instance, random_instance

KWH_MJ = 3_600_000_000
#: Two VMs that fit one host together.
NEED = [(1_000, 1_024), (1_000, 1_024)]


def intensity(values, *, step_s=3_600, **fields):
    """Hourly values from the start on."""
    grid = TimeGrid(start=START, step_s=step_s, n_steps=len(values))
    about = {"zone": "X", "kind": "average", "scope": "life_cycle", "source": "made up"}
    return CarbonIntensity(grid=grid, g_per_kwh=np.array(values, dtype=float), **(about | fields))


def grams(given, host_of, weights, move_weights, *, do_nothing=False):
    """The emissions of a placement, host by host, in exact grams without any rounding of watts."""
    total = Fraction(0)
    fleet_ = given.fleet
    for h in range(fleet_.n_hosts):
        members = [v for v, at in enumerate(host_of) if at == h]
        mj = oracles.host_mj(given, h, members, do_nothing=do_nothing)
        total += Fraction(int(mj)) * weights[int(fleet_.host_site[h])]
    for v, (home, at) in enumerate(zip(given.current.host_of.tolist(), host_of, strict=True)):
        if home >= 0 and at >= 0 and home != at:
            total += Fraction(int(given.move_mj[v])) * move_weights[int(fleet_.host_site[home])]
    return total / KWH_MJ / 1_000


def two_sites(given, rnd):
    """The instance with its hosts at two sites of different intensity."""
    n = given.fleet.n_hosts
    site = np.array([rnd.randrange(2) for _ in range(n)], dtype=np.int32)
    sites = (Site(name="dirty"), Site(name="clean", pue=1.5))
    about = given.objective
    carbon = Carbon(
        horizon_s=about.horizon_s,
        min_off_s=about.min_off_s,
        site_mg_per_kwh=(rnd.randrange(20_000, 900_000), rnd.randrange(20_000, 900_000)),
        move_mg_per_kwh=(rnd.randrange(20_000, 900_000), rnd.randrange(20_000, 900_000)),
    )
    return replace(given, fleet=replace(given.fleet, sites=sites, host_site=site), objective=carbon)


@pytest.mark.parametrize("seed", range(12))
def test_the_optimum_is_the_least_of_all_placements_and_no_bound_exceeds_it(seed):
    """Exhaustive search with fractions agrees with the exact solver to the rounding of watts."""
    rnd = Random(seed)
    joules = random_instance(rnd)
    given = two_sites(joules, rnd)
    weights, moves = given.objective.site_mg_per_kwh, given.objective.move_mg_per_kwh
    every = [
        (grams(joules_at(given), list(p), weights, moves), p)
        for p in oracles.feasible_placements(joules)
    ]
    result = solve(given, "cp-sat", seed=seed, min_saving_fraction=0.0)
    if not every:
        assert result.status in ("infeasible", "unknown")
        return
    assert result.measure == "carbon"
    # Each host's power is rounded to 1 mg/h, both when on and when off.
    slack = Fraction(2 * given.fleet.n_hosts * given.objective.horizon_s, 3_600_000)
    best = min(g for g, _ in every)
    stated = Fraction(result.objective_mj, 3_600_000)
    if result.worthwhile:
        assert abs(stated - best) <= slack
    assert Fraction(result.bound_mj, 3_600_000) <= min(best, stated) + slack
    assert result.bound_mj <= result.objective_mj


def joules_at(given):
    """The same instance with energy as its objective, for the oracle."""
    from consolidate.model import in_joules

    return in_joules(given)


def test_the_clean_site_is_filled_although_it_draws_more():
    """A frugal host on coal against a thirsty one on wind: joules and grams choose differently."""
    types = (host_type("frugal", idle_w=100, max_w=150), host_type("thirsty", idle_w=150, max_w=250))
    hosts = fleet(
        types=types,
        kinds=(0, 1),
        host_site=np.array([0, 1]),
        sites=(Site(name="coal"), Site(name="wind")),
    )
    given = instance(NEED, (0, 1), fleet=hosts, horizon_s=12 * 3_600)
    assert set(solve(given, "cp-sat").placement.host_of.tolist()) == {0}
    forecast = (intensity([800] * 12), intensity([30] * 12))
    carbon = Carbon.of(forecast, hosts, start=START, horizon_s=12 * 3_600)
    result = solve(replace(given, objective=carbon), "cp-sat")
    assert set(result.placement.host_of.tolist()) == {1}
    assert result.status == "optimal"
    assert "g CO2e" in result.summary()
    assert "kWh" not in result.summary()


def test_one_constant_intensity_gives_the_placement_of_least_energy():
    """Grams are joules times a factor: the optimum is the same, its value is energy times intensity."""
    given = instance(NEED, (0, 1), fleet=fleet(), horizon_s=6 * 3_600)
    carbon = Carbon.of(intensity([1_000] * 6), given.fleet, start=START, horizon_s=6 * 3_600)
    one, other = solve(given, "cp-sat"), solve(replace(given, objective=carbon), "cp-sat")
    assert one.objective_mj == other.objective_mj
    assert one.bound_mj == other.bound_mj
    assert one.placement.host_of.tolist() == other.placement.host_of.tolist()


def test_weights_are_means_over_the_horizon_and_over_the_hours_of_the_moves():
    """Two hours from half past on, PUE only where there are several sites."""
    start = START + np.timedelta64(1_800, "s")
    one = fleet(sites=(Site(pue=1.4),))
    carbon = Carbon.of(intensity([100, 300, 500]), one, start=start, horizon_s=7_200, moves_s=1_800)
    assert carbon.site_mg_per_kwh == (300_000,)
    assert carbon.move_mg_per_kwh == (100_000,)
    two = fleet(sites=(Site(name="a", pue=1.4), Site(name="b")), host_site=np.array([0, 1]))
    carbon = Carbon.of(intensity([100, 300, 500]), two, start=start, horizon_s=7_200)
    assert carbon.site_mg_per_kwh == (420_000, 300_000)


def test_a_move_counts_at_the_intensity_of_its_hour():
    """The same move costs three times as much when it is made in a dirty hour."""
    given = instance(NEED, (0, 1), fleet=fleet(), horizon_s=7_200, move_mj=3_600_000)
    placement = Placement(host_of=np.array([0, 0], dtype=np.int32))
    grams_of = []
    for values in ([100, 300], [300, 100]):
        carbon = Carbon.of(intensity(values), given.fleet, start=START, horizon_s=7_200)
        grams_of.append(replace(given, objective=carbon).energy(placement))
    assert grams_of[0].on_mj == grams_of[1].on_mj
    assert 3 * grams_of[0].migration_mj == grams_of[1].migration_mj > 0


def test_what_does_not_fit_is_refused():
    """Too short a forecast, too few sites, mixed kinds, impossible weights."""
    hosts = fleet(sites=(Site(name="a"), Site(name="b")), host_site=np.array([0, 1]))
    short = intensity([100])
    with pytest.raises(HorizonError, match="does not cover"):
        Carbon.of(short, hosts, start=START, horizon_s=7_200)
    with pytest.raises(InstanceError, match="each of 2 sites"):
        Carbon.of([short], hosts, start=START, horizon_s=3_600)
    with pytest.raises(InstanceError, match="one kind"):
        Carbon.of([short, intensity([1], kind="marginal")], hosts, start=START, horizon_s=3_600)
    with pytest.raises(InstanceError, match="mg/kWh"):
        Carbon(horizon_s=1, site_mg_per_kwh=(-1,), move_mg_per_kwh=(0,))
    one_site = Carbon(horizon_s=3_600, site_mg_per_kwh=(1,), move_mg_per_kwh=(1,))
    with pytest.raises(InstanceError, match="the fleet has 2"):
        replace(instance(NEED, (0, 1), fleet=hosts), objective=one_site).current_energy()
