"""The comparison of a peer with a front of energy against moves."""

import pytest

from benchmarks.fronts import COLUMNS, Point, answer_to, row
from benchmarks.worker import Job, Run

POINTS = [
    Point(price_j=0.0, kwh=100.0, moves=60, wall_s=0.1),
    Point(price_j=5e5, kwh=101.0, moves=50, wall_s=0.2),
    Point(price_j=9e5, kwh=120.0, moves=20, wall_s=0.4),
]


@pytest.mark.parametrize(
    ("kwh", "moves", "ours", "verdict"),
    [
        (103.0, 55, POINTS[1], "fewer joules, fewer moves"),
        (103.0, 50, POINTS[1], "more moves"),
        (100.5, 59, POINTS[0], "more moves"),
        (99.0, 80, POINTS[0], "more joules"),
        (121.0, 10, POINTS[2], "fewer joules; it is 21% above our least"),
    ],
)
def test_a_peer_is_beaten_by_one_point_in_both(kwh, moves, ours, verdict):
    assert answer_to(kwh, moves, POINTS) == (ours, verdict)


def test_the_line_says_how_much_faster_that_point_was():
    job = Job(kind="peer", name="watcher", instance="flavor-100", snapshot=3, seed=0, limit_s=1.0)
    cells = row("flavor-100", Run(job=job, kwh=103.0, moves=55, wall_s=1.0), POINTS)
    assert len(cells) == len(COLUMNS)
    assert cells[1:6] == ("3", "watcher", "103.00", "55", "1.00")
    assert cells[9] == "5.0"
    missing = row("flavor-100", Run(job=job, note="not installed"), POINTS)
    assert len(missing) == len(COLUMNS)
    assert missing[-1] == "not installed"
