"""Every peer that is installed answers with a placement, or says why not; solvers equal brute force."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

import consolidate as cs
from benchmarks.peers import PEERS, Peer
from benchmarks.worker import _answer, _fault
from consolidate.model import Spread

OPTIMISERS = ["cp-sat-raw", "highs-raw", "highs-counts"]


def _feasible(instance):
    """Yield every feasible placement, slowly."""
    n_vms, n_hosts = len(instance.vms), instance.fleet.n_hosts
    for hosts in product(range(n_hosts), repeat=n_vms):
        placement = cs.Placement(host_of=np.array(hosts, dtype=np.int32))
        if (instance.usage(placement) <= instance.capacity).all():
            yield placement


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_says_what_it_is(name):
    peer = PEERS[name]
    assert isinstance(peer, Peer)
    assert peer.name == name
    for text in (peer.licence, peer.minimises, peer.translated, peer.lost, peer.install):
        assert text
    if peer.available() is None:
        assert peer.version()


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_places_everybody_or_is_reported(small, name):
    peer = PEERS[name]
    if peer.available():
        pytest.skip(peer.available())
    # Three sizes only, so that the arc-flow graph stays small.
    instance = small("flavor", vms=24, hosts=4, seed=5)
    sizes = np.array([[4_000, 7_168], [8_000, 32_768], [2_000, 4_096]])[np.arange(24) % 3]
    vms = replace(
        instance.vms,
        vcpus=sizes[:, 0] // 1_000,
        cpu_mcores=sizes[:, 0],
        memory_mib=sizes[:, 1],
    )
    instance = replace(instance, vms=vms, need=sizes, load_mcores=sizes[:, 0])
    assert peer.refuses(instance) is None
    placing = peer.place(instance, seed=1, limit_s=2.0)
    answer = _answer(instance, placing)
    assert placing.host_of is not None, placing.note
    assert placing.host_of.dtype == np.int32
    assert placing.host_of.shape == (24,)
    assert answer["fault"] == "" or "over memory" in answer["fault"]
    assert answer["wall_s"] > 0
    # A program that ends within milliseconds may not have been seen at all.
    assert answer["peak_mib"] is None or answer["peak_mib"] > 1
    if name in {"watcher", "hsqueeze", "vpsolver", "one-drs-like", *OPTIMISERS}:
        assert answer["hosts"] < 4, "it consolidates"


@pytest.mark.parametrize("name", OPTIMISERS)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_optimisers_equal_brute_force(small, name, seed):
    instance = small("big", vms=5, hosts=4, seed=seed)
    best_mj = min(instance.energy(p).total_mj for p in _feasible(instance))
    placing = PEERS[name].place(instance, seed=0, limit_s=20.0)
    found_mj = instance.energy(cs.Placement(host_of=placing.host_of)).total_mj
    # Whole joules and rounded milliwatts.
    assert best_mj <= found_mj <= best_mj + 4 * instance.objective.horizon_s + 10_000
    assert placing.bound_mj <= best_mj
    assert placing.bound_mj > 0.99 * best_mj


def test_one_drs_uses_the_fewest_hosts(small):
    peer = PEERS["one-drs-like"]
    if peer.available():
        pytest.skip(peer.available())
    instance = small("big", vms=6, hosts=4, seed=3)
    fewest = min(np.unique(p.host_of).size for p in _feasible(instance))
    assert np.unique(peer.place(instance, seed=0, limit_s=20.0).host_of).size == fewest


@pytest.mark.parametrize("name", PEERS)
def test_what_a_peer_cannot_be_told_is_refused(small, name):
    instance = small("flavor", vms=12, hosts=4, seed=5)
    ruled = replace(instance, rules=(Spread(vms=(0, 1)),))
    assert "rules" in PEERS[name].refuses(ruled)
    pinned = replace(instance, movable=np.arange(12) > 0)
    assert "cannot move" in PEERS[name].refuses(pinned)


def test_an_overfull_host_is_reported(small):
    instance = small("flavor", vms=100, hosts=10, seed=1)
    crowded = cs.Placement(host_of=np.zeros(100, dtype=np.int32))
    assert _fault(instance, instance.current) == ""
    said = _fault(instance, crowded)
    assert said == "1 hosts over cpu_demand_mcores, 1 hosts over memory_demand_mib"


def test_large_models_are_not_written_down(small):
    instance = small("flavor", vms=1_100, hosts=1_000, seed=1)
    for name in ("cp-sat-raw", "highs-raw", "one-drs-like"):
        assert "1,100,000 booleans" in PEERS[name].refuses(instance)
    assert PEERS["highs-counts"].refuses(instance) is None
