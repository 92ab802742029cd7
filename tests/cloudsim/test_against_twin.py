"""The compiled mode and the naive twin agree on every migration and, but for the last digits, every figure."""

import pytest

from consolidate import cloudsim

POLICIES = [
    ("thr", 0.8, "mmt"),
    ("thr", 0.6, "mu"),
    ("mad", 2.5, "mmt"),
    ("iqr", 1.5, "mu"),
    ("lr", 1.2, "mmt"),
    ("lrr", 1.3, "mu"),
]


def _agree(experiment, twin) -> None:
    assert experiment.log.moves[:, :4].tolist() == [list(move) for move in twin.moves]
    ours = experiment.outcome.to_dict()
    for name, value in twin.figures().items():
        assert ours[name] == (value if isinstance(value, int) else pytest.approx(value, rel=1e-11)), name


@pytest.mark.parametrize(("detector", "parameter", "selector"), POLICIES)
def test_policies(naive, a_day, detector, parameter, selector):
    """Few hosts for many VMs, so that hosts overflow and are relieved at almost every step."""
    day = a_day(seed=len(detector) + int(10 * parameter))
    ours = cloudsim.run(day, detector, selector, parameter=parameter, hosts=12)
    assert (ours.log.moves[:, 4] == 1).sum() > 10
    _agree(ours, naive.Simulation(day.percent.tolist(), 12, (detector, parameter), selector).run())


@pytest.mark.parametrize("vms", [1, 2, 5, 40])
def test_sizes(naive, a_day, vms):
    """Four blocks of sizes, also where the last block is short or missing; tables of more than 12 VMs."""
    day = a_day(seed=vms, vms=vms, steepness=3.0)
    ours = cloudsim.run(day, "thr", hosts=24)
    _agree(ours, naive.Simulation(day.percent.tolist(), 24, ("thr", 0.8)).run())


def test_without_migrations(naive, a_day):
    """First fit, nothing moves, power follows the load."""
    day = a_day(seed=7)
    twin = naive.Simulation(day.percent.tolist(), 12).run(migrating=False)
    ours = cloudsim.run(day, "dvfs", hosts=12)
    _agree(ours, twin)
    assert ours.log.initial.tolist() != cloudsim.run(day, hosts=12).log.initial.tolist()


def test_ram_as_a_switch(naive, a_day):
    """With RAM binding, hosts stay below 4096 MB, and the twin agrees."""
    day = a_day(seed=3)
    variant = cloudsim.Variant(enforce_ram=True)
    ours = cloudsim.run(day, "thr", hosts=12, variant=variant)
    twin = naive.Simulation(day.percent.tolist(), 12, ("thr", 0.8), ram_binds=True).run()
    _agree(ours, twin)
    assert ours.outcome.migrations < cloudsim.run(day, "thr", hosts=12).outcome.migrations


def test_a_foreign_optimizer_is_accounted_alike(naive, a_day):
    """The moves of CloudSim's own policy, handed in from outside, give the same figures to the last bit."""
    day = a_day(seed=11)
    own = cloudsim.run(day, hosts=12)

    class Repeats:
        def reset(self, view):
            assert (view.step, view.host_of.tolist()) == (0, own.log.initial.tolist())

        def optimize(self, view):
            assert not view.demand_mips.flags.writeable
            return own.log.moves[own.log.moves[:, 0] == view.step][:, [1, 3]]

    foreign = cloudsim.run(day, hosts=12, optimizer=Repeats())
    assert foreign.policy == "Repeats"
    assert foreign.outcome == own.outcome
