"""The clairvoyant bound: below every policy on small cases, equal to the best where fluids are whole."""

from __future__ import annotations

import os
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import consolidate as cs
from consolidate.errors import ConfigError
from consolidate.model import PowerControl

#: Published lower bounds in CloudSim's accounting, kWh: day, order, idle VMs destroyed, idle VMs kept.
CLASSIC = (
    ("20110303", "upper", "95.36", "114.16"),
    ("20110303", "sorted", "95.36", "114.16"),
    ("20110306", "upper", "70.81", "90.20"),
    ("20110306", "sorted", "70.75", "90.09"),
    ("20110309", "upper", "79.92", "104.56"),
    ("20110309", "sorted", "79.92", "104.56"),
    ("20110322", "upper", "96.91", "129.69"),
    ("20110322", "sorted", "97.02", "129.78"),
    ("20110325", "upper", "84.48", "105.49"),
    ("20110325", "sorted", "84.48", "105.49"),
)


def cheapest_mj(trace, fleet):
    """Energy of the best choice of a host for each VM in each step, found by trying all of them.

    Hosts change state between steps, in no time, for what that costs on top of being off; a host without
    VMs is on or off, whatever is better later.
    """
    types = [fleet.types[k] for k in fleet.host_type]
    fixed = ~np.where(fleet.powered_on, fleet.may_switch_off(), fleet.may_receive())
    states = [
        s
        for s in product((False, True), repeat=fleet.n_hosts)
        if all(x == on for x, on, f in zip(s, fleet.powered_on, fixed, strict=True) if f)
    ]
    best = {tuple(bool(x) for x in fleet.powered_on): 0.0}
    for t in range(trace.grid.n_steps):
        cost = {s: step_mj(trace, types, s, t) for s in states}
        last = t == trace.grid.n_steps - 1
        best = {
            s: cost[s] + min(mj + change_mj(types, b, s, free_down=last) for b, mj in best.items())
            for s in states
        }
    return min(best.values())


def change_mj(types, before, now, *, free_down):
    boots = sum(
        k.boot_s * (k.boot_mw - k.off_mw)
        for k, b, n in zip(types, before, now, strict=True)
        if n and not b
    )
    downs = sum(
        k.shutdown_s * (k.shutdown_mw - k.off_mw)
        for k, b, n in zip(types, before, now, strict=True)
        if b and not n
    )
    return boots + (0 if free_down else downs)


def step_mj(trace, types, on, t):
    alive = np.flatnonzero(trace.alive[:, t])
    least = np.inf
    for where in product(range(len(types)), repeat=len(alive)):
        if not all(on[h] for h in where):
            continue
        total = 0
        for h, kind in enumerate(types):
            mine = [v for v, w in zip(alive, where, strict=True) if w == h]
            hypervisor = kind.hypervisor
            load = int(trace.cpu_mcores[mine, t].sum()) + len(mine) * hypervisor.per_vm_mcores
            held = int(trace.memory_mib[mine, t].sum()) + len(mine) * hypervisor.per_vm_memory_mib
            if load > kind.usable_mcores or held > kind.usable_memory_mib:
                break
            load += hypervisor.background_mcores
            total += (
                kind.power.power_mw(load, kind.cpu_mcores, hosting=bool(mine)) if on[h] else kind.off_mw
            )
        else:
            least = min(least, total)
    return least * trace.grid.step_s


def small_case(builders, rnd, *, wild=False):
    types = []
    for k in range(rnd.randint(1, 2)):
        points = builders.random_points(rnd, wild=wild)
        types.append(
            builders.host_type(
                f"t{k}",
                power=cs.WattTable(points_mw=points, hosting_idle_mw=rnd.randint(points[0], points[-1])),
                off_w=rnd.choice((0.0, 5.0)),
                boot_s=rnd.choice((0, 20)),
                boot_j=0.0,
                shutdown_s=0,
                shutdown_j=0.0,
                hypervisor={
                    "reserved_mcores": 200,
                    "background_mcores": rnd.choice((0, 150)),
                    "per_vm_mcores": rnd.choice((0, 30)),
                    "per_vm_memory_mib": rnd.choice((0, 64)),
                },
            )
        )
    for k, kind in enumerate(types):
        if kind.boot_s:
            types[k] = builders.host_type(
                kind.name, power=kind.power, off_w=kind.off_w, hypervisor=kind.hypervisor,
                boot_s=kind.boot_s, boot_j=rnd.choice((500.0, 8_000.0)), shutdown_s=15, shutdown_j=900.0,
            )  # fmt: skip
    n_hosts, n_vms, n_steps = rnd.randint(1, 3), rnd.randint(1, 3), rnd.randint(1, 4)
    hosts = builders.fleet(
        types=types,
        kinds=[rnd.randrange(len(types)) for _ in range(n_hosts)],
        power_control=np.array([rnd.choice((0, 0, PowerControl.KEEP_ON)) for _ in range(n_hosts)]),
        powered_on=np.array([h == 0 or rnd.random() < 0.6 for h in range(n_hosts)]),
    )
    cpu = [[rnd.randint(0, 2_500) for _ in range(n_steps)] for _ in range(n_vms)]
    memory = [[rnd.choice((100, 3_000, 5_000)) for _ in range(n_steps)] for _ in range(n_vms)]
    alive = [[rnd.random() < 0.8 for _ in range(n_steps)] for _ in range(n_vms)]
    guests = builders.vms(n_vms, vcpus=4)
    return builders.trace(cpu, memory, alive=alive, vms=guests, step_s=60), hosts


@given(rnd=st.randoms(use_true_random=False), wild=st.booleans())
def test_below_the_best_of_all_policies(builders, rnd, wild):
    """Every placement in every step, every state of every host: none is cheaper than the bound."""
    trace, fleet = small_case(builders, rnd, wild=wild)
    best = cheapest_mj(trace, fleet)
    if np.isfinite(best):
        assert cs.replay_bound(trace, fleet).value_mj <= best


def test_equal_to_the_best_where_vms_fill_hosts(builders):
    """VMs of exactly half a host, four, then two, then four of them: nothing is lost but rounding."""
    busy, idle = [2_000, 2_000, 2_000], [2_000, 0, 2_000]
    alive = [[True] * 3, [True] * 3, [True, False, True], [True, False, True]]
    trace = builders.trace(
        [busy, busy, idle, idle], 4_096, alive=alive, vms=builders.vms(4, vcpus=2), step_s=900
    )
    fleet = builders.fleet(kinds=(0, 0, 0))
    best = cheapest_mj(trace, fleet)
    assert cs.replay_bound(trace, fleet).value_mj == pytest.approx(best, rel=1e-4)
    # An hour off is worth a cycle, a minute is not: the same numbers with short steps stay on.
    short = builders.trace(
        [busy, busy, idle, idle], 4_096, alive=alive, vms=builders.vms(4, vcpus=2), step_s=30
    )
    assert cs.replay_bound(short, fleet).value_mj == pytest.approx(cheapest_mj(short, fleet), rel=1e-3)


def test_hosts_count_as_whole_ones(builders):
    """Memory for 4 units, VMs of 1 and 2: rounding proves hosts that the sum does not."""
    n = 12
    sizes = [1_740] * n
    trace = builders.trace([[10]] * n, np.array(sizes)[:, None], vms=builders.vms(n))
    fleet = builders.fleet(types=[builders.host_type(memory_mib=4_096, off_w=0.0)], kinds=(0,) * n)
    bound = cs.replay_bound(trace, fleet)
    # Two of 1,740 MiB fit on a host of 4,096: six hosts. The sum asks for 5.1.
    assert bound.hosts_on_mean == pytest.approx(6)
    assert bound.value_mj >= 6 * 100_000 * 300 - 6 * 300


def test_hosts_that_must_stay_on_do(builders):
    """What nobody may switch off costs its idle power, whatever the demand."""
    trace = builders.trace([[0] * 10], 100, vms=builders.vms(1))
    kept = builders.fleet(kinds=(0,) * 3, power_control=np.full(3, PowerControl.KEEP_ON))
    assert cs.replay_bound(trace, kept).value_mj == pytest.approx(3 * 3_000 * 100_000, rel=1e-4)


def test_the_draw_of_hosts_that_are_off_is_apart(builders):
    """Standby of a host that is off all the time is in the bound, and out of it on request."""
    trace = builders.trace([[1_000] * 12], 100, vms=builders.vms(1))
    fleet = builders.fleet(kinds=(0, 0, 0), powered_on=np.array([True, False, False]))
    full, net = (cs.replay_bound(trace, fleet, standby=s) for s in (True, False))
    assert full.value_mj - net.value_mj == pytest.approx(2 * 10_000 * 3_600, abs=10)


def test_unmet_demand_is_credited(builders):
    """Who serves half of the demand may undercut the bound of those that serve all, but not the one for him."""
    trace = builders.trace([[4_000] * 6, [4_000] * 6], 100, vms=builders.vms(2, vcpus=4))
    fleet = builders.fleet(kinds=(0, 0))
    crowded = cs.replay(trace, fleet, cs.Placement(host_of=np.array([0, 0])), label="crowded")
    assert crowded.service.unmet_fraction == 0.5
    strict, mine = cs.replay_bound(trace, fleet), cs.replay_bound(trace, fleet, credit=crowded)
    share = cs.replay_bound(trace, fleet, unmet_fraction=0.5)
    # Besides, the other host has to be shut down: 20 s at 120 W instead of 10 W.
    switched_off = crowded.total_mj - 6 * 300 * (100_000 - 10_000) + 20 * 110_000
    assert mine.value_mj <= switched_off < strict.value_mj
    assert share.value_mj <= mine.value_mj + 1
    assert mine.value_mj == pytest.approx(switched_off, rel=0.01)
    assert "crowded" in mine.summary()


def test_memory_is_left_out_only_while_vms_wait(builders):
    """A VM that waits one step for a boot must not hide that two hosts are needed in the eleven others."""
    alive = [[True] * 12, [False] * 3 + [True] * 9]
    trace = builders.trace([[100] * 12] * 2, 6_000, alive=alive, vms=builders.vms(2, memory_mib=6_000))
    fleet = builders.fleet(kinds=(0, 0), powered_on=np.array([True, False]))
    arm = cs.replay(trace, fleet, cs.Placement(host_of=np.array([0, -1])), label="mine")
    assert arm.service.waiting_vm_s > 0
    mine = cs.replay_bound(trace, fleet, credit=arm)
    fluid = cs.replay_bound(trace, fleet, credit=arm, memory=False)
    assert fluid.value_mj < 0.8 * mine.value_mj
    assert 0.9 * arm.total_mj < mine.value_mj <= arm.total_mj
    assert "let VMs wait in no other step" in mine.summary()


def test_the_share_of_the_possible_saving():
    """Half way from doing nothing to the bound is a half; without a possible saving there is no share."""
    assert cs.saving_share(200, 150, 100) == 0.5
    assert np.isnan(cs.saving_share(100, 100, 100))


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"unmet_fraction": 1.5}, "unmet_fraction"),
        ({"accounting": "green"}, "accounting"),
        ({"accounting": "classic", "unmet_fraction": 0.1}, "accounting"),
        ({"idle_vms": "destroy"}, "idle_vms"),
    ],
)
def test_options_that_make_no_sense_are_refused(builders, options, path):
    """With the name of the option."""
    trace = builders.trace([[0] * 3], 100, vms=builders.vms(1))
    with pytest.raises(ConfigError, match=path):
        cs.replay_bound(trace, builders.fleet(), **options)


@pytest.fixture(scope="module")
def data() -> Path:
    """Folder of real data; tests that need it are skipped where it is absent."""
    named = os.environ.get("CONSOLIDATE_DATA")
    folder = Path(named) if named else Path(__file__).parents[3] / "shared" / "data"
    if not (folder / "planetlab").is_dir():
        pytest.skip(f"no PlanetLab in {folder}; set CONSOLIDATE_DATA to a folder that has it")
    return folder / "planetlab"


@pytest.mark.parametrize(
    ("day", "order", "destroyed", "kept"),
    [pytest.param(*row, marks=[pytest.mark.slow] if k > 1 else []) for k, row in enumerate(CLASSIC)],
)
def test_published_bounds_of_planetlab(data, day, order, destroyed, kept):
    """Ten published rows, to their last digit, with idle VMs kept and destroyed."""
    trace = cs.read_trace(data / f"{day}.tar.xz", format="planetlab", order=order)
    fleet = cs.read_fleet("planetlab-4gib")
    found = [
        cs.replay_bound(trace, fleet, accounting="classic", idle_vms=idle).energy_kwh
        for idle in ("destroy", "keep")
    ]
    assert [f"{kwh:.2f}" for kwh in found] == [destroyed, kept]


@pytest.mark.slow
def test_full_accounting_of_planetlab(data):
    """G5 hosts only, 12 W off, 150 s and 18 kJ to boot: 334.56 kWh by dynamic programming over whole hosts."""
    trace = cs.read_trace(data / "20110303.tar.xz", format="planetlab").window(1, 287)
    g5 = cs.HostType(
        name="g5", cores=2, core_speed=2.66, memory_mib=1 << 20,
        power=cs.WattTable.sample(cs.SpecPower(server="hp-ml110-g5")), off_w=12.0,
        boot_s=150, boot_j=18_000.0, shutdown_s=7, shutdown_j=770.0,
    )  # fmt: skip
    fleet = cs.Fleet(
        host_ids=tuple(f"h{h}" for h in range(800)), host_type=np.zeros(800), types=(g5,),
        powered_on=np.arange(800) < 36,
    )  # fmt: skip
    assert cs.replay_bound(trace, fleet).energy_kwh == pytest.approx(334.56, rel=0.002)
