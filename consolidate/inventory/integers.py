"""Text files that are nothing but integers, read number after number, with the place of each mistake."""

from __future__ import annotations

import gzip
import itertools
import re
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import TraceError

__all__ = ["MOST", "IntegerText", "read_text"]

#: No size, cost or count of a benchmark comes near it, and ten million of them still add up in 64 bits.
MOST = 10**11
_WHITE = re.compile(r"\S+")


def read_text(path: str | Path) -> str:
    """Return the text of a file, unpacked if its name ends in ``.gz``.

    Raises
    ------
    TraceError
        When the file cannot be read, unpacked or decoded.
    """
    path = Path(path)
    try:
        raw = path.read_bytes()
        if path.suffix == ".gz":
            raw = gzip.decompress(raw)
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        msg = f"is not UTF-8 text (byte {error.start}); these formats hold digits only"
        raise TraceError(msg, file=str(path)) from error
    except (OSError, EOFError, zlib.error) as error:
        msg = f"cannot be read ({getattr(error, 'strerror', None) or error})"
        raise TraceError(msg, file=str(path)) from error


class IntegerText:
    """A cursor over the whitespace-separated integers of a text.

    Line ends mean nothing in these formats; they are used to name places only.

    Parameters
    ----------
    text
        Contents of the file.
    file
        Name of the file, for messages.

    Raises
    ------
    TraceError
        When a word is not an integer; names line, column (which word of the line) and value.
    """

    def __init__(self, text: str, *, file: str) -> None:
        self._text, self._file, self._next = text, file, 0
        words = text.split()
        try:
            self._values = np.array(list(map(int, words)), dtype=np.int64)
        except (ValueError, OverflowError) as error:
            raise self._not_an_integer(words) from error

    def _not_an_integer(self, words: list[str]) -> TraceError:
        for k, word in enumerate(words):
            try:
                np.int64(int(word))
            except (ValueError, OverflowError):
                shown = word if len(word) <= 30 else word[:27] + "..."
                return self.error(f"needs an integer of 64 bits, got {shown!r}", at=k)
        raise AssertionError

    def error(self, message: str, *, at: int) -> TraceError:
        """Return an error that names the place of number ``at``, counted from 0."""
        word = next(itertools.islice(_WHITE.finditer(self._text), at, None), None)
        end = len(self._text) if word is None else word.start()
        line = self._text.count("\n", 0, end) + 1
        start = self._text.rfind("\n", 0, end) + 1
        column = len(self._text[start:end].split()) + 1
        return TraceError(message, file=self._file, line=line, column=column)

    @property
    def position(self) -> int:
        """How many numbers were taken."""
        return self._next

    def take(self, name: str, *, least: int = 0, most: int = MOST) -> int:
        """Return the next number.

        Parameters
        ----------
        name
            What it is, for messages.
        least, most
            Allowed range, both ends included.

        Raises
        ------
        TraceError
            When it is outside the range, or when the file ends first.
        """
        return int(self.row(name, 1, least=least, most=most)[0])

    def row(self, name: str, count: int, *, least: int = 0, most: int = MOST) -> NDArray[np.int64]:
        """Return the next ``count`` numbers, each of them like that of :meth:`take`."""
        start, left = self._next, len(self._values) - self._next
        if count > left:
            msg = f"the file ends here: needs {count} numbers for {name}, got {left}"
            raise self.error(msg, at=len(self._values))
        values = self._values[start : start + count]
        bad = np.flatnonzero((values < least) | (values > most))
        if bad.size:
            msg = f"{name} needs {least} to {most}, got {values[bad[0]]}"
            raise self.error(msg, at=start + int(bad[0]))
        self._next += count
        return values

    def table(
        self, names: Sequence[str], rows: int, *, least: Sequence[int], most: Sequence[int]
    ) -> NDArray[np.int64]:
        """Return the next ``rows`` lines of numbers, each column with its own name and range.

        Raises
        ------
        TraceError
            As :meth:`take` does.
        """
        start, columns = self._next, len(names)
        left = len(self._values) - start
        if rows * columns > left:
            msg = f"the file ends here: needs {rows} times {', '.join(dict.fromkeys(names))}"
            raise self.error(msg, at=len(self._values))
        values = self._values[start : start + rows * columns].reshape(rows, columns)
        bad = np.argwhere((values < np.array(least)) | (values > np.array(most)))
        if bad.size:
            row, column = (int(k) for k in bad[0])
            found = values[row, column]
            msg = f"{names[column]} needs {least[column]} to {most[column]}, got {found}"
            raise self.error(msg, at=start + row * columns + column)
        self._next += rows * columns
        return values

    def finish(self) -> None:
        """Refuse numbers that are left over.

        Raises
        ------
        TraceError
            When there are any.
        """
        left = len(self._values) - self._next
        if left:
            msg = f"the data end before this; {left} numbers are left over, the counts do not agree"
            raise self.error(msg, at=self._next)
