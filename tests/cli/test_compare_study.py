"""``consolidate compare`` with a study file: options of one kind of comparison are refused in the other."""

from __future__ import annotations

import pytest

from consolidate.cli import main


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (["study.toml", "--percentile", "90"], "--percentile"),
        (["trace.csv", "--workers", "2"], "--workers"),
    ],
)
def test_options_of_the_other_kind_are_refused(arguments, option, capsys):
    """An option that is taken and ignored is a wrong answer."""
    with pytest.raises(SystemExit) as ended:
        main(["compare", *arguments])
    assert ended.value.code == 2
    assert option in capsys.readouterr().err
