"""One day, step by step: account, decide, migrate."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.cloudsim_accounting import account, migrate
from consolidate._kernels.cloudsim_optimize import optimize
from consolidate._kernels.cloudsim_placement import place_first
from consolidate._kernels.cloudsim_records import HOST_COLUMNS, VM_COLUMNS, close_all
from consolidate._kernels.cloudsim_state import HISTORY, WATTS, Ledger, Machines, Rules, State
from consolidate.cloudsim.hardware import MOST_VMS_AT_START, STEPS, step_time_s
from consolidate.cloudsim.log import Log, LogWriter
from consolidate.cloudsim.view import Optimizer, View
from consolidate.errors import ConfigError, InfeasibleError

__all__ = ["Compiled", "Foreign", "Planner", "simulate"]

T = TypeVar("T", bound=np.generic)
_Plan = tuple[NDArray[np.int64], NDArray[np.int64]]


class Planner(Protocol):
    """Decides in a simulation: moves (VM, source, target), and counts for the log."""

    def begin(self, m: Machines, s: State) -> None:
        """See the first placement."""
        ...

    def plan(self, m: Machines, s: State, step: int) -> _Plan:
        """Return the moves, and how many hosts were overloaded, VMs selected there and placed."""
        ...


class Compiled:
    """CloudSim's own policies."""

    def __init__(self, rules: Rules, seed: int) -> None:
        self._rules = rules
        self._random = np.random.default_rng(seed)

    def begin(self, m: Machines, s: State) -> None:
        """Nothing to prepare."""

    def plan(self, m: Machines, s: State, step: int) -> _Plan:
        """Relieve and empty hosts; a number is drawn for each VM, needed or not."""
        moves, counts = optimize(m, s, self._rules, step, self._random.random(len(m.vm)))
        return moves, counts


class Foreign:
    """Somebody else's optimizer."""

    def __init__(self, optimizer: Optimizer) -> None:
        self._optimizer = optimizer

    def begin(self, m: Machines, s: State) -> None:
        """Show the first placement."""
        self._optimizer.reset(_view(m, s, 0))

    def plan(self, m: Machines, s: State, step: int) -> _Plan:
        """Ask, and check the answer."""
        answer = np.asarray(self._optimizer.optimize(_view(m, s, step)))
        moves = _checked(answer, s.host_of, len(m.kind), step)
        return moves, np.zeros(3, dtype=np.int64)


def simulate(
    m: Machines, rules: Rules, planner: Planner | None, *, by_power: bool, ids: tuple[str, ...]
) -> tuple[State, Ledger, Log]:
    """Run the day; without a planner VMs stay where they are put.

    Raises
    ------
    InfeasibleError
        When a VM finds no host at the start, where the program ends too.
    ConfigError
        When a foreign optimizer answers what cannot be done.
    """
    s, led = _start(m)
    unplaced = int(place_first(m, s, rules, by_power, MOST_VMS_AT_START))
    if unplaced >= 0:
        msg = (
            f"VM {ids[unplaced]} finds no host at the start: {len(m.vm)} VMs need more than the MIPS, RAM "
            f"and link of {len(m.kind)} hosts; the program ends there"
        )
        raise InfeasibleError(msg, vms=(ids[unplaced],))
    writer = LogWriter(s.host_of)
    if planner is not None:
        planner.begin(m, s)
    for step, time_s in _steps():
        account(m, s, led, time_s, rules.keep_idle)
        moves, counts = _no_plan() if planner is None else planner.plan(m, s, step)
        writer.add(s, led, step, time_s, moves, counts)
        if len(moves):
            migrate(m, s, led, np.ascontiguousarray(moves[:, ::2]), time_s, rules.keep_idle)
    close_all(led)
    return s, led, writer.log()


def _steps() -> Iterator[tuple[int, float]]:
    return ((step, step_time_s(step)) for step in range(1, STEPS + 1))


def _no_plan() -> _Plan:
    return np.empty((0, 3), dtype=np.int64), np.zeros(3, dtype=np.int64)


def _start(m: Machines) -> tuple[State, Ledger]:
    n_hosts, n_vms = len(m.kind), len(m.vm)
    mips = np.zeros((n_hosts, 7))
    mips[:, 0] = m.host[:, 0]
    host_seen, vm_seen = np.zeros((n_hosts, HOST_COLUMNS)), np.zeros((n_vms, VM_COLUMNS))
    host_seen[:, 0] = vm_seen[:, 0] = -1.0
    # The program takes every host for switched on before the first record.
    host_seen[:, 6] = 1.0
    state = State(
        listed=np.zeros((n_vms, n_hosts), dtype=np.int64),
        incoming=np.zeros((n_vms, n_hosts), dtype=np.bool_),
        given=np.zeros((n_vms, n_hosts)),
        filled=np.zeros(n_hosts, dtype=np.int64),
        table=np.zeros((n_hosts, 2), dtype=np.int64),
        mips=mips,
        past=np.zeros((n_hosts, HISTORY)),
        host_of=np.full(n_vms, -1, dtype=np.int64),
        wanted=np.zeros(n_vms),
        moving=np.zeros(n_vms, dtype=np.bool_),
    )
    ledger = Ledger(total=np.zeros(3), host_seen=host_seen, vm_seen=vm_seen, spread=np.zeros((2, 4)))
    return state, ledger


def _view(m: Machines, s: State, step: int) -> View:
    live = s.host_of >= 0
    return View(
        step=step,
        time_s=step_time_s(step) if step else 0.0,
        demand_mips=_shown(np.where(live, s.wanted, 0.0)),
        vm_mips=_shown(m.vm[:, 0]),
        vm_ram_mb=_shown(m.vm[:, 1]),
        live=_shown(live),
        host_of=_shown(s.host_of.astype(np.int32)),
        host_mips=_shown(m.host[:, 0]),
        core_mips=_shown(m.host[:, 1]),
        host_watts=_shown(m.host[:, WATTS:]),
    )


def _shown(values: NDArray[T]) -> NDArray[T]:
    """Return a copy that nobody can write to."""
    copy = values.copy()
    copy.flags.writeable = False
    return copy


def _checked(
    answer: NDArray[np.generic], host_of: NDArray[np.int64], n_hosts: int, step: int
) -> NDArray[np.int64]:
    """Return moves with their sources, or say which row cannot be done."""
    path = f"optimizer.step[{step}]"
    if answer.size == 0:
        return np.empty((0, 3), dtype=np.int64)
    if answer.ndim != 2 or answer.shape[1] != 2 or answer.dtype.kind not in "iu":
        msg = f"needs whole numbers of shape (moves, 2), got {answer.dtype} of shape {answer.shape}"
        raise ConfigError(msg, path=path)
    rows = answer.astype(np.int64)
    vm, target = rows[:, 0], rows[:, 1]
    known = (vm >= 0) & (vm < len(host_of))
    source = np.where(known, host_of[np.where(known, vm, 0)], -1)
    repeated = np.ones(len(rows), dtype=bool)
    repeated[np.unique(rows, axis=0, return_index=True)[1]] = False
    for what, bad in (
        ("moves a VM that does not live", source < 0),
        (f"needs a target from 0 to {n_hosts - 1}", (target < 0) | (target >= n_hosts)),
        ("moves a VM to the host that it is on", source == target),
        ("says the same move twice", repeated),
    ):
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            msg = f"{what}: VM {vm[row]} to host {target[row]}"
            raise ConfigError(msg, path=f"{path}.moves[{row}]")
    return np.column_stack([vm, source, target])
