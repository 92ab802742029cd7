"""Read carbon intensity from a file of any known format."""

from __future__ import annotations

import dataclasses
import difflib
from pathlib import Path

from consolidate.carbon.content import Content, read_content
from consolidate.carbon.lookalikes import look_alike
from consolidate.carbon.reading import IntensityFile, IntensityReading
from consolidate.carbon.source import INTENSITY_SOURCES, Kind, Scope
from consolidate.errors import ConfigError, TraceError
from consolidate.model import CarbonIntensity

__all__ = ["inspect_intensity", "read_intensity"]


def read_intensity(
    path: str | Path,
    *,
    format: str | None = None,  # noqa: A002 -- the name that every reader here uses
    scope: Scope | None = None,
    zone: str | None = None,
    kind: Kind | None = None,
    fill_gaps_h: float = 3.0,
    **options: object,
) -> CarbonIntensity:
    """Read the carbon intensity of one zone from a file.

    Units are declared by the file or by an option, never guessed. What looks like another unit is
    refused.

    Parameters
    ----------
    path
        A CSV, JSON, XML or Parquet file, plain or gzip.
    format
        Name of a file format in ``INTENSITY_SOURCES``; default the one that the file is of.
    scope
        ``direct`` or ``life_cycle``; default what the file holds, or life cycle where it holds both or
        does not say.
    zone
        Grid zone: which of the file's zones, needed when there are several; its name where the file
        does not say it.
    kind
        ``average`` or ``marginal``; default what the file holds, or average where it does not say.
    fill_gaps_h : h
        Longest gap that is filled linearly; longer ones are refused. Each filled step is counted in the
        ``notes`` of the result.
    **options
        Further parameters of the format, such as ``factors`` of those that hold generation.

    Raises
    ------
    ConfigError
        When the options contradict the file.
    TraceError
        When the file is wrong at a place; names file, line, column and value.
    UnknownNameError
        When there is no such format.
    """
    return inspect_intensity(
        path, format=format, scope=scope, zone=zone, kind=kind, fill_gaps_h=fill_gaps_h, **options
    ).intensity


def inspect_intensity(
    path: str | Path,
    *,
    format: str | None = None,  # noqa: A002 -- the name that every reader here uses
    scope: Scope | None = None,
    zone: str | None = None,
    kind: Kind | None = None,
    fill_gaps_h: float = 3.0,
    **options: object,
) -> IntensityReading:
    """Read a file as :func:`read_intensity` does, and return flags and repairs step by step as well."""
    maker = _format(read_content(path), format)
    known = [f.name for f in dataclasses.fields(maker)]
    for name in options:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            msg = f"is no option of this format; it has {', '.join(known[1:])}"
            raise ConfigError(
                msg + (f"; did you mean {near[0]!r}?" if near else ""), path=f"carbon.{name}"
            )
    source = maker(
        path=Path(path), zone=zone, kind=kind, scope=scope, fill_gaps_h=fill_gaps_h, **options
    )
    return source.inspect()


def _format(content: Content, name: str | None) -> type[IntensityFile]:
    formats: dict[str, type[IntensityFile]] = {}
    for each in INTENSITY_SOURCES if name is None else (name,):
        source = INTENSITY_SOURCES.get(each)
        if issubclass(source, IntensityFile):
            formats[each] = source
    if name is not None:
        if name not in formats:
            msg = f"{name} is a carbon intensity source, but not a format of files"
            raise ConfigError(msg, path="carbon.format")
        return formats[name]
    fitting = [each for each, kind in formats.items() if kind.recognises(content)]
    if len(fitting) != 1:
        msg = (
            f"fits {' and '.join(fitting) or 'no known format'} (known: {', '.join(formats)}); "
            f"{look_alike(content)}"
        )
        raise TraceError(msg, file=content.file, line=1 if content.kind == "csv" else None)
    return formats[fitting[0]]
