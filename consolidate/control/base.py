"""What a kind of controller is, and how one is made by name."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np

from consolidate.engine import Controller
from consolidate.errors import ConfigError, UnsupportedError
from consolidate.migration import MoveSettings
from consolidate.model import Fleet, Rule, Trace, VMs
from consolidate.registry import Registry

__all__ = ["CONTROLLERS", "ControllerKind", "Setting", "begin", "controller"]

CONTROLLERS: Registry[type[ControllerKind]] = Registry(
    "controller",
    entry_point_group="consolidate.controllers",
    builtin={
        "compact": "consolidate.control.compact:Compact",
        "do-nothing": "consolidate.control.still:DoNothing",
        "dpm": "consolidate.control.dpm:Dpm",
        "hsqueeze": "consolidate.control.squeeze:Squeeze",
        "nightly": "consolidate.control.nightly:Nightly",
        "pabfd": "consolidate.control.pabfd:Pabfd",
        "risk": "consolidate.control.risk:Risk",
        "risk-hosts-on": "consolidate.control.risk:RiskHostsOn",
        "watcher": "consolidate.control.phases:Phases",
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a controller knows before the first step: everything but the demand.

    Parameters
    ----------
    fleet
        The hosts, with those that are on at the start.
    vms
        The VMs: allocations, not demand.
    start
        Start of the first step, UTC.
    step_s : s
        Length of a step.
    rules
        Rules that every placement has to honour.
    moves
        Settings of every move.
    """

    fleet: Fleet
    vms: VMs
    start: np.datetime64
    step_s: int
    rules: tuple[Rule, ...] = ()
    moves: MoveSettings = field(default_factory=MoveSettings)

    @classmethod
    def of(
        cls,
        trace: Trace,
        fleet: Fleet,
        *,
        rules: tuple[Rule, ...] = (),
        moves: MoveSettings | None = None,
    ) -> Setting:
        """Take from a trace what is known before it begins."""
        return cls(
            fleet=fleet,
            vms=trace.vms,
            start=trace.grid.start,
            step_s=trace.grid.step_s,
            rules=rules,
            moves=moves or MoveSettings(),
        )


@runtime_checkable
class ControllerKind(Protocol):
    """A way to decide. The fields of the dataclass are its parameters."""

    name: ClassVar[str]
    rules: ClassVar[frozenset[str]]
    """Names of the rules that it honours; a setting with another rule is refused up front."""

    def start(self, setting: Setting, *, seed: int) -> Controller:
        """Return a fresh controller for one replay."""
        ...


def controller(name: str, **parameters: object) -> ControllerKind:
    """Return a kind of controller by its registered name.

    Parameters
    ----------
    name
        See :data:`CONTROLLERS`.
    **parameters
        Fields of the kind. A text is read as what the field's default is: a number, a truth value or a text.

    Raises
    ------
    UnknownNameError
        When no controller has this name.
    ConfigError
        When a parameter is unknown or cannot be read.

    Examples
    --------
    >>> controller("do-nothing")
    DoNothing()
    """
    kind = CONTROLLERS.get(name)
    known = {f.name: f.default for f in fields(kind)}  # type: ignore[arg-type]
    given: dict[str, object] = {}
    for key, value in parameters.items():
        path = f"controller.{name}.{key}"
        if key not in known:
            msg = f"is no parameter; known: {', '.join(known) or 'none'}"
            raise ConfigError(msg, path=path)
        given[key] = _read(value, known[key], path) if isinstance(value, str) else value
    return kind(**given)


def begin(kind: ControllerKind | str, setting: Setting, *, seed: int = 0) -> Controller:
    """Make the controller of one replay, after a look at the rules.

    Raises
    ------
    UnsupportedError
        When there is a rule that the controller does not honour.
    """
    kind = parse_controller(kind) if isinstance(kind, str) else kind
    for rule in setting.rules:
        if rule.name not in kind.rules:
            feature = f"the rule {rule.name!r}"
            who = tuple(name for name in CONTROLLERS if rule.name in CONTROLLERS.get(name).rules)
            raise UnsupportedError(feature, who=f"controller {kind.name!r}", supported_by=who)
    return kind.start(setting, seed=seed)


def _read(text: str, default: object, path: str) -> object:
    """Read a text as a value of the type of a default."""
    if isinstance(default, bool):
        if text.lower() not in {"true", "false"}:
            msg = f"needs true or false, got {text!r}"
            raise ConfigError(msg, path=path)
        return text.lower() == "true"
    if isinstance(default, int | float):
        try:
            return type(default)(text)
        except ValueError:
            what = "a whole number" if isinstance(default, int) else "a number"
            msg = f"needs {what}, got {text!r}"
            raise ConfigError(msg, path=path) from None
    return text


def parse_controller(text: str) -> ControllerKind:
    """Return the kind of controller that a text names, as in ``pabfd:detector=thr,selection=rs``.

    Raises
    ------
    UnknownNameError, ConfigError
        As :func:`controller`.

    Examples
    --------
    >>> parse_controller("do-nothing")
    DoNothing()
    """
    name, _, rest = text.partition(":")
    parameters: dict[str, object] = {}
    for pair in filter(None, rest.split(",")):
        key, equals, value = pair.partition("=")
        if not equals:
            msg = f"needs PARAMETER=VALUE, got {pair!r}"
            raise ConfigError(msg, path=f"controller.{name}")
        parameters[key.replace("-", "_")] = value
    return controller(name, **parameters)
