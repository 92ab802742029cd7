"""Replay a trace under a controller by name."""

from __future__ import annotations

from consolidate.control.base import ControllerKind, Setting, begin, parse_controller
from consolidate.control.first import first_placement
from consolidate.engine import replay
from consolidate.migration import MoveSettings
from consolidate.model import Fleet, Placement, Replay, Rule, Trace
from consolidate.model.progress import Progress, silent

__all__ = ["replay_controlled"]


def replay_controlled(
    trace: Trace,
    fleet: Fleet,
    what: str | ControllerKind = "risk",
    *,
    current: Placement | None = None,
    rules: tuple[Rule, ...] = (),
    moves: MoveSettings | None = None,
    seed: int = 0,
    label: str | None = None,
    progress: Progress = silent,
) -> Replay:
    """Replay a trace on a fleet under a controller, which decides at the start of each step.

    Parameters
    ----------
    trace, fleet
        The workload and the hosts.
    what
        A controller, or a text that names it and its parameters, as in ``pabfd:detector=thr,selection=rs``.
    current
        Placement at the start; default by allocation, see :func:`first_placement`.
    rules
        Placement rules.
    moves
        Settings of every move.
    seed
        Seed of everything random.
    label
        Name of the arm; default the name of the controller.
    progress
        Told from time to time where the work stands.

    Raises
    ------
    UnknownNameError, ConfigError
        As :func:`consolidate.control.controller`.
    UnsupportedError
        When there is a rule that the controller does not keep.
    InfeasibleError
        When there is no placement to start from.

    Examples
    --------
    ``replay_controlled(trace, fleet, "risk").summary()``
    """
    kind = parse_controller(what) if isinstance(what, str) else what
    start = current if current is not None else first_placement(trace, fleet, rules=rules)
    setting = Setting.of(trace, fleet, rules=rules, moves=moves)
    return replay(
        trace,
        fleet,
        begin(kind, setting, seed=seed),
        label=label or kind.name,
        current=start,
        rules=rules,
        progress=progress,
    )
