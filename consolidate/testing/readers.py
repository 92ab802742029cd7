"""Conformance of trace readers."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from consolidate.errors import InputError
from consolidate.model.trace import Trace
from consolidate.traces import Batch, Report, TraceReader

__all__ = ["check_reader"]

ARRAYS = ("cpu_mcores", "memory_mib", "alive")


def check_reader(
    reader: TraceReader, path: str | Path, *, repair: str | Iterable[str] = frozenset()
) -> Trace:
    """Check that a reader keeps the contract of :class:`~consolidate.traces.TraceReader`.

    Parameters
    ----------
    reader
        The reader, with its options.
    path
        A good file of its format; small, as it is read several times.
    repair
        Repairs that the file needs.

    Returns
    -------
    Trace
        What was read, for further checks of one's own.

    Raises
    ------
    AssertionError
        With the part of the contract that is broken.
    """
    path = Path(path)
    _check_type(reader)
    beside = _listing(path)
    answer = reader.sniff(path)
    assert answer.matches, f"sniff does not accept {path}: {answer.why}"
    trace = reader.read(path, repair=repair)
    _check_trace(reader, trace)
    _check_repeatable(trace, reader.read(path, repair=repair))
    _check_scan(reader, path, trace)
    assert _listing(path) == beside, f"reading changed the files beside {path}"
    _check_garbage(reader, path)
    return trace


def _check_type(reader: TraceReader) -> None:
    assert isinstance(reader, TraceReader), "needs name, sniff, scan and read"
    assert isinstance(reader.name, str), "name must be text"
    assert reader.name, "name must not be empty"
    kind: type = type(reader)
    assert dataclasses.is_dataclass(kind), "a reader is a dataclass: its fields are its options"
    parameters = getattr(kind, "__dataclass_params__", None)
    assert getattr(parameters, "frozen", False), "a reader is a frozen dataclass"


def _listing(path: Path) -> list[tuple[str, int, int]]:
    files = [*path.parent.iterdir(), *(path.iterdir() if path.is_dir() else ())]
    return sorted((str(f), f.stat().st_size, f.stat().st_mtime_ns) for f in files)


def _check_trace(reader: TraceReader, trace: Trace) -> None:
    assert isinstance(trace, Trace), f"read must return a Trace, not {type(trace).__name__}"
    for name, dtype in zip(ARRAYS, (np.int32, np.int32, np.bool_), strict=True):
        values = getattr(trace, name)
        assert values.dtype == dtype, f"{name} is {values.dtype}, needs {np.dtype(dtype)}"
        assert not values.flags.writeable, f"{name} can be written to"
    assert trace.format == reader.name, f"format is {trace.format!r}, needs {reader.name!r}"
    assert trace.source, "source is empty"
    assert len(trace.sha256) == 64, "sha256 is not a hash in hexadecimal"
    assert trace.alive.any(), "no VM is alive in any step"


def _check_repeatable(first: Trace, second: Trace) -> None:
    for name in ARRAYS:
        same = np.array_equal(getattr(first, name), getattr(second, name))
        assert same, f"two reads of one file differ in {name}"
    for name in ("grid", "sha256", "repairs", "notes"):
        assert getattr(first, name) == getattr(second, name), f"two reads differ in {name}"
    assert first.vms.ids == second.vms.ids, "two reads differ in the order of the VMs"


def _check_scan(reader: TraceReader, path: Path, trace: Trace) -> None:
    """Hold every row of the stream against the dense trace."""
    report = Report()
    position = {vm: i for i, vm in enumerate(trace.vms.ids)}
    exact = not trace.repairs
    rows = 0
    for batch in reader.scan(path, report):
        rows += len(batch)
        _check_batch(batch, n_vms=len(report.ids))
        vm = np.array([position.get(vm_id, -1) for vm_id in report.ids], dtype=np.int64)[batch.vm]
        on = batch.alive
        assert (vm[on] >= 0).all(), "a row with demand belongs to a VM that the trace does not have"
        step = (batch.time_s - int(trace.grid.start.astype(np.int64))) // trace.grid.step_s
        assert ((step >= 0) & (step < trace.grid.n_steps)).all(), "a row lies outside the grid"
        assert trace.alive[vm[on], step[on]].all(), "a VM with demand is not alive in the trace"
        if exact:
            for name in ("cpu_mcores", "memory_mib"):
                given = np.ceil(getattr(batch, name)[on])
                same = np.array_equal(getattr(trace, name)[vm[on], step[on]], given)
                assert same, f"{name} of scan and read differ"
    assert rows, "scan yields no rows"


def _check_batch(batch: Batch, *, n_vms: int) -> None:
    for name, kind in (
        ("line", np.integer),
        ("vm", np.integer),
        ("time_s", np.integer),
        ("cpu_mcores", np.floating),
        ("memory_mib", np.floating),
        ("alive", np.bool_),
    ):
        values = getattr(batch, name)
        assert values.shape == (len(batch),), f"batch.{name} has shape {values.shape}"
        assert np.issubdtype(values.dtype, kind), f"batch.{name} is {values.dtype}"
    assert (batch.line >= 1).all(), "lines count from 1"
    assert ((batch.vm >= 0) & (batch.vm < n_vms)).all(), "a row has a VM that was not reported"
    for name in ("cpu_mcores", "memory_mib"):
        values = getattr(batch, name)
        assert np.isfinite(values).all(), f"batch.{name} has values that are not finite"
        assert (values >= 0).all(), f"batch.{name} has negative values"


def _check_garbage(reader: TraceReader, path: Path) -> None:
    """Garbage is refused with :class:`InputError`, which names the file, and leaves nothing behind."""
    suffixes = "" if path.is_dir() else "".join(path.suffixes[-2:])
    bytes_of = np.random.default_rng(0).bytes
    with tempfile.TemporaryDirectory() as folder:
        for stem, content in (("garbage", bytes_of(4096)), ("empty", b""), ("text", b"hello;\n1,2\n")):
            file = Path(folder) / f"{stem}{suffixes}"
            file.write_bytes(content)
            _refuses(reader, file)
            assert file.read_bytes() == content, "reading changed the file"
        left = sorted(f.name for f in Path(folder).iterdir())
        assert len(left) == 3, f"reading left files behind: {left}"
        _refuses(reader, Path(folder) / f"missing{suffixes}")


def _refuses(reader: TraceReader, file: Path) -> None:
    raised: Exception | None = None
    try:
        reader.read(file, repair="all")
    except Exception as error:
        raised = error
    assert raised is not None, f"{file.name} must be refused"
    kind = type(raised).__name__
    assert isinstance(raised, InputError), (
        f"{file.name} must be refused with InputError, not {kind}: {raised}"
    )
    assert file.name in str(raised), f"the error does not name {file.name}: {raised}"
