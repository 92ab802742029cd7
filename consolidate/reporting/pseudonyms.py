"""Names of VMs and hosts replaced by tokens, for readers outside who may not know them."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from consolidate.errors import ConfigError

if TYPE_CHECKING:
    from consolidate.model import Instance, Replay
    from consolidate.reporting.bundle import Report

__all__ = ["Pseudonyms", "pseudonym_key", "pseudonymized", "pseudonymized_instance"]

KEY_FILE: Final = "pseudonym.key"
FEWEST_KEY_BYTES: Final = 16
TOKEN_DIGITS: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Pseudonyms:
    """Tokens of names: the same key gives the same token, and no token gives its name away.

    Tokens are keyed hashes (HMAC-SHA-256), so whoever guesses a name cannot verify the guess without the
    key.

    Parameters
    ----------
    key
        Secret of the operator, at least 16 bytes.
    """

    key: bytes

    def __post_init__(self) -> None:
        if len(self.key) < FEWEST_KEY_BYTES:
            msg = f"needs at least {FEWEST_KEY_BYTES} bytes, got {len(self.key)}"
            raise ConfigError(msg, path="--key")

    def token(self, kind: str, name: str) -> str:
        """Return the token of a name; ``kind`` is ``vm`` or ``host``."""
        text = f"{kind}:{name}".encode("utf-8", "surrogatepass")
        return f"{kind}-{hmac.new(self.key, text, hashlib.sha256).hexdigest()[:TOKEN_DIGITS]}"

    def tokens(self, kind: str, names: tuple[str, ...]) -> tuple[str, ...]:
        """Return the tokens of different names, which are different.

        Raises
        ------
        ConfigError
            When two names have one token: another key is needed.
        """
        made = tuple(self.token(kind, name) for name in names)
        if len(set(made)) < len(set(names)):
            msg = f"gives one token to two {kind} names; use another key"
            raise ConfigError(msg, path="--key")
        return made


def pseudonym_key(run: Path, given: str | Path | None) -> bytes:
    """Return the key: that of a file, or one that is made once and kept in the run folder.

    Raises
    ------
    ConfigError
        When the file cannot be read.
    """
    path = run / KEY_FILE if given is None else Path(given)
    if given is None and not path.exists():
        # Only for its owner from the first moment on, and never over a key that is there.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with os.fdopen(os.open(path, flags, 0o600), "w") as file:
            file.write(secrets.token_hex(32) + "\n")
    try:
        return path.read_bytes().strip()
    except OSError as error:
        msg = f"{path}: cannot be read ({error.strerror})"
        raise ConfigError(msg, path="--key") from error


def pseudonymized(report: Report, names: Pseudonyms) -> Report:
    """Return the report with tokens for the names of VMs and hosts, in texts as well.

    Names of sites, host types, zones and files stay; so do all numbers.
    """
    vms = report.instance.vms.ids if report.instance is not None else ()
    hosts = report.before.host_ids
    words = _Words(names, vms, hosts)
    tokens = names.tokens("host", hosts)

    def arm(replay: Replay) -> Replay:
        return replace(replay, host_ids=tokens)

    result = report.result
    if result is not None:
        result = replace(
            result,
            message=words.text(result.message),
            stopped=words.text(result.stopped),
            blocking_vms=(),
            blocking_hosts=(),
        )
    manifest = words.anything(report.manifest) if report.manifest is not None else None
    return replace(
        report,
        before=arm(report.before),
        after=arm(report.after),
        others={label: arm(replay) for label, replay in report.others.items()},
        instance=pseudonymized_instance(report.instance, names) if report.instance else None,
        result=result,
        manifest=manifest,
    )


def pseudonymized_instance(instance: Instance, names: Pseudonyms) -> Instance:
    """Return the instance with tokens for the names of VMs and hosts."""
    words = _Words(names, instance.vms.ids, instance.fleet.host_ids)

    def defaults(given: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(
            replace(d, key=words.text(d.key), value=words.text(d.value), source=words.text(d.source))
            for d in given
        )

    fleet = instance.fleet
    return replace(
        instance,
        vms=replace(
            instance.vms,
            ids=names.tokens("vm", instance.vms.ids),
            groups=tuple(names.token("group", g) if g else g for g in instance.vms.groups),
        ),
        fleet=replace(
            fleet,
            host_ids=names.tokens("host", fleet.host_ids),
            source=words.text(fleet.source),
            defaults=defaults(fleet.defaults),
        ),
        sizing=words.text(instance.sizing),
        defaults=defaults(instance.defaults),
    )


class _Words:
    """Replaces names inside texts, whole words only, the longest names first."""

    def __init__(self, names: Pseudonyms, vms: tuple[str, ...], hosts: tuple[str, ...]) -> None:
        self._names = {name: ("host", name) for name in hosts} | {name: ("vm", name) for name in vms}
        # A name such as "12" is no word: it would turn counts into tokens.
        self._ordered = sorted(
            (n for n in self._names if n and not n.isdecimal()), key=lambda n: (-len(n), n)
        )
        self._tokens = names

    def text(self, text: str) -> str:
        for name in self._ordered:
            if name in text:
                token = self._tokens.token(*self._names[name])
                text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", token, text)
        return text

    def anything(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {key: self.anything(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.anything(inner) for inner in value]
        return value
