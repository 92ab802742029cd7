"""Host types, sites and fleets."""

from __future__ import annotations

import math

import numpy as np
import pytest

from consolidate.errors import InstanceError
from consolidate.model import Fleet, Hypervisor, LinearPower, PowerControl, Site, WattTable


def test_break_even_of_a_published_cluster(builders):
    """Grid'5000 Taurus: 6.1 s at 101 W down, 151.5 s at 125 W up, 95 W idle, 9.75 W off: 212 s."""
    taurus = builders.host_type(
        idle_w=95.0,
        max_w=220.0,
        off_w=9.75,
        boot_s=151.5,
        boot_j=151.5 * 125,
        shutdown_s=6.1,
        shutdown_j=6.1 * 101,
    )
    assert taurus.break_even_off_s == pytest.approx(212, abs=1)


@pytest.mark.parametrize(
    ("idle_w", "boot_s", "boot_w", "expected_s"),
    [(60, 180, 180, 705), (100, 300, 220, 783), (150, 420, 300, 950), (200, 600, 350, 1_151)],
)
def test_break_even_of_assumed_classes(builders, idle_w, boot_s, boot_w, expected_s):
    """The worked values of the reference; a shutdown draws idle power there."""
    kind = builders.host_type(
        idle_w=idle_w,
        max_w=500,
        off_w=12.0,
        boot_s=boot_s,
        boot_j=boot_s * boot_w,
        shutdown_s=60,
        shutdown_j=60 * idle_w,
    )
    assert kind.break_even_off_s == pytest.approx(expected_s, rel=0.05)


def test_break_even_never_comes_if_off_costs_as_much(builders):
    """A host that draws off what it draws idle is never worth switching off."""
    assert builders.host_type(idle_w=10.0, off_w=10.0).break_even_off_s == math.inf


def test_capacity_is_rounded_down_once(builders):
    """2 cores of speed 1.86 are 3720 mcores although 2 * 1.86 * 1000 is a hair less in binary."""
    kind = builders.host_type(cores=2, core_speed=1.86)
    assert (kind.cpu_mcores, kind.core_mcores) == (3_720, 1_860)
    assert builders.host_type(cores=3, core_speed=0.3335).cpu_mcores == 1_000


def test_hypervisor_takes_its_part(builders):
    """Guests get what is left after the reservation."""
    kind = builders.host_type(hypervisor={"reserved_mcores": 500, "reserved_memory_mib": 1_024})
    assert (kind.usable_mcores, kind.usable_memory_mib) == (3_500, 7_168)


@pytest.mark.parametrize(
    ("kind", "guest", "expected"),
    [
        ("type1", "vm", True),
        ("type2", "vm", True),
        ("type1", "container", False),
        ("container_engine", "container", True),
        ("container_engine", "vm", False),
    ],
)
def test_who_can_run_where(kind, guest, expected):
    """Containers need an engine, VMs a hypervisor."""
    assert Hypervisor(kind=kind).hosts(guest) is expected


def test_every_wrong_field_of_a_type_is_reported(builders):
    """All problems at once, each with the dotted path of its place."""
    with pytest.raises(InstanceError) as caught:
        builders.host_type(
            name="bad",
            cores=0,
            memory_mib=-1,
            off_w=-1.0,
            boot_s=0,
            shutdown_s=0,
            hypervisor={"background_mcores": 5},
        )
    paths = {i.path.removeprefix("host_types[bad].") for i in caught.value.issues}
    assert paths >= {
        "cores",
        "memory_mib",
        "off_w",
        "boot_j",
        "shutdown_j",
        "hypervisor.background_mcores",
        "hypervisor.reserved_mcores",
        "hypervisor.reserved_memory_mib",
    }


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_numbers_that_are_none_are_refused(builders, value):
    """A core speed that is not finite is an issue, not a crash while it is rounded."""
    with pytest.raises(InstanceError, match="host_types"):
        builders.host_type(core_speed=value)


def test_every_wrong_field_of_a_fleet_is_reported(builders):
    """Names, lengths, indices and power control are all judged in one go."""
    with pytest.raises(InstanceError) as caught:
        Fleet(
            host_ids=("a", "b", "a"),
            host_type=np.array([0, 0, 7]),
            types=(builders.host_type(),),
            host_site=np.array([0, 0]),
            power_control=np.array([0, 9, 0]),
        )
    assert {i.path for i in caught.value.issues} == {
        "hosts[a]",
        "fleet.host_type",
        "fleet.host_site",
        "fleet.power_control",
    }


def test_a_fleet_has_hosts(builders):
    """An empty fleet would make every solver divide by nothing."""
    with pytest.raises(InstanceError, match="at least one host"):
        builders.fleet(kinds=())


def test_arrays_are_copied_and_frozen(builders):
    """A fleet never changes after birth, whatever happens to the caller's array."""
    mine = np.array([0, 0], dtype=np.int32)
    fleet = Fleet(host_ids=("a", "b"), host_type=mine, types=(builders.host_type(),))
    mine[0] = 99
    assert fleet.host_type[0] == 0
    with pytest.raises(ValueError, match="read-only"):
        fleet.powered_on[0] = False


@pytest.mark.parametrize("pue", [0.99, 3.01, math.nan])
def test_pue_is_at_least_one(pue):
    """Facility energy cannot be less than that of the machines."""
    with pytest.raises(InstanceError, match="pue"):
        Site(pue=pue)


def test_what_a_plan_may_do_to_each_host(builders):
    """One host of each kind: managed, kept on, not to be woken, in maintenance; each on and off."""
    control = [PowerControl.MANAGED, PowerControl.KEEP_ON, PowerControl.NO_WAKE, PowerControl.MANAGED]
    fleet = builders.fleet(
        kinds=(0,) * 8,
        power_control=np.array(control * 2),
        maintenance=np.array([False, False, False, True] * 2),
        powered_on=np.array([True] * 4 + [False] * 4),
    )
    assert fleet.may_switch_off().tolist() == [True] + [False] * 7
    assert fleet.may_receive().tolist() == [True, True, True, False, True, True, False, False]


def test_per_host_spreads_an_attribute_over_hosts(builders):
    """Values of types reach each host in the order of hosts."""
    types = (builders.host_type("a", cores=1), builders.host_type("b", cores=3))
    assert builders.fleet(types=types, kinds=(1, 0, 1)).per_host("cores").tolist() == [3, 1, 3]


def test_mean_powers_are_whole_milliwatts(builders):
    """Transition energy is spent evenly; a transition of no time spends none."""
    kind = builders.host_type(boot_s=7, boot_j=100.0, shutdown_s=0, shutdown_j=0.0)
    assert (kind.boot_mw, kind.shutdown_mw, kind.off_mw) == (14_286, 0, 10_000)
    assert WattTable.sample(LinearPower(idle_w=1, max_w=2)).points_mw[5] == 1_500
