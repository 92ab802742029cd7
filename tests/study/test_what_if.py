"""Parking and failures in run folders: written, read back, verified, and refused when broken by hand."""

from __future__ import annotations

import json
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from consolidate.checks import check_run
from consolidate.errors import ConfigError, InputError, InstanceError
from consolidate.inventory.failures import read_failures
from consolidate.model import Failures, HostFailure, Parking
from consolidate.study import load
from consolidate.study.what_if import parked_vms, replay_what_if

ARM = "replay/parked-failing"
POLICY = Parking(threshold_fraction=0.2, after_s=900, rule="always", write_mib_per_s=100.0)


@pytest.fixture(scope="module")
def what_if(finished, tmp_path_factory):
    """A finished run with an arm in which VMs are parked and every host fails once."""
    folder = tmp_path_factory.mktemp("what-if") / "run"
    shutil.copytree(finished.folder, folder)
    n_hosts, horizon = finished.instance.fleet.n_hosts, finished.baseline.grid.duration_s
    failures = Failures(
        events=tuple(
            HostFailure(host=h, start_s=403 + h * horizon // n_hosts, duration_s=901)
            for h in range(n_hosts)
        ),
        restart_s=45,
        checkpoint_s=1_500,
    )
    return folder, replay_what_if(folder, parking=POLICY, failures=failures)


def test_the_arm_is_verified_and_does_what_matters(what_if):
    """An arm in which nothing happens would prove nothing."""
    folder, arm = what_if
    verdict = check_run(folder)
    assert verdict.ok, verdict.to_text()
    s = arm.service
    assert min(s.savings, s.restorations, s.parked_vm_s, s.parking_mj, s.vm_restarts) > 0
    assert min(s.lost_work_mcore_s, s.wake_delay_s, s.host_failures) > 0


def test_it_is_read_back_as_it_was(what_if):
    """Stops, options and service levels survive the folder; a second call with other options is refused."""
    folder, arm = what_if
    back = load.load_replay(folder, arm.label)
    assert back.stops == arm.stops
    assert back.service == arm.service
    assert back.options == arm.options
    with pytest.raises(InputError, match="other options"):
        replay_what_if(
            folder,
            parking=Parking(rule="always", after_s=900),
            failures=Failures(events=()),
        )
    with pytest.raises(ConfigError, match="parking or failures"):
        replay_what_if(folder)


def _rows(name, change):
    def broken(folder):
        path = folder / ARM / name
        table = pq.read_table(path)
        rows = table.to_pylist()
        change(rows)
        pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)

    return broken


def _json(name, change):
    def broken(folder):
        path = folder / ARM / name
        content = json.loads(path.read_text("utf-8"))
        change(content)
        path.write_text(json.dumps(content), "utf-8")

    return broken


def _stop(cause, **values):
    """Change the first completed stop of a cause; values are added."""

    def change(rows):
        row = next(r for r in rows if r["cause"] == cause and r["completed"])
        for key, by in values.items():
            row[key] = (not row[key]) if key == "completed" else row[key] + by

    return _rows("stops.parquet", change)


def _without(cause):
    def change(rows):
        del rows[next(i for i, r in enumerate(rows) if r["cause"] == cause)]

    return _rows("stops.parquet", change)


BROKEN = {
    "saving too short": (_stop("saving", end_s=-1), "V20.duration"),
    "restoring too short": (_stop("restoring", end_s=-1), "V20.duration"),
    "restart too long": (_stop("restarting", end_s=1), "V20.duration"),
    "saving of another size": (_stop("saving", image_mib=1), "V20.image"),
    "restoring that costs no CPU": (_stop("restoring", overhead_mcores=-420), "V20.image"),
    "saving while busy": (
        _json("options.json", lambda o: o["parking"].update(threshold_fraction=0.001)),
        "V20.idle",
    ),
    "saving of a VM that may not": (
        _json("options.json", lambda o: o["parking"].update(vms=[])),
        "V20.idle",
    ),
    "saving too early": (
        _json("options.json", lambda o: o["parking"].update(after_s=6_000)),
        "V20.idle",
    ),
    "woken late": (_stop("woken", start_s=1, end_s=1, asked_s=1), "V20.woken"),
    "never woken": (_without("woken"), "V20."),
    "restoring asked for later": (_stop("restoring", asked_s=1), "V20.order"),
    "saving left out": (_without("saving"), "V8.move"),
    "restoring left out": (_without("restoring"), "V20.order"),
    "restart left out": (_without("restarting"), "V20.order"),
    "VM of a failed host left out": (_without("failed"), "V20."),
    "work lost": (_stop("failed", lost_mcore_s=1), "V20.lost"),
    "checkpoints": (_json("options.json", lambda o: o["failures"].update(checkpoint_s=7)), "V20.lost"),
    "failure left out": (_json("options.json", lambda o: o["failures"]["events"].pop()), "V20.failed"),
    "failure that was not": (
        _json(
            "options.json",
            lambda o: o["failures"]["events"].append({"host": 0, "start_s": 5, "duration_s": 9}),
        ),
        "V20.failed",
    ),
    "no word of parking": (_json("options.json", lambda o: o.pop("parking")), "V20.options"),
    "no word of failures": (_json("options.json", lambda o: o.pop("failures")), "V20.options"),
    "strange cause": (_rows("stops.parquet", lambda rows: rows[0].update(cause="?")), "V0.value"),
    "no stops": (lambda folder: (folder / ARM / "stops.parquet").unlink(), "V0.missing"),
}
for _key in (
    "savings", "restorations", "parked_vm_s", "wake_delay_s", "longest_wake_delay_s", "parking_mj",
    "host_failures", "vm_restarts", "lost_work_mcore_s", "waiting_vm_s",
):  # fmt: skip
    BROKEN[f"service {_key}"] = (
        _json("service.json", lambda s, key=_key: s.update({key: s[key] + 1})),
        "V15.service",
    )


@pytest.mark.parametrize("name", BROKEN)
def test_broken_arms_are_refused_by_name(what_if, tmp_path, name):
    """Each lie is found, and under its own code."""
    change, code = BROKEN[name]
    shutil.copytree(what_if[0], tmp_path / "run")
    change(tmp_path / "run")
    codes = [v.code for v in check_run(tmp_path / "run").violations]
    assert any(c.startswith(code) for c in codes), codes
    if name.startswith("service"):
        assert set(codes) == {"V15.service"}


def test_names_of_parked_vms_are_known(finished):
    """A typing error is refused, not ignored."""
    name = finished.instance.vms.ids[3]
    assert parked_vms(finished.folder, name, POLICY).vms == (3,)
    assert parked_vms(finished.folder, "all", POLICY).vms is None
    with pytest.raises(ConfigError, match="nobody is no VM"):
        parked_vms(finished.folder, f"{name},nobody", POLICY)


def test_files_of_failures(finished, tmp_path):
    """Every problem names its line."""
    fleet, path = finished.instance.fleet, tmp_path / "failures.csv"
    host = fleet.host_ids[1]
    path.write_text(f"host_id,start_s,duration_s\n{host},30,600\n")
    assert read_failures(path, fleet).events == (HostFailure(host=1, start_s=30, duration_s=600),)
    for text, problem in (
        ("host,start_s\n", "line 1"),
        ("host_id,start_s,duration_s\nnowhere,1,1\n", "line 2: host_id"),
        (f"host_id,start_s,duration_s\n{host},1\n", "line 2: needs 3 values"),
        (f"host_id,start_s,duration_s\n{host},-1,1\n", "line 2: start_s"),
        (f"host_id,start_s,duration_s\n{host},1,0.5\n", "line 2: duration_s"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=problem):
            read_failures(path, fleet)
    path.write_text(f"host_id,start_s,duration_s\n{host},1,9\n{host},5,9\n")
    with pytest.raises(InstanceError, match="before it is repaired"):
        read_failures(path, fleet)
    with pytest.raises(InputError, match="cannot be read"):
        read_failures(tmp_path / "none.csv", fleet)
