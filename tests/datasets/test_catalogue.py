from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from consolidate.datasets import catalogue, fetch, list_datasets
from consolidate.datasets.catalogue import DatasetEntry
from consolidate.datasets.download import download
from consolidate.errors import ConfigError, InputError, UnknownNameError

ROOT = Path(__file__).parents[2]
CONTENT = b"timestamp_utc,vm_id\n" * 1_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/data/trace%20one.csv":
            self.send_response(200)
            self.end_headers()
            self.wfile.write(CONTENT)
        elif self.path == "/cut.csv":
            self.send_response(200)
            self.send_header("Content-Length", "999999")
            self.end_headers()
            self.wfile.write(CONTENT[:5_000])
        else:
            self.send_error(403)

    def log_message(self, *args: object) -> None: ...


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


def test_catalogue_is_complete() -> None:
    """Each entry needs what a user must know before loading anything."""
    entries = list_datasets()
    assert len({e.name for e in entries}) == len(entries) > 30
    for entry in entries:
        assert entry.title, entry
        assert entry.licence, entry
        assert entry.url.startswith(("http", "gs://")), entry
        assert len(entry.sha256) in (0, 64), entry
        # A hash of unknown origin would be worth nothing, and a pattern is no address of a file.
        assert bool(entry.sha256) == bool(entry.checksum_source), entry
        assert not (entry.fetchable and "{" in entry.url), entry


def test_both_copies_of_the_catalogue_are_the_same() -> None:
    """The package reads its own copy; people read the one in datasets/."""
    packaged = ROOT / "consolidate" / "datasets" / "registry.toml"
    assert packaged.read_bytes() == (ROOT / "datasets" / "registry.toml").read_bytes()


def test_each_entry_has_a_card() -> None:
    """The cards must not fall behind the catalogue."""
    cards = (ROOT / "datasets" / "README.md").read_text(encoding="utf-8")
    titles = [line[3:] for line in cards.splitlines() if line.startswith("## ")]
    assert titles == [entry.name for entry in list_datasets()]
    assert all(entry.licence in cards and entry.url in cards for entry in list_datasets())


def test_download_checks_and_keeps(server: str, tmp_path: Path) -> None:
    """A file with the right hash is kept under its own name, and not loaded a second time."""
    path = download(f"{server}/data/trace%20one.csv", tmp_path / "new", sha256=SHA256)
    assert path == tmp_path / "new" / "trace one.csv"
    assert path.read_bytes() == CONTENT
    assert download("http://127.0.0.1:9/trace%20one.csv", path.parent, sha256=SHA256) == path


def test_download_from_a_file_address(tmp_path: Path) -> None:
    """A mirror on a file server is as good as the web."""
    (tmp_path / "in.csv").write_bytes(CONTENT)
    path = download((tmp_path / "in.csv").as_uri(), tmp_path / "out", sha256=SHA256)
    assert path.read_bytes() == CONTENT


def test_wrong_hash_leaves_nothing(server: str, tmp_path: Path) -> None:
    """A changed file or a login page must not end up as data."""
    with pytest.raises(InputError, match=f"has sha256 {SHA256}, expected 0000"):
        download(f"{server}/data/trace%20one.csv", tmp_path, sha256="0" * 64)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["/other.csv", "/cut.csv"])
def test_failed_download_says_what_to_do(server: str, tmp_path: Path, path: str) -> None:
    """Mirrors answer 403 or break off; the file can still be put in place by hand."""
    with pytest.raises(InputError, match=r"(by hand|expected)"):
        download(server + path, tmp_path, sha256=SHA256)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["ftp://host/x.csv", "https://host/", "x.csv"])
def test_other_addresses_are_refused(tmp_path: Path, url: str) -> None:
    """Only addresses of files, over the protocols that were thought about."""
    with pytest.raises(InputError, match="no address of a file"):
        download(url, tmp_path, sha256=SHA256)


def test_fetch_by_name(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what can be checked is fetched; a wrong name carries the nearest one."""
    entry = DatasetEntry(
        name="ours", title="t", url=f"{server}/data/trace%20one.csv", licence="CC0", sha256=SHA256
    )
    unknown = DatasetEntry(name="unchecked", title="t", url="https://example.org", licence="CC0")
    entries = {"ours": entry, "unchecked": unknown}
    monkeypatch.setattr(catalogue, "_entries", lambda: entries)
    assert fetch("ours", tmp_path).read_bytes() == CONTENT
    with pytest.raises(ConfigError, match="no known checksum"):
        fetch("unchecked", tmp_path)
    with pytest.raises(UnknownNameError, match="did you mean 'ours'"):
        fetch("our", tmp_path)
