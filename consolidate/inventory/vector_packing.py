"""Vector bin packing problems in the formats of VPSolver: ``.vbp`` and ``.mvp``.

``.vbp`` has one bin type and one size per item; ``.mvp`` has several bin types, each with a cost and a
quantity, and items that may take one of several shapes (*incarnations*). Both are integers parted by any
white space (Brandao and Pedroso 2016, doi:10.1016/j.cor.2015.11.009)::

    .vbp  dims; capacity of each dimension; items; per item: size of each dimension, demand
    .mvp  dims; bin types; per type: capacities, cost, quantity (-1 = unlimited);
          items; per item: incarnations, demand; per incarnation: size of each dimension

A size may be negative: 36 of the 120 triplet instances that were published with known optima (the files
``classC_*``) hold a few, and their optima rely on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import InstanceError, Issue, TraceError
from consolidate.inventory.integers import MOST, IntegerText, read_text

__all__ = ["VectorPacking", "parse_vector_packing", "read_vector_packing"]

UNLIMITED = -1
MOST_DIMENSIONS = 1_000
MOST_COPIES = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorPacking:
    """Pack all items into bins of least total cost; no dimension of a bin is exceeded.

    Parameters
    ----------
    sizes
        Size of each incarnation of each item, shape ``(incarnations, dims)``, item after item; may be
        negative.
    item_of
        Item of each row of ``sizes``, ascending, shape ``(incarnations,)``.
    demands
        How many copies of each item there are, shape ``(items,)``.
    capacities
        Capacity of each bin type, shape ``(types, dims)``.
    costs
        Cost of one bin of each type, shape ``(types,)``.
    quantities
        How many bins of each type there are, -1 for unlimited, shape ``(types,)``.
    source
        Where the problem comes from.
    """

    sizes: NDArray[np.int64]
    item_of: NDArray[np.int64]
    demands: NDArray[np.int64]
    capacities: NDArray[np.int64]
    costs: NDArray[np.int64]
    quantities: NDArray[np.int64]
    source: str = "given"

    def __post_init__(self) -> None:
        for name in ("sizes", "item_of", "demands", "capacities", "costs", "quantities"):
            values = np.array(getattr(self, name), dtype=np.int64)
            values.setflags(write=False)
            object.__setattr__(self, name, values)
        issues = self._issues()
        if issues:
            raise InstanceError(issues)

    def _issues(self) -> list[Issue]:
        rows, types = len(self.sizes), len(self.capacities)
        if self.sizes.ndim != 2 or self.capacities.shape != (types, self.sizes.shape[-1]):
            msg = f"needs shape (types, dims) as sizes has, got {self.capacities.shape}"
            return [Issue(path="packing.capacities", message=msg)]
        shapes = {"item_of": rows, "costs": types, "quantities": types}
        issues = [
            Issue(path=f"packing.{name}", message=f"needs {n} values, got {len(getattr(self, name))}")
            for name, n in shapes.items()
            if getattr(self, name).shape != (n,)
        ]
        lowest = {"sizes": -MOST, "demands": 0, "capacities": 0, "costs": 0, "quantities": UNLIMITED}
        for name, least in lowest.items():
            values = getattr(self, name)
            if values.size and not (least <= values.min() and values.max() <= MOST):
                issues.append(Issue(path=f"packing.{name}", message=f"needs {least} to {MOST}"))
        if not np.array_equal(np.unique(self.item_of), np.arange(len(self.demands))):
            msg = f"needs every item from 0 to {len(self.demands) - 1} at least once"
            issues.append(Issue(path="packing.item_of", message=msg))
        elif np.any(np.diff(self.item_of) < 0):
            issues.append(Issue(path="packing.item_of", message="needs to be ascending"))
        return issues

    @property
    def n_dims(self) -> int:
        """Number of dimensions."""
        return int(self.sizes.shape[1])

    @property
    def n_items(self) -> int:
        """Number of items, each counted once whatever its demand."""
        return len(self.demands)

    @property
    def n_copies(self) -> int:
        """Number of things to pack: the sum of all demands."""
        return int(self.demands.sum())

    @property
    def has_incarnations(self) -> bool:
        """Whether some item may take more than one shape."""
        return len(self.sizes) > len(self.demands)


def read_vector_packing(path: str | Path) -> VectorPacking:
    """Read a ``.vbp`` or ``.mvp`` file; the ending of its name says which (``.gz`` may follow).

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    TraceError
        When the file cannot be read, or a number is missing, left over or out of its range; names file,
        line, column (which number of the line), value and limit.
    """
    return parse_vector_packing(read_text(path), file=str(path))


def parse_vector_packing(text: str, *, file: str) -> VectorPacking:
    """Do what :func:`read_vector_packing` does for a text that is already in memory.

    Parameters
    ----------
    text
        Contents of the file.
    file
        Its name, for the ending and for messages.
    """
    ending = Path(file.removesuffix(".gz")).suffix.lower()
    if ending not in (".vbp", ".mvp"):
        msg = f"needs a name that ends in .vbp or .mvp, got {ending or 'no ending'!r}"
        raise TraceError(msg, file=file)
    numbers = IntegerText(text, file=file)
    dims = numbers.take("number of dimensions", least=1, most=MOST_DIMENSIONS)
    packing = _vbp(numbers, dims, file) if ending == ".vbp" else _mvp(numbers, dims, file)
    numbers.finish()
    return packing


def _vbp(numbers: IntegerText, dims: int, file: str) -> VectorPacking:
    capacity = numbers.row("capacity", dims, least=1)
    n = numbers.take("number of items", least=1, most=MOST_COPIES)
    items = numbers.table(
        ["size"] * dims + ["demand"],
        n,
        least=[-MOST] * dims + [0],
        most=[MOST] * dims + [MOST_COPIES],
    )
    return VectorPacking(
        sizes=items[:, :dims],
        item_of=np.arange(n),
        demands=items[:, dims],
        capacities=capacity[None, :],
        costs=np.ones(1, dtype=np.int64),
        quantities=np.full(1, UNLIMITED),
        source=Path(file).name,
    )


def _mvp(numbers: IntegerText, dims: int, file: str) -> VectorPacking:
    n_types = numbers.take("number of bin types", least=1, most=MOST_COPIES)
    types = numbers.table(
        ["capacity"] * dims + ["cost", "quantity"],
        n_types,
        least=[0] * dims + [0, UNLIMITED],
        most=[MOST] * (dims + 1) + [MOST_COPIES],
    )
    n = numbers.take("number of items", least=1, most=MOST_COPIES)
    sizes, item_of, demands = [], [], []
    for item in range(n):
        shapes = numbers.take("number of incarnations", least=1, most=MOST_COPIES)
        demands.append(numbers.take("demand", most=MOST_COPIES))
        for _ in range(shapes):
            sizes.append(numbers.row("size", dims, least=-MOST))
            item_of.append(item)
    return VectorPacking(
        sizes=np.array(sizes),
        item_of=np.array(item_of),
        demands=np.array(demands),
        capacities=types[:, :dims],
        costs=types[:, dims],
        quantities=types[:, dims + 1],
        source=Path(file).name,
    )
