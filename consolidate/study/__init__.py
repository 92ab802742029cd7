"""Compose the verbs: one run from trace to report, and comparisons of policies."""

from __future__ import annotations

from consolidate.study.comparison import compare
from consolidate.study.config import RunConfig
from consolidate.study.front import FrontPoint, front_frame, pareto_front
from consolidate.study.pipeline import RunData, load_run, run
from consolidate.study.preparation import prepare

__all__ = [
    "FrontPoint",
    "RunConfig",
    "RunData",
    "compare",
    "front_frame",
    "load_run",
    "pareto_front",
    "prepare",
    "run",
]
