"""A source that is one file, and what reading it gives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from consolidate.carbon.content import Content, read_content
from consolidate.carbon.lookalikes import look_alike
from consolidate.carbon.repairs import Repair, repair_notes
from consolidate.carbon.rows import Row
from consolidate.carbon.series import regular_series
from consolidate.carbon.source import Kind, Scope
from consolidate.errors import ConfigError, HorizonError, TraceError
from consolidate.model import CarbonIntensity, TimeGrid

__all__ = ["IntensityFile", "IntensityReading", "Parsed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class IntensityReading:
    """A carbon intensity with everything that was noticed while it was read.

    Parameters
    ----------
    intensity
        The series.
    estimated, filled
        Steps that the source calls estimated, and steps that had no value, shape ``(n_steps,)``.
    repairs
        Every repair, one by one, with its time.
    rows
        Rows of the file that belong to the zone.
    sha256
        Hash of the file.
    """

    intensity: CarbonIntensity
    estimated: NDArray[np.bool_]
    filled: NDArray[np.bool_]
    repairs: tuple[Repair, ...]
    rows: int
    sha256: str

    def summary(self) -> str:
        """Return what was read in a few lines of text."""
        found = self.intensity
        values = found.g_per_kwh
        return "\n".join(
            (
                f"{found.source}",
                f"zone {found.zone}, {found.kind}, {found.scope.replace('_', ' ')}, {found.grid}",
                f"{values.mean():.1f} g/kWh on average, {values.min():.1f} to {values.max():.1f}; "
                f"{self.rows} rows, {self.estimated.mean():.1%} estimated, {self.filled.mean():.2%} filled",
                *found.notes,
            )
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """What a format finds in a file, before the steps are made regular.

    Parameters
    ----------
    rows
        Values in g/kWh, in order of time.
    time_name, value_name
        What the file calls them, for messages.
    zone, kind, scope, source
        As in :class:`~consolidate.model.CarbonIntensity`.
    notes, repairs
        What was assumed and mended so far.
    """

    rows: list[Row]
    time_name: str
    value_name: str
    zone: str
    kind: Kind
    scope: Scope
    source: str
    notes: tuple[str, ...] = ()
    repairs: tuple[Repair, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class IntensityFile:
    """A file with the carbon intensity of one zone; each format is a subclass.

    Parameters
    ----------
    path
        The file, plain or gzip.
    zone
        Zone to read, or name of the zone where the file does not say it.
    kind, scope
        What is wanted; ``None`` for what the file holds. Where a file says what it holds, another wish
        is refused.
    fill_gaps_h : h
        Longest gap that is filled linearly.
    """

    path: Path
    zone: str | None = None
    kind: Kind | None = None
    scope: Scope | None = None
    fill_gaps_h: float = 3.0

    @staticmethod
    def recognises(content: Content) -> bool:
        """Say whether a file is of this format."""
        raise NotImplementedError

    def fits(self, content: Content) -> bool:
        """Say whether a file can be read with these options; default: when it is of this format."""
        return self.recognises(content)

    def parse(self, content: Content) -> Parsed:
        """Return the rows of the zone."""
        raise NotImplementedError

    def inspect(self) -> IntensityReading:
        """Return the series with flags and repairs.

        Raises
        ------
        ConfigError
            When an option contradicts the file.
        TraceError
            When the file is wrong at a place; names file, line, column and value.
        """
        content = read_content(self.path)
        if not self.fits(content):
            msg = f"is not of this format; {look_alike(content)}"
            raise TraceError(msg, file=content.file)
        parsed = self.parse(content)
        series = regular_series(
            parsed.rows,
            file=content.file,
            time_name=parsed.time_name,
            value_name=parsed.value_name,
            fill_gaps_h=self.fill_gaps_h,
        )
        repairs = (*parsed.repairs, *series.repairs)
        intensity = CarbonIntensity(
            grid=series.grid,
            g_per_kwh=series.g_per_kwh,
            zone=parsed.zone,
            kind=parsed.kind,
            scope=parsed.scope,
            source=parsed.source,
            estimated_fraction=float(series.estimated.mean()),
            notes=(
                *parsed.notes,
                *repair_notes(repairs, n_steps=series.grid.n_steps),
                f"sha256 of the file: {content.sha256}",
            ),
        )
        return IntensityReading(
            intensity=intensity,
            estimated=series.estimated,
            filled=series.filled,
            repairs=repairs,
            rows=len(parsed.rows),
            sha256=content.sha256,
        )

    def read(self) -> CarbonIntensity:
        """Return all that the file holds of the zone."""
        return self.inspect().intensity

    def intensity(self, grid: TimeGrid) -> CarbonIntensity:
        """Return the intensity, which covers at least the grid.

        Raises
        ------
        HorizonError
            When the file does not.
        """
        found = self.read()
        known = found.grid
        if grid.start < known.start or grid.stop > known.stop:
            msg = f"{found.source} does not cover the grid; redate() moves a trace to another year"
            raise HorizonError(
                msg,
                asked=f"{grid.start}Z to {grid.stop}Z",
                covered=f"{known.start}Z to {known.stop}Z",
            )
        return found

    def require(self, *, kind: Kind, scope: Scope, what: str) -> None:
        """Refuse a wish that the file cannot fulfil.

        Raises
        ------
        ConfigError
            When another kind or scope was asked for than the file holds.
        """
        for key, asked, held in (("kind", self.kind, kind), ("scope", self.scope, scope)):
            if asked is not None and asked != held:
                words = {"average": "average intensity", "marginal": "marginal intensity"}
                words |= {"direct": "direct emissions", "life_cycle": "life-cycle emissions"}
                msg = f"{what} holds {words[held]}, not {asked.replace('_', ' ')}"
                raise ConfigError(msg, path=f"carbon.{key}")
