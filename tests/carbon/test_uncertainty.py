"""Monte Carlo of the assumptions, and the tornado."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from consolidate.carbon import (
    PARAMETERS,
    ArmLedger,
    Parameter,
    arm_ledger,
    constant_intensity,
    saving_samples,
    spread,
    tornado,
    with_country_intensity,
)
from consolidate.errors import InstanceError
from consolidate.model import CarbonIntensity, Replay, ServiceLevel, TimeGrid

KWH = 3_600_000_000
#: Idle, load, migration, booting, shutting down, off.
BEFORE = np.array([[60, 30, 0, 0, 0, 0], [40, 20, 0, 0, 0, 0]]) * KWH
AFTER = np.array([[20, 30, 1, 2, 1, 6], [10, 20, 1, 1, 1, 3]]) * KWH
#: 12 W for these hours are the 6 and 3 kWh of off energy.
OFF_H = np.array([500, 250])


def ledger(energy_mj: NDArray[np.int64], off_h: NDArray[np.int64]) -> ArmLedger:
    return ArmLedger(energy_mj=energy_mj, emissions_g=energy_mj / KWH * 300.0, off_host_s=off_h * 3_600)


ARMS = ledger(BEFORE, np.zeros(2, dtype=np.int64)), ledger(AFTER, OFF_H)


def only(name: str, value: float) -> tuple[Parameter, ...]:
    return (Parameter(name=name, low=value, high=value, each_type=name in {"idle", "power_curve"}),)


@pytest.mark.parametrize(
    ("name", "value", "kwh"),
    [
        # 150 before, 96 after as modelled: 54 saved. Each case by hand.
        ("intensity", 2.0, 54.0),
        ("power_curve", 1.1, 1.1 * 150 - (1.1 * 80 + 16)),
        ("idle", 0.5, 100.0 - (15 + 50 + 16)),
        ("utilization", 1.2, 160.0 - 106),
        ("off_w", 24.0, 54.0 - 9),
        ("off_w", 12.0, 54.0),
        ("boot", 2.0, 54.0 - 5),
        ("migration", 3.0, 54.0 - 4),
        ("pue_variable_share", 1.0, 54.0),
    ],
)
def test_each_parameter_by_hand(name: str, value: float, kwh: float) -> None:
    """One assumption changed at a time, against a sum on paper."""
    found = saving_samples(*ARMS, parameters=only(name, value), n_draws=3, pue=1.5)
    assert found.kwh == pytest.approx([kwh] * 3, rel=1e-12)
    factor = 2.0 if name == "intensity" else 1.0
    assert found.kg == pytest.approx([0.3 * kwh * factor] * 3, rel=1e-12)
    share = 1.0 if name == "pue_variable_share" else 0.5
    assert found.facility_kwh == pytest.approx([kwh * (1 + share * 0.5)] * 3)


def test_identical_arms_save_exactly_nothing_in_every_draw() -> None:
    """Common draws: what is wrong in both arms cancels to the last bit."""
    found = saving_samples(ARMS[1], ARMS[1], n_draws=500, seed=7, pue=1.4)
    for values in (found.kwh, found.fraction, found.kg, found.facility_kwh):
        assert not values.any()


def test_common_draws_narrow_the_share() -> None:
    """A curve that is 10 % off changes kWh by 10 %, and the share hardly."""
    curve = tuple(p for p in PARAMETERS if p.name == "power_curve")
    found = saving_samples(*ARMS, parameters=curve, n_draws=2_000)
    kwh, share = spread(found.kwh), spread(found.fraction)
    assert (kwh.high - kwh.low) / kwh.median > 4 * (share.high - share.low) / share.median


def test_leaving_one_out_changes_no_other_draw() -> None:
    """Each parameter has its own stream, so two studies differ only by what was varied."""
    few = saving_samples(*ARMS, parameters=PARAMETERS[:2], seed=1)
    more = saving_samples(*ARMS, parameters=(*PARAMETERS[:2], PARAMETERS[-1]), seed=1, pue=1.4)
    assert np.array_equal(few.kwh, more.kwh)


def test_tornado_is_sorted_and_one_at_a_time() -> None:
    """The bar of the power at off: 5 and 25 W instead of 12 over 750 hours."""
    bars = tornado(*ARMS)
    assert [bar.swing for bar in bars] == sorted((bar.swing for bar in bars), reverse=True)
    assert {bar.parameter.name for bar in bars} == {p.name for p in PARAMETERS}
    off = next(bar for bar in bars if bar.parameter.name == "off_w")
    assert (off.at_low, off.at_high, off.base) == pytest.approx((54 + 5.25, 54 - 9.75, 54))
    grams = tornado(*ARMS, outcome="kg", parameters=with_country_intensity())
    intensity = next(bar for bar in grams if bar.parameter.name == "intensity")
    assert (intensity.at_low, intensity.at_high) == pytest.approx((0.75 * 16.2, 1.25 * 16.2))


def test_off_energy_that_was_modelled_as_none_is_charged_when_drawn() -> None:
    """A simulator that counts 0 W for off hosts: the draw has watts all the same, and grams for them."""
    free = AFTER.copy()
    free[:, 5] = 0
    found = saving_samples(ARMS[0], ledger(free, OFF_H), parameters=only("off_w", 12.0), n_draws=1)
    assert found.kwh[0] == pytest.approx(54.0)
    assert found.kg[0] == pytest.approx(16.2)


def test_wrong_parameters_and_arms_are_refused() -> None:
    """A misspelt assumption would silently stay as it was."""
    with pytest.raises(InstanceError, match="has no idel"):
        saving_samples(*ARMS, parameters=(Parameter(name="idel", low=1, high=2),))
    with pytest.raises(InstanceError, match="0 < low for log"):
        Parameter(name="boot", low=0, high=2, spacing="log")
    one = ArmLedger(energy_mj=BEFORE[:1], emissions_g=BEFORE[:1] * 1.0, off_host_s=OFF_H[:1])
    with pytest.raises(InstanceError, match="arms need the same"):
        saving_samples(ARMS[0], one)
    with pytest.raises(InstanceError, match="needs shape"):
        ArmLedger(energy_mj=BEFORE[:, :3], emissions_g=BEFORE * 1.0, off_host_s=OFF_H)


def replay(energy: NDArray[np.int64], states: list[tuple[int, int, int, int]]) -> Replay:
    """Three hosts, two steps, two sites; energy by (host, step, cause), host 2 at the second site."""
    return Replay(
        label="arm",
        grid=TimeGrid(start=np.datetime64("2024-01-01"), step_s=3_600, n_steps=2),
        host_ids=("a", "b", "c"),
        energy_mj=energy.sum(axis=1),
        step_energy_mj=energy.sum(axis=0),
        site_energy_mj=np.stack([energy[:2].sum(axis=(0, 2)), energy[2:].sum(axis=(0, 2))]),
        hosts_on=np.zeros(2, dtype=np.int32),
        utilization=np.zeros((3, 2), dtype=np.float32),
        step_unmet_mcore_s=np.zeros(2, dtype=np.int64),
        residency=np.zeros((0, 4), dtype=np.int64),
        host_states=np.array(states, dtype=np.int64).reshape(-1, 4),
        moves=(),
        service=ServiceLevel(**dict.fromkeys(ServiceLevel.__dataclass_fields__, 0)),
    )


def test_ledger_of_a_replay_adds_up() -> None:
    """By type and cause: energy exactly, emissions to rounding, off time from the states."""
    energy = np.random.default_rng(3).integers(0, KWH, (3, 2, 6))
    arm = replay(energy, [(0, 0, 0, 7_200), (1, 3, 1_000, 4_000), (2, 3, 0, 7_200), (1, 0, 0, 1_000)])
    grid = arm.grid
    second = CarbonIntensity(
        grid=grid, g_per_kwh=np.array([10.0, 700.0]), zone="b", kind="average", scope="direct", source=""
    )
    first = constant_intensity("a", grid, g_per_kwh=100.0, scope="direct")
    found = arm_ledger(arm, [0, 1, 1], intensities=(first, second))
    assert np.array_equal(found.energy_mj[0], energy[0].sum(axis=0))
    assert np.array_equal(found.energy_mj[1], energy[1:].sum(axis=(0, 1)))
    assert found.off_host_s.tolist() == [0, 10_200]
    due = energy[:2].sum() / KWH * 100 + (energy[2].sum(axis=1) / KWH * [10.0, 700.0]).sum()
    assert found.emissions_g.sum() == pytest.approx(due)
    assert not arm_ledger(arm, [0, 0, 0]).emissions_g.any()


def test_ledger_needs_types_and_intensities_that_fit() -> None:
    """A host without type would vanish from the uncertainty."""
    arm = replay(np.zeros((3, 2, 6), dtype=np.int64), [])
    with pytest.raises(InstanceError) as caught:
        arm_ledger(arm, [0, 1], intensities=(constant_intensity("a", arm.grid, g_per_kwh=1.0),))
    assert len(caught.value.issues) == 2
