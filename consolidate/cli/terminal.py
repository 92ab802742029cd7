"""Text on a terminal: names of VMs, hosts and files may hold codes that steer it."""

from __future__ import annotations

import unicodedata
from typing import Final

import click

__all__ = ["plain", "say"]

#: Controls, marks that hide or reorder text, surrogates, private and unassigned characters.
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
#: Ends of lines, and the joiners that shape letters of several scripts.
_KEPT: Final = "\n\t\u200c\u200d"


def plain(text: str) -> str:
    r"""Write what cannot be seen as ``\uXXXX``, so that no name moves the cursor or hides a part of a line."""
    return "".join(
        f"\\u{ord(c):04x}" if c not in _KEPT and unicodedata.category(c) in _HIDDEN else c for c in text
    )


def say(text: object, *, err: bool = False) -> None:
    """Print a line that cannot steer the terminal."""
    click.echo(plain(str(text)), err=err)
