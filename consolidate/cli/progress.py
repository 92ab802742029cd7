"""Progress on standard error: bars on a terminal, one line per stage elsewhere, nothing with --quiet."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from consolidate.model.progress import Progress

__all__ = ["show_progress"]


@contextmanager
def show_progress(*, quiet: bool = False) -> Iterator[Progress]:
    """Yield a callback that shows where the work stands."""
    from consolidate.model.progress import silent

    if quiet:
        yield silent
    elif not sys.stderr.isatty():
        yield _Lines()
    else:
        with _bars() as callback:
            yield callback


class _Lines:
    def __init__(self) -> None:
        self._last = ""

    def __call__(self, stage: str, done: int = 0, total: int = 0) -> None:  # noqa: ARG002
        if stage != self._last:
            self._last = stage
            sys.stderr.write(f"{stage} ...\n")
            sys.stderr.flush()


@contextmanager
def _bars() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, int] = {}

        def callback(stage: str, done: int = 0, total: int = 0) -> None:
            if stage not in tasks:
                for task in tasks.values():
                    bars.update(task, visible=False)  # type: ignore[arg-type]
                tasks[stage] = bars.add_task(stage, total=total or None)
            bars.update(tasks[stage], completed=done, total=total or None)  # type: ignore[arg-type]

        yield callback
