"""Controllers by name: parameters are read or refused, rules are refused by name."""

from __future__ import annotations

import pytest

import consolidate as cs
from consolidate.control import CONTROLLERS, ControllerKind
from consolidate.errors import ConfigError, UnknownNameError


@pytest.mark.parametrize("name", CONTROLLERS)
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
