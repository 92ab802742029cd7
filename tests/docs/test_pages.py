"""Pages that users copy from: they run, and they say what the code says."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def _blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text("utf-8"), re.DOTALL)


@pytest.mark.parametrize("block", _blocks("README.md", "python"))
def test_readme_python_runs(block: str) -> None:
    """The first code that a newcomer copies must run as it stands."""
    names: dict[str, object] = {}
    exec(compile(block, "README.md", "exec"), names)
    assert "report" in names


def test_command_line_page_is_current() -> None:
    """A stale option in the reference sends users into an error."""
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (ROOT / "docs/reference/cli.md").read_text("utf-8") == module.page(), "run: make docs"


def _pages() -> list[Path]:
    return sorted(
        [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "reports").rglob("*.md")]
    )


@pytest.mark.parametrize("page", _pages(), ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """A dead link in the documentation is a promise broken."""
    prose = re.sub(r"```.*?```|`[^`]*`", "", page.read_text("utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", prose):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_readme_table_is_the_reports_table() -> None:
    """The figures of the README are those that `make reports` writes."""
    summary = (ROOT / "reports/real-traces/summary.md").read_text("utf-8").splitlines()[2:]
    readme = (ROOT / "README.md").read_text("utf-8")
    for row in summary:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        for value in (cells[3], cells[4], cells[5], cells[8], cells[10], cells[11]):
            assert value in readme, f"{value} of {cells[0]} is not in the README"


def test_notebooks_are_stripped() -> None:
    """Outputs in a notebook hide what the code does now, and bloat every change."""
    import json

    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        for cell in json.loads(path.read_text("utf-8"))["cells"]:
            assert not cell.get("outputs"), path.name
            assert cell.get("execution_count") is None, path.name
