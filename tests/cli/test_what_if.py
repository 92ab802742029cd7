"""``consolidate replay`` with idle VMs in storage and failing hosts."""

from __future__ import annotations


def test_further_arms_are_written_and_verified(consolidate, cloud, options, tmp_path):
    """One command for both, the numbers on the terminal, and a verdict; wrong options end with code 2."""
    run = tmp_path / "run"
    assert consolidate("run", cloud, "--out", run, *options, "--quiet").code == 0
    told = ("--park", "all", "--park-rule", "always", "--park-threshold", 0.3, "--park-after", 600)
    done = consolidate("replay", run, *told, "--mtbf-hours", 2, "--repair-hours", 0.2, "--quiet")
    assert done.code == 0, done.err
    assert "parked-failing: " in done.err + done.out
    assert "host failures" in done.err + done.out
    assert (run / "replay/parked-failing/stops.parquet").is_file()
    assert consolidate("report", run).code == 0
    assert consolidate("check", run).code == 0
    figures = (run / "figures.csv").read_text("utf-8")
    assert "parked_arm_parked_failing_vm_h" in figures
    assert "lost_work_arm_parked_failing_core_s" in figures

    both = consolidate("replay", run, "--failures", "f.csv", "--mtbf-hours", 2, "--quiet")
    assert both.code == 2
    assert "either a file or a mean time" in both.err
    for wrong in (("--park", "nobody"), ("--failures", tmp_path / "none.csv"), ("--mtbf-hours", 0)):
        assert consolidate("replay", run, *wrong, "--quiet").code == 2, wrong
    assert consolidate("replay", run, "--park", "all", "--park-after", 0, "--quiet").code == 2
