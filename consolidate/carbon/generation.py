"""From generation by technology to carbon intensity of the production."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from consolidate.carbon.content import Content
from consolidate.carbon.factors import TechnologyFactors, technology_factors
from consolidate.carbon.reading import IntensityFile, Parsed
from consolidate.carbon.repairs import Repair
from consolidate.carbon.rows import Row
from consolidate.errors import TraceError

__all__ = ["GenerationFile", "Mix"]

#: A row with this share of the generation of both its neighbours, or less, lacks a plant or a fuel.
PARTIAL_SHARE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """Generation of a zone.

    Parameters
    ----------
    stamps
        Line, start in seconds since 1970 UTC, and offset from UTC of each row, in order of time.
    technologies
        Technology of each column.
    mw : MW
        Generation, NaN for missing, shape ``(rows, columns)``.
    time_name
        What the file calls the instants.
    zone, source, notes, repairs
        As in :class:`~consolidate.carbon.reading.Parsed`.
    """

    stamps: list[tuple[int | None, int, int]]
    technologies: tuple[str, ...]
    mw: NDArray[np.float64]
    time_name: str
    zone: str
    source: str
    notes: tuple[str, ...] = ()
    repairs: tuple[Repair, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationFile(IntensityFile):
    """A file that holds generation by technology; intensity = sum(generation x factor) / sum(generation).

    Average intensity of the production: what is imported has no part in it, and storage has none on
    either side. A row without a value of a technology that other rows have is missing as a whole.

    Parameters
    ----------
    path, zone, kind, scope, fill_gaps_h
        As in :class:`~consolidate.carbon.reading.IntensityFile`; ``scope`` chooses the factors, default
        life cycle.
    factors
        CSV file of :func:`~consolidate.carbon.technology_factors`; default the built-in factors. Those
        used stand in the notes.
    """

    factors: str | Path | None = None

    def mix(self, content: Content) -> Mix:
        """Return the generation that the file holds."""
        raise NotImplementedError

    def parse(self, content: Content) -> Parsed:
        """Return the intensity of each row."""
        scope = self.scope or "life_cycle"
        self.require(kind="average", scope=scope, what="a file of generation")
        mix = self.mix(content)
        table = technology_factors(self.factors)
        present = np.flatnonzero((~np.isnan(mix.mw)).any(axis=0)).tolist()
        used = [mix.technologies[k] for k in present]
        _refuse_unknown(used, table, file=content.file)
        mw = mix.mw[:, present]
        factor = np.array([table.of(technology, scope) for technology in used])
        repairs = [*mix.repairs, *_negative(mix, mw)]
        mw = np.maximum(mw, 0.0)
        total = mw.sum(axis=1)
        partial = _partial(total)
        repairs += [
            Repair(kind="partial", start_s=mix.stamps[k][1], stop_s=mix.stamps[k][1])
            for k in np.flatnonzero(partial).tolist()
        ]
        known = (total > 0) & ~partial
        value = np.divide(mw @ factor, total, out=np.zeros_like(total), where=known)
        rows = [
            Row(
                line=line,
                time_s=time_s,
                value=float(value[k]) if known[k] else None,
                offset_s=offset_s,
            )
            for k, (line, time_s, offset_s) in enumerate(mix.stamps)
        ]
        return Parsed(
            rows=rows,
            time_name=mix.time_name,
            value_name="generation",
            zone=mix.zone,
            kind="average",
            scope=scope,
            source=mix.source,
            notes=(
                *mix.notes,
                "of the production: imports are not counted, storage has no part on either side",
                table.note(scope, set(used)),
            ),
            repairs=tuple(repairs),
        )


def _refuse_unknown(used: list[str], table: TechnologyFactors, *, file: str) -> None:
    lacking = sorted(name for name in set(used) if name not in table.g_per_kwh)
    if lacking or not used:
        msg = f"has no factor for {', '.join(lacking)}" if used else f"{file} holds no generation"
        raise TraceError(msg, file=table.source if used else file)


def _negative(mix: Mix, mw: NDArray[np.float64]) -> list[Repair]:
    return [
        Repair(kind="negative", start_s=mix.stamps[k][1], stop_s=mix.stamps[k][1])
        for k in np.flatnonzero((mw < 0).any(axis=1)).tolist()
    ]


def _partial(total: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mark rows that fall below both neighbours as far as no grid does from one row to the next."""
    found = np.zeros(len(total), dtype=np.bool_)
    neighbours = np.minimum(total[:-2], total[2:])
    found[1:-1] = total[1:-1] <= PARTIAL_SHARE * neighbours
    return found
