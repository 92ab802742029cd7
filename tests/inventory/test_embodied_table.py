"""Footprints of products: what it took to make a server, or why it is not known."""

from __future__ import annotations

import os
import statistics
from pathlib import Path

import pytest

from consolidate.cli.main import _run
from consolidate.errors import TraceError
from consolidate.inventory import read_embodied, read_fleet

DATA = Path(os.environ.get("CONSOLIDATE_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
HEADER = "manufacturer,name,category,subcategory,gwp_total,report_date,gwp_manufacturing_ratio\n"
ROWS = (
    "Dell,R1,Datacenter,Server,8000,May 2019,0.25\n"
    "Dell,Book,Workplace,Laptop,200,May 2019,0.8\n"
    "HPE,  D 2,Datacenter,Server,4000,,\n"
)


def write(tmp_path, text):
    path = tmp_path / "table.csv"
    path.write_text(text, "utf-8")
    return path


def test_servers_have_the_manufacturing_part(tmp_path):
    """8,000 kg of which a quarter is making it; laptops are none, and an unknown part is not zero."""
    found = read_embodied(write(tmp_path, HEADER + ROWS))
    (server,) = found.servers
    assert (server.name, server.embodied_kg, server.reported) == ("Dell R1", 2_000.0, "May 2019")
    assert found.left_out == 1


def test_decimal_commas_are_read(tmp_path):
    """The same table as a French spreadsheet writes it."""
    text = (HEADER + ROWS).replace(",", ";").replace("0.25", "0,25").replace("0.8", "0,8")
    assert read_embodied(write(tmp_path, text)).servers[0].embodied_kg == 2_000.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "has no manufacturer"),
        (HEADER + ROWS.replace("0.25", "25"), "line 2.*gwp_manufacturing_ratio.*from 0 to 1, got '25'"),
        (HEADER + ROWS.replace("8000", "heavy"), "needs a number from 0, got 'heavy'"),
    ],
)
def test_other_tables_and_wrong_numbers_are_refused(tmp_path, text, message):
    """With what is missing, or line, column and value."""
    with pytest.raises(TraceError, match=message):
        read_embodied(write(tmp_path, text))


def test_the_line_that_is_printed_is_one_for_a_fleet_file(tmp_path, capsys):
    """Paste it, and the memo knows the host."""
    assert _run(["list", "embodied", "--from", str(write(tmp_path, HEADER + ROWS))]) == 0
    shown = capsys.readouterr()
    assert "1 servers without a manufacturing part" in shown.err
    fleet = tmp_path / "fleet.toml"
    power = 'power = { spec = "dell-r740-8280" }\n'
    hosts = '[[hosts]]\ntype = "own"\ncount = 1\n'
    fleet.write_text(f'[[host_type]]\nname = "own"\n{power}{shown.out}\n{hosts}')
    assert read_fleet(fleet).types[0].embodied_kg == 2_000
    assert _run(["list", "embodied"]) == 2


@pytest.mark.skipif(not (DATA / "embodied").is_dir(), reason="real data absent: set CONSOLIDATE_DATA")
def test_the_real_table_has_the_figures_that_are_known():
    """55 servers; their median was computed beforehand with another tool."""
    found = read_embodied(DATA / "embodied" / "boavizta-data-us.csv.gz")
    assert len(found.servers) + found.left_out == 55
    assert statistics.median(s.embodied_kg for s in found.servers) == pytest.approx(1_235, rel=0.02)
