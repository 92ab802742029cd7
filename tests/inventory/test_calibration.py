"""Power curves from an operator's own watts."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consolidate.errors import InstanceError, TraceError
from consolidate.inventory import read_fleet
from consolidate.inventory.calibration import MONTHLY_LIMITS, FitQuality, calibrate_power
from consolidate.inventory.calibration_text import calibration_summary, calibration_toml
from consolidate.inventory.curve_fit import fit_points_w, interpolate_w
from consolidate.inventory.measurements import Measurements, read_measurements
from consolidate.model.power import LinearPower, PiecewisePower

DATA = Path(os.environ.get("CONSOLIDATE_DATA", Path(__file__).parents[3] / "shared" / "data"))
CURVE = np.array([100.0, 180, 200, 215, 230, 250, 275, 310, 350, 400, 450])


def measurements(
    *, n: int = 400, noise: float = 0.02, hosts: int = 3, bias: tuple[float, ...] = (1.0, 1.0, 1.0)
) -> Measurements:
    rng = np.random.default_rng(11)
    load, host = rng.random(n), np.arange(n) % hosts
    watts = interpolate_w(CURVE, load) * (1 + noise * rng.standard_normal(n)) * np.array(bias)[host]
    return Measurements(
        time_s=60.0 * np.arange(n),
        host=host,
        utilization=load,
        power_w=watts,
        vms=np.full(n, -1),
        host_ids=tuple(f"h{k}" for k in range(hosts)),
        skipped=0,
        source="bmc.csv",
    )


@given(
    points=st.lists(st.floats(0, 500), min_size=11, max_size=11),
    n=st.integers(11, 60),
    seed=st.integers(0, 50),
)
def test_no_rising_curve_fits_better(points: list[float], n: int, seed: int) -> None:
    """Optimality without a second solver: no small change of the fit that keeps it rising helps."""
    rng = np.random.default_rng(seed)
    load = rng.random(n)
    watts = interpolate_w(np.array(points), load) + rng.uniform(0, 30, n)
    found = fit_points_w(load, watts)
    assert (np.diff(found) >= -1e-6).all()
    assert found[0] >= 0

    def loss(curve: np.ndarray) -> float:
        roughness = np.diff(curve, n=2)
        return float(
            ((interpolate_w(curve, load) - watts) ** 2).sum() + 1e-3 * n / 11 * (roughness**2).sum()
        )

    best = loss(found)
    for _ in range(60):
        moved = np.maximum.accumulate(
            np.maximum(found + rng.normal(0, rng.choice([0.01, 1, 20]), 11), 0)
        )
        assert loss(moved) >= best - 1e-6 * max(1.0, best)


def test_true_curve_is_recovered() -> None:
    """2 % of noise, 400 samples: each point within 2 %."""
    found = calibrate_power(measurements(), host_type="r740", meter="bmc")
    assert np.array(found.points_w) == pytest.approx(CURVE, rel=0.02)
    assert found.held_out.cv_rmse_fraction == pytest.approx(0.02, abs=0.005)
    assert found.held_out.within(MONTHLY_LIMITS)
    assert found.residual_w.sum() == pytest.approx(0.0, abs=0.01 * measurements().power_w.sum())
    assert sum(found.samples_by_point) == 400
    assert not found.warnings


def test_empty_loads_are_carried_through_and_said() -> None:
    """Nothing measured from 44 to 76 %: a smooth rise there, near the truth, and a warning."""
    whole = measurements()
    kept = (whole.utilization < 0.44) | (whole.utilization > 0.76)
    part = Measurements(
        time_s=whole.time_s[kept],
        host=whole.host[kept],
        utilization=whole.utilization[kept],
        power_w=whole.power_w[kept],
        vms=whole.vms[kept],
        host_ids=whole.host_ids,
        skipped=2,
        source="bmc.csv",
    )
    found = calibrate_power(part, host_type="r740", meter="bmc")
    points = np.array(found.points_w)
    assert points[4:9] == pytest.approx(CURVE[4:9], rel=0.05)
    assert (np.diff(points) > 0).all()
    assert any("no sample near 50 %, 60 %, 70 %" in words for words in found.warnings)
    assert any("2 rows" in words for words in found.warnings)


def test_prior_is_judged_by_the_same_samples() -> None:
    """The straight line over-states this server at low load: MBE above zero, as both are defined."""
    found = calibrate_power(
        measurements(),
        host_type="r740",
        meter="bmc",
        prior=LinearPower(idle_w=2 * 100.0, max_w=2 * 450.0),
    )
    assert found.prior is not None
    assert found.prior.mbe_fraction > 0.9
    exact = PiecewisePower(points_w=tuple(CURVE.tolist()))
    again = calibrate_power(measurements(noise=0.0), host_type="r740", meter="bmc", prior=exact)
    assert again.prior is not None
    assert (again.prior.mbe_fraction, again.prior.cv_rmse_fraction) == pytest.approx((0.0, 0.0))


def test_quality_by_hand() -> None:
    """ASHRAE Guideline 14: 5 and 15 % for monthly data, 10 and 30 % for hourly."""
    assert FitQuality(mbe_fraction=-0.06, cv_rmse_fraction=0.2, n=1).within()
    assert not FitQuality(mbe_fraction=-0.06, cv_rmse_fraction=0.1, n=1).within(MONTHLY_LIMITS)
    assert not FitQuality(mbe_fraction=0.0, cv_rmse_fraction=0.31, n=1).within()


def test_host_unlike_its_type_is_named() -> None:
    """One host of three draws a third more: another type, or another meter."""
    found = calibrate_power(measurements(bias=(1.0, 1.0, 1.33)), host_type="r740", meter="pdu")
    assert any("h2 -" in words for words in found.warnings)
    assert found.host_mbe_fraction[2] < -0.1


def test_empty_and_hosting_idle_are_told_apart() -> None:
    """A guest keeps the processor awake: 100 W empty, 160 W with guests at no load."""
    whole = measurements(n=600, noise=0.005)
    rng = np.random.default_rng(2)
    carrying = np.append(160.0, CURVE[1:])
    watts = interpolate_w(carrying, whole.utilization) * (1 + 0.005 * rng.standard_normal(600))
    empty = np.arange(600) % 6 == 0
    split = Measurements(
        time_s=whole.time_s,
        host=whole.host,
        utilization=np.where(empty, 0.0, whole.utilization),
        power_w=np.where(empty, 100.0, watts),
        vms=np.where(empty, 0, 5),
        host_ids=whole.host_ids,
        skipped=0,
        source="bmc.csv",
    )
    found = calibrate_power(split, host_type="r740", meter="wall")
    assert found.points_w[0] == 100.0
    assert found.hosting_idle_w == pytest.approx(160.0, rel=0.02)
    assert found.held_out.cv_rmse_fraction < 0.02
    assert "idle with VMs" in calibration_summary(found)


def test_added_watts_are_in_the_curve() -> None:
    """What RAPL does not see can be stated; unstated, it is warned of."""
    bare = calibrate_power(measurements(), host_type="r740", meter="rapl")
    more = calibrate_power(measurements(), host_type="r740", meter="rapl", added_w=60.0)
    assert np.array(more.points_w) == pytest.approx(np.array(bare.points_w) + 60, abs=0.2)
    assert any("RAPL sees" in words for words in bare.warnings)
    assert not any("RAPL sees" in words for words in more.warnings)


def test_suggested_table_is_a_fleet_file(tmp_path: Path) -> None:
    """With cores, memory and hosts added, the reader of fleet files takes it as it is."""
    found = calibrate_power(measurements(), host_type='r740 "new"\n', meter="bmc")
    path = tmp_path / "fleet.toml"
    hosts = '\n[[hosts]]\ntype = "r740 \\"new\\"\\u000a"\ncount = 1\n'
    path.write_text(calibration_toml(found) + "cores = 40\nmemory_gib = 384\n" + hosts)
    made = read_fleet(path).types[0]
    assert made.power.points_mw == tuple(round(1_000 * w) for w in found.points_w)
    assert "fitted to 400 samples of 3 hosts, management controller" in made.power_source


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n": 19}, "needs at least 20"),
        ({"flat": True}, "a curve needs more"),
        ({"falling": True}, "does not rise"),
    ],
)
def test_useless_samples_are_refused(change: dict[str, int], message: str) -> None:
    """A curve from one load, or from hosts that are mixed up, would look like a measurement."""
    base = measurements(n=change.get("n", 400))
    load = base.utilization
    if "flat" in change:
        load = 0.5 + 0.05 * load
    if "falling" in change:
        load = 1 - load
    bad = Measurements(
        time_s=base.time_s,
        host=base.host,
        utilization=load,
        power_w=base.power_w,
        vms=base.vms,
        host_ids=base.host_ids,
        skipped=0,
        source="bmc.csv",
    )
    with pytest.raises(InstanceError, match=message):
        calibrate_power(bad, host_type="r740", meter="bmc")


def test_reading_measurements(tmp_path: Path) -> None:
    """Percent or fraction by the name of the column, both kinds of time, sorted by time."""
    path = tmp_path / "bmc.csv"
    path.write_text(
        "time_utc,host_id,utilization_percent,power_w,vms,note\n"
        "2024-01-01T00:05Z,b,50,200,3,x\n1704067200,a,0,100,,y\n2024-01-01T00:10Z,b,,200,3,\n"
    )
    found = read_measurements(path)
    assert found.time_s.tolist() == [1_704_067_200.0, 1_704_067_500.0]
    assert [found.host_ids[k] for k in found.host] == ["a", "b"]
    assert found.utilization.tolist() == [0.0, 0.5]
    assert found.vms.tolist() == [-1, 3]
    assert found.skipped == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("time,host,cpu,watts\n", "needs time_utc, host_id, power_w"),
        ("time_utc,host_id,utilization_fraction,power_w\n1,a,50,200\n", "called utilization_percent"),
        ("time_utc,host_id,utilization_percent,power_w\n1,a,5,-3\n", "0 or more"),
        ("time_utc,host_id,utilization_percent,power_w\nx,a,5,3\n", "ISO 8601"),
        ("time_utc,host_id,utilization_percent,power_w\n", "no samples"),
        ("time_utc,host_id,utilization_percent,power_w\n1,a\n", "no samples"),
    ],
)
def test_wrong_measurements_are_refused(tmp_path: Path, text: str, message: str) -> None:
    """A share read as percent would make a curve of idle hosts."""
    path = tmp_path / "bmc.csv"
    path.write_text(text)
    with pytest.raises(TraceError, match=message):
        read_measurements(path)


RAPL = DATA / "power" / "codecarbon" / "rapl"


@pytest.mark.skipif(not RAPL.is_dir(), reason="real data absent: set CONSOLIDATE_DATA to its folder")
@pytest.mark.parametrize(
    ("cpu", "full_w"), [("AMD_EPYC_8024P", 48.5), ("E3-1240", 48.1), ("E5-2620", 99.4)]
)
def test_real_rapl_measurements(tmp_path: Path, cpu: str, full_w: float) -> None:
    """Load tests of three processors: they fit, and the warnings say what RAPL leaves out."""
    path = tmp_path / "rapl.csv"
    with path.open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(["time_utc", "host_id", "utilization_percent", "power_w"])
        for file in sorted(RAPL.glob(f"{cpu}*")):
            with file.open() as given:
                for row in csv.DictReader(given):
                    table.writerow([row["timestamp"], cpu, row["cpu_load"], row["rapl_power"]])
    found = calibrate_power(read_measurements(path), host_type=cpu, meter="rapl")
    assert found.points_w[-1] == pytest.approx(full_w, abs=0.1)
    assert found.fit.cv_rmse_fraction < 0.3
    assert found.fit.cv_rmse_fraction < found.held_out.cv_rmse_fraction
    assert len(found.warnings) >= 2


SPEC = DATA / "power" / "spec_power_curves.csv"


@pytest.mark.skipif(not SPEC.is_file(), reason="real data absent: set CONSOLIDATE_DATA to its folder")
def test_published_curves_are_recovered() -> None:
    """Every tenth of the published servers, 500 samples with 2 % of noise: each point within 3 %."""
    columns = ["w_idle", *(f"w_{10 * k}" for k in range(1, 11))]
    rng = np.random.default_rng(0)
    with SPEC.open() as stream:
        servers = list(csv.DictReader(stream))[::10]
    for server in servers:
        points = np.array([float(server[name]) for name in columns])
        load = rng.random(500)
        watts = interpolate_w(points, load) * (1 + 0.02 * rng.standard_normal(500))
        assert fit_points_w(load, watts) == pytest.approx(points, rel=0.03)
