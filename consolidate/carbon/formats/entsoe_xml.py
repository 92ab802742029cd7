"""ENTSO-E actual generation per production type, as XML of its API."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray

from consolidate.carbon.content import Content
from consolidate.carbon.factors import ENTSOE_CODES
from consolidate.carbon.generation import GenerationFile, Mix
from consolidate.carbon.rows import instant_s
from consolidate.errors import TraceError

__all__ = ["EntsoeXmlFile"]

RESOLUTION = re.compile(r"PT(?P<minutes>\d+)M")
NAMESPACE = re.compile(r"\{[^}]*\}")
#: 28 years of quarters of an hour; a wrong year in a document would ask for all the memory there is.
MOST_POINTS: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Period:
    """Generation of one production type over regular steps, in MW, NaN for missing."""

    code: str
    start_s: int
    step_s: int
    mw: list[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class EntsoeXmlFile(GenerationFile):
    """A ``GL_MarketDocument`` of document type A75, process type A16.

    Series of consumption (pumps) have no part. Curve type A03 leaves out points that repeat the one
    before, so these are filled; in A01 an absent point is missing. Series of several resolutions are
    held over the finest.
    """

    @staticmethod
    def recognises(content: Content) -> bool:
        """Say whether a file is of this format."""
        return content.kind == "xml" and b"GL_MarketDocument" in content.data[:2_000]

    def mix(self, content: Content) -> Mix:
        """Return the generation."""
        root = _root(content)
        by_zone: dict[str, list[_Period]] = {}
        for series in root.findall("TimeSeries"):
            zone = _one(series, "inBiddingZone_Domain.mRID")
            if zone is not None:
                by_zone.setdefault(zone, []).extend(_periods(series, content.file))
        if not any(by_zone.values()):
            msg = "holds no series of generation (document type A75)"
            raise TraceError(msg, file=content.file)
        # Users name a zone in their own words; with several zones, its code chooses.
        code = next(iter(by_zone)) if len(by_zone) == 1 else self.zone
        if code not in by_zone:
            msg = f"holds {len(by_zone)} zones; say which with zone=: {', '.join(by_zone)}"
            raise TraceError(msg, file=content.file, column="inBiddingZone_Domain.mRID")
        zone = self.zone or code
        step_s, start_s, codes, mw = _joined(by_zone[code], content.file)
        kept = [k for k, code in enumerate(codes) if ENTSOE_CODES[code] is not None]
        return Mix(
            stamps=[(None, start_s + k * step_s, 0) for k in range(len(mw))],
            technologies=tuple(str(ENTSOE_CODES[codes[k]]) for k in kept),
            mw=mw[:, kept],
            time_name="timeInterval",
            zone=zone,
            source=f"ENTSO-E generation, {zone}, file {self.path.name}",
        )


def _root(content: Content) -> ET.Element:
    # Entities can make a small file fill the memory; a market document has none.
    if b"<!DOCTYPE" in content.data or b"<!ENTITY" in content.data:
        msg = "declares a document type or entities, which no document of ENTSO-E does"
        raise TraceError(msg, file=content.file)
    try:
        root = ET.fromstring(content.data)  # noqa: S314 -- entities are refused above
    except ET.ParseError as error:
        msg = f"is broken XML ({error})"
        raise TraceError(msg, file=content.file, line=error.position[0]) from error
    for element in root.iter():
        element.tag = NAMESPACE.sub("", str(element.tag))
    return root


def _one(element: ET.Element, *path: str) -> str | None:
    found = element.find("/".join(path))
    return None if found is None or found.text is None else found.text.strip()


def _periods(series: ET.Element, file: str) -> list[_Period]:
    code = _one(series, "MktPSRType", "psrType") or ""
    if code not in ENTSOE_CODES:
        msg = f"is {code or 'absent'}, no production type that is known: {', '.join(ENTSOE_CODES)}"
        raise TraceError(msg, file=file, column="psrType")
    repeats = _one(series, "curveType") == "A03"
    unit = _one(series, "quantity_Measure_Unit.name") or "MAW"
    if unit != "MAW":
        msg = f"needs MAW (megawatts), got {unit}"
        raise TraceError(msg, file=file, column="quantity_Measure_Unit.name")
    found = []
    for period in series.findall("Period"):
        resolution = RESOLUTION.fullmatch(_one(period, "resolution") or "")
        if resolution is None:
            msg = f"needs PT15M, PT30M or PT60M, got {_one(period, 'resolution')}"
            raise TraceError(msg, file=file, column="resolution")
        step_s = 60 * int(resolution["minutes"])
        ends = [
            instant_s(_one(period, "timeInterval", end), file=file, line=None, column=end)[0]
            for end in ("start", "end")
        ]
        n_points, rest = divmod(ends[1] - ends[0], step_s)
        if rest or not 0 < n_points <= MOST_POINTS:
            msg = f"{ends[1] - ends[0]} s are no steps of {step_s} s"
            raise TraceError(msg, file=file, column="timeInterval")
        mw = _points(period, n_points, file=file, repeats=repeats)
        found.append(_Period(code=code, start_s=ends[0], step_s=step_s, mw=mw))
    return found


def _points(period: ET.Element, n_points: int, *, file: str, repeats: bool) -> list[float]:
    mw = [float("nan")] * n_points
    for point in period.findall("Point"):
        try:
            at = int(_one(point, "position") or "") - 1
            mw[at if at >= 0 else n_points] = float(_one(point, "quantity") or "")
        except (ValueError, IndexError):
            msg = (
                f"needs a position from 1 to {n_points} and a quantity, got "
                f"{_one(point, 'position')}: {_one(point, 'quantity')}"
            )
            raise TraceError(msg, file=file, column="Point") from None
    if repeats:
        for k in range(1, n_points):
            if mw[k] != mw[k]:
                mw[k] = mw[k - 1]
    return mw


def _joined(periods: list[_Period], file: str) -> tuple[int, int, list[str], NDArray[np.float64]]:
    """Put all periods on one grid of the finest step; return step, start, codes and megawatts."""
    step_s = min(period.step_s for period in periods)
    if any(period.step_s % step_s for period in periods):
        msg = f"has resolutions that are no multiples of {step_s} s"
        raise TraceError(msg, file=file, column="resolution")
    start_s = min(period.start_s for period in periods)
    stop_s = max(period.start_s + period.step_s * len(period.mw) for period in periods)
    codes = sorted({period.code for period in periods})
    n_steps = (stop_s - start_s) // step_s
    if n_steps > MOST_POINTS or any((p.start_s - start_s) % step_s for p in periods):
        msg = f"its periods do not fit steps of {step_s} s"
        raise TraceError(msg, file=file, column="timeInterval")
    mw = np.full((n_steps, len(codes)), np.nan)
    for period in periods:
        values = np.repeat(period.mw, period.step_s // step_s)
        at = (period.start_s - start_s) // step_s
        mw[at : at + len(values), codes.index(period.code)] = values
    return step_s, start_s, codes, mw
