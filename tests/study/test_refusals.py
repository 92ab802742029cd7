"""What a run refuses: folders in the way, bad input, stages that are missing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from consolidate.errors import (
    ConfigError,
    InputError,
    UnknownNameError,
)
from consolidate.study import load_run, pipeline, run


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 1}, "other inputs, options or version"),
        ({"percentile": 90.0}, "other inputs, options or version"),
        ({"carbon": "100"}, "other inputs, options or version"),
        ({"policy": "bfd"}, "other inputs, options or version"),
    ],
)
def test_a_run_with_other_options_is_refused(small, clouds, tmp_path, change, message):
    """Two runs must never be mixed in one folder."""
    config, out = clouds.config(small), tmp_path / "run"
    run(config, out)
    before = clouds.tree(out, without=())
    with pytest.raises(InputError, match=message):
        run(replace(config, **change), out)
    assert clouds.tree(out, without=()) == before


def test_a_run_with_other_data_of_the_same_name_is_refused(small, clouds, tmp_path):
    """The hash of the input counts, not its name."""
    out = tmp_path / "run"
    run(clouds.config(small), out)
    before = clouds.tree(out, without=())
    table = small / "trace.csv"
    table.write_text(table.read_text().replace(",400,", ",401,"))
    with pytest.raises(InputError, match="other inputs"):
        run(clouds.config(small), out)
    assert clouds.tree(out, without=()) == before


def test_a_folder_with_something_else_is_refused(small, clouds, tmp_path):
    """Somebody's documents stay as they are."""
    out = tmp_path / "home"
    out.mkdir()
    out.joinpath("thesis.tex").write_text("dear committee")
    with pytest.raises(InputError, match="not empty and no run folder"):
        run(clouds.config(small), out)
    assert clouds.tree(tmp_path / "home") == {"thesis.tex": clouds.tree(out)["thesis.tex"]}
    with pytest.raises(InputError, match="is a file"):
        run(clouds.config(small), out / "thesis.tex")
    out.joinpath("thesis.tex").unlink()
    assert run(clouds.config(small), out).folder == out


BAD = {
    "no trace": ({"trace": "/nowhere/at/all"}, InputError, "/nowhere/at/all"),
    "no fleet": ({"fleet": "no-such-fleet"}, InputError, "no-such-fleet"),
    "no rules": ({"rules": "/nowhere/rules.toml"}, InputError, "/nowhere/rules.toml"),
    "no placement": ({"placement": "/nowhere/p.csv"}, InputError, "/nowhere/p.csv"),
    "no zone": ({"carbon": "Atlantis"}, UnknownNameError, "Atlantis"),
    "negative carbon": ({"carbon": "-1"}, InputError, "-1"),
    "no policy": ({"policy": "magic"}, UnknownNameError, "no policy named 'magic'"),
    "no format": ({"format": "magic"}, UnknownNameError, "no trace format named 'magic'"),
    "percentile": ({"percentile": 0.0}, ConfigError, "percentile"),
    "saving": ({"min_saving_fraction": 1.0}, ConfigError, "min_saving_fraction"),
    "windows": ({"sizing_fraction": 0.001}, ConfigError, "the trace has 36 steps"),
    "repair": ({"repair": ("everything",)}, InputError, "everything"),
    "reader": ({"reader_options": {"colour": "red"}}, InputError, "colour"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_leaves_no_folder(small, clouds, tmp_path, case):
    """P1 and P5: refused with a typed error that names the value, and nothing is written."""
    change, error, message = BAD[case]
    with pytest.raises(error) as caught:
        run(clouds.config(small, **change), tmp_path / "run")
    assert message in str(caught.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "wrong", [{"sizing_fraction": 0.0}, {"cpu_limit_fraction": 1.1}, {"carbon_scope": "all"}]
)
def test_options_are_checked_at_birth(clouds, wrong):
    """A wrong option is refused with its key, before anything is read."""
    (key,) = wrong
    with pytest.raises(ConfigError, match=key):
        clouds.config(Path("somewhere"), **wrong)


def test_stages_say_which_one_is_missing(small, clouds, tmp_path):
    """The next step is named, and a stage out of order writes nothing."""
    out = tmp_path / "run"
    with pytest.raises(InputError, match=r"manifest\.json: cannot be read"):
        load_run(out)
    pipeline.solve_stage(clouds.config(small), out)
    before = clouds.tree(out, without=())
    with pytest.raises(InputError, match=r"plan\.parquet is not there yet; run: consolidate plan"):
        pipeline.replay_stage(out)
    with pytest.raises(InputError, match=r"plan\.parquet is not there yet"):
        load_run(out)
    assert clouds.tree(out, without=()) == before
    pipeline.plan_stage(out)
    with pytest.raises(InputError, match="run: consolidate replay"):
        load_run(out)


@pytest.mark.parametrize(
    "name", ["manifest.json", "fleet.json", "plan.parquet", "replay/baseline/hosts.parquet"]
)
def test_a_damaged_run_folder_is_an_input_error(small, clouds, tmp_path, name):
    """It names the file; a truncated table must not end in a traceback of a library."""
    out = tmp_path / "run"
    run(clouds.config(small), out)
    path = out / name
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(InputError, match=path.name):
        load_run(out)
