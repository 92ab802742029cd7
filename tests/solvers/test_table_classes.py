"""Classes of VMs for a table: exact where sizes repeat, in steps where only the scarce one does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

import consolidate as cs
from benchmarks.instances import SPECS
from consolidate.model.kernel_view import kernel_problem
from consolidate.solvers.table_classes import table_classes


def classes_of(name, vms=400):
    """Return an instance of a family, and its classes on its hosts with most memory per core."""
    spec = replace(SPECS["flavor-1000"], vms=vms, hosts=vms, build=SPECS[f"{name}-1000"].build)
    instance = spec.build(spec)
    hosts = np.flatnonzero(instance.fleet.host_type == 2)
    return instance, table_classes(instance, kernel_problem(instance), hosts, 1e12)


def test_flavours_are_exact():
    """Members of a class are alike, and cells are their needs."""
    instance, classes = classes_of("flavor")
    for f in range(len(classes.value)):
        need = np.unique(instance.need[classes.class_of == f], axis=0)
        assert len(need) == 1
        assert (classes.cells[f] * classes.unit == need[0][classes.axes]).all()


def test_cells_never_hide_a_need():
    """Where only cores repeat, a class counts the most that a member needs, and little more than that."""
    instance, classes = classes_of("big", vms=2_000)
    assert 200 < len(classes.value) < 500
    counted = (classes.cells * classes.unit)[classes.class_of]
    need = instance.need[:, classes.axes]
    assert (counted >= need).all()
    assert (counted[:, 0] == need[:, 0]).all()
    assert counted[:, 1].sum() < 1.06 * need[:, 1].sum()


def test_needs_that_never_repeat_have_no_table():
    assert classes_of("measured")[1] is None
    assert classes_of("measured4")[1] is None


def test_big_vms_are_packed_to_the_last_core():
    """Two to eight VMs a host: exchanges alone leave a percent of the cores unused, patterns next to none."""
    spec = SPECS["big-3000"]
    instance = spec.build(spec)
    budget = cs.Budget(bounds="quick")
    assert cs.solve(instance, "keep", budget=budget, min_saving_fraction=0.0).gap < 1e-3
