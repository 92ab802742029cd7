"""Import of optional dependencies."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from consolidate.errors import MissingExtraError

__all__ = ["require"]


def require(module: str, *, extra: str) -> ModuleType:
    """Import ``module`` or say which command installs it.

    Raises
    ------
    MissingExtraError
        When the module is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        msg = f"{module} is not installed; run: pip install 'consolidate[{extra}]'"
        raise MissingExtraError(msg) from error
