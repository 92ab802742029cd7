"""Days: order decides sizes, and what is no day is refused by name."""

import numpy as np
import pytest

import consolidate as cs
from consolidate import cloudsim
from consolidate.cloudsim.hardware import VM_MIPS, machines


@pytest.fixture
def folder(tmp_path):
    """A folder of one file per VM, with names that the two orders sort apart."""

    def write(names=("a_b", "aBx", "a b", "aby"), text=None):
        place = tmp_path / "20110303"
        place.mkdir()
        for k, name in enumerate(names):
            lines = [str((k * 7 + t) % 101) for t in range(288)]
            (place / name).write_text("\n".join(lines) + "\n" if text is None else text)
        return place

    return write


def test_orders(folder):
    """``_`` stands between the cases: after upper-case letters, before lower-case ones."""
    place = folder(("a_b", "aBx", "a b", "aby"))
    assert cloudsim.read_day(place).ids == ("a b", "aBx", "aby", "a_b")
    assert cloudsim.read_day(place, order="sorted").ids == ("a b", "aBx", "a_b", "aby")
    named = ["aby", "a b", "a_b", "aBx"]
    day = cloudsim.read_day(place, order=named)
    assert day.ids == tuple(named)
    assert day.percent[0].tolist() == [(3 * 7 + t) % 101 for t in range(288)]


def test_sizes_are_blocks(a_day):
    """Of nine VMs three are of each type, and none of the last."""
    m = machines(a_day(seed=1, vms=9), 4)
    assert m.vm[:, 0].tolist() == [VM_MIPS[0]] * 3 + [VM_MIPS[1]] * 3 + [VM_MIPS[2]] * 3


def test_a_trace_is_a_day(folder):
    """The trace that the rest of the package reads gives the same day."""
    place = folder()
    trace = cs.read_trace(place, format="planetlab")
    day = cloudsim.Day.from_trace(trace)
    assert day.ids == cloudsim.read_day(place).ids
    assert np.array_equal(day.percent, cloudsim.read_day(place).percent)
    with pytest.raises(cs.ConsolidateError, match="needs one day of 288 steps"):
        cloudsim.Day.from_trace(trace.window(0, 100))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1\n" * 287, "has 287 rows"),
        ("1\n" * 287 + "101\n", "over 100 %"),
        ("1\n" * 287 + "-1\n", "negative"),
        ("1\n" * 287 + "0.5\n", "not a whole percentage"),
    ],
)
def test_wrong_samples(folder, text, message):
    """Another number of lines or another range is another experiment."""
    with pytest.raises(cs.ConsolidateError, match=message):
        cloudsim.read_day(folder(text=text))


def test_wrong_numbers(a_day):
    """What the constructor and the run are given is checked like what is read."""
    day = a_day(seed=2, vms=8)
    with pytest.raises(cs.ConsolidateError, match="needs 0 to 100"):
        cloudsim.Day(ids=("a",), percent=np.full((1, 288), 101))
    with pytest.raises(cs.ConsolidateError, match="288 samples"):
        cloudsim.Day(ids=("a",), percent=np.zeros((1, 289), dtype=int))
    for order, message in (
        ("lower", "'upper', 'sorted'"),
        (["vm-1"], "lacks 'vm-0'"),
        ([*day.ids, "x"], "names 'x'"),
    ):
        with pytest.raises(cs.ConsolidateError, match=message):
            day.ordered(order)
    for keys, message in (
        ({"detector": "thr", "parameter": 80}, "0.8 for 80 %"),
        ({"detector": "lr", "parameter": float("nan")}, "above 0"),
        ({"detector": "mda"}, "did you mean 'mad'"),
        ({"selector": "mmu"}, "no selector named 'mmu'"),
        ({"detector": "npa", "parameter": 1.0}, "no parameter"),
        ({"hosts": 0}, "1 or more"),
        ({"seed": -1}, "0 or more"),
    ):
        with pytest.raises(cs.ConsolidateError, match=message):
            cloudsim.run(day, **keys)
    with pytest.raises(cs.ConsolidateError, match="VM vm-0 finds no host") as caught:
        cloudsim.run(day, hosts=1)
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[0, 99]], "target from 0 to 3"),
        ([[5, 0]], "does not live"),
        ([[0, 0], [0, 0]], "same move twice"),
        ([[0.5, 1.0]], "needs whole numbers"),
        ([0, 1], "shape"),
    ],
)
def test_wrong_answers_of_optimizers(a_day, rows, message):
    """A foreign optimizer hears which row of which step cannot be done."""

    class Wrong:
        def reset(self, view):
            pass

        def optimize(self, view):
            return np.array(rows)

    with pytest.raises(cs.ConsolidateError, match=message) as caught:
        cloudsim.run(a_day(seed=4, vms=2), hosts=4, optimizer=Wrong())
    assert "optimizer.step[1]" in str(caught.value)
