"""Say what a file is, what is wrong with it and what would make it usable."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from consolidate.errors import InputError, TraceError
from consolidate.traces.base import REPAIRS, Sniff
from consolidate.traces.choose import choose_format, make_reader, sniff_all
from consolidate.traces.report import Finding, Report
from consolidate.traces.sources import checked_path, is_archive
from consolidate.traces.survey import Survey, survey

__all__ = ["Inspection", "inspect_trace"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What is known about a file that may be a trace.

    Parameters
    ----------
    path
        The path as given.
    format, why
        Name of the format and the reason for taking it; the name is empty when none fits.
    others
        Why each other format does not fit, by name.
    size_bytes : bytes
        Size of the file, or of the files of the folder.
    vms, rows
        Number of VMs and of usable rows.
    steps, step_s : s
        Number of steps and their length; 0 when they cannot be told.
    start_utc, stop_utc
        First instant and end of the last step; empty when they cannot be told.
    mean_cpu_mcores, mean_memory_mib : mcores, MiB
        Means over the rows in which the VM is not off.
    mean_cpu_fraction : fraction
        Mean CPU of the rows in parts of the mean allocation.
    findings
        What is wrong, by kind, with counts and first places.
    notes
        What is kept as it is, and assumed.
    repairs
        Names of the repairs that accept the file; empty when none is needed or none helps.
    needs
        What has to be done before the file can be used; empty when it can be.
    command
        The command that runs on it; empty when none can.
    """

    path: str
    format: str = ""
    why: str = ""
    others: tuple[tuple[str, str], ...] = ()
    size_bytes: int = 0
    vms: int = 0
    rows: int = 0
    steps: int = 0
    step_s: int = 0
    start_utc: str = ""
    stop_utc: str = ""
    mean_cpu_mcores: float = 0.0
    mean_memory_mib: float = 0.0
    mean_cpu_fraction: float = 0.0
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    repairs: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    command: str = ""

    @property
    def usable(self) -> bool:
        """Whether the file can be read, if need be with ``repairs``."""
        return bool(self.command)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, as for JSON."""
        plain = {name: getattr(self, name) for name in self.__slots__}
        plain["others"] = dict(self.others)
        plain["findings"] = [
            {
                "kind": f.kind,
                "count": f.count,
                "repair": f.repair,
                "places": [
                    {"file": p.file, "line": p.line, "column": p.column, "message": p.message}
                    for p in f.places
                ],
            }
            for f in self.findings
        ]
        for key in ("notes", "repairs", "needs"):
            plain[key] = list(plain[key])
        return {**plain, "usable": self.usable}

    def to_text(self) -> str:
        """Return a page for people."""
        lines = [f"{self.path}: {self.format or 'unknown format'} ({self.why}), {self.size_bytes} bytes"]
        if self.rows:
            lines += [
                f"  {self.vms} VMs, {self.rows} rows, {self.steps} steps of {self.step_s} s",
                f"  {self.start_utc or '?'} to {self.stop_utc or '?'}",
                f"  mean CPU {self.mean_cpu_mcores:.1f} mcores "
                f"({100 * self.mean_cpu_fraction:.2f} % of the mean allocation), "
                f"mean memory {self.mean_memory_mib:.1f} MiB",
            ]
        for finding in self.findings:
            repair = f"accepted by repair {finding.repair}" if finding.repair else "no repair"
            lines.append(f"  problem: {finding.count} {finding.kind} ({repair})")
            lines += [f"    {place}" for place in finding.places[:3]]
        lines += [f"  note: {note}" for note in self.notes]
        if not self.format:
            lines += [f"  not {name}: {why}" for name, why in self.others]
        lines += [f"  repair {name}: {REPAIRS[name]}" for name in self.repairs]
        lines += [f"  needed: {need}" for need in self.needs]
        if self.command:
            lines.append(f"  next: {self.command}")
        return "\n".join(lines)


def inspect_trace(
    path: str | Path,
    format: str | None = None,  # noqa: A002 (the word users know)
    **options: Any,
) -> Inspection:
    """Look at a file without refusing it: what it is, what is wrong, what would accept it.

    Parameters
    ----------
    path
        File, folder or archive.
    format
        Name of the format; default found from the file.
    **options
        Options of the reader.

    Raises
    ------
    InputError
        Only when there is no such file, or ``format`` or an option is unknown.
    """
    given = str(path)
    place = checked_path(path)
    known: dict[str, Any] = {"path": given, "size_bytes": _size(place)}
    answers: dict[str, Sniff] = {}
    try:
        answers = sniff_all(place)
        name = format or choose_format(place, answers)
    except InputError as error:
        if format is None:
            return _unknown(place, answers, error, known)
        name = format
    why = answers[name].why if name in answers else "as told"
    if format and name in answers and not answers[name].matches:
        why = f"as told, although {why}"
    known |= {
        "format": name,
        "why": why,
        "others": tuple((n, a.why) for n, a in answers.items() if n != name),
    }
    reader = make_reader(name, **options)
    try:
        found = survey(reader, place, may_sort=True)
    except TraceError as error:
        report = Report()
        message = str(error).removeprefix(f"{error.file}: ")
        report.issue("unreadable", message, file=error.file)
        needs = (f"correct this: {error}",)
        return Inspection(**known, findings=report.findings(), needs=needs)
    return _described(found, given, format, options, known)


def _size(path: Path) -> int:
    files = path.iterdir() if path.is_dir() else [path]
    return sum(f.stat().st_size for f in files if f.is_file())


def _unknown(
    path: Path, answers: dict[str, Sniff], error: InputError, known: dict[str, Any]
) -> Inspection:
    """Describe a file of no known format: the reasons, and what the nearest one misses."""
    if not answers:
        return Inspection(**known, why=str(error), needs=(f"correct this: {error}",))
    several = [name for name, answer in answers.items() if answer.matches]
    others = tuple((name, answer.why) for name, answer in answers.items())
    if several:
        needs = (f"say which of {', '.join(several)} it is, with --format",)
        return Inspection(**known, why="several formats fit", others=others, needs=needs)
    nearest = "planetlab" if path.is_dir() or is_archive(path) else "tidy"
    advice = (
        f"nearest format: {nearest}; {answers[nearest].why}",
        "convert it to the tidy format: a table timestamp_utc, vm_id, cpu_mcores, memory_mib and a "
        "table vms.csv beside it",
    )
    return Inspection(**known, why="no known format fits", others=others, needs=advice)


def _described(
    found: Survey, given: str, told: str | None, options: dict[str, Any], known: dict[str, Any]
) -> Inspection:
    findings = found.report.findings()
    hopeless = [f for f in findings if not f.repair]
    repairs = tuple(name for name in REPAIRS if any(f.repair == name for f in findings))
    grid = found.grid
    if grid is not None:
        known |= {
            "steps": grid.n_steps,
            "step_s": grid.step_s,
            "start_utc": f"{grid.start}Z",
            "stop_utc": f"{grid.stop}Z",
        }
    on_rows = max(1, found.rows - found.off_rows)
    mean_cpu = found.cpu_mcores_sum / on_rows
    needs = tuple(f"correct this: {f.places[0]} ({f.count} {f.kind})" for f in hopeless)
    if repairs and not hopeless:
        needs = (f"allow the repairs {', '.join(repairs)}",)
    return Inspection(
        **known,
        vms=len(found.report.ids),
        rows=found.rows,
        mean_cpu_mcores=mean_cpu,
        mean_memory_mib=found.memory_mib_sum / on_rows,
        mean_cpu_fraction=mean_cpu / max(1.0, found.mean_allocation_mcores(on_rows)),
        findings=findings,
        notes=found.report.notes(),
        repairs=repairs if not hopeless else (),
        needs=needs,
        command="" if hopeless or grid is None else _command(given, told, options, repairs),
    )


def _command(given: str, told: str | None, options: dict[str, Any], repairs: tuple[str, ...]) -> str:
    words = ["consolidate", "run", given]
    if told:
        words += ["--format", told]
    for name, value in options.items():
        words += ["--reader", f"{name}={value}"]
    if repairs:
        words += ["--repair", ",".join(repairs)]
    return shlex.join([*words, "--out", "RUN"])
