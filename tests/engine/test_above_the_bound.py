"""Every replay lies above the clairvoyant bound, whatever its controller does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from consolidate.engine import replay
from consolidate.solvers.bounds.clairvoyant import replay_bound


@dataclass(frozen=True)
class AtSteps:
    """Hands out plans at the steps they are meant for."""

    plans: dict

    def decide(self, observation):
        return self.plans.get(observation.step)


def obeys(done, fleet):
    """Say whether every host was left as it had to be left."""
    host, state = done.host_states[:, 0], done.host_states[:, 1]
    fixed_on = fleet.powered_on & ~fleet.may_switch_off()
    fixed_off = ~fleet.powered_on & ~fleet.may_receive()
    return not ((state != 0) & fixed_on[host] | (state != 3) & fixed_off[host]).any()


def test_no_random_scene_is_below_its_bound(scenes):
    """Plans that fail, hosts that boot within a step, VMs that wait: all above, some by little."""
    ratios = []
    for seed in range(150):
        trace, fleet, current, plans, rules = scenes.random_scene(seed)
        done = replay(trace, fleet, AtSteps(plans), current=current, rules=rules)
        if obeys(done, fleet):
            ratios.append(replay_bound(trace, fleet, credit=done).value_mj / done.total_mj)
    assert len(ratios) > 80
    assert max(ratios) <= 1
    assert np.quantile(ratios, 0.9) > 0.75
