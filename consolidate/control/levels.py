"""What is known of each VM's demand, and how much is kept free: learnt from what was observed."""

from __future__ import annotations

from collections import deque
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.control_step import learn

__all__ = ["Levels", "Safety"]


class Levels:
    """Level of each VM and variance around it, by exponential averages.

    A VM that has not been seen is expected to use the share of its allocation that those seen use.

    Parameters
    ----------
    allocation
        CPU allocation of each VM, shape ``(vms,)``.
    least
        Least weight of a new sample.
    prior
        Samples that the expectation of an unseen VM counts for.
    spread
        Variance of an unseen VM, as a part of its expected demand times its allocation.
    common
        Part of the error of the sum of all levels by which every level is scaled at once.
    share
        Expected share of the allocation before anything was seen.
    """

    def __init__(
        self,
        allocation: NDArray[np.float64],
        *,
        least: float,
        prior: float,
        spread: float,
        common: float,
        share: float = 0.2,
    ) -> None:
        self._common = common
        self._allocation, self._least, self._prior, self._spread = allocation, least, prior, spread
        self.share = share
        self.mean = np.zeros(len(allocation))
        self.var = np.zeros(len(allocation))
        self.seen = np.zeros(len(allocation), dtype=np.int64)
        self.last = np.zeros(len(allocation))
        #: Pooled correlation of a sample with the one before.
        self._product, self._square = 0.0, 1e-9
        self._expect(np.ones(len(allocation), dtype=np.bool_))

    def _expect(self, unseen: NDArray[np.bool_]) -> None:
        self.mean[unseen] = self.share * self._allocation[unseen]
        self.var[unseen] = self._spread * self.mean[unseen] * self._allocation[unseen]
        self.last[unseen] = self.mean[unseen]

    def take(self, sample: NDArray[np.float64], alive: NDArray[np.bool_]) -> None:
        """Take one sample of every VM that is alive."""
        again = alive & (self.seen > 1)
        if again.any():
            now, before = sample[again] - self.mean[again], self.last[again] - self.mean[again]
            # A day of memory: what was true last week is not asked.
            self._product = 0.99 * self._product + float(now @ before)
            self._square = 0.99 * self._square + float(now @ now)
        self._follow(sample, alive & (self.seen > 0))
        # What is expected of newcomers is what all use now, their own first samples included.
        total = float(self._allocation[alive].sum())
        if total > 0:
            level = np.where(self.seen > 0, self.mean, sample)[alive]
            self.share = max(1e-3, float(level.sum()) / total)
        self._expect(self.seen == 0)
        learn(self.mean, self.var, self.seen, sample, alive, self._least, self._prior)
        self.last[alive] = sample[alive]

    def _follow(self, sample: NDArray[np.float64], known: NDArray[np.bool_]) -> None:
        """Scale all levels by what moves all VMs together, which a sum shows long before each VM does."""
        level = float(self.mean[known].sum())
        if level > 0:
            self.mean[known] *= 1.0 + self._common * (float(sample[known].sum()) / level - 1.0)

    @property
    def persistence(self) -> float:
        """How much of a deviation from the level the next sample repeats, between 0 and 1."""
        return min(1.0, max(0.0, self._product / self._square))

    def coming(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return what each VM is expected to want next, and the variance of that."""
        keeps = self.persistence
        expected = np.maximum(0.0, self.mean + keeps * (self.last - self.mean))
        return expected, (1.0 - keeps * keeps) * self.var


class Safety:
    """Standard deviations kept free, calibrated on what was observed.

    How far hosts strayed from their levels, in standard deviations, is kept for some hours; ``z`` is the
    quantile of that which is exceeded with probability ``alpha``. ``alpha`` itself is held by feedback: after
    each step it moves against the excess of the observed overload over the accepted one, so that the mean
    overload over many steps approaches what is accepted whatever the demand does (adaptive conformal inference,
    Gibbs and Candes, "Adaptive Conformal Inference Under Distribution Shift", NeurIPS 2021, arXiv:2106.00170).

    Parameters
    ----------
    risk
        Accepted share of active-host time with overload.
    lasts
        Part of a step for which an overload lasts: 1 when it is seen afterwards only, less when it is repaired.
    pace
        Step of the feedback on the logarithm of ``alpha``.
    aim
        Part of the accepted share that is aimed at: a day ends where it ends.
    """

    #: Limits of alpha, as multiples of where it starts, and never a coin toss: a calm hour says little of the
    #: next one.
    LIMITS = (0.05, 3.0)
    MOST = 0.42
    #: One bad step does not undo hours.
    WORST = 4.0
    #: Steps that are remembered.
    WINDOW = 36
    #: Normal deviations that stand in for observations at the start.
    STAND_INS = 300

    def __init__(self, risk: float, *, lasts: float, pace: float, aim: float) -> None:
        self._aim, self._pace = aim * risk, pace
        start = min(self.MOST, self._aim / lasts)
        self.alpha = start
        self._least, self._most = self.LIMITS[0] * start, min(self.MOST, self.LIMITS[1] * start)
        at = (np.arange(self.STAND_INS) + 0.5) / self.STAND_INS
        self._normal = np.array([NormalDist().inv_cdf(p) for p in at.tolist()])
        self._strays: deque[NDArray[np.float64]] = deque(maxlen=self.WINDOW)
        self._find()

    def _find(self) -> None:
        known = np.concatenate([self._normal, *self._strays])
        self.z = max(0.0, float(np.quantile(known, 1.0 - self.alpha)))

    @property
    def tail(self) -> float:
        """Normal deviations that are exceeded as often as ``z`` observed ones, by ``z``."""
        return NormalDist().inv_cdf(1.0 - self.alpha) / max(self.z, 1e-3)

    def stray(
        self, load: NDArray[np.float64], mean: NDArray[np.float64], var: NDArray[np.float64]
    ) -> None:
        """Remember how far hosts were from their levels in one step, each of shape ``(hosts,)``."""
        used = var > 0
        if used.any():
            self._strays.append((load[used] - mean[used]) / np.sqrt(var[used]))
        self._find()

    def observe(self, overloaded_s: float, active_s: float) -> None:
        """Take the overload of one step into account, in seconds of host time."""
        if active_s <= 0:
            return
        excess = min(self.WORST, overloaded_s / (self._aim * active_s) - 1.0)
        alpha = self.alpha * np.exp(-self._pace * excess)
        self.alpha = float(min(self._most, max(self._least, alpha)))
        self._find()
