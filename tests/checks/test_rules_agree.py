"""The judge and the model state every rule apart from each other; on any placement they must agree."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from consolidate.checks.rules import broken_rules
from consolidate.model import Placement
from consolidate.study.judge import placement_case

RULES = (
    "among",
    "ban",
    "fence",
    "gather",
    "interference",
    "lonely",
    "max_online",
    "quarantine",
    "root",
    "split",
    "split_among",
    "spread",
)


@pytest.mark.parametrize("name", RULES)
def test_judge_and_model_agree(builders, name):
    """80 random placements: a rule is broken for both or for none, and both occur."""
    seen = set()
    for seed in range(80):
        rnd = Random(seed)
        instance = builders.random_instance(rnd, rules=(name,))
        hosts = range(-1, instance.fleet.n_hosts)
        host_of = [rnd.choice(hosts) for _ in instance.vms.ids]
        placement = Placement(host_of=np.array(host_of, dtype=np.int32))
        case = placement_case(instance, placement)
        judged = {label for label, _, _ in broken_rules(case, case.target)}
        for number, rule in enumerate(instance.rules):
            broken = bool(rule.violations(placement, instance=instance))
            assert (f"{name}[{number}]" in judged) == broken, seed
            seen.add(broken)
    assert seen == {False, True}
