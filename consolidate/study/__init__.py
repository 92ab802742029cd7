"""Compose the verbs: one run from trace to report, and comparisons of policies."""

from __future__ import annotations

from consolidate.study.comparison import compare
from consolidate.study.config import RunConfig
from consolidate.study.pipeline import RunData, load_run, run
from consolidate.study.preparation import prepare

__all__ = ["RunConfig", "RunData", "compare", "load_run", "prepare", "run"]
