"""What a time limit cuts short can be repeated without one."""

from random import Random

import numpy as np
import pytest

import consolidate as cs
from consolidate.errors import ConfigError
from consolidate.solvers.clock import Answers, Clock


class Seconds:
    """A clock on the wall that moves on at each look."""

    def __init__(self, step_s):
        self.now_s, self.step_s = 0.0, step_s

    def __call__(self):
        self.now_s += self.step_s
        return self.now_s


@pytest.fixture
def seconds(monkeypatch):
    def put(step_s):
        monkeypatch.setattr("consolidate.solvers.clock.time.monotonic", Seconds(step_s))

    return put


@pytest.mark.parametrize("text", ["0", "12", "12[3]", "0[0,3]", "7[1,0[0,2[9]],4]"])
def test_answers_are_read_as_they_are_written(text):
    assert str(Answers.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["x", "", "1[", "1[]", "[1]", "1[2", "1[2]]", "1,2", "1 2", "-1", "1[,2]", "1.5"]
)
def test_other_texts_are_refused(text):
    with pytest.raises(ConfigError, match=r"budget\.repeat"):
        Answers.parse(text)


def test_a_repetition_excludes_a_limit():
    with pytest.raises(ConfigError, match="excludes a time limit"):
        cs.Budget(repeat="3", time_limit_s=1.0)


def test_questions_are_counted_until_the_time_is_over(seconds):
    """Four looks of a second each, the start included, end at a limit of three."""
    seconds(1.0)
    clock = Clock(3.0)
    assert [clock.is_over() for _ in range(6)] == [False, False, True, True, True, True]
    assert clock.answers() == Answers(3)
    again = Clock(repeat=Answers(3))
    assert [again.is_over() for _ in range(6)] == [False, False, True, True, True, True]
    assert again.answers() == Answers(3)


def test_parts_have_deadlines_and_answers_of_their_own(seconds):
    seconds(1.0)
    clock = Clock(20.0)
    first, second = clock.part(0.9), clock.part(0.1)
    asked = [(first.is_over(), second.is_over(), clock.is_over()) for _ in range(3)]
    assert asked == [(False, True, False), (False, True, False), (False, True, False)]
    assert str(clock.answers()) == "0[0,1]"
    again = Clock(repeat=clock.answers())
    parts = again.part(0.9), again.part(0.1), again.part(0.5)
    assert [part.is_over() for part in parts] == [False, True, False]


def test_what_has_no_time_left_is_not_even_begun_again(seconds):
    seconds(1.0)
    clock = Clock(4.0)
    assert clock.within(lambda limit_s: limit_s > 1) is True
    assert clock.within(lambda _: "late") is None
    again, begun = Clock(repeat=clock.answers()), []
    assert again.within(lambda limit_s: limit_s is None) is True
    assert again.within(begun.append) is None
    assert begun == []


@pytest.mark.parametrize(
    "policy",
    [
        "auto",
        "keep",
        "quick",
        "drain",
        "lns",
        "counts",
        "cp-sat",
        "patterns",
        "pods",
        "profile",
        "hosts-then-moves",
    ],
)
@pytest.mark.parametrize("looks", [2, 9, 40])
def test_a_placement_under_a_time_limit_is_repeated_without_one(builders, seconds, policy, looks):
    """Whatever the limit interrupts: the search is over at the same question."""
    rnd = Random(looks)
    instance = None
    while instance is None or not instance.active.any():
        instance = builders.random_instance(rnd, max_vms=12, max_hosts=5, crowded=0.0)
    seconds(1.0)
    limited = cs.solve(
        instance, policy, budget=cs.Budget(iterations=2_000, time_limit_s=looks), min_saving_fraction=0.0
    )
    seconds(0.0)
    budget = cs.Budget(iterations=2_000, repeat=limited.repeat)
    again = cs.solve(instance, policy, budget=budget, min_saving_fraction=0.0)
    assert np.array_equal(again.placement.host_of, limited.placement.host_of)
    assert again.repeat == limited.repeat
    assert again.status == limited.status


def test_cp_sat_ends_with_the_solution_that_it_had(builders):
    """A real limit, in the middle of a search that finds several solutions."""
    rng = np.random.default_rng(5)
    need = np.column_stack([rng.integers(300, 900, 40), rng.integers(500, 2_500, 40)])
    fleet = builders.fleet(kinds=(0,) * 16)
    instance = builders.instance(need, rng.integers(0, 16, 40), fleet=fleet)
    limited = cs.solve(
        instance,
        "cp-sat",
        budget=cs.Budget(deterministic_s=60.0, time_limit_s=0.4),
        min_saving_fraction=0.0,
    )
    assert limited.repeat
    budget = cs.Budget(deterministic_s=60.0, repeat=limited.repeat)
    again = cs.solve(instance, "cp-sat", budget=budget, min_saving_fraction=0.0)
    assert np.array_equal(again.placement.host_of, limited.placement.host_of)
