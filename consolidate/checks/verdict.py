"""What a check says: violations with a culprit, and the verdict on a whole run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["SHOWN_PER_CODE", "Verdict", "Violation", "each"]

#: Violations of one kind that are listed one by one; the rest is a count.
SHOWN_PER_CODE = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One broken promise.

    Parameters
    ----------
    code
        Family and kind, as listed in the reference page of the checks, for instance ``V2.capacity``.
    message
        Culprit by name, value, unit, limit and time.
    witness
        The same facts as data, plain Python values only.
    """

    code: str
    message: str
    witness: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


def each(
    code: str,
    culprits: Iterable[int] | NDArray[np.int64],
    describe: Callable[[int], tuple[str, dict[str, object]]],
) -> list[Violation]:
    """Return one violation per culprit, and one that counts the rest when there are many.

    Parameters
    ----------
    code
        Code of all of them.
    culprits
        Indices, in the order in which they are listed.
    describe
        Returns message and witness of an index.
    """
    indices = [int(i) for i in culprits]
    found = []
    for index in indices[:SHOWN_PER_CODE]:
        message, witness = describe(index)
        found.append(Violation(code=code, message=message, witness=witness))
    rest = len(indices) - len(found)
    if rest > 0:
        found.append(Violation(code=code, message=f"and {rest} more", witness={"more": rest}))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Outcome of all checks of a run folder.

    Parameters
    ----------
    run
        The folder, as it was given.
    violations
        What is wrong; empty when nothing is.
    proven
        What was established, in sentences. A statement is absent when something in it was violated.
    checked
        How much was looked at: VMs, hosts, moves, replayed seconds, figures.
    absent
        Parts of a full run that the folder does not hold (yet).
    notes
        What was seen and not re-derived: attested bounds, unknown figures.
    bound_verdict
        One sentence on the proof of the objective's quality.
    hashes
        SHA-256 of every file that was judged, by its name within the folder.
    """

    run: str
    violations: tuple[Violation, ...]
    proven: tuple[str, ...]
    checked: Mapping[str, int]
    absent: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    bound_verdict: str = ""
    hashes: Mapping[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether nothing was violated."""
        return not self.violations

    def to_text(self) -> str:
        """Return the verdict as text; the first line is ``VERIFIED`` or ``REFUSED (n violations)``."""
        n = len(self.violations)
        head = "VERIFIED" if self.ok else f"REFUSED ({n} violation{'' if n == 1 else 's'})"
        lines = [head, f"run: {self.run}"]
        lines += [f"  {violation}" for violation in self.violations]
        lines += [f"proven: {sentence}" for sentence in self.proven]
        if self.bound_verdict:
            lines.append(f"bound: {self.bound_verdict}")
        if self.checked:
            lines.append("checked: " + ", ".join(f"{k} {name}" for name, k in self.checked.items()))
        lines += [f"not present: {part}" for part in self.absent]
        lines += [f"note: {note}" for note in self.notes]
        lines += [f"sha256 {digest}  {name}" for name, digest in sorted(self.hashes.items())]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, object]:
        """Return the verdict as plain Python values, ready for JSON."""
        return {
            "verdict": "VERIFIED" if self.ok else "REFUSED",
            "run": self.run,
            "violations": [
                {"code": v.code, "message": v.message, "witness": dict(v.witness)}
                for v in self.violations
            ],
            "proven": list(self.proven),
            "checked": dict(self.checked),
            "absent": list(self.absent),
            "notes": list(self.notes),
            "bound_verdict": self.bound_verdict,
            "sha256": dict(sorted(self.hashes.items())),
        }
