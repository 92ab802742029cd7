"""Placement problems from files, by the name of the format or of the file."""

from __future__ import annotations

import pytest

from consolidate.errors import InputError, UnknownNameError
from consolidate.inventory import INSTANCE_SOURCES, InstanceSource, read_instance
from consolidate.solvers import solve

VBP = """2
10 10
3
5 4 2
4 5 2
1 1 2
"""


@pytest.fixture
def packing(tmp_path):
    path = tmp_path / "tiny.vbp"
    path.write_text(VBP, encoding="utf-8")
    return path


def test_every_source_satisfies_the_protocol():
    """Names of the list lead to classes that read."""
    for name in INSTANCE_SOURCES:
        assert INSTANCE_SOURCES.get(name).name == name
        assert isinstance(INSTANCE_SOURCES.get(name)(), InstanceSource)


def test_the_format_is_found_from_the_name(packing):
    """Six new VMs; two large ones share a bin with two small ones."""
    instance = read_instance(packing)
    assert len(instance.vms) == 6
    assert (instance.current.host_of == -1).all()
    result = solve(instance)
    assert result.placement.used_hosts().size == 2
    assert result.status == "optimal"


def test_an_unclear_format_is_asked_for(packing, tmp_path):
    """The message lists what is known; a wrong name gets the nearest."""
    other = packing.rename(tmp_path / "tiny.txt")
    with pytest.raises(
        InputError, match="state it: btrplace, roadef-2012, tianchi-2018, vector-packing"
    ):
        read_instance(other)
    with pytest.raises(UnknownNameError, match="vector-packing"):
        read_instance(other, format="vector-packin")


def test_a_missing_file_is_named(tmp_path):
    """Before any format is asked."""
    with pytest.raises(InputError, match=r"nowhere\.vbp: there is no such"):
        read_instance(tmp_path / "nowhere.vbp")
