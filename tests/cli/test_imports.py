"""What importing costs, and what the package offers."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import consolidate

HEAVY = ("numpy", "pandas", "numba", "matplotlib", "pyarrow", "ortools", "networkx", "jinja2", "rich")


def loaded(code: str) -> set[str]:
    """Return the modules that a fresh interpreter has after some code."""
    code += "\nimport json, sys; print('\\n' + json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_importing_the_package_loads_nothing_heavy():
    """Half a second on every tab completion is what users leave for."""
    assert not loaded("import consolidate").intersection((*HEAVY, "click", "consolidate.model"))


@pytest.mark.parametrize("args", [["--help"], ["--version"], ["run", "--help"], ["compare", "-h"]])
def test_help_loads_nothing_heavy(args):
    """Help answers at once; the verbs are imported when they run."""
    code = (
        "from consolidate.cli.main import main\n"
        f"try:\n    main({args!r})\nexcept SystemExit as end:\n    assert not end.code"
    )
    modules = loaded(code)
    assert not modules.intersection(HEAVY)
    assert "consolidate.cli.demo_command" not in modules


def test_python_dash_m():
    """The module runs as the script does."""
    done = subprocess.run(
        [sys.executable, "-m", "consolidate", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"consolidate, version {consolidate.__version__}\n"
    done = subprocess.run(
        [sys.executable, "-m", "consolidate", "rnu"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "Did you mean 'run'?" in done.stderr


def test_every_public_name_can_be_had():
    """A name in ``__all__`` that does not exist breaks ``from consolidate import *``."""
    for name in consolidate.__all__:
        assert getattr(consolidate, name) is not None, name
    assert len(set(consolidate.__all__)) == len(consolidate.__all__)


def test_every_public_name_has_a_docstring():
    """What is public is explained where it stands."""
    for name in consolidate.__all__:
        text = getattr(consolidate, name).__doc__ or ""
        assert text.strip(), name
        # The one that a dataclass makes up for itself is its signature.
        assert not text.startswith(f"{name}("), name


def test_the_lazy_names_are_the_public_ones():
    """The list of homes and ``__all__`` are written by hand, twice."""
    homes = {name for names in consolidate._HOMES.values() for name in names}
    assert homes | set(consolidate._MODULES) == set(consolidate.__all__)


def test_the_names_that_type_checkers_see_are_the_public_ones():
    """The imports under ``TYPE_CHECKING`` are a third list of the same names."""
    import ast
    from pathlib import Path

    tree = ast.parse(Path(consolidate.__file__).read_text("utf-8"))
    block = next(n for n in tree.body if isinstance(n, ast.If))
    seen = {a.name: n.module for n in block.body for a in n.names}
    assert set(seen) == set(consolidate.__all__)
    homes = {name: home for home, names in consolidate._HOMES.items() for name in names}
    assert seen == homes | dict.fromkeys(consolidate._MODULES, "consolidate")


def test_dir_lists_the_public_names():
    """Completion in a shell goes by ``dir``."""
    assert set(consolidate.__all__) <= set(dir(consolidate))
    assert "__version__" in dir(consolidate)
    assert dir(consolidate) == sorted(dir(consolidate))


def test_an_unknown_name_is_an_attribute_error():
    """And so ``hasattr`` and ``from consolidate import x`` behave."""
    assert not hasattr(consolidate, "magic")
    with pytest.raises(AttributeError, match="module 'consolidate' has no attribute 'magic'"):
        _ = consolidate.magic
