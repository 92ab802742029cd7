"""Reader of machine reassignment problems, and their placement part."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from consolidate.errors import InstanceError, TraceError, UnsupportedError
from consolidate.inventory.roadef import MachineReassignment, read_roadef
from consolidate.inventory.roadef_instance import roadef_instance
from consolidate.model import Spread

#: Two resources (the first transient), three machines, two services, three processes, one balance.
MODEL = """2
1 10
0 5
3
0 0 20 30 15 25 0 1 2
0 1 20 30 15 25 1 0 2
1 1 10 30 8 25 2 2 0
2
2 0
1 1 0
3
0 6 4 7
0 5 3 1
1 2 9 3
1
0 1 2
10
1 10 100
"""


def write(tmp_path: Path, model: str = MODEL, assignment: str = "0 1 1 ") -> tuple[Path, Path]:
    (tmp_path / "model.txt").write_text(model)
    (tmp_path / "assignment.txt").write_text(assignment)
    return tmp_path / "model.txt", tmp_path / "assignment.txt"


@pytest.fixture
def problem(tmp_path: Path) -> MachineReassignment:
    """The small problem."""
    return read_roadef(*write(tmp_path))


def test_every_field(problem: MachineReassignment) -> None:
    """Each number lands where the format says."""
    assert problem.transient.tolist() == [True, False]
    assert problem.load_weights.tolist() == [10, 5]
    assert problem.neighbourhoods.tolist() == [0, 0, 1]
    assert problem.locations.tolist() == [0, 1, 1]
    assert problem.capacities.tolist() == [[20, 30], [20, 30], [10, 30]]
    assert problem.safety_capacities.tolist() == [[15, 25], [15, 25], [8, 25]]
    assert problem.machine_move_costs.tolist() == [[0, 1, 2], [1, 0, 2], [2, 2, 0]]
    assert (problem.spreads.tolist(), problem.dependencies) == ([2, 1], ((), (0,)))
    assert problem.services.tolist() == [0, 0, 1]
    assert problem.requirements.tolist() == [[6, 4], [5, 3], [2, 9]]
    assert problem.process_move_costs.tolist() == [7, 1, 3]
    assert problem.balances.tolist() == [[0, 1, 2, 10]]
    assert (problem.process_weight, problem.service_weight, problem.machine_weight) == (1, 10, 100)
    assert problem.assignment.tolist() == [0, 1, 1]


@pytest.mark.parametrize(
    ("old", "new", "line", "column", "words"),
    [
        ("1 10\n0 5\n", "1 10\n2 5\n", 3, 1, "transient needs 0 to 1, got 2"),
        ("1 1 0\n3\n", "1 1 2\n3\n", 10, 3, "service needs 0 to 1, got 2"),
        ("1 2 9 3\n", "2 2 9 3\n", 14, 1, "service needs 0 to 1, got 2"),
        ("0 6 4 7\n", "0 6 x 7\n", 12, 3, "'x'"),
        ("0 1 2\n10\n", "0 2 2\n10\n", 16, 2, "resource 2 needs 0 to 1, got 2"),
        ("1 10 100\n", "1 10\n", 19, 1, "needs 3 numbers for weight, got 2"),
        ("1 10 100\n", "1 10 100 7\n", 18, 4, "left over"),
    ],
)
def test_mistakes_are_named(
    tmp_path: Path, old: str, new: str, line: int, column: int, words: str
) -> None:
    """Line, column, value and limit."""
    assert MODEL.count(old) == 1
    with pytest.raises(TraceError, match=words) as caught:
        read_roadef(*write(tmp_path, MODEL.replace(old, new)))
    assert (caught.value.line, caught.value.column) == (line, column)


def test_assignment_mistakes(tmp_path: Path) -> None:
    """Too few machines, or one that is not there."""
    with pytest.raises(TraceError, match="needs 3 numbers"):
        read_roadef(*write(tmp_path, assignment="0 1"))
    with pytest.raises(TraceError, match="machine needs 0 to 2, got 3"):
        read_roadef(*write(tmp_path, assignment="0 1 3"))


def test_values_are_checked_at_birth(problem: MachineReassignment) -> None:
    """Shapes and indices, also without a file."""
    values = {name: getattr(problem, name) for name in MachineReassignment.__dataclass_fields__}
    with pytest.raises(InstanceError, match="machine_move_costs"):
        MachineReassignment(**{**values, "machine_move_costs": np.zeros((2, 2))})
    with pytest.raises(InstanceError, match="assignment"):
        MachineReassignment(**{**values, "assignment": np.array([0, 1, 3])})


def test_placement_part(problem: MachineReassignment) -> None:
    """Needs, capacities, present placement, one anti-affinity rule per service with several processes."""
    instance = roadef_instance(problem)
    assert np.array_equal(instance.need, problem.requirements)
    assert np.array_equal(instance.capacity, problem.capacities)
    assert instance.current.host_of.tolist() == [0, 1, 1]
    assert instance.rules == (Spread(vms=(0, 1)),)
    assert len(instance.fleet.types) == 2
    assert instance.vms.groups == ("service-0", "service-0", "service-1")


def test_placement_part_needs_cpu(tmp_path: Path) -> None:
    """A machine without the first resource cannot be a host."""
    model = MODEL.replace("1 1 10 30 8 25", "1 1 0 30 0 25")
    with pytest.raises(UnsupportedError, match="machine 2"):
        roadef_instance(read_roadef(*write(tmp_path, model)))
