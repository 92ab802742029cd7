"""What htools read and print."""

import numpy as np
import pytest

from benchmarks.peers.ganeti import Hbal, Hsqueeze, cluster_text

HBAL_SAYS = """\
Loaded 3 nodes, 4 instances
Group size 3 nodes, 4 instances
Selected node group: default
Initial check done: 0 bad nodes, 0 bad instances.
Initial score: 2.62386521
Trying to minimize the CV...
    1. v0  h0 => h1 1.09810032 a=fa:h1
    2. v3  h1 => h2 0.80150121 a=fa:h2
    3. v0  h1 => h2 0.60150121 a=fa:h2
Cluster score improved from 2.62386521 to 0.60150121
Solution length=3
"""
HSQUEEZE_SAYS = """\
'Nodes to offline'
h1
h2
Commands to run:

  echo jobset 1, 2 jobs
    echo job 1/1
    gnt-instance migrate -f -n h0 v2
    echo job 1/2
    gnt-instance migrate -f -n h0 v3

  echo Tagging Commands
    gnt-node add-tags h1 htools:standby:auto

  echo Power Commands
    gnt-node power -f off h1
"""
CURRENT = np.array([0, 0, 1, 1], dtype=np.int32)


def test_the_steps_of_hbal_are_applied_in_order():
    host_of, note = Hbal()._read(HBAL_SAYS, CURRENT, "")
    assert host_of.tolist() == [2, 0, 1, 2]
    assert note == "3 steps"
    assert CURRENT.tolist() == [0, 0, 1, 1]


def test_the_steps_before_the_limit_count():
    cut = HBAL_SAYS[: HBAL_SAYS.index("    3.")]
    host_of, note = Hbal()._read(cut, CURRENT, "stopped after 60 s")
    assert host_of.tolist() == [1, 0, 1, 2]
    assert note == "stopped after 60 s: 2 steps so far"


def test_the_commands_of_hsqueeze_are_applied():
    host_of, note = Hsqueeze()._read(HSQUEEZE_SAYS, CURRENT, "")
    assert host_of.tolist() == [0, 0, 0, 0]
    assert note == "2 migrations in its plan"
    assert Hsqueeze()._read("", CURRENT, "stopped after 60 s") == (None, "stopped after 60 s")


def test_the_text_has_five_sections_with_one_empty_line_between(small):
    instance = small("flavor", vms=3, hosts=2, seed=1)
    groups, nodes, guests, *rest = cluster_text(instance).split("\n\n")
    free = instance.capacity - instance.usage(instance.current)
    assert groups == "default|g0|preferred||"
    cpu, memory = instance.capacity[1]
    assert nodes.splitlines()[1].split("|") == [
        "h1", str(memory), "0", str(free[1, 1]), "16777216", "16777216", str(cpu),
        "N", "g0", "1", "", "N", "0", "0", "1.0",
    ]  # fmt: skip
    assert [line.split("|")[7] for line in nodes.splitlines()] == ["M", "N"]
    assert [line.split("|")[3] for line in guests.splitlines()] == [str(n) for n in instance.need[:, 0]]
    # The section of the tags is empty: its line is missing, its separator is not.
    (policy,) = rest
    assert policy.startswith("\n|1,1,1,1,0,1|")
    assert "ext|1.0|" in policy


@pytest.mark.parametrize("tool", [Hbal(), Hsqueeze()], ids=["hbal", "hsqueeze"])
def test_cpu_is_not_oversold(small, tool):
    """The policy's ratio of vCPUs reaches the program: it is in a section that is easily misplaced."""
    if tool.available():
        pytest.skip(tool.available())
    instance = small("flavor", vms=40, hosts=5, seed=1)
    host_of = tool.place(instance, seed=0, limit_s=60).host_of
    used = np.zeros_like(instance.capacity)
    np.add.at(used, host_of, instance.need)
    assert (used <= instance.capacity).all()
