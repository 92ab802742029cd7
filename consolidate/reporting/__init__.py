"""Reports: one list of numbers, written as a page, as CSV and as JSON that agree to the last digit."""

from __future__ import annotations

from consolidate.reporting.account import Account, read_account
from consolidate.reporting.bundle import Report
from consolidate.reporting.figure import Figure
from consolidate.reporting.formats import FORMATS
from consolidate.reporting.from_run import report, report_run
from consolidate.reporting.study import write_study
from consolidate.reporting.summary import SummaryRow, summary_row, write_summary_table

__all__ = [
    "FORMATS",
    "Account",
    "Figure",
    "Report",
    "SummaryRow",
    "read_account",
    "report",
    "report_run",
    "summary_row",
    "write_study",
    "write_summary_table",
]
