"""Constants of the risk controller: the same for every trace, apart by when demand becomes known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.control_room import Guard
from consolidate.control.levels import Levels, Safety

__all__ = ["PAST", "PRESENT", "Tuning"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """How decisions are weighed.

    Parameters
    ----------
    least, prior, spread, common
        See :class:`~consolidate.control.levels.Levels`.
    pace
        Step of the feedback on the standard deviations that are kept free.
    aim
        Part of the accepted risk that is aimed at.
    first
        Part of those in the first decision, when every host is at hand.
    relief
        Part of those that a target of a relief keeps free.
    alarm
        Part of those that a host needs in the coming step, or it is relieved; 0 where demand is known.
    trigger, landing
        Parts of the capacity above which a host is relieved, and up to which a target may come.
    drift
        Part of the mean added for what moves all VMs together.
    patience_steps
        Steps for which a changed risk of overload is expected to last.
    share
        Weight of the time in which a target is disturbed.
    alike
        How much VMs of one steadiness are kept together.
    drains
        Hosts that may be emptied in one step.
    calm_steps
        Steps without emptying after a host was woken.
    pooled
        Whether hosts are emptied up to a mean risk of all, which suits where overload is repaired by moves;
        else up to the standard deviations that each keeps free.
    company
        By how much a host that receives already is preferred when others are emptied.
    short_s : s
        Seconds of overload that a further move has to be worth where one does not relieve a host.
    settles
        Moves that even out risk in one step; 0 where each move counts as a violation.
    settle_s : s
        Seconds of overload that such a move has to be worth.
    exchanges
        Pairs of VMs that change places in one step; 0 where each move counts as a violation.
    exchange_s : s
        Seconds of overload that such a pair has to be worth, all that it disturbs included.
    """

    least: float
    prior: float
    spread: float
    common: float
    pace: float
    aim: float
    first: float
    relief: float
    alarm: float
    trigger: float
    landing: float
    drift: float
    patience_steps: float
    share: float
    alike: float
    drains: int
    calm_steps: int
    pooled: bool
    company: float
    short_s: float
    settles: int
    settle_s: float
    exchanges: int
    exchange_s: float

    def levels(self, allocation: NDArray[np.float64]) -> Levels:
        """Return the estimates at the start."""
        return Levels(
            allocation, least=self.least, prior=self.prior, spread=self.spread, common=self.common
        )

    def safety(self, risk: float, *, lasts: float) -> Safety:
        """Return the feedback at the start."""
        return Safety(risk, lasts=lasts, pace=self.pace, aim=self.aim)

    def guard(self, safety: Safety, *, step_s: float, moves_s: float, first: bool, drains: int) -> Guard:
        """Return what one decision keeps to.

        Parameters
        ----------
        safety
            What is kept free.
        step_s : s
            Length of a step.
        moves_s : s
            Seconds of moves that a host may have.
        first
            Whether it is the first decision.
        drains
            Hosts that may be emptied.
        """
        z = safety.z
        return Guard(
            z_fill=z * self.first if first else z,
            z_relief=z * self.relief,
            z_now=z * self.alarm,
            trigger=self.trigger,
            landing=self.landing,
            drift=self.drift,
            patience=self.patience_steps * step_s,
            share=self.share,
            alike=self.alike,
            step_s=moves_s,
            drains=drains,
            tail=safety.tail,
            pooled=safety.alpha if self.pooled and not first else 0.0,
            company=self.company,
            short_s=self.short_s,
            settles=self.settles,
            settle_s=self.settle_s,
            exchanges=self.exchanges,
            exchange_s=self.exchange_s,
        )


#: Decisions that see what is asked for in the coming step, as in CloudSim: overload is repaired at once.
PRESENT = Tuning(
    least=0.1,
    prior=0.1,
    spread=0.14,
    common=0.3,
    pace=0.05,
    aim=0.9,
    first=0.23,
    relief=0.2,
    alarm=0.0,
    trigger=0.994,
    landing=0.98,
    drift=0.005,
    patience_steps=0.67,
    share=4.0,
    alike=0.0,
    drains=4,
    calm_steps=3,
    pooled=True,
    company=0.05,
    short_s=65.0,
    settles=0,
    settle_s=0.0,
    exchanges=0,
    exchange_s=0.0,
)

#: Decisions that see complete steps only, as monitoring does: overload is seen when it is over.
PAST = Tuning(
    least=0.03,
    prior=1.0,
    spread=0.27,
    common=0.3,
    pace=0.05,
    aim=0.93,
    first=1.15,
    relief=0.5,
    alarm=0.65,
    trigger=0.985,
    landing=0.98,
    drift=0.005,
    patience_steps=18.0,
    share=1.0,
    alike=0.5,
    drains=2,
    calm_steps=1,
    pooled=False,
    company=10.0,
    short_s=65.0,
    settles=16,
    settle_s=5.0,
    exchanges=50,
    exchange_s=10.0,
)
