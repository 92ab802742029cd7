"""Files of an input, streamed: a file, a folder, or an archive that is never unpacked to disk."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final, cast

from consolidate.errors import InputError, TraceError
from consolidate.traces.report import Report

__all__ = [
    "Member",
    "Stream",
    "checked_path",
    "is_archive",
    "members",
    "open_plain",
    "sha256_of",
    "signature",
]

#: An archive may unpack to this many times its size ...
MAX_RATIO: Final = 200
#: ... once it has unpacked to more than this, and never to more than MAX_BYTES.
RATIO_FREE_BYTES: Final = 64 * 2**20
MAX_BYTES: Final = 64 * 2**30

_TAR: Final[dict[str, Callable[..., Any]]] = {
    ".tar": open,
    ".tar.gz": gzip.open,
    ".tgz": gzip.open,
    ".tar.xz": lzma.open,
    ".tar.bz2": bz2.open,
}
_NESTED = (".tar", ".gz", ".tgz", ".xz", ".bz2", ".zip", ".zst", ".7z", ".rar")
_NOT_READ = (".zst", ".7z", ".rar", ".xz", ".bz2", ".lz4", ".br")
#: What a broken archive or compressed file raises.
BROKEN: Final = (
    EOFError,
    OSError,
    NotImplementedError,
    lzma.LZMAError,
    zlib.error,
    tarfile.TarError,
    zipfile.BadZipFile,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One file of an input.

    Parameters
    ----------
    file
        Name for messages.
    name
        Name of the file itself, without folder.
    folder
        Name of the folder that it is in; empty when there is none.
    stream
        Its bytes; valid until the next member is asked for.
    """

    file: str
    name: str
    folder: str
    stream: Stream


def checked_path(path: str | Path) -> Path:
    """Return an existing file or folder.

    Raises
    ------
    InputError
        When there is nothing, or something that is neither (a pipe, a device).
    """
    path = Path(path)
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        msg = f"{path}: cannot be opened ({reason}); give the path of a trace file or folder"
        raise InputError(msg) from error
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        msg = f"{path}: is neither a file nor a folder"
        raise InputError(msg)
    return path


def _tar_suffix(path: Path) -> str | None:
    return next((s for s in _TAR if path.name.lower().endswith(s)), None)


def is_archive(path: Path) -> bool:
    """Return whether the name is that of an archive."""
    return path.is_file() and (_tar_suffix(path) is not None or path.suffix.lower() == ".zip")


class Stream:
    """Bytes of one file: damage is reported with the file's name, and unpacking has a limit."""

    def __init__(self, raw: IO[bytes], *, file: str, packed_bytes: int | None = None) -> None:
        self._raw, self._file, self._packed = raw, file, packed_bytes
        self._total, self.tail = 0, b""

    def read(self, size: int) -> bytes:
        """Return up to ``size`` bytes; fewer only at the end."""
        try:
            data = self._raw.read(size)
        except BROKEN as error:
            raise broken(self._file, error) from error
        self._total += len(data)
        if data:
            self.tail = data[-512:]
        if self._packed is not None:
            refuse_bomb(self._total, self._packed, file=self._file)
        return data


def refuse_bomb(unpacked: int, packed: int, *, file: str) -> None:
    """Raise :class:`TraceError` when an archive unpacks to more than any trace does."""
    limit = min(MAX_BYTES, max(RATIO_FREE_BYTES, MAX_RATIO * packed))
    if unpacked > limit:
        msg = f"unpacks to more than {limit} bytes from {packed}; no trace does: refused"
        raise TraceError(msg, file=file)


@contextmanager
def open_plain(path: Path) -> Iterator[Stream]:
    """Open a file for reading, unpacking ``.gz`` under the same limits as archives."""
    try:
        raw = path.open("rb")
    except OSError as error:
        raise broken(path, error) from error
    with raw:
        if path.suffix.lower() == ".gz":
            with gzip.GzipFile(fileobj=raw) as unpacked:
                packed = path.stat().st_size
                yield Stream(cast("IO[bytes]", unpacked), file=str(path), packed_bytes=packed)
        else:
            yield Stream(raw, file=str(path))


def members(path: Path, report: Report | None = None) -> Iterator[Member]:
    """Yield the files of a file, folder or archive, one at a time.

    Files of a folder come sorted by name, those of an archive in its order. Hidden files are left out
    and counted in ``report``.

    Raises
    ------
    TraceError
        When there are no files, sub-folders, links, escaping or repeated names, archives inside an
        archive, when the archive is broken or ends early, or unpacks without measure.
    """
    report = report if report is not None else Report()
    found, folders, names = 0, set(), set()
    for member in _broken_as_trace_error(_raw_members(path), path):
        parts = (*PurePosixPath(member.folder).parts, member.name)
        if any(part.startswith(".") or part == "__MACOSX" for part in parts):
            report.count("hidden files left out", 1)
            continue
        if member.name in names:
            msg = f"the name {member.name!r} occurs twice"
            raise TraceError(msg, file=member.file)
        names.add(member.name)
        folders.add(member.folder)
        if len(folders) > 1:
            both = " and ".join(sorted(repr(f) for f in folders))
            msg = f"has files in several folders ({both}); give one folder's files"
            raise TraceError(msg, file=str(path))
        found += 1
        yield member
    if not found:
        msg = "holds no files; a trace needs at least one"
        raise TraceError(msg, file=str(path))


def _raw_members(path: Path) -> Iterator[Member]:
    if path.is_dir():
        yield from _folder_members(path)
    elif _tar_suffix(path):
        yield from _tar_members(path)
    elif path.suffix.lower() == ".zip":
        yield from _zip_members(path)
    elif path.suffix.lower() in _NOT_READ:
        msg = f"is packed as {path.suffix}, which is not read; unpack it, or pack it as .tar.xz or .zip"
        raise TraceError(msg, file=str(path))
    else:
        with open_plain(path) as stream:
            yield Member(file=str(path), name=path.name, folder="", stream=stream)


def _broken_as_trace_error(source: Iterator[Member], path: Path) -> Iterator[Member]:
    try:
        yield from source
    except BROKEN as error:
        raise broken(path, error) from error


def broken(path: Path | str, error: Exception) -> TraceError:
    """Return the error for an archive or compressed file that is damaged."""
    msg = (
        f"cannot be read: damaged, or ends early ({str(error) or type(error).__name__}); fetch it again"
    )
    return TraceError(msg, file=str(path))


def _folder_members(path: Path) -> Iterator[Member]:
    for entry in sorted(os.scandir(path), key=lambda e: e.name):
        place = Path(entry.path)
        if entry.name.startswith("."):
            yield Member(
                file=str(place), name=entry.name, folder="", stream=Stream(BytesIO(), file=str(place))
            )
        elif not entry.is_file():
            what = "a folder" if entry.is_dir() else "not a regular file"
            msg = (
                f"is {what} inside a trace folder, which holds files only; give the folder of one trace"
            )
            raise TraceError(msg, file=str(place))
        else:
            with open_plain(place) as stream:
                yield Member(file=str(place), name=entry.name, folder="", stream=stream)


def _refuse_member(path: Path, name: str, *, regular: bool) -> None:
    file = f"{path}!{name}"
    pure = PurePosixPath(name.replace("\\", "/"))
    if pure.is_absolute() or ".." in pure.parts or "\0" in name or ":" in pure.parts[0]:
        msg = "has a path that leads out of the archive: refused"
        raise TraceError(msg, file=file)
    if not regular:
        msg = "is a link or device inside an archive: refused"
        raise TraceError(msg, file=file)
    if name.lower().endswith(_NESTED):
        msg = "is an archive inside an archive: refused; unpack the outer one first"
        raise TraceError(msg, file=file)


def _tar_members(path: Path) -> Iterator[Member]:
    suffix = _tar_suffix(path)
    assert suffix is not None
    with cast("IO[bytes]", _TAR[suffix](path, "rb")) as unpacked:
        stream = Stream(unpacked, file=str(path), packed_bytes=path.stat().st_size)
        with tarfile.open(fileobj=cast("IO[bytes]", stream), mode="r|") as archive:
            for entry in archive:
                pure = PurePosixPath(entry.name)
                _refuse_member(
                    path, entry.name, regular=entry.isdir() or (entry.isreg() and not entry.issparse())
                )
                if entry.isdir():
                    continue
                data = archive.extractfile(entry)
                assert data is not None
                file = f"{path}!{entry.name}"
                yield Member(
                    file=file, name=pure.name, folder=_folder(pure), stream=Stream(data, file=file)
                )
            # tarfile takes a damaged header for the end: what follows the real end is zeros only.
            while rest := cast("Any", archive).fileobj.read(2**16):
                if rest.strip(b"\0"):
                    msg = "has a damaged member header; fetch it again"
                    raise TraceError(msg, file=str(path))
        while stream.read(2**20):  # to the end, where the checksum of the compression stands
            pass
        if stream.tail.strip(b"\0"):
            msg = "ends without the end mark of a tar archive; fetch it again"
            raise TraceError(msg, file=str(path))


def _zip_members(path: Path) -> Iterator[Member]:
    total = 0
    packed = path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            mode = entry.external_attr >> 16
            regular = not stat.S_IFMT(mode) or stat.S_ISREG(mode) or stat.S_ISDIR(mode)
            _refuse_member(path, entry.filename, regular=regular)
            if entry.is_dir():
                continue
            if entry.flag_bits & 1:
                msg = "is encrypted; unpack it first"
                raise TraceError(msg, file=f"{path}!{entry.filename}")
            total += entry.file_size  # zipfile itself never yields more than the stated size
            refuse_bomb(total, packed, file=str(path))
            pure = PurePosixPath(entry.filename)
            with archive.open(entry) as data:
                file = f"{path}!{entry.filename}"
                yield Member(
                    file=file, name=pure.name, folder=_folder(pure), stream=Stream(data, file=file)
                )


def _folder(pure: PurePosixPath) -> str:
    parent = str(pure.parent)
    return "" if parent == "." else parent.removeprefix("./")


def signature(paths: Sequence[Path]) -> tuple[tuple[str, int, int], ...]:
    """Return names, sizes and times of change, to notice that a file changed while it was read."""
    files = [f for p in paths for f in (sorted(p.iterdir()) if p.is_dir() else [p])]
    return tuple((str(f), f.lstat().st_size, f.lstat().st_mtime_ns) for f in files)


def sha256_of(paths: Sequence[Path]) -> str:
    """Return the SHA-256 of one file's bytes, or of the sorted (name, content) pairs of several."""
    if len(paths) == 1 and paths[0].is_file():
        return _file_sha256(paths[0])
    files = [f for p in paths for f in (p.iterdir() if p.is_dir() else [p])]
    total = hashlib.sha256()
    for file in sorted((f for f in files if not f.name.startswith(".")), key=lambda f: f.name):
        total.update(len(file.name.encode()).to_bytes(8, "little") + file.name.encode())
        total.update(bytes.fromhex(_file_sha256(file)))
    return total.hexdigest()


def _file_sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
