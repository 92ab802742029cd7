"""Download one file and check it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from urllib.parse import unquote, urlsplit

from consolidate.errors import InputError

__all__ = ["download"]

CHUNK_BYTES = 1 << 20
TIMEOUT_S = 60
SCHEMES = ("https", "http", "file")


def download(url: str, folder: Path, *, sha256: str) -> Path:
    """Download a file in pieces, and keep it only if its hash is right.

    Parameters
    ----------
    url
        Address: https, http or file. The hash makes plain http safe.
    folder
        Where to put it, under the last part of its address; made if it does not exist.
    sha256
        Hash that it must have.

    Returns
    -------
    The file.

    Raises
    ------
    InputError
        When the address cannot be read, or the hash is another; nothing is left behind.
    """
    import http.client
    import urllib.request

    parts = urlsplit(url)
    name = Path(unquote(parts.path)).name
    if parts.scheme not in SCHEMES or not name:
        msg = f"{url} is no address of a file ({', '.join(SCHEMES)})"
        raise InputError(msg)
    target = folder / name
    if target.is_file() and _hash_of(target) == sha256:
        return target
    folder.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    digest = hashlib.sha256()
    try:
        # The scheme was checked above.
        request = urllib.request.Request(url, headers={"User-Agent": "consolidate"})  # noqa: S310
        with (
            urllib.request.urlopen(request, timeout=TIMEOUT_S) as response,  # noqa: S310
            part.open("wb") as file,
        ):
            while chunk := response.read(CHUNK_BYTES):
                digest.update(chunk)
                file.write(chunk)
        if digest.hexdigest() != sha256:
            msg = (
                f"{url} has sha256 {digest.hexdigest()}, expected {sha256}: the file changed, or the "
                "server sent something else (a login page?); nothing was kept"
            )
            raise InputError(msg)
        part.replace(target)
    except (http.client.HTTPException, OSError) as error:  # OSError includes all of urllib's own
        reason = getattr(error, "reason", None) or error
        msg = f"cannot load {url} ({reason}); load it by hand and put it at {target}"
        raise InputError(msg) from error
    finally:
        part.unlink(missing_ok=True)
    return target


def _hash_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
