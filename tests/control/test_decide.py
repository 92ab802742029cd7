"""Single decisions of the risk controller on a handful of hosts."""

from __future__ import annotations

import numpy as np

from consolidate._kernels.control_room import AWAKE, Guard, Guests, Machines, risk
from consolidate._kernels.control_step import decide
from consolidate._kernels.limits import LISTS, Limits, Taken

CAPACITY = 1_000.0


def scene(host, now, mean, spread, seconds=None, memory=None, n_hosts=3):
    """Hosts of 1,000 mcores and, where memory is told, 100 units of it."""
    host, now, mean = np.array(host, dtype=np.int32), np.array(now, float), np.array(mean, float)
    var, n = np.array(spread, float) ** 2, len(host)
    columns = 0 if memory is None else 1
    need = np.array(memory or [0] * n, dtype=np.int64).reshape(-1, 1)[:, :columns]
    whole = np.full((n_hosts, columns), 100, dtype=np.int64)
    room = whole.copy()
    np.subtract.at(room, host, need)
    sums = np.stack([np.bincount(host, x, n_hosts) for x in (now, 0 * now, mean, var)], axis=1)
    guests = Guests(
        now=now, noise=0 * now, mean=mean, var=var,
        seconds=np.array([10.0] * n if seconds is None else seconds), joules=np.zeros(n), peak=mean,
        need=need, mask_of=np.zeros(n, dtype=np.int32), masks=np.ones((1, n_hosts), dtype=np.bool_),
        free=np.ones(n, dtype=np.bool_), host=host,
    )  # fmt: skip
    machines = Machines(
        capacity=np.full(n_hosts, CAPACITY), core=np.full(n_hosts, CAPACITY), fill=np.full(n_hosts, CAPACITY),
        merit=np.zeros(n_hosts), saving=np.ones(n_hosts), state=np.full(n_hosts, AWAKE, dtype=np.int8),
        takes=np.ones(n_hosts, dtype=np.bool_), gives=np.ones(n_hosts, dtype=np.bool_),
        extra=np.zeros((n_hosts, columns), dtype=np.int64), whole=whole, room=room, sums=sums,
        n_vms=np.bincount(host, minlength=n_hosts), busy=np.zeros((n_hosts, 2)),
        limits=Limits(
            named=np.zeros(n, dtype=np.bool_), counted=np.zeros(n_hosts, dtype=np.bool_),
            data=np.zeros(1, dtype=np.int32), start=np.zeros(len(LISTS) + 1, dtype=np.int64),
        ),
        taken=Taken(
            keys=np.zeros(1, dtype=np.int64), counts=np.zeros(1, dtype=np.int32),
            online=np.zeros(0, dtype=np.int32), in_zone=np.zeros((0, 1), dtype=np.int32),
        ),
    )  # fmt: skip
    return guests, machines


def guard(**changed):
    """A guard that does nothing on its own: no host may be emptied, nothing is evened out."""
    plain = Guard(
        z_fill=2.0, z_relief=0.5, z_now=0.0, trigger=1.0, landing=1.0, drift=0.0, patience=3_000.0,
        share=1.0, alike=0.0, step_s=1e6, drains=0, tail=1.0, pooled=0.0, short_s=50.0, company=0.0,
        settles=0, settle_s=5.0, exchanges=0, exchange_s=5.0,
    )  # fmt: skip
    return plain._replace(**changed)


def moves(guests, machines, c):
    """Return the moves of one decision, rows (VM, target)."""
    out = np.zeros((2 * len(guests.now) + 1, 2), dtype=np.int64)
    n, _ = decide(guests, machines, c, out)
    return out[:n].tolist()


def total_risk(machines, c):
    return sum(risk(machines, c, h, 0.0, 0.0) for h in range(len(machines.capacity)))


def test_risk_is_evened_out_where_that_is_worth_a_move():
    """A host with little room gives a guest to one with much; neither is overloaded now."""
    told = ([0] * 4 + [1] * 2, [200] * 6, [200] * 6, [60] * 6)
    c = guard(settles=4)
    before = total_risk(scene(*told)[1], c)
    guests, machines = scene(*told)
    made = moves(guests, machines, c)
    assert [target for _, target in made] == [1]
    assert total_risk(machines, c) < 0.5 * before
    for dear in (guard(settles=4, settle_s=1e4), guard(settles=0)):
        assert moves(*scene(*told), dear) == []


#: Two hosts that are as full as each other, with a restless guest on either.
RESTLESS = ([0, 0, 0, 1, 1, 1], [200, 200, 300] * 2, [200, 200, 300] * 2, [150, 20, 20] * 2)


def test_restless_guests_come_together_by_an_exchange():
    """The roots of the variances of two hosts come to least where one of them has all that is restless."""
    c = guard(exchanges=4)
    guests, machines = scene(*RESTLESS, n_hosts=2)
    before = total_risk(machines, c)
    made = moves(guests, machines, c)
    assert len(made) == 2
    assert {guests.host[v] for v, _ in made} == {0, 1}
    assert guests.host[0] == guests.host[3]
    assert machines.n_vms.tolist() == [3, 3]
    assert total_risk(machines, c) < before
    for none in (guard(exchanges=0), guard(exchanges=4, exchange_s=1e4)):
        assert moves(*scene(*RESTLESS, n_hosts=2), none) == []


def test_an_exchange_needs_room_for_both_guests_on_both_hosts():
    """The moves may start in any order, so nobody counts on room that the other leaves."""
    for memory, made in (([30, 30, 30] * 2, 0), ([20, 20, 20] * 2, 2)):
        assert len(moves(*scene(*RESTLESS, memory=memory, n_hosts=2), guard(exchanges=4))) == made


def test_who_is_bound_to_its_host_is_not_exchanged():
    """What a rule or a move under way holds stays where it is."""
    guests, machines = scene(*RESTLESS, n_hosts=2)
    guests.free[[0, 3]] = False
    assert moves(guests, machines, guard(exchanges=4)) == []
    guests, machines = scene(*RESTLESS, n_hosts=2)
    guests.mask_of[:] = guests.host
    only = guests._replace(masks=np.eye(2, dtype=np.bool_))
    assert moves(only, machines, guard(exchanges=4)) == []


def test_no_host_is_exchanged_beyond_its_best_fill():
    """The steady host would be filled beyond the load at which work costs least."""
    guests, machines = scene(*RESTLESS, n_hosts=2)
    machines.fill[:] = 750.0
    moves(guests, machines, guard(exchanges=4))
    assert (machines.sums[:, 2] <= 750.0).all()


def test_two_short_moves_relieve_a_host_when_a_further_move_is_cheap():
    """Moves run side by side, so two of ten seconds disturb less than one of a thousand."""
    told = ([0] * 4 + [1], [120, 60, 60, 850, 100], [120, 60, 60, 700, 100], [5] * 5)
    long = [1_000, 10, 10, 2_000, 10]
    cheap = moves(*scene(*told, seconds=long), guard(short_s=50.0))
    assert sorted(cheap) == [[1, 1], [2, 1]]
    assert moves(*scene(*told, seconds=long), guard(short_s=1e6)) == [[0, 1]]


def test_hosts_are_emptied_up_to_the_mean_risk_of_all():
    """Not each host has to keep its room, as long as all together are overloaded seldom enough."""
    size = [300, 300, 350, 300, 200]
    told = ([0, 0, 1, 1, 2], size, size, [60] * 5)
    assert moves(*scene(*told), guard(drains=1, pooled=0.02)) == [[4, 0]]
    assert moves(*scene(*told), guard(drains=1, pooled=1e-4)) == []
    assert moves(*scene(*told), guard(drains=1)) == []


def test_large_guests_are_packed_before_small_ones_where_memory_binds():
    """Two of 43 and one of 14 fill a host of 100; three small ones on one host would waste it."""
    memory = [43] * 6 + [14] * 3
    guests, machines = scene(range(9), [10] * 9, [10] * 9, [1] * 9, memory=memory, n_hosts=9)
    moves(guests, machines, guard(drains=9))
    assert len(np.unique(guests.host)) == 3
    assert (machines.room >= 0).all()
