"""Choose the reader of a file, make it from options, and read."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

from consolidate.errors import ConfigError, InputError, TraceError
from consolidate.model.trace import Trace
from consolidate.traces.base import READERS, Sniff, TraceReader, repairs_from
from consolidate.traces.sources import checked_path

__all__ = ["choose_format", "make_reader", "read_trace", "sniff_all"]


def read_trace(
    path: str | Path,
    format: str | None = None,  # noqa: A002 (the word users know)
    *,
    repair: str | Iterable[str] = (),
    **options: Any,
) -> Trace:
    """Read a trace of any known format.

    Parameters
    ----------
    path
        File, folder or archive.
    format
        Name of the format (:data:`~consolidate.traces.base.READERS`); default found from the file.
    repair
        Repairs that may be made, by name, or ``all``; default none: a file that needs one is refused.
    **options
        Fields of the reader's dataclass, as in ``order="sorted"`` for ``planetlab``.

    Returns
    -------
    Trace
        Demand per VM and step; ``repairs`` and ``notes`` list what was done and kept.

    Raises
    ------
    InputError
        When there is no such file, or its format is not known, or more than one fits.
    UnknownNameError
        When ``format`` is not the name of one.
    ConfigError
        When an option or repair is unknown or wrong.
    TraceError
        When the data have problems that no allowed repair accepts: with file, line and column.
    """
    allowed = repairs_from(repair)
    path = checked_path(path)
    reader = make_reader(format or choose_format(path), **options)
    return reader.read(path, repair=allowed)


def make_reader(name: str, **options: Any) -> TraceReader:
    """Return the reader of a format with the given options.

    Raises
    ------
    UnknownNameError, ConfigError
        When the format or an option is unknown, or the value of an option is wrong.
    """
    kind = READERS.get(name)
    known = [f.name for f in dataclasses.fields(cast("Any", kind)) if f.init]
    for option in options:
        if option not in known:
            msg = f"is no option of the format; known: {', '.join(known) or 'none'}"
            raise ConfigError(msg, path=f"{name}.{option}")
    try:
        return kind(**options)
    except TypeError as error:
        msg = f"an option has the wrong type: {error}"
        raise ConfigError(msg, path=name) from error


def sniff_all(path: Path) -> dict[str, Sniff]:
    """Ask every reader whether a path looks like its format.

    Raises
    ------
    TraceError
        When no format fits and the file is broken: empty folder, broken archive.
    """
    answers, errors = {}, []
    for name in READERS:
        try:
            answers[name] = make_reader(name).sniff(path)
        except TraceError as error:
            answers[name] = Sniff(matches=False, why=str(error))
            errors.append(error)
    if errors and not any(answer.matches for answer in answers.values()):
        raise errors[0]
    return answers


def choose_format(path: Path, answers: dict[str, Sniff] | None = None) -> str:
    """Return the name of the only format that a path looks like.

    Raises
    ------
    InputError
        When none or several do; says why each did not.
    """
    answers = answers if answers is not None else sniff_all(path)
    matching = [name for name, answer in answers.items() if answer.matches]
    if len(matching) == 1:
        return matching[0]
    lines = [f"\n  {name}: {'yes' if a.matches else 'no'}, {a.why}" for name, a in answers.items()]
    what = "looks like several trace formats" if matching else "looks like no known trace format"
    msg = f"{path}: {what}; name one with the option format. Known:{''.join(lines)}"
    raise InputError(msg)
