"""Decode TOML tables into typed values, and refuse everything that is wrong with them at once.

A decoder that stops at its first problem makes its user mend a file ten times; this one goes through
every key of every table and keeps a list.
"""

from __future__ import annotations

import difflib
import typing
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from consolidate.errors import ConfigError, Issue

if TYPE_CHECKING:
    import msgspec

__all__ = ["decode", "did_you_mean", "load_toml", "refuse", "report_unknown"]

SHOWN = 20
MOST_COMPARED = 5_000
#: No quantity here comes near it, and products of two still fit into 64 bits or a float.
MOST_ABSOLUTE = 1e9

S = TypeVar("S", bound="msgspec.Struct")


def load_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises
    ------
    ConfigError
        When there is no such file, or when it is not TOML; the message has line and column.
    """
    import tomllib

    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        msg = f"cannot be read ({error.strerror or error})"
        raise ConfigError(msg, path=str(path)) from error
    except UnicodeDecodeError as error:
        msg = f"is not UTF-8 text (byte {error.start}); save it as UTF-8"
        raise ConfigError(msg, path=str(path)) from error
    except tomllib.TOMLDecodeError as error:
        msg = f"is not TOML: {error}"
        raise ConfigError(msg, path=str(path)) from error


def decode(table: object, struct: type[S], *, path: str, problems: list[Issue]) -> S | None:
    """Decode one table, adding every problem to a list.

    Parameters
    ----------
    table
        What stands in the file.
    struct
        The :class:`msgspec.Struct` that says which keys there are and of which types.
    path
        Dotted path of the table; empty for the file itself.
    problems
        Receives one issue per unknown, missing or wrongly typed key.

    Returns
    -------
    The value, or ``None`` when a key is missing or wrongly typed. Unknown keys alone do not prevent a
    value, so that what follows from it is checked as well.
    """
    import msgspec

    if not isinstance(table, dict):
        problems.append(Issue(path=path or "file", message=f"needs a table, got {_shown(table)}"))
        return None
    fields = {field.name: field for field in msgspec.structs.fields(struct)}
    for key in table:
        if key not in fields:
            msg = f"unknown key{did_you_mean(key, fields)}; known: {', '.join(fields)}"
            problems.append(Issue(path=_join(path, key), message=msg))
    values = {}
    before = len(problems)
    for name, field in fields.items():
        if name in table:
            values[name] = _value(table[name], field.type, path=_join(path, name), problems=problems)
        elif field.required:
            problems.append(Issue(path=_join(path, name), message="is missing"))
    return struct(**values) if len(problems) == before else None


def _value(value: object, kind: Any, *, path: str, problems: list[Issue]) -> Any:
    import msgspec

    options = [kind, *typing.get_args(kind)]
    nested = [o for o in options if isinstance(o, type) and issubclass(o, msgspec.Struct)]
    if nested:
        return decode(value, nested[0], path=path, problems=problems)
    for number in value if isinstance(value, list) else [value]:
        # Written so that "not a number" fails it, too.
        if isinstance(number, int | float) and not abs(number) <= MOST_ABSOLUTE:
            msg = f"needs a finite number of at most {MOST_ABSOLUTE:.0e}, got {_shown(number)}"
            problems.append(Issue(path=path, message=msg))
            return None
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        # msgspec ends its message with the place inside the value: " - at `$[3]`".
        message, _, place = str(error).partition(" - at `$")
        message = message.replace(" | null", "")  # TOML has no null to offer
        message = f"{message[:1].lower()}{message[1:]}, value {_shown(value)}"
        problems.append(Issue(path=path + place.rstrip("`"), message=message))
        return None


def did_you_mean(name: str, known: Collection[str]) -> str:
    """Return ``" (did you mean ...?)"`` when a known name is near, else an empty text."""
    # Comparing with each of a million names takes longer than looking it up by hand.
    if len(known) > MOST_COMPARED:
        return ""
    near = difflib.get_close_matches(name, known, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def report_unknown(
    kind: str, name: str, known: Sequence[str], *, path: str, problems: list[Issue]
) -> None:
    """Add the issue that a file names something that does not exist."""
    shown = ", ".join(known[:8]) + (", ..." if len(known) > 8 else "")
    msg = f"no {kind} is called {name!r}{did_you_mean(name, known)}; known: {shown or 'none'}"
    problems.append(Issue(path=path, message=msg))


def refuse(problems: Sequence[Issue], *, source: str) -> None:
    """Raise one error that lists all problems, one a line, each with its dotted path.

    Parameters
    ----------
    problems
        What is wrong; nothing happens when it is empty.
    source
        Name of the file.

    Raises
    ------
    ConfigError
        ``path`` is that of the first problem.
    """
    if not problems:
        return
    lines = [problems[0].message, *(str(issue) for issue in problems[1:SHOWN])]
    if len(problems) > SHOWN:
        lines.append(f"... and {len(problems) - SHOWN} more")
    lines[-1] += f" [{source}]"
    raise ConfigError("\n".join(lines), path=problems[0].path)


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
