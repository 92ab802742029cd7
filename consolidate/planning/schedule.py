"""One schedule of all moves: by lists, and for small problems by a search that can prove that there is none."""

from __future__ import annotations

from consolidate._kernels.opening import LAST
from consolidate.planning.listing import ANY_END_S, list_schedule
from consolidate.planning.problem import Problem
from consolidate.planning.search import Search
from consolidate.planning.sequence import in_sequence
from consolidate.planning.trials import Listing

__all__ = ["schedule"]


def schedule(
    problem: Problem,
    *,
    direct_s: int = ANY_END_S,
    good_enough_s: int = ANY_END_S,
    within_s: int | None = None,
    hurry: bool = False,
    storage: int = LAST,
) -> Listing:
    """Return the best schedule that was found; its ``left`` is empty if every VM comes to its target.

    Parameters
    ----------
    problem
        What is scheduled.
    direct_s, good_enough_s : s
        Ends that are good enough without and with detours; default any.
    within_s : s
        End from which on no detours are made that only save time; ``None`` = none ever are.
    hurry
        Whether the first schedule that brings every VM to its target is taken, where hosts are kept free.
    storage
        When VMs are left in storage, where the problem allows that; see :mod:`consolidate._kernels.opening`.
    """
    search = Search(problem)
    listing = list_schedule(
        problem,
        direct_s=direct_s,
        good_enough_s=good_enough_s,
        within_s=within_s,
        hurry=hurry,
        hopeless=lambda: search.hopeless,
        storage=storage,
    )
    if listing.left and search.order is not None:
        return in_sequence(problem, search.order)
    return listing
