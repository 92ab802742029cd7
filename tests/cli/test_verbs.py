"""Every verb, as a user types it."""

from __future__ import annotations

import csv
import io
import json

import pytest

from consolidate import __version__
from consolidate.cli.main import VERBS

ALL_VERBS = [*VERBS, "datasets list", "datasets fetch", "datasets generate"]


@pytest.mark.parametrize("verb", ALL_VERBS)
def test_help_of_every_verb(consolidate, verb):
    """One sentence on what it does, on standard output, with both spellings of the option."""
    done = consolidate(*verb.split(), "--help")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"Usage: consolidate {verb} ")
    assert consolidate(*verb.split(), "-h").out == done.out


def test_help_lists_every_verb_with_its_line(consolidate):
    """The list is written by hand, so that no verb has to be imported for it."""
    done = consolidate("--help")
    assert done.code == 0
    for verb, line in VERBS.items():
        assert f"  {verb}" in done.out
        assert line.split(",")[0].split(":")[0] in " ".join(done.out.split())
    # A summary that disagrees with the verb's own help would mislead.
    for verb in VERBS:
        assert len(consolidate(verb, "--help").out.splitlines()) > 4


def test_version(consolidate):
    """What a bug report starts with."""
    assert consolidate("--version").out == f"consolidate, version {__version__}\n"


def test_run_writes_a_verified_report(consolidate, cloud, options, tmp_path):
    """The whole chain: the verdict and the way to the page are printed, progress goes to stderr."""
    out = tmp_path / "run"
    done = consolidate("run", cloud, "--out", out, *options)
    assert done.code == 0, done.out + done.err
    assert "VERIFIED" in done.out.splitlines()
    assert done.out.splitlines()[-1] == f"report: {out / 'report.html'}"
    assert (out / "report.html").stat().st_size > 10_000
    assert [line.split()[0] for line in done.err.splitlines()][:1] == ["read"]
    assert "replay consolidated ..." in done.err.splitlines()
    assert "assumed (" in done.out
    assert "percentile = 95" in done.out


def test_run_prints_figures_as_json(consolidate, cloud, options, tmp_path):
    """For scripts: nothing but JSON on stdout, nothing on stderr when quiet."""
    out = tmp_path / "run"
    done = consolidate("run", cloud, "--out", out, *options, "--json", "--quiet")
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out) == json.loads((out / "figures.json").read_text("utf-8"))


def test_stages_one_by_one_give_what_run_gives(consolidate, cloud, options, tmp_path):
    """Solve, plan, replay, report, check: the same folder, each naming the next command."""
    whole, out = tmp_path / "a" / "RUN", tmp_path / "b" / "RUN"
    assert consolidate("run", cloud, "--out", whole, *options, "--quiet").code == 0
    done = consolidate("solve", cloud, "--out", out, *options, "--quiet")
    assert done.code == 0
    assert f"next: consolidate plan {out}" in done.out
    done = consolidate("plan", out, "--quiet")
    assert done.code == 0
    assert "migrations (" in done.out
    assert f"next: consolidate replay {out}" in done.out
    done = consolidate("replay", out, "--quiet")
    assert done.code == 0
    assert "baseline: " in done.out
    assert "% (modelled)" in done.out
    done = consolidate("report", out)
    assert done.code == 0
    assert f"{out / 'report.html'}" in done.out.splitlines()
    assert consolidate("check", out).code == 0
    files = sorted(p.relative_to(whole) for p in whole.rglob("*") if p.is_file())
    assert files == sorted(p.relative_to(out) for p in out.rglob("*") if p.is_file())
    for name in files:
        if name.name != "provenance.json":
            assert (whole / name).read_bytes() == (out / name).read_bytes(), name


def test_json_of_solve_plan_and_check(consolidate, cloud, options, tmp_path):
    """What a script reads must parse, and say what the folder says."""
    out = tmp_path / "run"
    solved = consolidate("solve", cloud, "--out", out, *options, "--json", "--quiet")
    assert json.loads(solved.out)["policy"] == "ffd"
    planned = consolidate("plan", out, "--json", "--quiet")
    actions = [json.loads(line) for line in planned.out.splitlines()]
    assert {a["kind"] for a in actions} <= {"boot", "migration", "shutdown"}
    assert actions
    consolidate("replay", out, "--quiet")
    checked = consolidate("check", out, "--json")
    assert (checked.code, json.loads(checked.out)["violations"]) == (0, [])


def test_a_tampered_run_fails_its_check(consolidate, cloud, options, tmp_path):
    """Exit code 4, and the sentence that says what does not hold."""
    out = tmp_path / "run"
    assert consolidate("run", cloud, "--out", out, *options, "--quiet").code == 0
    service = out / "replay" / "consolidated" / "service.json"
    about = json.loads(service.read_text())
    about["unmet_mcore_s"] += 1
    service.write_text(json.dumps(about))
    done = consolidate("check", out)
    assert done.code == 4
    assert "unmet_mcore_s is stated as" in done.out
    assert consolidate("check", out, "--json").code == 4
    # The same command finds the folder complete, and still does not call it verified.
    again = consolidate("run", cloud, "--out", out, *options, "--quiet", "--json")
    assert again.code == 4
    assert "unmet_mcore_s" in again.err


def test_report_elsewhere(consolidate, cloud, options, tmp_path):
    """--out puts the page where it is wanted and leaves the run as it is."""
    out, page = tmp_path / "run", tmp_path / "page"
    for verb in (("solve", cloud, "--out", out, *options), ("plan", out), ("replay", out)):
        assert consolidate(*verb, "--quiet").code == 0
    assert consolidate("report", out, "--out", page).code == 0
    assert (page / "report.html").is_file()
    assert not (out / "report.html").exists()


def test_export(consolidate, cloud, options, tmp_path):
    """The plan for another system; without a plan, or for an unknown system, no file."""
    out, file = tmp_path / "run", tmp_path / "plan.txt"
    assert consolidate("solve", cloud, "--out", out, *options, "--quiet").code == 0
    early = consolidate("export", out, "--to", "watcher", "--out", file)
    assert (early.code, file.exists()) == (2, False)
    assert "plan.parquet" in early.err
    assert consolidate("plan", out, "--quiet").code == 0
    unknown = consolidate("export", out, "--to", "watchr", "--out", file)
    assert (unknown.code, file.exists()) == (2, False)
    assert "did you mean 'watcher'?" in unknown.err
    done = consolidate("export", out, "--to", "watcher", "--out", file)
    assert (done.code, done.out) == (0, f"{file}\n")
    assert file.stat().st_size > 100


def test_replay_with_other_intensities(consolidate, cloud, options, tmp_path):
    """A what-if on the same replays; nonsense is refused before anything changes."""
    out = tmp_path / "run"
    assert consolidate("run", cloud, "--out", out, *options, "--quiet").code == 0
    first = json.loads((out / "carbon.json").read_text())["emissions_g"]["baseline"]
    assert consolidate("replay", out, "--carbon", "0", "--quiet").code == 0
    assert json.loads((out / "carbon.json").read_text())["emissions_g"]["baseline"] == 0.0 < first
    assert consolidate("replay", out, "--carbon", "Atlantis", "--quiet").code == 2


def test_compare_prints_a_table(consolidate, cloud, options):
    """Numbers in columns, the baseline first."""
    given = [o for o in options if o not in ("--policy", "ffd")]
    done = consolidate("compare", cloud, *given, "--policies", "ffd,bfd", "--quiet")
    assert (done.code, done.err) == (0, "")
    header, *rows = (line.split() for line in done.out.splitlines())
    assert header[:3] == ["policy", "seed", "energy_kwh"]
    assert "carbon_kg" in header
    assert [row[0] for row in rows] == ["do-nothing", "ffd", "bfd"]


def test_compare_prints_csv(consolidate, cloud, options):
    """Every column, for a spreadsheet; the carbon that was asked for."""
    given = [o for o in options if o not in ("--policy", "ffd")]
    args = ("compare", cloud, *given, "--policies", "ffd", "--seeds", "0,1", "--csv", "--quiet")
    done = consolidate(*args, "--carbon", "1000")
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert [row["policy"] for row in rows] == ["do-nothing", "ffd", "ffd"]
    for row in rows:
        assert float(row["carbon_kg"]) == pytest.approx(float(row["energy_kwh"]))


def test_compare_honours_the_options_of_a_run(consolidate, cloud, options):
    """An option that is accepted and ignored gives wrong answers; policies are its own affair."""
    given = [o for o in options if o not in ("--policy", "ffd")]
    args = ("compare", cloud, *given, "--policies", "ffd", "--csv", "--quiet")
    done = consolidate(*args, "--min-saving", "0.999")
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert rows[1]["energy_kwh"] == rows[0]["energy_kwh"]
    assert consolidate(*args, "--policy", "bfd").code == 2
    assert consolidate(*args, "--seed", "1").code == 2
    assert "--seeds: needs whole numbers" in consolidate(*args, "--seeds", "a").err


def test_inspect(consolidate, cloud, tidy):
    """What it is, in words and as JSON; a wrong file is described, not thrown back."""
    done = consolidate("inspect", cloud)
    assert (done.code, done.err) == (0, "")
    assert "tidy" in done.out
    assert json.loads(consolidate("inspect", cloud, "--json").out)
    spoiled = tidy / "trace.csv"
    spoiled.write_text(spoiled.read_text() + "2024-03-05T02:00:00Z,vm-0,nan,1\n")
    done = consolidate("inspect", tidy)
    assert "Traceback" not in done.out + done.err
    assert "line 50" in done.out


def test_datasets(consolidate, tmp_path):
    """The catalogue is listed; a generated cloud can be run as the command says."""
    listed = consolidate("datasets", "list")
    assert listed.code == 0
    assert len(listed.out.splitlines()) > 5
    out = tmp_path / "cloud"
    done = consolidate("datasets", "generate", "--vms", 20, "--days", 0.1, "--out", out)
    assert done.code == 0
    assert f"next: consolidate run {out} --fleet {out}/fleet.toml --rules {out}/rules.toml" in done.out
    assert {"trace.parquet", "vms.csv", "fleet.toml", "rules.toml"} <= {p.name for p in out.iterdir()}


def test_fetch_prints_where_it_put_the_data(consolidate, tmp_path, monkeypatch):
    """The tests use no network; the verb is only asked to pass on what it is given."""
    from consolidate import datasets

    monkeypatch.setattr(datasets, "fetch", lambda name, out: f"{out}/{name}.csv")
    assert consolidate("datasets", "fetch", "x", "--out", tmp_path).out == f"{tmp_path}/x.csv\n"


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("policies", "drain"),
        ("formats", "planetlab"),
        ("fleets", "planetlab-16gib"),
        ("rules", "spread"),
        ("servers", "hp-ml110-g4"),
        ("zones", "DE"),
        ("sizings", "percentile"),
        ("power-models", "linear"),
    ],
)
def test_lists(consolidate, kind, name):
    """One name a line, so that it can be piped; every name has been looked up."""
    done = consolidate("list", kind)
    assert (done.code, done.err) == (0, "")
    names = [line.split()[0] for line in done.out.splitlines()]
    assert name in names
    assert len(names) == len(set(names))


def test_doctor(consolidate):
    """Every part that can be missing is tried, not only listed."""
    done = consolidate("doctor")
    assert done.code == 0
    assert done.out.splitlines()[-1] == "everything works"
    assert "ortools" in done.out


def test_doctor_says_what_is_broken(consolidate, monkeypatch):
    """Exit code 1, and the part by name."""
    from consolidate.cli import doctor_command

    def broken():
        raise ImportError("no wheel")

    monkeypatch.setattr(doctor_command, "_cp_sat", broken)
    done = consolidate("doctor")
    assert done.code == 1
    assert "FAILED CP-SAT: ImportError: no wheel" in done.out


def test_demo(consolidate, tmp_path, monkeypatch):
    """One command from nothing to a verified report, and again without harm."""
    from consolidate import study
    from consolidate.solvers import Budget
    from consolidate.study import RunConfig

    def quick(**given):
        return RunConfig(**given, policy="ffd", budget=Budget(iterations=20, deterministic_s=0.1))

    monkeypatch.setattr(study, "RunConfig", quick)
    out = tmp_path / "demo"
    args = ("demo", "--out", out, "--vms", 16, "--days", 0.2)
    done = consolidate(*args)
    assert done.code == 0, done.out + done.err
    assert "VERIFIED" in done.out
    files = {p: p.read_bytes() for p in out.rglob("*") if p.is_file() and p.name != "provenance.json"}
    assert consolidate(*args).code == 0
    other = consolidate(*args, "--seed", 1)
    assert other.code == 2
    assert "holds other data" in other.err
    assert {p: p.read_bytes() for p in files} == files
