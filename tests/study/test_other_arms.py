"""Further arms of a run: the same trace, another way, and an account of each."""

from __future__ import annotations

import shutil

import pytest

from consolidate.checks import check_run
from consolidate.errors import ConfigError, UnknownNameError
from consolidate.study import load, load_run
from consolidate.study.other_arms import replay_others, without_shutdowns
from consolidate.study.pipeline import replay_stage


@pytest.fixture
def folder(finished, tmp_path):
    return shutil.copytree(finished.folder, tmp_path / "run")


def test_the_plan_with_nothing_switched_off_keeps_every_host_on(folder):
    """What packing alone saves: the moves are made, no host is ever off."""
    plan = load.load_plan(folder)
    assert plan.shutdowns
    kept = without_shutdowns(plan)
    assert not kept.shutdowns
    assert [m.vm for m in kept.migrations] == [m.vm for m in plan.migrations]
    arm = replay_others(folder, ["without-off"])["without-off"]
    assert arm.hosts_on.min() == load_run(folder).baseline.hosts_on.min()
    assert arm.service.migrations == load_run(folder).consolidated.service.migrations
    assert arm.total_mj > load_run(folder).consolidated.total_mj


def test_arms_are_accounted_for_and_verified(folder):
    """The checks judge every arm, and other intensities reach every arm as well."""
    replay_others(folder, ["ffd"])
    assert set(load_run(folder).emissions_g) == {"baseline", "consolidated", "ffd"}
    assert check_run(folder).ok
    replay_stage(folder, carbon="100")
    run = load_run(folder)
    assert run.emissions_g["ffd"] == pytest.approx(100 * run.others["ffd"].energy_kwh)
    assert check_run(folder).ok


def test_wrong_names_change_nothing(folder):
    """Names are looked up before anything is replayed."""
    for names, error in (
        (["ffd", "baseline"], ConfigError),
        (["ffd", "fdf"], UnknownNameError),
    ):
        with pytest.raises(error):
            replay_others(folder, names)
    assert sorted(p.name for p in (folder / "replay").iterdir()) == ["baseline", "consolidated"]
