"""Named collections of components."""

from __future__ import annotations

import pytest

from consolidate import registry as registry_module
from consolidate.errors import UnknownNameError
from consolidate.registry import Registry


@pytest.fixture
def colours() -> Registry:
    return Registry(
        "colour",
        entry_point_group="consolidate.tests.none",
        builtin={"pi": "math:pi", "tau": "math:tau"},
    )


def test_builtins_are_loaded_on_use(colours):
    """Names are known without an import; the component is the attribute itself."""
    import math

    assert colours.names() == ("pi", "tau")
    assert colours.get("pi") is math.pi
    assert "pi" in colours
    assert "e" not in colours
    assert list(colours) == ["pi", "tau"]


def test_decorator_registers_and_returns(colours):
    """The decorated class is unchanged and found by its name."""

    @colours.register("red")
    class Red:
        pass

    assert colours.get("red") is Red
    assert colours.names() == ("pi", "red", "tau")


def test_a_taken_name_is_refused(colours):
    """Two components of one name would make results depend on the order of imports."""
    colours.register("red")(int)
    colours.register("red")(int)  # the same once more is no conflict
    with pytest.raises(ValueError, match="colour 'red' is already registered"):
        colours.register("red")(float)


def test_unknown_name_suggests_the_nearest(colours):
    """A typing error ends in a suggestion and the list of names."""
    with pytest.raises(UnknownNameError, match="no colour named 'taw'; did you mean 'tau'") as caught:
        colours.get("taw")
    assert caught.value.nearest == "tau"
    assert caught.value.known == ("pi", "tau")


def test_no_suggestion_where_nothing_is_near(colours):
    """A wild guess is worse than none."""
    with pytest.raises(UnknownNameError) as caught:
        colours.get("xxxxxxxx")
    assert caught.value.nearest is None
    assert "did you mean" not in str(caught.value)


def test_installed_packages_add_components(colours, monkeypatch):
    """Entry points of the group are listed, and loaded on use."""

    class Point:
        name = "plugged"

        def load(self):
            return "loaded"

    asked = []

    def entry_points(*, group):
        asked.append(group)
        return [Point()]

    monkeypatch.setattr(registry_module.metadata, "entry_points", entry_points)
    assert colours.get("plugged") == "loaded"
    assert "plugged" in colours.names()
    assert asked == ["consolidate.tests.none"]
