"""Controllers by name: parameters are read or refused, rules are refused by name."""

from __future__ import annotations

import pytest

import consolidate as cs
from consolidate.control import CONTROLLERS, ControllerKind, Setting, begin
from consolidate.errors import ConfigError, UnknownNameError, UnsupportedError


@pytest.mark.parametrize("name", CONTROLLERS.names())
def test_every_controller_is_what_the_protocol_asks(name):
    """Names agree with the registry, and defaults suffice."""
    kind = cs.controller(name)
    assert isinstance(kind, ControllerKind)
    assert kind.name == name


def test_unknown_names_and_parameters_are_refused():
    """A typing mistake is no default."""
    with pytest.raises(UnknownNameError, match="did you mean 'do-nothing'"):
        cs.controller("do-nothin")
    with pytest.raises(ConfigError, match=r"controller\.do-nothing\.speed: is no parameter"):
        cs.controller("do-nothing", speed=3)
    with pytest.raises(ConfigError, match=r"controller\.risk\.risk: needs a number, got 'low'"):
        cs.controller("risk", risk="low")
    with pytest.raises(ConfigError, match=r"controller\.risk\.risk: needs more than 0"):
        cs.controller("risk", risk="0")
    with pytest.raises(ConfigError, match="needs one of thr, iqr"):
        cs.controller("pabfd", detector="arima")


def test_texts_are_read_as_what_the_default_is():
    """The command line has nothing but text."""
    assert cs.controller("risk", risk="0.02").risk == 0.02
    assert cs.controller("dpm", off_history_s="600").off_history_s == 600
    assert cs.controller("pabfd", detector="thr").detector == "thr"


def test_a_text_brings_its_parameters(day):
    """A replay reads it as a study and the command line do."""
    trace, fleet, placement = day()
    told = cs.replay_controlled(trace, fleet, "risk:risk=0.2", current=placement)
    meant = cs.replay_controlled(trace, fleet, cs.controller("risk", risk=0.2), current=placement)
    usual = cs.replay_controlled(trace, fleet, "risk", current=placement)
    assert told.energy_kwh == meant.energy_kwh != usual.energy_kwh
    with pytest.raises(ConfigError, match="needs PARAMETER=VALUE"):
        cs.replay_controlled(trace, fleet, "risk:0.2", current=placement)


def test_a_rule_that_is_not_kept_is_refused_by_name(day):
    """Nobody breaks a rule in silence."""
    trace, fleet, _ = day()
    setting = Setting.of(trace, fleet, rules=(cs.MaxOnline(hosts=(0, 1, 2), most=1),))
    with pytest.raises(
        UnsupportedError, match=r"controller 'risk' does not support the rule 'max_online'"
    ):
        begin("risk", setting)
    begin("do-nothing", setting)
