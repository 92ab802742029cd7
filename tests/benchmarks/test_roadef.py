"""The challenge's judge, the search's bookkeeping, and both against each other."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import numpy as np
import pytest

from benchmarks.roadef.__main__ import best_known, load, load_bound, read_options
from benchmarks.roadef.anneal import anneal
from benchmarks.roadef.judge import cost, violations
from benchmarks.roadef.schedule import HIGHEST_FINE, MOST_PRICE, Prices, Schedule
from benchmarks.roadef.search import CHUNK, Plan, reassign, start_walk
from benchmarks.roadef.state import build_model, build_state, reprice, total_breaches, total_cost
from consolidate.inventory.roadef import MachineReassignment, read_assignment


@pytest.fixture(scope="module")
def roadef() -> Path:
    """Folder of the challenge's files; tests that need it are skipped where it is absent."""
    named = os.environ.get("CONSOLIDATE_DATA")
    folder = (Path(named) if named else Path(__file__).parents[3] / "shared" / "data") / "roadef2012"
    if not folder.is_dir():
        pytest.skip(f"no challenge data in {folder}; set CONSOLIDATE_DATA to the folder above it")
    return folder


def random_problem(seed: int, *, machines: int = 5, processes: int = 14, tight: float = 1.5):
    """Return a problem whose assignment breaks nothing, every kind of cost and constraint included."""
    rng = np.random.default_rng(seed)
    n_services = processes // machines + 2
    services = rng.permutation(np.repeat(np.arange(n_services), machines))[:processes]
    assignment = np.zeros(processes, dtype=np.int64)
    for s in range(n_services):
        of = np.flatnonzero(services == s)
        assignment[of] = rng.permutation(machines)[: len(of)]
    need = rng.integers(1, 30, (processes, 3))
    used = np.zeros((machines, 3), dtype=np.int64)
    np.add.at(used, assignment, need)
    places, locations = rng.integers(0, 2, machines), rng.integers(0, 3, machines)
    dependencies = []
    for s in range(n_services):
        own = set(places[assignment[services == s]].tolist())
        dependencies.append(
            tuple(
                d
                for d in range(n_services)
                if rng.random() < 0.3 and own <= set(places[assignment[services == d]].tolist())
            )
        )
    reached = [len(set(locations[assignment[services == s]].tolist())) for s in range(n_services)]
    return MachineReassignment(
        transient=np.array([True, False, False]),
        load_weights=np.array([10, 3, 0]),
        neighbourhoods=places,
        locations=locations,
        capacities=np.ceil(tight * used.max(axis=0) * np.ones((machines, 1))),
        safety_capacities=rng.integers(0, int(used.max()) + 1, (machines, 3)),
        machine_move_costs=rng.integers(0, 3, (machines, machines)),
        spreads=np.array([rng.integers(0, n + 1) for n in reached]),
        dependencies=tuple(dependencies),
        services=services,
        requirements=need,
        process_move_costs=rng.integers(0, 5, processes),
        balances=np.array([[0, 1, 2, 10], [2, 0, 1, 3]]),
        process_weight=1,
        service_weight=10,
        machine_weight=7,
        assignment=assignment,
    )


def small() -> MachineReassignment:
    """Two machines, two processes, worked by hand below."""
    return MachineReassignment(
        transient=np.array([True, False]),
        load_weights=np.array([10, 1]),
        neighbourhoods=np.array([0, 1]),
        locations=np.array([0, 1]),
        capacities=np.array([[10, 10], [10, 10]]),
        safety_capacities=np.array([[5, 8], [8, 8]]),
        machine_move_costs=np.array([[0, 3], [4, 0]]),
        spreads=np.array([1, 1]),
        dependencies=((1,), ()),
        services=np.array([0, 1]),
        requirements=np.array([[4, 2], [3, 1]]),
        process_move_costs=np.array([6, 9]),
        balances=np.array([[0, 1, 3, 2]]),
        process_weight=2,
        service_weight=5,
        machine_weight=100,
        assignment=np.array([0, 0]),
    )


def test_judge_by_hand() -> None:
    """Each part of the cost of staying and of moving the second process, worked out on paper."""
    stay = cost(small(), [0, 0])
    # Load: 7 of 5 safe units at weight 10. Balance: 3 * 3 - 7 on the first, 3 * 10 - 10 on the second.
    assert (stay.load, stay.balance, stay.total) == (20, 2 * (2 + 20), 64)
    moved = cost(small(), [0, 1])
    assert (moved.load, moved.balance) == (0, 2 * (3 * 6 - 8 + 3 * 7 - 9))
    assert (moved.process_move, moved.service_move, moved.machine_move) == (18, 5, 300)


def test_judge_names_each_constraint() -> None:
    """Dependency, conflict, spread, capacity, and what a moved process still holds."""
    problem = small()
    assert violations(problem, [0, 0]) == []
    assert any("dependency" in v for v in violations(problem, [0, 1]))
    values = {name: getattr(problem, name) for name in MachineReassignment.__dataclass_fields__}
    same = MachineReassignment(**{**values, "services": np.array([0, 0]), "spreads": np.array([2, 0])})
    assert {v.split(":")[0] for v in violations(same, [0, 0])} == {"conflict", "spread", "dependency"}
    # Machine 0 has room for 6: process 0 left 4 behind there, so process 1 (3) is too much.
    full = MachineReassignment(**{**values, "capacities": np.array([[6, 10], [10, 10]])})
    assert violations(full, [1, 0])[0].startswith("capacity: machine 0 holds 7")


MIX = np.array([100, 250, 200, 100, 50, 100])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_bookkeeping_equals_the_judge(seed: int) -> None:
    """After thousands of moves through broken states, all sums are what a fresh count says."""
    problem = random_problem(seed, tight=1.05)
    assert violations(problem, problem.assignment.tolist()) == []
    model = build_model(problem)
    state = build_state(model, problem.assignment)
    walk = start_walk(model, state, seed)
    assert walk.sums[0] == cost(problem, problem.assignment.tolist()).total
    old = np.ones(3, dtype=np.int64)
    for price, fine in (((1, 2, 1), 1.0), ((3, 1, 7), 50.0), ((100, 300, 1_000), 1e6)):
        new = np.array(price)
        reprice(model, state, old, new)
        old, walk.sums[1] = new, state.excess.sum()
        anneal(model, state, walk, 100.0, fine, 3_000, MIX)
        now = state.at.tolist()
        assert walk.sums[0] == total_cost(model, state) == cost(problem, now).total
        assert walk.sums[2] == total_breaches(model, state)
        broken = violations(problem, now)
        assert (walk.sums[1] > 0) == any(v.startswith("capacity") for v in broken)
        assert (walk.sums[2] > 0) == any(v.startswith(("spread", "dependency")) for v in broken)
        assert not any(v.startswith("conflict") for v in broken)
        same_as_fresh(problem, model, state, walk)
    best = walk.best.tolist()
    assert violations(problem, best) == []
    assert cost(problem, best).total == walk.sums[3]


def same_as_fresh(problem, model, state, walk) -> None:
    """Compare all that is kept up to date with what is built from the assignment alone."""
    fresh = build_state(model, state.at)
    assert walk.sums[1] == fresh.excess.sum()
    for name in ("row", "worth", "excess", "here", "in_location", "n_locations"):
        assert np.array_equal(getattr(state, name), getattr(fresh, name)), name
    for name in ("in_neighbourhood", "away", "n_away", "most_away", "n_on"):
        assert np.array_equal(getattr(state, name), getattr(fresh, name)), name
    for m in range(problem.n_machines):
        on = sorted(state.roster[m, : state.n_on[m]].tolist())
        assert on == np.flatnonzero(state.at == m).tolist()


@pytest.mark.slow
@pytest.mark.parametrize("only", range(6))
def test_no_move_costs_more_than_allowed(only: int) -> None:
    """Without warmth the priced sum never rises, whichever kind of move is tried."""
    problem = random_problem(11, machines=8, processes=60, tight=1.05)
    model = build_model(problem)
    state = build_state(model, problem.assignment)
    walk = start_walk(model, state, 1)
    prices = np.array([5, 5, 5])
    reprice(model, state, np.ones(3, dtype=np.int64), prices)
    # Shake it first, so that something is broken.
    anneal(model, state, walk, 1e3, 2.0, 500, MIX)
    mix = np.zeros(6, dtype=np.int64)
    if only < 5:
        mix[only] = 1_000
    fine = 300.0
    before = walk.sums[0] + walk.sums[1] + fine * walk.sums[2]
    assert walk.sums[1] > 0
    assert walk.sums[2] > 0
    # What two services away from home more cost is the one thing that exchanges and chains decide without.
    slack = 0 if only in (0, 5) else 2 * problem.service_weight
    for _ in range(3_000):
        anneal(model, state, walk, 1e-6, fine, 1, mix)
        after = walk.sums[0] + walk.sums[1] + fine * walk.sums[2]
        assert after <= before + slack
        before = after


@pytest.mark.slow
def test_moves_that_can_never_fit_are_not_tried() -> None:
    """A machine whose first processes hold a transient resource for ever is no target for what is left over."""
    problem = small()
    model = build_model(problem)
    # Process 1 takes 3 of the transient resource; machine 0 keeps 7 of 10 for its first two.
    assert model.fits.tolist() == [[True, True], [True, True]]
    values = {name: getattr(problem, name) for name in MachineReassignment.__dataclass_fields__}
    values["assignment"] = np.array([0, 1])
    values["capacities"] = np.array([[6, 10], [10, 10]])
    model = build_model(MachineReassignment(**values))
    # Machine 0 keeps 4 of 6 for process 0, so process 1 (3) never fits there.
    assert model.fits.tolist() == [[True, True], [False, True]]
    assert model.targets.tolist() == [0, 1, 1]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_small_problems_are_solved(seed: int) -> None:
    """On problems small enough to try every assignment the search finds the best one."""
    problem = random_problem(seed, machines=3, processes=7, tight=1.2)
    best = min(
        (cost(problem, list(a)).total, a)
        for a in itertools.product(range(3), repeat=7)
        if not violations(problem, list(a))
    )[0]
    found = reassign(problem, seed=seed, steps=10 * CHUNK)
    assert violations(problem, found.assignment.tolist()) == []
    assert found.cost == cost(problem, found.assignment.tolist()).total == best
    assert load_bound(problem) <= best


@pytest.mark.slow
def test_same_seed_same_assignment() -> None:
    """With a budget in steps nothing depends on time."""
    problem = random_problem(3, machines=8, processes=60)
    one, two = (reassign(problem, seed=5, steps=6 * CHUNK) for _ in range(2))
    assert np.array_equal(one.assignment, two.assignment)
    assert one.steps == 6 * CHUNK
    with pytest.raises(ValueError, match="either"):
        reassign(problem, seed=0, steps=1, seconds=1.0)


@pytest.mark.slow
def test_a_budget_in_cpu_seconds_is_kept() -> None:
    """All rounds together take the CPU seconds that were given, whatever the wall clock says."""
    problem = random_problem(3, machines=8, processes=60)
    reassign(problem, seed=0, steps=CHUNK)
    found = reassign(problem, seed=0, seconds=0.6, cpu=True)
    assert 0.6 <= found.cpu_s < 1.5
    assert violations(problem, found.assignment.tolist()) == []


@pytest.mark.slow
def test_workers_share_their_best() -> None:
    """Two workers give the same twice, feasible, and after one round the better of both."""
    problem = random_problem(4, machines=8, processes=60, tight=1.1)
    plan = Plan(starts=1, again=0)
    one, two = (reassign(problem, seed=2, steps=2 * CHUNK, workers=2, plan=plan) for _ in range(2))
    assert np.array_equal(one.assignment, two.assignment)
    assert one.steps == 4 * CHUNK
    assert violations(problem, one.assignment.tolist()) == []
    alone = reassign(problem, seed=2, steps=2 * CHUNK, plan=plan)
    assert one.cost == cost(problem, one.assignment.tolist()).total <= alone.cost


@pytest.mark.slow
def test_a_goal_ends_the_search() -> None:
    """A cost that the first assignment meets leaves nothing to do."""
    problem = random_problem(3)
    first = cost(problem, problem.assignment.tolist()).total
    assert reassign(problem, seed=0, seconds=60.0, goal=first).steps == 0


@pytest.mark.parametrize("name", ["a1_1", "a1_4", "a2_2", "a2_4", "b_1"])
def test_real_initial_costs(roadef: Path, name: str) -> None:
    """The judge reproduces the published cost of the first assignment, which breaks nothing."""
    problem = load(roadef, name)
    first = problem.assignment.tolist()
    published = (roadef / "bestSolution.csv").read_text(encoding="utf-8-sig").splitlines()
    initial = next(int(line.split(",")[1]) for line in published if line.startswith(f"{name},"))
    assert (
        cost(problem, first).total
        == initial
        == total_cost(build_model(problem), build_state(build_model(problem), first))
    )
    assert violations(problem, first) == []


def test_published_assignments(roadef: Path) -> None:
    """Costs in the names of published assignments hold where nothing is transient, and not on b_1."""
    for name, claimed, right in (
        ("a1_1", 44307410, True),
        ("a2_1", 288351965, True),
        ("b_1", 7613205075, False),
    ):
        problem = load(roadef, name)
        path = next((roadef / "solutions").glob(f"*_{name}_C{claimed}_*"))
        given = read_assignment(
            path, n_processes=problem.n_processes, n_machines=problem.n_machines
        ).tolist()
        assert violations(problem, given) == []
        assert (cost(problem, given).total == claimed) == right
        assert problem.transient.any() != right


def test_best_known_are_checked_against_the_load_bound(roadef: Path) -> None:
    """Two published costs are below what the load must cost, so nobody can reach them."""
    known = best_known(roadef / "bestSolution.csv")
    for name in ("a1_2", "a2_4"):
        assert load_bound(load(roadef, name)) <= known[name]
    refuted = load(roadef, "b_3")
    assert load_bound(refuted) > known["b_3"]
    # Not our reading of the file: its first assignment costs what is published.
    assert cost(refuted, refuted.assignment.tolist()).total == 6_336_834_660


def test_prices_stay_finite() -> None:
    """However long something stays broken, prices and fine can still be multiplied."""
    problem = random_problem(0)
    model = build_model(problem)
    state = build_state(model, problem.assignment)
    walk = start_walk(model, state, 0)
    # More on machine 0 than it can hold, and a breach that is never mended.
    state.row[0, model.n_costs : model.n_costs + 3] = 1
    walk.sums[2] = 1
    prices = Prices(problem, model, Schedule.of(problem))
    for part in np.linspace(0, 1, 5_000):
        prices.change(model, state, walk, part)
    assert prices.fine == HIGHEST_FINE
    assert state.excess[0] == 3 * MOST_PRICE


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("--instances=a9_9", "unknown instances a9_9"),
        ("--seconds=0", "more than 0"),
        ("--workers=0", "more than 0"),
        ("--seeds=0,x", "whole numbers"),
    ],
)
def test_bad_options_end_with_a_message(tmp_path: Path, capsys, option: str, says: str) -> None:
    """What cannot be run is refused before anything is read or searched, with exit code 2."""
    with pytest.raises(SystemExit) as absent:
        read_options([f"--data={tmp_path}"])
    assert absent.value.code == 2
    assert "no bestSolution.csv" in capsys.readouterr().err
    (tmp_path / "bestSolution.csv").write_text("instance,init,BK\na1_1,2,1\n")
    assert read_options([f"--data={tmp_path}", "--instances=a1_1"]).workers == 2
    with pytest.raises(SystemExit) as refused:
        read_options([f"--data={tmp_path}", "--instances=a1_1", option])
    assert refused.value.code == 2
    assert says in capsys.readouterr().err
