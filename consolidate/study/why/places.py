"""Other places for the VMs of one host, everybody else staying where they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from consolidate._kernels.problem import fits, occupy
from consolidate.model import Gather, Instance, Placement
from consolidate.model.kernel_view import kernel_problem, kernel_state

__all__ = ["Places"]

#: Partial assignments looked at before a search gives up.
_MOST_STEPS = 5_000


class Places:
    """The hosts in use of a placement, and what is free there.

    Parameters
    ----------
    instance, placement
        The problem and its answer.
    """

    def __init__(self, instance: Instance, placement: Placement) -> None:
        self.instance = instance
        self.problem = kernel_problem(instance)
        self.state = kernel_state(instance, placement.host_of, problem=self.problem)
        self.used = placement.used_hosts()
        self.mates: dict[int, set[int]] = {}
        for rule in instance.rules:
            if isinstance(rule, Gather):
                for v in rule.vms:
                    self.mates.setdefault(v, set()).update(set(rule.vms) - {v})

    def elsewhere(self, host: int, vms: Sequence[int]) -> dict[int, int] | None:
        """Return a place on another host in use for each VM.

        Returns
        -------
        An assignment; empty when there is none; ``None`` when the search was given up.
        """
        self.steps = 0
        # Whoever needs most has least choice.
        order = sorted(vms, key=lambda v: (-int(self.instance.need[v].max()), v))
        others = self.used[self.used != host]
        if len(order) > 1 and self._too_much(order, others):
            return {}
        for v in order:
            occupy(self.problem, self.state, v, host, -1)
        found: dict[int, int] = {}
        try:
            done = self._search(order, others, found)
        finally:
            for v, h in found.items():
                occupy(self.problem, self.state, v, h, -1)
            for v in order:
                occupy(self.problem, self.state, v, host, 1)
        if done is None:
            return None
        return found if done else {}

    def _too_much(self, vms: Sequence[int], others: np.ndarray) -> bool:
        """Say whether all free room together is too little."""
        room = np.maximum(self.state.room[others], 0).sum(axis=0)
        return bool((self.instance.need[list(vms)].sum(axis=0) > room).any())

    def _search(self, order: Sequence[int], others: np.ndarray, found: dict[int, int]) -> bool | None:
        if len(found) == len(order):
            return True
        v = order[len(found)]
        tried: set[bytes] = set()
        gave_up = False
        for h in others.tolist():
            if not self._allowed(v, h, found) or not fits(self.problem, self.state, v, h):
                continue
            if not self.problem.limits.named[v]:
                # For a VM that no rule about company names, hosts with the same room are the same.
                room = self.state.room[h].tobytes()
                if room in tried and self._is_plain(order):
                    continue
                tried.add(room)
            self.steps += 1
            if self.steps > _MOST_STEPS:
                return None
            occupy(self.problem, self.state, v, h, 1)
            found[v] = h
            done = self._search(order, others, found)
            if done:
                return True
            del found[v]
            occupy(self.problem, self.state, v, h, -1)
            if done is None:
                gave_up = True
                break
        return None if gave_up else False

    def _is_plain(self, order: Sequence[int]) -> bool:
        """Say whether none of the VMs cares which of two hosts with the same room it is on."""
        masks = self.problem.masks[self.problem.mask_of[list(order)]][:, self.used]
        return bool(masks.all() and not self.problem.limits.named[list(order)].any())

    def _allowed(self, v: int, host: int, found: dict[int, int]) -> bool:
        """Say whether a gather rule lets a VM go there: to its mates that are settled or have a place."""
        for mate in self.mates.get(v, ()):
            at = found.get(mate, int(self.state.host_of[mate]))
            if at >= 0 and at != host:
                return False
        return True
