"""What goes wrong: a sentence on stderr, the right exit code, nothing written."""

from __future__ import annotations

import gzip
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import click
import pytest


def refused(done, *parts, code=2):
    assert done.code == code, done.out + done.err
    assert done.out == ""
    assert "Traceback" not in done.err
    for part in parts:
        assert part in done.err, done.err


# -- the command itself ----------------------------------------------------------------------------


def test_an_unknown_command_gets_a_hint(consolidate):
    """The nearest verb, when one is near."""
    refused(consolidate("rnu", "x"), "No such command 'rnu'. Did you mean 'run'?")
    done = consolidate("zzyzx")
    refused(done, "No such command 'zzyzx'.")
    assert "Did you mean" not in done.err


@pytest.mark.parametrize(
    "args",
    [
        ("run",),
        ("run", "x"),
        ("run", "x", "--out", "y", "--iterations", "many"),
        ("run", "x", "--out", "y", "--carbon-scope", "all"),
        ("run", "x", "--out", "y", "--colour", "red"),
        ("list",),
        ("list", "spoons"),
        ("datasets", "generate"),
        ("datasets", "generate", "--out", "y", "--seed", "-1"),
        ("--colour",),
    ],
    ids=" ".join,
)
def test_wrong_usage(consolidate, args, tmp_path, monkeypatch):
    """Exit code 2 with the usage, and nothing in the folder."""
    monkeypatch.chdir(tmp_path)
    refused(consolidate(*args), "Usage: consolidate", "Error: ")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (("--percentile", "200"), "at most 100, got 200"),
        (("--sizing-fraction", "nan"), "sizing_fraction: needs"),
        (("--sizing-fraction", "0.001"), "nothing to size on"),
        (("--cpu-limit", "1.5"), "cpu_limit_fraction: needs"),
        (("--min-saving", "-1"), "min_saving_fraction: needs"),
        (("--iterations", "-5"), "budget.iterations: needs 0 or more"),
        (("--deterministic-seconds", "nan"), "budget.deterministic_s: needs a finite number"),
        (("--deterministic-seconds", "inf"), "budget.deterministic_s: needs a finite number"),
        (("--time-limit", "0"), "budget.time_limit_s: needs more than 0"),
        (("--time-limit", "nan"), "budget.time_limit_s: needs a finite number"),
        (("--seed", "-1"), "seed: needs 0 or more"),
        (("--redate", "0"), "redate_year: needs a year from 1 to 9999"),
        (("--redate", "2023"), "redate_year: moves the trace to another year of an intensity file"),
        (("--carbon", "-5"), "-5"),
        (("--carbon", "nan"), "'nan'"),
        (("--carbon", "/"), "/: cannot be read"),
        (("--reader", "colour"), "--reader: needs KEY=VALUE, got 'colour'"),
        (("--reader", "colour=red"), "colour"),
        (("--reader", "path=x"), "'path' is an option of the command"),
        (("--reader", "format=x"), "'format' is an option of the command"),
        (("--repair", "everything"), "no repair named 'everything'"),
        (("--format", "planetlabb"), "did you mean 'planetlab'?"),
        (("--policy", "drian"), "did you mean 'drain'?"),
        (("--fleet", "planetlab-16gb"), "did you mean 'planetlab-16gib'?"),
        (("--rules", "/nowhere.toml"), "/nowhere.toml"),
        (("--placement", "/nowhere.csv"), "/nowhere.csv"),
    ],
    ids=lambda x: " ".join(x) if isinstance(x, tuple) else "",
)
def test_wrong_values_of_options(consolidate, cloud, options, tmp_path, option, message):
    """The option, the value or the limit is named, and no folder is left."""
    out = tmp_path / "run"
    refused(consolidate("run", cloud, "--out", out, *options, "--quiet", *option), "error: ", message)
    assert not out.exists()


@pytest.mark.parametrize("out", ["{file}", "{file}/run", "/proc/run", "{full}"])
def test_a_run_folder_that_cannot_be(consolidate, cloud, options, tmp_path, out):
    """A file, below a file, where nobody may write, or full of something else."""
    file, full = tmp_path / "file", tmp_path / "full"
    file.write_text("mine")
    full.mkdir()
    full.joinpath("thesis").write_text("mine")
    out = out.format(file=file, full=full)
    refused(consolidate("run", cloud, "--out", out, *options, "--quiet"), "error: ", Path(out).name)
    assert file.read_text() == "mine"
    assert [p.name for p in full.iterdir()] == ["thesis"]


@pytest.mark.parametrize("verb", ["plan", "replay", "report", "check"])
def test_a_run_folder_that_is_not_there(consolidate, tmp_path, verb):
    """A verb on a run says that there is none, and makes none."""
    refused(consolidate(verb, tmp_path / "none"), "error: ", str(tmp_path / "none"))
    assert not (tmp_path / "none").exists()


def test_stages_out_of_order_name_the_missing_one(consolidate, cloud, options, tmp_path):
    """What to run is part of the message."""
    out = tmp_path / "run"
    assert consolidate("solve", cloud, "--out", out, *options, "--quiet").code == 0
    before = sorted(out.rglob("*"))
    refused(consolidate("replay", out, "--quiet"), f"run: consolidate plan {out}")
    refused(consolidate("report", out), f"run: consolidate plan {out}")
    assert sorted(out.rglob("*")) == before


def test_a_run_with_other_options_is_not_overwritten(consolidate, cloud, options, tmp_path):
    """The folder keeps the run that it holds."""
    out = tmp_path / "run"
    assert consolidate("solve", cloud, "--out", out, *options, "--quiet").code == 0
    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    done = consolidate("run", cloud, "--out", out, *options, "--seed", "7", "--quiet")
    refused(done, "other inputs, options or version", "another folder")
    assert {p: p.read_bytes() for p in out.rglob("*") if p.is_file()} == before


# -- bad input -------------------------------------------------------------------------------------


def spoil(path: Path, line: int, old: str, new: str) -> None:
    lines = path.read_text().splitlines(keepends=True)
    assert old in lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(old, new, 1)
    path.write_text("".join(lines))


#: Old and new text of a line of the table, and what the message has to say besides file and line.
BAD_ROWS = {
    "ragged, short": (",2048", "", "fields"),
    "ragged, long": (",2048", ",2048,9", "fields"),
    "nan": (",104,", ",nan,", "nan"),
    "infinite": (",104,", ",inf,", "inf"),
    "negative": (",104,", ",-104,", "-104"),
    "no number": (",104,", ",many,", "many"),
    "empty": (",104,", ",,", "cpu_mcores"),
    "unknown VM": ("vm-1", "vm-7", "vm-7"),
    "no time": ("2024-03-05T00:20:00Z", "tea time", "tea time"),
}


@pytest.mark.parametrize("case", BAD_ROWS)
def test_bad_rows_are_refused_with_file_and_line(consolidate, tidy, tmp_path, case):
    """P5: where it is and what it is; nothing repaired in silence, no folder."""
    old, new, said = BAD_ROWS[case]
    line = 11
    spoil(tidy / "trace.csv", line, old, new)
    out = tmp_path / "run"
    started = time.perf_counter()
    done = consolidate("run", tidy, "--out", out, "--quiet")
    refused(done, "error: ", "trace.csv", f"line {line}", said)
    assert time.perf_counter() - started < 5
    assert not out.exists()


def test_the_correct_table_is_not_refused(consolidate, tidy, tmp_path):
    """Otherwise the table above would show nothing."""
    args = ("--policy", "ffd", "--deterministic-seconds", "0.1", "--quiet")
    done = consolidate("run", tidy, "--out", tmp_path / "run", *args)
    assert done.code == 0, done.err
    assert "VERIFIED" in done.out


@pytest.mark.parametrize(
    ("text", "said"),
    [("101", "101"), ("-1", "-1"), ("nan", "nan"), ("", "''"), ("7.5", "7.5"), ("seven", "seven")],
)
def test_bad_percentages_are_refused(consolidate, planetlab, tmp_path, text, said):
    """PlanetLab's whole percent: over 100, negative, or none at all."""
    lines = ["7"] * 288
    lines[41] = text
    planetlab.joinpath("b").write_text("\n".join(lines) + "\n")
    done = consolidate("run", planetlab, "--out", tmp_path / "run", "--quiet")
    refused(done, "error: ", "20110303", "b", "line 42", said)
    assert not (tmp_path / "run").exists()


def test_a_missing_file(consolidate, tmp_path):
    """By the name that was given."""
    done = consolidate("run", tmp_path / "none.csv", "--out", tmp_path / "run", "--quiet")
    refused(done, "none.csv")
    assert not (tmp_path / "run").exists()


def test_an_empty_folder_and_an_empty_file(consolidate, tmp_path):
    """Nothing to read is said, with what was looked for."""
    empty = tmp_path / "empty"
    empty.mkdir()
    refused(consolidate("run", empty, "--out", tmp_path / "run", "--quiet"), str(empty))
    nothing = tmp_path / "trace.csv"
    nothing.touch()
    refused(consolidate("run", nothing, "--out", tmp_path / "run", "--quiet"), "trace.csv")
    assert not (tmp_path / "run").exists()


def test_truncated_archives(consolidate, planetlab, tidy, tmp_path):
    """A download that broke off, packed three ways."""
    archive = tmp_path / "20110303.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(planetlab, arcname="20110303")
    packed = tmp_path / "packed" / "trace.csv.gz"
    packed.parent.mkdir()
    packed.parent.joinpath("vms.csv").write_bytes((tidy / "vms.csv").read_bytes())
    packed.write_bytes(gzip.compress((tidy / "trace.csv").read_bytes()))
    for path, given in ((archive, archive), (packed, packed.parent)):
        path.write_bytes(path.read_bytes()[:-60])
        done = consolidate("run", given, "--out", tmp_path / "run", "--quiet")
        refused(done, "error: ", path.name)
        assert not (tmp_path / "run").exists()


def test_a_truncated_parquet_file(consolidate, cloud, tmp_path):
    """Parquet keeps its index at the end, so a cut file has none."""
    folder = tmp_path / "data"
    folder.mkdir()
    for path in cloud.iterdir():
        folder.joinpath(path.name).write_bytes(path.read_bytes())
    table = folder / "trace.parquet"
    table.write_bytes(table.read_bytes()[:-100])
    done = consolidate("run", folder, "--out", tmp_path / "run", "--quiet")
    refused(done, "error: ", "trace.parquet")
    assert not (tmp_path / "run").exists()


def test_a_giant_vm_is_infeasible(consolidate, cloud, options, tmp_path):
    """Exit code 3: the input is fine, the wish is not; who, how much, and what there is."""
    folder = tmp_path / "data"
    folder.mkdir()
    for path in cloud.iterdir():
        folder.joinpath(path.name).write_bytes(path.read_bytes())
    vms = folder / "vms.csv"
    lines = vms.read_text().splitlines()
    name, vcpus, cpu, _, *rest = lines[1].split(",")
    lines[1] = ",".join([name, vcpus, cpu, "99000000", *rest])
    vms.write_text("\n".join(lines) + "\n")
    done = consolidate("run", folder, "--out", tmp_path / "run", *options, "--quiet")
    refused(done, name, "99000000", "largest host", code=3)
    assert not (tmp_path / "run").exists()


def test_a_policy_without_the_rule_names_one_with_it(consolidate, tidy, tmp_path):
    """Refused up front instead of ignoring the rule."""
    rules = tidy / "rules.toml"
    rules.write_text('[[rule]]\nname = "spread"\nvms = ["vm-0", "vm-1"]\n')
    args = ("--policy", "counts", "--rules", rules, "--quiet")
    refused(consolidate("run", tidy, "--out", tmp_path / "run", *args), "spread", "cp-sat")


# -- ends that nobody wants ------------------------------------------------------------------------


def test_interrupting_says_how_to_go_on(consolidate, cloud, monkeypatch):
    """Ctrl-C is no crash."""
    from consolidate import traces

    def tired(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(traces, "inspect_trace", tired)
    done = consolidate("inspect", cloud)
    assert done.code == 130
    assert "the same command goes on from there" in done.err


def test_a_full_disk_is_said_and_not_a_crash(consolidate, cloud, options, tmp_path, monkeypatch):
    """The operating system's own words, exit code 2."""
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
    done = consolidate("solve", cloud, "--out", tmp_path / "run", *options, "--quiet")
    refused(done, "No space left")


def test_a_closed_pipe_is_no_error(monkeypatch):
    """``consolidate list servers | head -1`` must not end in a traceback."""
    code = "import sys; from consolidate.cli.main import main\nmain(['list', 'servers'])"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.close()
        said = process.stderr.read()
    assert b"Traceback" not in said, said.decode()


def test_a_bug_of_ours_keeps_its_traceback(monkeypatch):
    """What nobody foresaw must not be dressed up as the user's mistake."""

    @click.command()
    def broken():
        raise ZeroDivisionError

    # The package has a function of that name, so the module is asked for by its place.
    module = sys.modules["consolidate.cli.main"]
    monkeypatch.setattr(module, "cli", broken)
    with pytest.raises(ZeroDivisionError):
        module.main([])
