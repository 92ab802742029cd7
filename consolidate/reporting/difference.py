"""What changed between two runs: inputs, options, and every figure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from consolidate.errors import InputError
from consolidate.plotting.text import number, visible
from consolidate.study.folder import read_json

__all__ = ["Change", "Difference", "difference"]

#: Where the two runs are compared besides their figures, and under which keys of which file.
_ABOUT: Final = (
    ("manifest.json", ("package", "version", "command", "options", "seed", "trace", "windows", "notes")),
    (
        "account.json",
        (
            "wue_l_per_kwh",
            "embodied_kg",
            "lifetime_years",
            "pue_variable_fraction",
            "currency",
            "seed",
            "draws",
            "sources",
        ),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that differs; ``None`` where a run does not have it."""

    what: str
    before: Any
    after: Any
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """All that differs between two runs.

    Parameters
    ----------
    about
        Inputs, options, versions, defaults, repairs.
    figures
        Figures, in the order of the first run, then those that only the second has.
    alike
        How many figures are the same in both.
    """

    about: tuple[Change, ...]
    figures: tuple[Change, ...]
    alike: int

    def to_dict(self) -> dict[str, object]:
        """Return it as JSON has it."""
        return {
            "about": [{"what": c.what, "a": c.before, "b": c.after} for c in self.about],
            "figures": [
                {"metric": c.what, "a": c.before, "b": c.after, "unit": c.unit} for c in self.figures
            ],
            "figures_alike": self.alike,
        }

    def to_text(self) -> str:
        """Return it as a terminal shows it; nothing in it can steer the terminal."""
        lines = []
        if self.about:
            lines.append("what the runs rest on:")
            lines += [
                f"  {visible(c.what, limit=80)}: {_said(c.before)} -> {_said(c.after)}"
                for c in self.about
            ]
        lines.append(f"figures: {len(self.figures)} differ, {self.alike} are alike")
        for c in self.figures:
            unit = f" {visible(c.unit, limit=20)}" if c.unit not in ("", "count", "ratio") else ""
            change = ""
            if isinstance(c.before, int | float) and isinstance(c.after, int | float):
                change = f"  ({_signed(c.after - c.before)}{unit})"
            name = visible(c.what, limit=80)
            lines.append(f"  {name}: {_value(c.before)} -> {_value(c.after)}{unit}{change}")
        return "\n".join(lines)


def difference(one: str | Path, other: str | Path) -> Difference:
    """Compare two reported run folders.

    Parameters
    ----------
    one, other
        The folders.

    Raises
    ------
    InputError
        When a folder holds no report.
    """
    folders = Path(one), Path(other)
    figures = tuple(_figures(folder) for folder in folders)
    metrics = list(dict.fromkeys([*figures[0], *figures[1]]))
    changes, alike = [], 0
    for metric in metrics:
        rows = [found.get(metric) for found in figures]
        values = [row["value"] if row else None for row in rows]
        if values[0] == values[1]:
            alike += 1
            continue
        unit = next(str(row["unit"]) for row in rows if row)
        changes.append(Change(what=metric, before=values[0], after=values[1], unit=unit))
    return Difference(about=tuple(_about(*folders)), figures=tuple(changes), alike=alike)


def _figures(folder: Path) -> dict[str, Mapping[str, Any]]:
    if not (folder / "figures.json").is_file():
        msg = f"{folder}: figures.json is not there yet; run: consolidate report {folder}"
        raise InputError(msg)
    rows = read_json(folder / "figures.json").get("figures")
    good = isinstance(rows, list) and all(
        isinstance(row, Mapping) and {"metric", "value", "unit"} <= row.keys() for row in rows
    )
    if not good:
        msg = f"{folder}: figures.json holds no list of figures"
        raise InputError(msg)
    return {str(row["metric"]): row for row in rows}  # type: ignore[union-attr]


def _about(one: Path, other: Path) -> list[Change]:
    changes = []
    for file, keys in _ABOUT:
        # A report in a folder of its own has no manifest: nothing to compare, and no change.
        if not all((f / file).is_file() for f in (one, other)):
            continue
        pair = [read_json(f / file) for f in (one, other)]
        flat = [_flat({key: found.get(key) for key in keys}, "") for found in pair]
        if file == "manifest.json":
            for found, rows in zip(flat, pair, strict=True):
                found |= _named(rows, "inputs", "name", "sha256")
                found |= _named(rows, "defaults", "key", "value")
                found |= _named(rows, "repairs", "name", "count")
        for what in dict.fromkeys([*flat[0], *flat[1]]):
            before, after = flat[0].get(what), flat[1].get(what)
            if before != after:
                changes.append(Change(what=what, before=before, after=after))
    return changes


def _flat(value: object, path: str) -> dict[str, Any]:
    if isinstance(value, Mapping):
        found: dict[str, Any] = {}
        for key, inner in value.items():
            found |= _flat(inner, f"{path}.{key}" if path else str(key))
        return found
    return {path: value}


def _named(manifest: Mapping[str, Any], key: str, name: str, value: str) -> dict[str, Any]:
    rows = manifest.get(key)
    return {
        f"{key}[{row.get(name)}]": row.get(value)
        for row in (rows if isinstance(rows, list) else ())
        if isinstance(row, Mapping)
    }


def _said(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return "nothing" if value is None else visible(text, limit=90)


def _value(value: object) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return number(value, digits=6)
    return _said(value)


def _signed(value: float) -> str:
    return number(value, digits=4) if value < 0 else f"+{number(value, digits=4)}"
