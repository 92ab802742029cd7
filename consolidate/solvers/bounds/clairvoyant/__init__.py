"""Clairvoyant bounds: what no policy undercuts over a whole trace, whatever it knows of the future.

``hosts`` says what a host of each type costs at the least, ``need`` what each step asks for, ``prices``
what room is worth in each step, ``value`` what any prices prove, ``classic`` does the same in the accounting
of CloudSim, and ``bound`` joins them.
"""

from __future__ import annotations

from consolidate.solvers.bounds.clairvoyant.bound import ReplayBound, replay_bound, saving_share
from consolidate.solvers.bounds.clairvoyant.classic import classic_s

__all__ = ["ReplayBound", "classic_s", "replay_bound", "saving_share"]
