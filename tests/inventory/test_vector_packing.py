"""Readers of ``.vbp`` and ``.mvp``, and packing problems as placement problems."""

from __future__ import annotations

import csv
import gzip
import itertools
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest

from consolidate.errors import InfeasibleError, InstanceError, TraceError, UnsupportedError
from consolidate.inventory.packing_instance import MILLIJOULES_PER_COST, vector_packing_instance
from consolidate.inventory.vector_packing import (
    VectorPacking,
    parse_vector_packing,
    read_vector_packing,
)
from consolidate.model import Placement

VBP = "2\n10 8\n3\n4 2 2\n\n5 5 1\n3 -1 4\n"
MVP = "2\n\n2\n10 8 7 -1\n6 6 4 2\n\n2\n\n2 3\n4 2\n2 4\n\n1 1\n5 5\n"


@pytest.fixture(scope="module")
def vbp_folder() -> Path:
    """Folder of the public library; tests that need it are skipped where it is absent."""
    named = os.environ.get("CONSOLIDATE_DATA")
    folder = (Path(named) if named else Path(__file__).parents[3] / "shared" / "data") / "vbp"
    if not folder.is_dir():
        pytest.skip(f"no packing library in {folder}; set CONSOLIDATE_DATA to the folder above it")
    return folder


def packing(sizes, demands, capacities, costs=None, quantities=None) -> VectorPacking:
    return VectorPacking(
        sizes=np.array(sizes),
        item_of=np.arange(len(sizes)),
        demands=np.array(demands),
        capacities=np.array(capacities),
        costs=np.ones(len(capacities)) if costs is None else np.array(costs),
        quantities=np.full(len(capacities), -1) if quantities is None else np.array(quantities),
    )


def test_vbp(tmp_path: Path) -> None:
    """One bin type, blank lines and negative sizes included."""
    path = tmp_path / "small.vbp"
    path.write_text(VBP)
    read = read_vector_packing(path)
    assert read.sizes.tolist() == [[4, 2], [5, 5], [3, -1]]
    assert read.demands.tolist() == [2, 1, 4]
    assert read.n_copies == 7
    assert (read.capacities.tolist(), read.costs.tolist(), read.quantities.tolist()) == (
        [[10, 8]],
        [1],
        [-1],
    )
    assert not read.has_incarnations


def test_mvp_packed(tmp_path: Path) -> None:
    """Several bin types and incarnations, from a packed file."""
    path = tmp_path / "small.mvp.gz"
    path.write_bytes(gzip.compress(MVP.encode()))
    read = read_vector_packing(path)
    assert read.capacities.tolist() == [[10, 8], [6, 6]]
    assert (read.costs.tolist(), read.quantities.tolist()) == ([7, 4], [-1, 2])
    assert read.sizes.tolist() == [[4, 2], [2, 4], [5, 5]]
    assert (read.item_of.tolist(), read.demands.tolist()) == ([0, 0, 1], [3, 1])
    assert read.has_incarnations


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("2\n10 8\n1\n4 2.5 1\n", 4, 2, "'2.5'"),
        ("2\n10 8\n1\n4 2 -1\n", 4, 3, "demand needs 0 to 10000000, got -1"),
        ("2\n10 0\n1\n4 2 1\n", 2, 2, "capacity needs 1 to"),
        ("2\n10 8\n2\n4 2 1\n", 5, 1, "needs 2 times size, demand"),
        ("2\n10 8\n1\n4 2 1\n9\n", 5, 1, "1 numbers are left over"),
        ("0\n", 1, 1, "dimensions needs 1 to"),
        ("2\n10 8\n1\n4 2 99999999999999999999\n", 4, 3, "64 bits"),
        ("", 1, 1, "needs 1 numbers for number of dimensions, got 0"),
    ],
)
def test_mistakes_are_named(text: str, line: int, column: int, words: str) -> None:
    """Line, column, value and limit of each kind of mistake."""
    with pytest.raises(TraceError, match=words) as caught:
        parse_vector_packing(text, file="broken.vbp")
    assert (caught.value.line, caught.value.column) == (line, column)


def test_unreadable_files(tmp_path: Path) -> None:
    """A missing file, a broken archive, a wrong ending and bytes that are no text."""
    (tmp_path / "a.vbp.gz").write_bytes(b"no archive")
    (tmp_path / "b.vbp").write_bytes(b"\xff\xfe1")
    for name, words in (
        ("none.vbp", "cannot be read"),
        ("a.vbp.gz", "cannot be read"),
        ("b.vbp", "UTF-8"),
    ):
        with pytest.raises(TraceError, match=words):
            read_vector_packing(tmp_path / name)
    with pytest.raises(TraceError, match=r"ends in \.vbp or \.mvp"):
        parse_vector_packing(VBP, file="small.txt")


def test_values_are_checked_at_birth() -> None:
    """Shapes and ranges, also without a file."""
    with pytest.raises(InstanceError, match="quantities"):
        packing([[1]], [1], [[5]], quantities=[-2])
    with pytest.raises(InstanceError, match="ascending"):
        VectorPacking(
            sizes=np.ones((2, 1)),
            item_of=np.array([1, 0]),
            demands=np.ones(2),
            capacities=np.ones((1, 1)),
            costs=np.ones(1),
            quantities=np.ones(1),
        )


def test_instance_prices_bins() -> None:
    """The energy of a placement is the cost of the bins in use; items start on no host."""
    instance = vector_packing_instance(
        packing([[4, 2], [5, 5]], [2, 1], [[10, 8], [6, 6]], costs=[7, 4])
    )
    assert instance.need.tolist() == [[4, 2], [4, 2], [5, 5]]
    assert (instance.current.host_of == -1).all()
    kinds = instance.fleet.host_type
    big, small = int(np.flatnonzero(kinds == 0)[0]), int(np.flatnonzero(kinds == 1)[0])
    placement = Placement(host_of=np.array([big, big, small]))
    assert (instance.usage(placement) <= instance.capacity).all()
    assert instance.energy(placement).total_mj == 11 * MILLIJOULES_PER_COST


def test_instance_has_hosts_enough() -> None:
    """Brute force over the numbers of bins: some optimal packing fits into the hosts that are there."""
    rng = np.random.default_rng(3)
    for _ in range(40):
        sizes = rng.integers(1, 7, (4, 2))
        capacities = rng.integers(6, 12, (2, 2))
        problem = packing(sizes, [1, 1, 2, 1], capacities, costs=rng.integers(1, 9, 2))
        instance = vector_packing_instance(problem)
        counts = np.bincount(instance.fleet.host_type, minlength=len(instance.fleet.types))
        kept = [int(t.name.removeprefix("bin-")) for t in instance.fleet.types]
        limited = dict(zip(kept, counts.tolist(), strict=True))
        assert best_cost(problem, limited) == best_cost(problem, {0: 5, 1: 5})


def best_cost(problem: VectorPacking, counts: dict[int, int]) -> int:
    """Return the least cost of any packing into at most so many bins of each type."""
    items = np.repeat(problem.sizes, problem.demands, axis=0)
    best = 10**9
    for labels in itertools.product(range(len(items)), repeat=len(items)):
        # Bins are numbered in the order of their first item, so that none is tried twice.
        if any(label > max((*labels[:k], -1)) + 1 for k, label in enumerate(labels)):
            continue
        loads = [items[[k for k, x in enumerate(labels) if x == b]].sum(axis=0) for b in set(labels)]
        for types in itertools.product(range(2), repeat=len(loads)):
            fits = all((u <= problem.capacities[t]).all() for u, t in zip(loads, types, strict=True))
            if fits and all(types.count(t) <= counts.get(t, 0) for t in (0, 1)):
                best = min(best, int(sum(problem.costs[t] for t in types)))
    return best


def test_instance_keeps_quantities() -> None:
    """No more hosts of a type than there are bins, also where first fit fails."""
    instance = vector_packing_instance(packing([[3]], [4], [[3], [9]], costs=[1, 2], quantities=[3, 1]))
    names = [instance.fleet.types[t].name for t in instance.fleet.host_type]
    assert names.count("bin-0") <= 3
    assert names.count("bin-1") == 1


def test_what_an_instance_cannot_say_is_refused() -> None:
    """Incarnations and negative sizes have no meaning for a VM; an item without a bin has no answer."""
    with pytest.raises(UnsupportedError, match="incarnation"):
        vector_packing_instance(parse_vector_packing(MVP, file="a.mvp"))
    with pytest.raises(UnsupportedError, match="negative"):
        vector_packing_instance(parse_vector_packing(VBP, file="a.vbp"))
    with pytest.raises(InfeasibleError, match="item-1") as caught:
        vector_packing_instance(packing([[1], [9]], [1, 1], [[5]]))
    assert caught.value.vms == ("item-1",)


def test_published_examples(vbp_folder: Path) -> None:
    """The examples of VPSolver, with and without blank lines, say the same."""
    read = {path.name: read_vector_packing(path) for path in sorted((vbp_folder / "vpsolver").iterdir())}
    assert len(read) >= 5
    with_incarnations = [p for p in read.values() if p.has_incarnations]
    assert all(np.array_equal(p.sizes, with_incarnations[0].sizes) for p in with_incarnations)


def test_published_optima_fit(vbp_folder: Path) -> None:
    """Every triplet instance parses; those without negative sizes have hosts for their known optimum."""
    with (vbp_folder / "Triplet_summary_known.tsv").open(encoding="utf-8-sig") as lines:
        optimum = {
            row["instance_name"]: int(row["OPT"]) for row in csv.DictReader(lines, delimiter="\t")
        }
    negative = 0
    with tarfile.open(vbp_folder / "Triplet.tar.xz") as archive:
        for member in archive:
            if not member.isfile():
                continue
            problem = parse_vector_packing(archive.extractfile(member).read().decode(), file=member.name)
            if problem.sizes.min() < 0:
                negative += 1
                continue
            if problem.n_copies <= 130:
                hosts = vector_packing_instance(problem).fleet.n_hosts
                assert optimum[Path(member.name).stem] <= hosts <= problem.n_copies
    assert negative == 36
