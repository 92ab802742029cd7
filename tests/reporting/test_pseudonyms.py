"""Reports for readers outside: numbers stay, names do not."""

from __future__ import annotations

import stat
from dataclasses import replace

import pytest

from consolidate.errors import ConfigError
from consolidate.reporting.formats import contents
from consolidate.reporting.pseudonyms import Pseudonyms, pseudonym_key, pseudonymized

KEY = Pseudonyms(key=b"k" * 32)
TEXTS = ("html", "csv", "json", "pdf")


def test_no_name_is_left_and_no_number_changes(synthetic):
    """Notes, repairs and messages name VMs, too."""
    case = synthetic.make_case(n_hosts=5, n_vms=9)
    manifest = case.manifest | {
        "notes": ["vm-0003 leaves before the end"],
        "repairs": [{"name": "drop", "count": 1, "detail": "host-0002, vm-0004: negative"}],
    }
    result = replace(case.result, message="vm-0001 cannot move")
    plain = synthetic.make_report(case, manifest=manifest, result=result)
    hidden = pseudonymized(plain, KEY)
    for name, content in contents(hidden, TEXTS).items():
        text = content.decode("latin-1") if isinstance(content, bytes) else content
        for k in range(9):
            assert f"vm-000{k}" not in text, name
        for k in range(5):
            assert f"host-000{k}" not in text, name
    assert [(f.metric, f.value) for f in hidden.figures()] == [
        (f.metric, f.value) for f in plain.figures()
    ]
    assert KEY.token("vm", "vm-0003") in hidden.html()


def test_tokens_are_stable_and_belong_to_their_key():
    """The same VM keeps its token from report to report; without the key a guess proves nothing."""
    assert KEY.token("vm", "web") == KEY.token("vm", "web")
    assert KEY.token("vm", "web") != KEY.token("host", "web").replace("host", "vm")
    assert KEY.token("vm", "web") != Pseudonyms(key=b"other" * 8).token("vm", "web")


def test_short_words_and_numbers_in_texts_are_left_alone(synthetic):
    """A VM called 12 must not turn every count into a token."""
    case = synthetic.make_case(n_hosts=4, n_vms=3, vm_ids=("12", "a", "web"))
    manifest = case.manifest | {"notes": ["12 cells of web, a website"]}
    hidden = pseudonymized(synthetic.make_report(case, manifest=manifest), KEY)
    (note,) = hidden.manifest["notes"]
    assert note.startswith("12 cells of vm-")
    assert note.endswith("website")


def test_the_key_is_made_once_and_only_for_its_owner(tmp_path):
    """A key that others can read hides nothing; a new key each time breaks the tokens."""
    key = pseudonym_key(tmp_path, None)
    assert len(key) == 64
    assert pseudonym_key(tmp_path, None) == key
    assert stat.S_IMODE((tmp_path / "pseudonym.key").stat().st_mode) == 0o600


def test_bad_keys_are_refused(tmp_path):
    """A short key can be tried out."""
    with pytest.raises(ConfigError, match="at least 16 bytes"):
        Pseudonyms(key=b"short")
    with pytest.raises(ConfigError, match="cannot be read"):
        pseudonym_key(tmp_path, tmp_path / "none")


def test_hostile_names_become_plain_tokens(reports):
    """Whatever a tenant called a VM, the token is letters, digits and a hyphen."""
    hidden = pseudonymized(reports["hostile"], KEY)
    assert all(name.removeprefix("vm-").isalnum() for name in hidden.instance.vms.ids)
    assert "onerror" not in hidden.html()
