"""Readers of demand traces: files in, one :class:`~consolidate.model.trace.Trace` out.

Each format is one frozen dataclass in :data:`READERS`. Nothing is repaired silently: a file with
problems is refused with file, line and column, unless the repair that accepts them is allowed by name.
"""

from __future__ import annotations

from consolidate.traces.assemble import assemble
from consolidate.traces.base import READERS, REPAIRS, Batch, Sniff, TraceReader
from consolidate.traces.choose import make_reader, read_trace
from consolidate.traces.inspection import Inspection, inspect_trace
from consolidate.traces.report import Finding, Place, Report
from consolidate.traces.slices import read_slices
from consolidate.traces.tidy_write import write_tidy

__all__ = [
    "READERS",
    "REPAIRS",
    "Batch",
    "Finding",
    "Inspection",
    "Place",
    "Report",
    "Sniff",
    "TraceReader",
    "assemble",
    "inspect_trace",
    "make_reader",
    "read_slices",
    "read_trace",
    "write_tidy",
]
