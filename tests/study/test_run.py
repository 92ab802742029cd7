"""One run from files to a folder: complete, repeatable, resumable, and harmless when it fails."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from consolidate.checks import check_run
from consolidate.engine import replay
from consolidate.errors import (
    InfeasibleError,
    InputError,
    UnsupportedError,
)
from consolidate.model import CarbonIntensity, Default, Site, TimeGrid
from consolidate.study import folder as run_folder
from consolidate.study import load, load_run, pipeline, prepare, run, write


def test_a_run_is_verified_from_end_to_end(finished):
    """Nobody believes the solver: the independent checks read the folder again."""
    verdict = check_run(finished.folder)
    assert verdict.ok, verdict.to_text()
    assert verdict.absent == ("report",)
    assert finished.result.worthwhile
    assert finished.consolidated.total_mj < finished.baseline.total_mj
    assert finished.plan.migrations
    assert {a.label for a in (finished.baseline, finished.consolidated)} == set(finished.emissions_g)


#: Files of runs with parked VMs, failing hosts, grams as the objective, or shifted work.
OPTIONAL = {
    "replay_bound.json",
    "replay_bound.parquet",
    "options.json",
    "replay/LABEL/options.json",
    "replay/LABEL/stops.parquet",
    "forecast.parquet",
    "shift_forecast.parquet",
    "shift.json",
}


def test_the_folder_holds_the_documented_files_and_no_other(clouds, finished):
    """The reference is the contract with whoever reads run folders."""
    reference = Path(__file__).parents[2] / "docs" / "reference" / "run-folder.md"
    documented = set(re.findall(r"`([\w./]+\.(?:json|parquet))`", reference.read_text("utf-8")))
    documented -= {"figures.json", "figures.parquet", "account.json", "account.parquet"}  # the report's
    documented -= OPTIONAL
    arms = {
        name.replace("LABEL", arm)
        for name in documented
        for arm in (("baseline", "consolidated") if "LABEL" in name else ("",))
    }
    assert set(clouds.tree(finished.folder, without=())) == arms


def test_the_cloud_has_arrivals_and_departures(finished):
    """Otherwise the end-to-end tests would leave the half of the engine alone that users need."""
    alive = finished.trace.alive[:, finished.manifest["windows"]["replay"][0] :]
    assert (~alive[:, 0] & alive[:, -1]).any()
    assert (alive[:, 0] & ~alive[:, -1]).any()
    assert finished.instance.rules


# -- what is written is what is read ---------------------------------------------------------------


def test_the_instance_comes_back(cloud, clouds, tmp_path):
    """Everything that a later stage reads is that which the solver was given."""
    prepared = prepare(clouds.config(cloud))
    write.write_json(tmp_path / "manifest.json", prepared.manifest())
    result = pipeline.solve(prepared.instance, "ffd")
    write.write_instance(tmp_path, prepared.trace, prepared.instance, 0.01)
    write.write_result(tmp_path, prepared.instance, result)
    read = load.load_instance(tmp_path)
    # The manifest lists what was assumed for instance and fleet together.
    fleet = replace(prepared.instance.fleet, defaults=())
    defaults = (*prepared.instance.defaults, *prepared.instance.fleet.defaults)
    assert clouds.differences(read, replace(prepared.instance, fleet=fleet, defaults=defaults)) == []
    assert clouds.differences(load.load_trace(tmp_path), prepared.trace) == []
    assert clouds.differences(load.load_result(tmp_path), replace(result, runtime_s=0.0)) == []


def test_plan_and_replays_come_back(cloud, clouds, finished, tmp_path):
    """Both arms, replayed again from the nouns in memory, are those that were written."""
    prepared = prepare(clouds.config(cloud))
    made = pipeline.plan(prepared.instance, finished.result.placement)
    assert clouds.differences(finished.plan, made) == []
    for written, what in ((finished.baseline, prepared.instance.current), (finished.consolidated, made)):
        arm = replay(
            prepared.replayed,
            prepared.instance.fleet,
            what,
            label=written.label,
            rules=prepared.instance.rules,
        )
        found = clouds.differences(written, arm)
        # The folder keeps no data volume, rate, number or purpose of a move that was made.
        lost = ("id", "moved_mib", "rate_mib_per_s", "parking", "after")
        assert [d for d in found if d.split(":")[0].rpartition(".")[2] not in lost] == []
    assert finished.consolidated.moves


def test_carbon_comes_back(clouds, tmp_path):
    """An hourly and a constant site, with notes and all."""
    hours = TimeGrid(start=np.datetime64("2024-01-01"), step_s=3_600, n_steps=3)
    day = TimeGrid(start=np.datetime64("2024-01-01"), step_s=10_800, n_steps=1)
    found = (
        CarbonIntensity(
            grid=hours,
            g_per_kwh=np.array([10.5, 0.0, 99.25]),
            zone="A",
            kind="marginal",
            scope="direct",
            source="made up",
            estimated_fraction=0.25,
            notes=("one", "two"),
        ),
        CarbonIntensity(
            grid=day,
            g_per_kwh=np.array([7.0]),
            zone="B",
            kind="average",
            scope="life_cycle",
            source="made up",
        ),
    )
    write.write_carbon(tmp_path, found, {"baseline": 1.5})
    read, emissions = load.load_carbon(tmp_path)
    assert clouds.differences(read, found) == []
    assert emissions == {"baseline": 1.5}


def test_load_run_is_what_run_returned(clouds, finished):
    """Reading a folder must not depend on the session that wrote it."""
    assert clouds.differences(load_run(finished.folder), finished) == []


# -- the same again --------------------------------------------------------------------------------


def test_the_same_run_twice_gives_the_same_bytes(cloud, clouds, finished, tmp_path):
    """P2: every file but provenance.json, also when the input lies elsewhere."""
    moved = tmp_path / "elsewhere" / "data"
    moved.parent.mkdir()
    moved.symlink_to(cloud)
    again = run(clouds.config(moved), tmp_path / "run")
    assert clouds.tree(again.folder) == clouds.tree(finished.folder)
    assert (again.folder / "provenance.json").is_file()


def test_a_finished_run_is_taken_up_as_it_is(cloud, clouds, tmp_path):
    """The same command again reads, and solves nothing."""
    config = clouds.config(cloud)
    run(config, tmp_path / "run")
    before = clouds.tree(tmp_path / "run")
    calls = []
    run(config, tmp_path / "run", progress=lambda *a: calls.append(a[0]))
    assert clouds.tree(tmp_path / "run") == before
    assert calls == ["read data"]


@pytest.fixture
def broken_off(small, clouds, tmp_path, monkeypatch):
    """Break a run off at a write, go on with it, and compare it with one that was left in peace."""
    config = clouds.config(small)
    whole = clouds.tree(run(config, tmp_path / "whole").folder)
    real = Path.replace

    def at_write(k):
        count = 0

        def dies(self, target):
            nonlocal count
            count += 1
            if count > k:
                raise KeyboardInterrupt
            return real(self, target)

        out = tmp_path / f"run-{k}"
        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", dies)
            with pytest.raises(KeyboardInterrupt):
                run(config, out)
        # What was being written stays behind, as after a kill.
        assert any(path.name.endswith(".tmp") for path in out.rglob("*"))
        run(config, out)
        assert clouds.tree(out) == whole, f"broken off at write {k}"

    return at_write, len(whole) + 3  # provenance.json is written once for each of the three stages


@pytest.mark.parametrize("part", [0.0, 0.3, 0.6, 0.99])
def test_an_interrupted_run_goes_on_to_the_same_bytes(broken_off, part):
    """P3: whatever was being written when the run was killed."""
    at_write, writes = broken_off
    at_write(int(part * writes))


@pytest.mark.slow
def test_a_run_may_be_interrupted_at_any_write(broken_off):
    """P3, for every write in turn; the writes are all there are."""
    at_write, writes = broken_off
    assert writes > 25
    for k in range(writes):
        at_write(k)
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        at_write(writes)


@pytest.mark.parametrize("stage", ["solve", "plan", "replay"])
def test_a_stage_that_fails_leaves_the_stages_before_it(small, clouds, tmp_path, monkeypatch, stage):
    """An error in the middle is no reason to solve again."""
    config, out = clouds.config(small), tmp_path / "run"

    def breaks(*_, **__):
        raise RuntimeError(stage)

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, stage, breaks)
        with pytest.raises(RuntimeError, match=stage):
            run(config, out)
    assert (out / "result.json").exists() == (stage != "solve")
    assert (out / "plan.parquet").exists() == (stage == "replay")
    assert out.exists() == (stage != "solve")
    run(config, out)
    assert clouds.tree(out) == clouds.tree(run(config, tmp_path / "whole").folder)


# -- kinds of runs ---------------------------------------------------------------------------------


def test_hindsight_is_labelled(small, clouds, tmp_path):
    """A run that knew the future must say so wherever it is read."""
    done = run(clouds.config(small, hindsight=True), tmp_path / "run")
    assert done.instance.hindsight
    assert done.manifest["trace"]["hindsight"] is True
    windows = done.manifest["windows"]
    assert windows["sizing"] == windows["replay"] == [9, 36]
    assert "--hindsight" in done.manifest["command"]
    assert check_run(tmp_path / "run").ok
    honest = run(clouds.config(small), tmp_path / "honest")
    assert honest.manifest["trace"]["hindsight"] is False
    assert honest.manifest["windows"] == {"sizing": [0, 9], "replay": [9, 36]}


def test_nothing_worth_doing_is_a_success(small, clouds, tmp_path):
    """An empty plan, two equal arms, and a sentence why."""
    done = run(clouds.config(small, min_saving_fraction=0.99), tmp_path / "run")
    assert not done.result.worthwhile
    assert "the stated minimum is 99.00%" in done.result.message
    assert done.plan.actions == ()
    assert done.baseline.energy_mj.tolist() == done.consolidated.energy_mj.tolist()
    assert check_run(tmp_path / "run").ok


def test_no_room_is_infeasible_and_writes_nothing(clouds, tmp_path):
    """Exit code 3, and who needs how much."""
    folder = clouds.write_cloud(tmp_path / "data", [(0, 36)] * 6, memory_mib=5_000)
    with pytest.raises(InfeasibleError) as caught:
        run(clouds.config(folder), tmp_path / "run")
    assert caught.value.exit_code == 3
    assert not (tmp_path / "run").exists()


def test_a_giant_vm_is_named(clouds, tmp_path):
    """It fits on no host, however empty."""
    folder = clouds.write_cloud(tmp_path / "data", [(0, 36)] * 2)
    table = folder / "vms.csv"
    table.write_text(table.read_text().replace("vm-1,2,2000,4000", "vm-1,2,2000,50000"))
    with pytest.raises(InfeasibleError, match=r"vm-1 needs .*memory_allocation_mib 50000") as caught:
        run(clouds.config(folder), tmp_path / "run")
    assert caught.value.vms == ("vm-1",)
    assert not (tmp_path / "run").exists()


def test_a_policy_that_cannot_honour_a_rule_is_refused(small, clouds, tmp_path):
    """Before anything is solved; the error names a policy that can."""
    small.joinpath("rules.toml").write_text('[[rule]]\nname = "spread"\nvms = ["vm-0", "vm-1"]\n')
    with pytest.raises(UnsupportedError, match="cp-sat"):
        run(clouds.config(small, policy="counts"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_vms_that_leave_while_they_move_are_accounted_for(clouds, tmp_path):
    """Moves of 1,400 s, of which one VM sees no more than 300: the checks must still agree."""
    lives = [(0, 24), (0, 24), (0, 7), (0, 7), (0, 24)]
    folder = clouds.write_cloud(tmp_path / "data", lives, memory=60_000, memory_mib=310_000, nic=1_000.0)
    done = run(clouds.config(folder), tmp_path / "run")
    assert done.consolidated.broken_off
    assert done.consolidated.service.skipped_migrations > 0
    read = load.load_replay(tmp_path / "run", "consolidated")
    assert len(read.broken_off) == len(done.consolidated.broken_off)
    verdict = check_run(tmp_path / "run")
    assert verdict.ok, verdict.to_text()


def test_a_plan_longer_than_the_replay_is_accounted_for(clouds, tmp_path):
    """The last move is cut off by the end: started, paid for, not made."""
    folder = clouds.write_cloud(
        tmp_path / "data", [(0, 20)] * 8, memory=90_000, memory_mib=750_000, nic=800.0
    )
    done = run(clouds.config(folder), tmp_path / "run")
    horizon = done.consolidated.grid.duration_s
    assert done.plan.makespan_s > horizon
    assert [m for m in done.consolidated.broken_off if m.end_s > horizon]
    verdict = check_run(tmp_path / "run")
    assert verdict.ok, verdict.to_text()


# -- small things ----------------------------------------------------------------------------------


def test_the_manifest_names_no_machine(cloud, finished):
    """Files without their folders, no host name, no time of day: other machines write the same."""
    text = (finished.folder / "manifest.json").read_text()
    assert str(cloud.parent) not in text
    assert json.loads(text)["options"]["trace"] == "data"
    assert finished.manifest["command"] == (
        "consolidate run data --fleet fleet.toml --rules rules.toml --policy ffd "
        "--iterations 20 --deterministic-seconds 0.1 --out RUN"
    )


def test_the_printed_command_repeats_the_run(cloud, clouds, finished, tmp_path, monkeypatch):
    """P7.4: one printed command; run where the files are, it writes the same bytes."""
    from click.testing import CliRunner

    from consolidate.cli.main import cli

    here = tmp_path / "here"
    here.mkdir()
    here.joinpath("data").symlink_to(cloud)
    for name in ("fleet.toml", "rules.toml"):
        here.joinpath(name).symlink_to(cloud / name)
    monkeypatch.chdir(here)
    words = finished.manifest["command"].split()[1:]
    words[0] = "solve"
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 0, result.output
    solved = clouds.tree(here / "RUN")
    assert solved == {name: clouds.tree(finished.folder)[name] for name in solved}


def test_writing_is_all_or_nothing(tmp_path, monkeypatch):
    """A reader never sees half a file."""
    path = tmp_path / "a" / "x.json"
    run_folder.write_json(path, {"a": np.int64(1), "b": frozenset({"y", "x"}), "c": "ä"})
    assert json.loads(path.read_text("utf-8")) == {"a": 1, "b": ["x", "y"], "c": "ä"}
    with pytest.raises(TypeError, match="cannot be written as JSON"):
        run_folder.write_json(path, {"a": object()})
    assert json.loads(path.read_text("utf-8"))["a"] == 1
    path.write_text("[1]")
    with pytest.raises(InputError, match="needs a JSON object"):
        run_folder.read_json(path)


def test_a_site_keeps_its_pue(small, clouds, tmp_path):
    """Written, read, and part of the instance."""
    done = run(clouds.config(small), tmp_path / "run")
    assert done.instance.fleet.sites == (
        Site(name="north", zone="SE"),
        Site(name="south", zone="PL", pue=1.5),
    )
    assert all(isinstance(d, Default) for d in done.instance.defaults)
