"""The command line: parse, call the API, print, exit code."""

from __future__ import annotations

from consolidate.cli.main import main

__all__ = ["main"]
