"""A calibration in words, and as the piece of a fleet file that it suggests."""

from __future__ import annotations

from typing import Final

from consolidate.inventory.calibration import Calibration

__all__ = ["calibration_summary", "calibration_toml"]

METERS: Final = {
    "wall": "wall meter",
    "bmc": "management controller",
    "pdu": "power distribution unit",
    "rapl": "RAPL, processors and memory only",
}


def calibration_summary(found: Calibration) -> str:
    """Return what ``consolidate calibrate`` prints."""
    lines = [
        f"{found.host_type}: power curve fitted to {found.fit.n} samples of {_hosts(found)} "
        f"({METERS[found.meter]}, {found.source})",
        "load %    " + " ".join(f"{10 * k:>7}" for k in range(11)),
        "watts     " + " ".join(f"{watts:>7.1f}" for watts in found.points_w),
        "samples   " + " ".join(f"{count:>7}" for count in found.samples_by_point),
    ]
    if found.hosting_idle_w is not None:
        lines.append(f"idle with VMs: {found.hosting_idle_w:.1f} W; empty: {found.points_w[0]:.1f} W")
    lines.append(f"fitted samples:   {found.fit}")
    lines.append(f"held-out samples: {found.held_out}")
    if found.prior is not None:
        lines.append(f"curve so far:     {found.prior}")
    verdict = "within" if found.held_out.within() else "outside"
    lines.append(f"{verdict} +-10 % bias and 30 % scatter (ASHRAE Guideline 14, hourly)")
    lines += [f"warning: {words}" for words in found.warnings]
    return "\n".join(lines)


def calibration_toml(found: Calibration) -> str:
    """Return the lines that a fleet file's ``[[host_type]]`` takes for its power."""
    source = (
        f"fitted to {found.fit.n} samples of {_hosts(found)}, {METERS[found.meter]}, "
        f"file {found.source}; held out: {found.held_out}"
    )
    parts = [f"points_w = [{', '.join(f'{watts:.1f}' for watts in found.points_w)}]"]
    if found.hosting_idle_w is not None:
        parts.append(f"hosting_idle_w = {found.hosting_idle_w:.1f}")
    parts.append(f"source = {_quoted(source)}")
    power = f"power = {{ {', '.join(parts)} }}"
    return f"[[host_type]]\nname = {_quoted(found.host_type)}\n{power}\n"


def _hosts(found: Calibration) -> str:
    count = len(found.host_ids)
    return f"{count} host{'s' * (count != 1)}"


def _quoted(text: str) -> str:
    """Return a TOML basic string; control characters would end it or break the file."""
    plain = text.replace("\\", "\\\\").replace('"', '\\"')
    escaped = "".join(c if c >= " " and c != "\x7f" else f"\\u{ord(c):04x}" for c in plain)
    return f'"{escaped}"'
