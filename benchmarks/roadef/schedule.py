"""How an annealing goes: temperature, price of excess and fine for what is missing, from moment to moment."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from benchmarks.roadef.anneal import Walk
from benchmarks.roadef.state import Model, State, reprice
from consolidate.inventory.roadef import MachineReassignment

__all__ = ["HEATS", "Prices", "Schedule"]

#: Processes on a machine for which the temperatures of a plain schedule are meant.
CROWD = 10
#: Above so many, a schedule is cooler and sooner settled.
MANY = 300
#: Heats of further rounds: small processes move at all of them, the largest only at the first.
HEATS = (0.03, 0.1, 0.01)
#: Keeps sums of priced excess far from the end of 64 bits.
MOST_PRICE = 2**22
#: No gain pays it, and its products stay finite.
HIGHEST_FINE = 1e15


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How one round goes; temperatures and prices are shares of what a mean process takes of all resources.

    Parameters
    ----------
    hot, warm, cold
        Temperature at the start, when the search is settled, and at the end. What is squeezed out when it is
        colder than ``warm`` costs more than it has to.
    cheap, dear
        Highest price of a mean process's worth of excess at the start and when the search is settled.
    tolerance
        Excess that is left alone at the start, in mean processes for each machine; none when settled.
    settled, squeezed
        Shares of a round after which no excess is tolerated, and after which prices only rise.
    patience
        With 1, temperatures until the search is settled are geometric in time; with more, it stays longer where
        it is hot, and the large processes find their places.
    mix
        Of 1,000 moves: those that go home, chains, exchanges, exchanges with a process of about the same size
        and of the same service (the rest are shifts), and those that start from a machine that is too full.
    """

    hot: float = 1.0
    warm: float = 0.003
    cold: float = 1e-3
    cheap: float = 1.0
    dear: float = 20.0
    tolerance: float = 0.2
    settled: float = 0.8
    patience: float = 1.5
    squeezed: float = 0.9
    mix: tuple[int, int, int, int, int, int] = (50, 300, 250, 80, 20, 50)

    @classmethod
    def of(cls, problem: MachineReassignment, variant: int = 0) -> Schedule:
        """Return a schedule for a problem: the more processes on a machine, the finer they can be arranged.

        Odd variants leave the heat sooner, or are hotter where processes are many; which of the two is better
        differs between problems and seeds.
        """
        finer = CROWD * problem.n_machines / problem.n_processes
        if problem.n_processes > MANY * problem.n_machines:
            # So many small processes need no heat to move, and a search that is hot for long does not settle.
            hot, tolerance = (0.3, 0.2) if variant % 2 else (0.06, 0.05)
            plain = cls(hot=hot, warm=0.01, tolerance=tolerance, settled=0.4, squeezed=0.8, patience=1.0)
            heat = finer**0.5
        else:
            plain = cls(patience=1.0) if variant % 2 else cls()
            heat = finer
        return replace(
            plain, hot=plain.hot * heat, warm=plain.warm * finer**0.5, cold=plain.cold * finer
        )

    def again(self, heat: float) -> Schedule:
        """Return the schedule of a further round, which starts at a share ``heat`` of the first temperature."""
        hot = heat * self.hot
        return replace(
            self,
            hot=hot,
            warm=min(self.warm, 0.1 * hot),
            cold=min(self.cold, 0.1 * hot),
            tolerance=heat * self.tolerance,
            settled=0.7,
            patience=1.0,
        )

    def temperature(self, part: float) -> float:
        """Return the temperature at a share of a round."""
        if part < self.settled:
            return self.hot * (self.warm / self.hot) ** ((part / self.settled) ** self.patience)
        return self.warm * (self.cold / self.warm) ** ((part - self.settled) / (1 - self.settled))


class Prices:
    """Temperature, prices by resource and fine at each moment of a round.

    A price rises while more is broken than is tolerated, and falls else, so that the search stays where
    constraints bind; it stays between a few temperatures and a ceiling that rises during the round.
    """

    RISE, FALL, SQUEEZE = 1.1, 1 / 1.05, 1.3
    LEAST, LEAST_FINE, MOST_FINE = 3.0, 2.0, 50.0

    def __init__(self, problem: MachineReassignment, model: Model, schedule: Schedule) -> None:
        self._schedule = schedule
        means = model.take[::2, : model.n_costs].mean(axis=0)
        # Balance columns can take less than nothing.
        self._unit = float(max(means.sum(), means.max(), 1.0))
        self._need = np.maximum(problem.requirements.mean(axis=0), 1.0)
        self._limit = self._need * problem.n_machines
        self._wanted = self._unit * schedule.cheap / self._need
        self._prices = np.ones(len(self._need), dtype=np.int64)
        self.fine = self._unit
        self.temperature = 0.0

    def change(self, model: Model, state: State, walk: Walk, part: float) -> None:
        """Set everything for a share of the round that has passed."""
        plan = self._schedule
        hot = self._unit * plan.temperature(part)
        self.temperature = hot
        columns = slice(model.n_costs, model.n_costs + len(self._need))
        excess = np.maximum(state.row[:, columns], 0).sum(axis=0) / self._prices
        if part >= plan.squeezed:
            raised = np.minimum(self._wanted * self.SQUEEZE, MOST_PRICE)
            self._wanted = np.where(excess > 0, raised, self._wanted)
            if walk.sums[2] > 0:
                self.fine = min(self.fine * self.SQUEEZE, HIGHEST_FINE)
        else:
            x = min(part / plan.settled, 1.0)
            tolerated = self._limit * plan.tolerance * (1 - x) ** 2
            self._wanted *= np.where(excess > tolerated, self.RISE, self.FALL)
            ceiling = max(self.LEAST * hot, self._unit * plan.cheap * (plan.dear / plan.cheap) ** x)
            self._wanted = np.clip(self._wanted, self.LEAST * hot / self._need, ceiling / self._need)
            self.fine *= self.RISE if walk.sums[2] > 0 else self.FALL
            self.fine = min(max(self.fine, self.LEAST_FINE * hot), self.MOST_FINE * hot)
        prices = np.clip(self._wanted, 1, MOST_PRICE).astype(np.int64)
        reprice(model, state, self._prices, prices)
        self._prices = prices
        walk.sums[1] = state.excess.sum()
