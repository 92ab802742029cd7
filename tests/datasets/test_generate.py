from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from consolidate.datasets import Dataset, PrivateCloud, generate, write_dataset
from consolidate.errors import ConfigError
from consolidate.forecasting.sizing import Percentile
from consolidate.inventory import read_fleet, read_rules
from consolidate.model import PowerControl, Spread
from consolidate.model.from_trace import instance_from_trace

SEEDS = (0, 1, 2, 3)


@pytest.fixture(scope="module", params=SEEDS)
def cloud(request: pytest.FixtureRequest) -> Dataset:
    return generate(PrivateCloud(vms=600, days=14, step_s=900), request.param)


def utilisation(dataset: Dataset) -> NDArray[np.float64]:
    """CPU demand as a share of the allocation, not a number where the VM does not exist."""
    trace = dataset.trace
    share = trace.cpu_mcores / trace.vms.cpu_mcores[:, None]
    return np.where(trace.alive, share, np.nan)


def correlation(values: NDArray[np.float64]) -> float:
    """Mean correlation of all pairs of rows."""
    matrix = np.corrcoef(values)
    return float(matrix[np.triu_indices(len(values), 1)].mean())


def test_mean_cpu_is_that_of_real_clouds(cloud: Dataset) -> None:
    """Bitbrains 4.9-7.0 %, PlanetLab 9.3-12.4 %; a cloud at 40 % would flatter nobody's plan."""
    mean = np.nanmean(utilisation(cloud), axis=1)
    assert 0.07 < mean.mean() < 0.135
    assert 0.04 < np.median(mean) < 0.095


def test_most_vms_use_little(cloud: Dataset) -> None:
    """Below 2 %: 15 % of PlanetLab's VMs, half of Bitbrains'; below 20 %: 70 to 85 % of them."""
    mean = np.nanmean(utilisation(cloud), axis=1)
    assert 0.15 < (mean < 0.02).mean() < 0.40
    assert 0.75 < (mean < 0.20).mean() < 0.95


def test_total_demand_repeats_after_a_day_and_dips_at_weekends(cloud: Dataset) -> None:
    """Forecasting and switching off at night are worth nothing on noise."""
    total = cloud.trace.cpu_mcores.sum(axis=0).astype(float)
    centred = total - total.mean()
    day = 86_400 // cloud.trace.grid.step_s
    assert (centred[day:] @ centred[:-day]) / (centred @ centred) > 0.5
    weekday = (cloud.trace.grid.times().astype("datetime64[D]").astype(int) + 3) % 7
    assert 0.6 < total[weekday >= 5].mean() / total[weekday < 5].mean() < 0.9


def test_vms_of_an_application_move_together(cloud: Dataset) -> None:
    """Packing that assumes independence has to be caught out by correlated peaks."""
    share = utilisation(cloud)
    whole = cloud.trace.alive.all(axis=1)
    groups = np.array(cloud.trace.vms.groups)
    members = [np.flatnonzero((groups == g) & whole) for g in sorted(set(groups) - {""})]
    within = [correlation(share[m]) for m in members if len(m) > 1]
    alone = np.flatnonzero((groups == "") & whole)[:150]
    assert 0.5 < np.mean(within) < 0.9
    assert abs(correlation(share[alone])) < 0.1


def test_sizes_follow_the_azure_mix(cloud: Dataset) -> None:
    """About 70 % of the VMs have one or two virtual CPUs."""
    assert 0.6 < (cloud.trace.vms.vcpus <= 2).mean() < 0.8


def test_vms_arrive_and_leave_with_a_heavy_tail() -> None:
    """Azure 2017: 69 % of the arrivals end within an hour, 93 % within a day."""
    dataset = generate(PrivateCloud(vms=3_000, days=5, newcomer_fraction=0.9, grouped_fraction=0.2), 5)
    alive = dataset.trace.alive
    first = alive.argmax(axis=1)
    # Arrivals of the last day may be cut off by the end of the trace.
    new = (first > 0) & (first < 4 * 288)
    life_s = alive[new].sum(axis=1) * 300
    assert 0.62 < (life_s <= 3_600).mean() < 0.74
    assert 0.88 < (life_s <= 86_400).mean() < 0.97
    assert life_s.max() > 2 * 86_400


def test_population_stays_about_the_same(cloud: Dataset) -> None:
    """Most VMs of a private cloud were there before and stay."""
    alive = cloud.trace.alive
    n_alive = alive.sum(axis=0)
    assert alive[:, 0].mean() >= 0.84
    assert n_alive.min() > 0.85 * n_alive[0]


def test_demand_stays_within_allocation(cloud: Dataset) -> None:
    """A VM can neither use CPU that it has not nor memory that it was not given."""
    trace = cloud.trace
    assert (trace.cpu_mcores <= trace.vms.cpu_mcores[:, None]).all()
    assert (trace.memory_mib <= trace.vms.memory_mib[:, None]).all()
    assert (trace.cpu_mcores[trace.alive] > 0).all()
    # Memory drifts; it does not jump like CPU.
    step = np.abs(np.diff(trace.memory_mib, axis=1)) * trace.alive[:, 1:] * trace.alive[:, :-1]
    assert np.median(step.max(axis=1) / trace.vms.memory_mib) < 0.1


def test_fleet_is_mixed_sized_and_has_its_awkward_hosts(cloud: Dataset) -> None:
    """Three generations, memory promised to about 40 %, and the three limits that plans must respect."""
    fleet, trace = cloud.fleet, cloud.trace
    assert len(set(fleet.host_type.tolist())) == 3
    assert fleet.maintenance.sum() == 1
    assert [(fleet.power_control == c).sum() for c in (PowerControl.KEEP_ON, PowerControl.NO_WAKE)] == [
        1,
        1,
    ]
    promised = (trace.vms.memory_mib @ trace.alive.astype(np.int64)).max()
    assert 0.33 < promised / fleet.per_host("usable_memory_mib").sum() < 0.45
    assert all(t.core_mcores >= cloud.cloud.vcpu_mcores for t in fleet.types)


def test_replicas_are_spread(cloud: Dataset) -> None:
    """Each tier with replicas is one rule over VMs of one application."""
    assert len(cloud.rules) > 50
    groups = cloud.trace.vms.groups
    for rule in cloud.rules:
        assert isinstance(rule, Spread)
        assert len(rule.vms) > 1
        assert len({groups[v] for v in rule.vms}) == 1


@pytest.mark.parametrize("vms", [10, 40, 300])
def test_every_size_can_be_placed(vms: int) -> None:
    """A generated cloud that the even spread cannot place is of no use."""
    dataset = generate(PrivateCloud(vms=vms, days=1), 3)
    instance = instance_from_trace(
        dataset.trace, dataset.fleet, sizing=Percentile(95), rules=dataset.rules
    )
    assert not any(rule.violations(instance.current) for rule in dataset.rules)
    assert (instance.current.host_of[instance.active] >= 0).all()


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    """A study must be repeatable from its seed, down to the hash of its files."""
    spec = PrivateCloud(vms=60, days=2, step_s=900)
    first = write_dataset(generate(spec, 7), tmp_path / "a")
    again = write_dataset(generate(spec, 7), tmp_path / "b")
    names = sorted(p.name for p in first.iterdir())
    assert names == ["fleet.toml", "rules.toml", "trace.parquet", "vms.csv"]
    for name in names:
        assert (first / name).read_bytes() == (again / name).read_bytes(), name
    assert generate(spec, 7).trace.sha256 != generate(spec, 8).trace.sha256


def test_blocks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """Computing in blocks bounds memory; each block has its own stream, and VMs keep their order."""
    from consolidate.datasets import demand

    monkeypatch.setattr(demand, "BLOCK_CELLS", 96 * 20)
    dataset = generate(PrivateCloud(vms=100, days=1, step_s=900), 0)
    assert (dataset.trace.cpu_mcores[dataset.trace.alive] > 0).all()


def test_written_files_read_back_the_same(tmp_path: Path) -> None:
    """The files are read by the readers of users' own files; nothing may be lost on the way."""
    import pandas as pd

    dataset = generate(PrivateCloud(vms=80, days=1, step_s=900), 1)
    trace, fleet = dataset.trace, dataset.fleet
    folder = write_dataset(dataset, tmp_path)
    table = pd.read_parquet(folder / "trace.parquet")
    wanted = trace.to_frame()
    assert list(table.columns) == list(wanted.columns)
    assert str(table["timestamp_utc"].dt.tz) == "UTC"
    for name in ("vm_id", "cpu_mcores", "memory_mib"):
        assert table[name].tolist() == wanted[name].tolist()
    assert (table["timestamp_utc"].dt.tz_localize(None) == wanted["timestamp_utc"]).all()
    vms = pd.read_csv(folder / "vms.csv", keep_default_na=False)
    frame = trace.vms.to_frame()
    for name in vms.columns:
        assert vms[name].tolist() == frame[name].tolist(), name
    again = read_fleet(folder / "fleet.toml")
    assert again.defaults == ()
    assert again.host_ids == fleet.host_ids
    assert [replace(t) for t in again.types] == list(fleet.types)
    assert again.sites == fleet.sites
    for name in ("host_type", "host_site", "power_control", "maintenance", "powered_on"):
        assert np.array_equal(getattr(again, name), getattr(fleet, name)), name
    assert read_rules(folder / "rules.toml", trace.vms, again) == dataset.rules


def test_tidy_reader_reads_what_was_written(tmp_path: Path) -> None:
    """The generated folder is the quickest way into the program, so its trace must be read as it is."""
    traces = pytest.importorskip("consolidate.traces")
    if not hasattr(traces, "read_trace"):
        pytest.skip("this build has no read_trace")
    dataset = generate(PrivateCloud(vms=60, days=1), 2)
    folder = write_dataset(dataset, tmp_path)
    trace = traces.read_trace(folder, format="tidy")
    order = [trace.vms.ids.index(vm) for vm in dataset.trace.vms.ids]
    assert np.array_equal(trace.cpu_mcores[order], dataset.trace.cpu_mcores)
    assert np.array_equal(trace.memory_mib[order], dataset.trace.memory_mib)
    assert np.array_equal(trace.alive[order], dataset.trace.alive)
    assert trace.grid == dataset.trace.grid


def test_part_of_a_day_is_enough() -> None:
    """A quick look needs no whole day; 1 and 1.0 days are the same cloud."""
    assert generate(PrivateCloud(vms=20, days=0.25), 0).trace.grid.n_steps == 72
    assert str(PrivateCloud(days=1)) == str(PrivateCloud(days=1.0))


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"vms": 3}, "vms"),
        ({"days": 0}, "days"),
        ({"hosts": 2}, "hosts"),
        ({"step_s": 7}, "step_s"),
        ({"fill_fraction": 40}, "fill_fraction"),
        ({"vcpu_mcores": 3_000}, "vcpu_mcores"),
        ({"newcomer_fraction": 1.0}, "newcomer_fraction"),
        ({"start": "monday"}, "start"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, object], key: str) -> None:
    """The error names the option."""
    with pytest.raises(ConfigError) as caught:
        PrivateCloud(**options)  # type: ignore[arg-type]
    assert caught.value.path == f"private_cloud.{key}"


def test_too_few_hosts_are_refused_with_the_number_needed() -> None:
    """A user who asks for ten hosts has to learn how many would do."""
    with pytest.raises(ConfigError, match=r"10 hosts are too few .* needs \d+ or more"):
        generate(PrivateCloud(vms=2_000, days=1, step_s=3_600, hosts=10), 0)
