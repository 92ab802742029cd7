"""Regular steps in UTC."""

from __future__ import annotations

import numpy as np
import pytest

from consolidate.errors import HorizonError, InstanceError
from consolidate.model import TimeGrid

START = np.datetime64("2024-03-31T00:00:00", "s")


def test_steps_are_half_open():
    """The end of the last step is no step of the grid."""
    grid = TimeGrid(start=START, step_s=300, n_steps=12)
    assert grid.duration_s == 3_600
    assert grid.stop == START + np.timedelta64(3_600, "s")
    assert grid.times()[-1] == grid.stop - np.timedelta64(300, "s")
    assert len(grid.times()) == 12


def test_window_keeps_instants():
    """A window shows the same instants, not the same indices."""
    grid = TimeGrid(start=START, step_s=300, n_steps=12)
    part = grid.window(3, 7)
    assert part.n_steps == 4
    np.testing.assert_array_equal(part.times(), grid.times()[3:7])


@pytest.mark.parametrize(("first", "stop"), [(-1, 3), (3, 3), (5, 4), (0, 13)])
def test_window_outside_is_refused(first, stop):
    """Steps that are not there are never guessed; the message says what is covered."""
    with pytest.raises(HorizonError, match=r"covered \[0, 12\)"):
        TimeGrid(start=START, step_s=300, n_steps=12).window(first, stop)


def test_starting_moves_the_clock_only():
    """Re-dating a replay changes the start and nothing else."""
    moved = TimeGrid(start=START, step_s=60, n_steps=5).starting(np.datetime64("2025-01-01"))
    assert str(moved) == "5 x 60 s from 2025-01-01T00:00:00Z to 2025-01-01T00:05:00Z"


def test_every_problem_is_reported_at_once():
    """Three wrong fields are three issues in one error."""
    with pytest.raises(InstanceError) as caught:
        TimeGrid(start=np.datetime64("NaT"), step_s=0, n_steps=-1)
    assert [i.path for i in caught.value.issues] == ["grid.start", "grid.step_s", "grid.n_steps"]
