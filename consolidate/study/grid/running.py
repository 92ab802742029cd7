"""Run a study in processes; what is finished is kept, and the same command goes on from there."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from consolidate.errors import ConfigError
from consolidate.model.progress import Progress, silent
from consolidate.study.folder import read_json, write_json
from consolidate.study.grid.arms import run_cell
from consolidate.study.grid.cells import Cell, Study
from consolidate.study.grid.reading import read_study
from consolidate.study.provenance import note_stage

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["StudyTable", "run_study"]

#: Columns of the table, in their order.
COLUMNS = (
    "trace",
    "fleet",
    "mode",
    "kind",
    "policy",
    "seed",
    "parameters",
    "energy_kwh",
    "energy_no_standby_kwh",
    "clairvoyant_kwh",
    "clairvoyant_no_standby_kwh",
    "clairvoyant_credited_kwh",
    "bound_ratio",
    "saved_fraction",
    "saved_no_standby_fraction",
    "saving_share_fraction",
    "overload_fraction",
    "unmet_fraction",
    "migrations",
    "power_cycles_max",
    "hosts_on_mean",
    "slatah_fraction",
    "slav",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyTable:
    """A study that has been run.

    Parameters
    ----------
    study
        What was asked.
    table
        One row per cell, in the order of the study.
    inputs
        Name, SHA-256 and size of every file that was read.
    folder
        Where finished cells are kept.
    computed
        Cells that this call ran; the others were there.
    """

    study: Study
    table: pd.DataFrame
    inputs: tuple[dict[str, object], ...]
    folder: Path
    computed: int


def run_study(
    path: str | Path,
    folder: str | Path,
    *,
    data: str | Path | None = None,
    workers: int = 1,
    progress: Progress = silent,
) -> StudyTable:
    """Run every cell of a study that is not in its folder yet.

    Parameters
    ----------
    path
        Study file (TOML).
    folder
        Where finished cells are kept, each in a file whose name changes with everything that it depends on.
    data
        Folder that relative paths of traces and fleets count from; default that of the file.
    workers
        Processes. The table does not depend on it.
    progress
        Told which cell is next.

    Raises
    ------
    ConfigError
        When anything is wrong with the file, or the number of workers is below 1.
    """
    if workers < 1:
        msg = f"needs 1 or more, got {workers}"
        raise ConfigError(msg, path="workers")
    began = time.perf_counter()
    study, folder = read_study(path, data=data), Path(folder)
    inputs = _inputs(study)
    hashes = {str(i["path"]): str(i["sha256"]) for i in inputs}
    kept = folder / "cells"
    kept.mkdir(parents=True, exist_ok=True)
    files = {cell: kept / f"{cell.key(hashes)}.json" for cell in study.cells}
    todo = [cell for cell in study.cells if not files[cell].is_file()]
    progress(f"study {study.name}", len(study.cells) - len(todo), len(study.cells))
    for done, (cell, row) in enumerate(_rows(todo, workers), start=1):
        write_json(files[cell], {k: _plain(v) for k, v in row.items()})
        progress(f"study {study.name}", len(study.cells) - len(todo) + done, len(study.cells))
    import pandas as pd

    # Read back, so that a row just computed and one that was there are the same.
    rows = [read_json(files[cell]) for cell in study.cells]
    table = pd.DataFrame([{name: row.get(name) for name in COLUMNS} for row in rows])
    for name in COLUMNS[7:]:
        table[name] = pd.to_numeric(table[name])
    note_stage(
        folder, "study", time.perf_counter() - began, cells=len(todo), workers=workers, study=study.name
    )
    public = tuple({k: v for k, v in i.items() if k != "path"} for i in inputs)
    return StudyTable(study=study, table=table, inputs=public, folder=folder, computed=len(todo))


def _rows(cells: list[Cell], workers: int) -> Iterable[tuple[Cell, dict[str, object]]]:
    """Yield cells and their rows as they are ready; cells of a group go to a process together."""
    if workers == 1 or len(cells) < 2:
        for cell in cells:
            yield cell, run_cell(cell)
        return
    # A fresh interpreter for each process: compiled kernels and solvers do not survive a fork.
    with ProcessPoolExecutor(max_workers=workers, mp_context=get_context("spawn")) as pool:
        waiting: dict[Future[dict[str, object]], Cell] = {pool.submit(run_cell, c): c for c in cells}
        try:
            while waiting:
                for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                    yield waiting.pop(future), future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _plain(value: Any) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _inputs(study: Study) -> list[dict[str, object]]:
    """Hash every file and folder that the study reads."""
    found = []
    for place in dict.fromkeys(p for c in study.cells for p in c.files()):
        path = Path(place)
        if not path.exists():
            continue
        files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
        digest = hashlib.sha256()
        for file in files:
            if path.is_dir():
                digest.update(str(file.relative_to(path)).encode())
            digest.update(file.read_bytes())
        size = sum(f.stat().st_size for f in files)
        found.append({"path": place, "name": path.name, "sha256": digest.hexdigest(), "bytes": size})
    return found
