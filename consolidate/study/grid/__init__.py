"""Studies: every combination of a few axes, each replayed once, in one tidy table.

``schema`` says what a study file may hold, ``reading`` expands it into ``cells``, ``arms`` runs one cell
(``compatible`` one in the mode ``cloudsim``), ``running`` runs all of them in processes and goes on where an
interrupted run stopped.
"""

from __future__ import annotations

from consolidate.study.grid.cells import Cell, Study
from consolidate.study.grid.reading import read_study
from consolidate.study.grid.running import StudyTable, run_study

__all__ = ["Cell", "Study", "StudyTable", "read_study", "run_study"]
