"""The exception tree: what a message says, and the exit code of the command line."""

from __future__ import annotations

import pytest

from consolidate import errors


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("ConsolidateError", 1),
        ("InternalError", 1),
        ("InputError", 2),
        ("TraceError", 2),
        ("InstanceError", 2),
        ("ConfigError", 2),
        ("UnknownNameError", 2),
        ("UnsupportedError", 2),
        ("ReplayError", 2),
        ("HorizonError", 2),
        ("MissingExtraError", 2),
        ("InfeasibleError", 3),
        ("SolverFailedError", 3),
        ("PlanError", 3),
        ("DeadlockError", 3),
        ("CheckError", 4),
    ],
)
def test_exit_codes(name, code):
    """0 done, 1 our bug, 2 bad input, 3 no feasible placement, 4 a check failed."""
    assert getattr(errors, name).exit_code == code


def test_every_error_has_the_same_root():
    """One except clause catches everything that is raised on purpose."""
    kinds = [getattr(errors, name) for name in errors.__all__ if name != "Issue"]
    assert all(issubclass(kind, errors.ConsolidateError) for kind in kinds)
    assert issubclass(errors.InputError, ValueError)
    assert issubclass(errors.MissingExtraError, ImportError)


def test_trace_error_names_the_place():
    """File, line and column stand before the message."""
    error = errors.TraceError("not a number", file="a.csv", line=7, column="cpu")
    assert str(error) == "a.csv, line 7, column cpu: not a number"
    assert str(errors.TraceError("is empty", file="a.csv")) == "a.csv: is empty"


def test_many_issues_are_counted():
    """Twenty issues are shown, the rest is counted, all are kept."""
    issues = [errors.Issue(path=f"vms[{k}]", message="is wrong") for k in range(25)]
    error = errors.InstanceError(issues)
    assert len(error.issues) == 25
    assert str(error).count("is wrong") == 20
    assert str(error).endswith("... and 5 more")


def test_config_error_starts_with_its_key():
    """The dotted path leads to the line to change."""
    error = errors.ConfigError("needs 0 or more", path="budget.iterations")
    assert str(error) == "budget.iterations: needs 0 or more"


def test_unsupported_error_names_who_can():
    """A refusal says what to use instead."""
    error = errors.UnsupportedError("the rule gather", who="ffd", supported_by=("cp-sat",))
    assert str(error) == "ffd does not support the rule gather; supported by: cp-sat"
    assert "no solver yet" in str(errors.UnsupportedError("x", who="ffd", supported_by=()))


def test_deadlock_error_names_the_way_out():
    """The smallest space that would break the cycle is part of the message."""
    error = errors.DeadlockError([f"vm{k}" for k in range(12)], helper_space={"memory_mib": 512})
    assert "12 moves block each other" in str(error)
    assert "vm9 ..." in str(error)
    assert "512 memory_mib" in str(error)


def test_horizon_error_shows_both_windows():
    """What was asked and what is covered stand side by side."""
    error = errors.HorizonError("steps outside", asked="[0, 9)", covered="[0, 5)")
    assert str(error) == "steps outside: asked [0, 9), covered [0, 5)"


def test_solver_failure_and_infeasibility_keep_their_facts():
    """Programs read fields, not sentences."""
    failed = errors.SolverFailedError("CP-SAT", "UNKNOWN", log_tail="last line")
    assert str(failed) == "CP-SAT ended with status UNKNOWN. last line"
    blocked = errors.InfeasibleError("no room", vms=["a"], hosts=["h"])
    assert (blocked.vms, blocked.hosts) == (("a",), ("h",))
