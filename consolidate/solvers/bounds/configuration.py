"""The configuration bound: what whole patterns of VMs on a host cost, not their sizes added up.

A VM class has a price. A host, filled with the pattern that is worth most at these prices, leaves the energy of
being on less that worth. Prices paid by all VMs, plus the least that each host leaves, are a lower bound
(Lagrangian duality; the linear program over patterns is that of Gilmore, Gomory 1961,
doi:10.1287/opre.9.6.849). A VM that is on a host now is worth its migration more there: which of them stay is
part of the pattern. The formula is written down in ``docs/reference/run-folder.md``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.knapsack_table import pattern_of, value_table
from consolidate._kernels.problem import Problem
from consolidate._kernels.stays import stay_values
from consolidate.model import Bound, Instance
from consolidate.solvers.bounds.configuration_prices import Prices
from consolidate.solvers.bounds.configuration_view import ConfigurationView, HostsOfType
from consolidate.solvers.bounds.integers import times, total
from consolidate.solvers.bounds.lagrangian import SCALE, TypePrices, host_terms
from consolidate.solvers.bounds.on_off import Relaxation

__all__ = ["configuration_bound"]

#: Prices are improved in so many rounds of patterns, and so many of whole answers of all hosts.
_PATTERN_ROUNDS, _ANSWER_ROUNDS = 400, 40
_LARGEST = 2**40


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What all hosts answer to prices: the bound, and how many VMs of each class they carry."""

    scaled: int
    carried: NDArray[np.int64]


def configuration_bound(
    instance: Instance,
    problem: Problem,
    relaxation: Relaxation,
    *,
    pattern_rounds: int = _PATTERN_ROUNDS,
    answer_rounds: int = _ANSWER_ROUNDS,
) -> Bound | None:
    """Return the certified bound; ``None`` when there is no VM to place, or energies are too large.

    Parameters
    ----------
    instance, problem
        The instance and its kernel view.
    relaxation
        The on-off relaxation of it, where prices start.
    pattern_rounds
        Rounds of column generation at most.
    answer_rounds
        Subgradient steps at most, with VMs that stay as part of the patterns.
    """
    view = ConfigurationView.of(instance, problem)
    if view is None:
        return None
    base = _base(instance, problem, view)
    if base is None:
        return None
    start = view.prices_at(instance, relaxation.prices)
    prices = Prices(view, base, problem.empty_mj, instance, start)
    best_price = np.zeros(len(view.count), dtype=np.int64)
    best = _answer(instance, problem, view, base, best_price)
    for price in prices.rounds(pattern_rounds):
        best_price = price
    found = _answer(instance, problem, view, base, best_price)
    if found.scaled < best.scaled:
        best_price = np.zeros_like(best_price)
    else:
        best = found
    best, best_price = _improved(instance, problem, view, base, best, best_price, answer_rounds)
    return Bound(
        name="configurations",
        value_mj=best.scaled // SCALE,
        kind="certified",
        source="prices by column generation, GLOP (OR-Tools); value recomputed in integers",
        certificate=_certificate(view, best_price),
    )


def _base(instance: Instance, problem: Problem, view: ConfigurationView) -> NDArray[np.int64] | None:
    """Return the scaled energy of each host on, load credit and free stays deducted, without patterns."""
    prices = [TypePrices(rows=(), load=t.load_price) for t in view.types]
    hosting = host_terms(instance, problem, prices).hosting
    # That term deducts all VMs that stay; those in patterns are added again.
    base = np.array([int(x) for x in hosting.tolist()], dtype=object)
    stays = np.zeros(instance.fleet.n_hosts, dtype=object)
    for t in view.types:
        at = np.repeat(np.arange(len(t.hosts)), np.diff(t.pointer))
        for h, v in zip(t.hosts[at].tolist(), t.stays.tolist(), strict=True):
            stays[h] += SCALE * int(instance.move_mj[v])
    base = base + stays
    if max((abs(x) for x in base.tolist()), default=0) >= 2**60:
        return None
    whole: NDArray[np.int64] = base.astype(np.int64)
    return whole


def _values(hosts: HostsOfType, price: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return what a VM of each class is worth on a type."""
    return np.where(hosts.takes, price + hosts.load_gain, 0)


def _answer(
    instance: Instance,
    problem: Problem,
    view: ConfigurationView,
    base: NDArray[np.int64],
    price: NDArray[np.int64],
) -> _Answer:
    """Evaluate the bound at prices, in exact integers."""
    active = instance.active
    placed = view.class_of >= 0
    scaled = SCALE * total(instance.move_mj[active & (instance.current.host_of >= 0)])
    scaled += sum(int(p) * int(c) for p, c in zip(price.tolist(), view.count.tolist(), strict=True))
    scaled += view.load_price * total(instance.load_mcores[placed])
    empty = times(problem.empty_mj, SCALE)
    is_usable = np.zeros(instance.fleet.n_hosts, dtype=np.bool_)
    carried = np.zeros(len(view.count), dtype=np.int64)
    for hosts in view.types:
        if hosts.hosts.size == 0:
            continue
        is_usable[hosts.hosts] = True
        value = _values(hosts, price)
        shape = (int(hosts.offer[:, 0].max()) + 1, int(hosts.offer[:, 1].max()) + 1)
        table, taken = value_table(value, hosts.cells, view.count, shape)
        worth = price[view.class_of[hosts.stays]] + hosts.stay_gain
        best, mask = stay_values(
            table, hosts.offer, hosts.pointer, worth, hosts.stay_cells, view.most_stays
        )
        left = base[hosts.hosts] - best
        off = empty[hosts.hosts]
        scaled += total(np.minimum(left, off))
        _carry(view, hosts, taken, mask, left < off, carried)
    scaled += total(empty[~is_usable])
    return _Answer(scaled=scaled, carried=carried)


def _carry(
    view: ConfigurationView,
    hosts: HostsOfType,
    taken: NDArray[np.uint16],
    mask: NDArray[np.int64],
    on: NDArray[np.bool_],
    carried: NDArray[np.int64],
) -> None:
    """Add up which VMs the hosts that are on carry."""
    room = hosts.offer.copy()
    at = np.repeat(np.arange(len(hosts.hosts)), np.diff(hosts.pointer))
    bit = np.arange(len(at)) - hosts.pointer[at]
    stay = ((mask[at] >> bit) & 1).astype(np.bool_) & on[at]
    np.subtract.at(room, at[stay], hosts.stay_cells[stay])
    np.add.at(carried, view.class_of[hosts.stays[stay]], 1)
    rooms, times_ = np.unique(room[on], axis=0, return_counts=True)
    for (i, j), n in zip(rooms.tolist(), times_.tolist(), strict=True):
        carried += n * pattern_of(taken, hosts.cells, i, j)


def _improved(
    instance: Instance,
    problem: Problem,
    view: ConfigurationView,
    base: NDArray[np.int64],
    best: _Answer,
    price: NDArray[np.int64],
    rounds: int,
) -> tuple[_Answer, NDArray[np.int64]]:
    """Follow subgradients from the prices; return the best answer and its prices.

    Prices of classes that hosts carry too often fall, of those left over rise. Steps are a part of the
    prices themselves, and shrink whenever a few of them did not help.
    """
    step, at, failed = 0.02, price.astype(np.float64), 0
    answer, best_price = best, price
    size = np.maximum(price.astype(np.float64), 1.0)
    for _ in range(rounds):
        miss = (view.count - answer.carried) / np.maximum(view.count, 1)
        at = np.maximum(at + step * size * np.clip(miss, -1.0, 1.0), 0.0)
        trial = np.floor(np.minimum(at, _LARGEST)).astype(np.int64)
        answer = _answer(instance, problem, view, base, trial)
        if answer.scaled > best.scaled:
            best, best_price, failed = answer, trial, 0
            continue
        failed += 1
        if failed >= 3:
            step, failed = step * 0.5, 0
            at, answer = best_price.astype(np.float64), best
            if step < 1e-5:
                break
    return best, best_price


def _certificate(view: ConfigurationView, price: NDArray[np.int64]) -> dict[str, object]:
    return {
        "scale": SCALE,
        "load_multiplier": view.load_price,
        "most_stays": view.most_stays,
        "grid": [{"resource": r, "denominator": unit} for r, unit in view.rows],
        "prices": [[*key, p] for key, p in zip(view.key.tolist(), price.tolist(), strict=True) if p > 0],
        "types": [{"load_multiplier": t.load_price} for t in view.types],
    }
