"""Tables of servers: what they hold, and what is refused as something else."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from consolidate.cli.main import _run
from consolidate.errors import TraceError
from consolidate.inventory import read_fleet, read_server_curves

DATA = Path(os.environ.get("CONSOLIDATE_DATA", Path(__file__).parents[3] / "shared" / "data"))
WATTS = [50, 80, 90, 100, 110, 120, 130, 140, 150, 160, 200]


def spec(folder, *, watts=WATTS, name="full.csv.gz"):
    """A table as the results are published, with quotes and bars in its free text."""
    header = ["HW_Vendor", "HW_Model", "HW_CPUName", "Notes", "ActiveIdle"]
    header += [f"{load}_AvgPower" for load in range(10, 101, 10)]
    cells = ["Maker", "Maker One", 'Fast "2"', "3.5&quot; disk, quick", *map(str, watts)]
    text = "\n".join("|".join(row) for row in (header, cells)) + "\n"
    path = folder / name
    path.write_bytes(gzip.compress(text.encode(), mtime=0))
    return path


def test_eleven_points(tmp_path):
    """Bars between columns, gzip; the model says its vendor once."""
    (curve,) = read_server_curves(spec(tmp_path)).curves
    assert (curve.name, curve.cpu, curve.is_line) == ("Maker One", 'Fast "2"', False)
    assert curve.points_w == tuple(map(float, WATTS))
    assert curve.power().power_w(0.5) == 120


def test_ends_only_make_a_line_and_results_without_watts_are_counted(tmp_path):
    """Idle and full power; NC is no power."""
    path = tmp_path / "ends.csv"
    path.write_text(
        "Hardware Vendor Test Sponsor,System,CPU Description,avg. watts @ 100%,avg. watts @ active idle\n"
        'Maker,One,Fast,200,100\n"Maker, Inc",Two,Slow,NC,NC\n'
    )
    found = read_server_curves(path)
    assert found.left_out == 1
    (curve,) = found.curves
    assert curve.is_line
    assert curve.points_w[5] == 150


def test_one_line_of_watts(tmp_path):
    """As simulators keep them; what follows is a licence."""
    path = tmp_path / "host.txt"
    path.write_text(" ".join(map(str, WATTS)) + "\n\n* text\n")
    assert read_server_curves(path).curves[0].points_w[-1] == 200


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Name,TDP\nX,95\n", "thermal design"),
        (",Architecture,Min Watts,Max Watts\n0,X,1,3\n", "each virtual CPU"),
        (",type,additional_memory,total\n0,a,1,2\n", "manufacturing emissions"),
        ("cpu_load,rapl_power\n0.6,0.5\n", "calibrate"),
        ("a,b\n1,2\n", "needs ActiveIdle"),
        (
            "w_idle," + ",".join(f"w_{k}" for k in range(10, 101, 10)) + "\n" + "x," * 10 + "1\n",
            "w_idle",
        ),
        ("300 " + " ".join(map(str, WATTS[1:])) + "\n", "exceeds full load"),
    ],
)
def test_what_is_no_table_of_servers_is_refused(tmp_path, text, message):
    """With what it is, or with line, column and value."""
    path = tmp_path / "other.csv"
    path.write_text(text)
    with pytest.raises(TraceError, match=message):
        read_server_curves(path)


def test_the_line_that_is_printed_is_one_for_a_fleet_file(tmp_path, capsys):
    """Paste it, and it is the curve."""
    assert _run(["list", "servers", "--from", str(spec(tmp_path))]) == 0
    line = capsys.readouterr().out.strip()
    fleet = tmp_path / "fleet.toml"
    hosts = '[[hosts]]\ntype = "own"\ncount = 1\n'
    fleet.write_text(f'[[host_type]]\nname = "own"\ncores = 4\nmemory_gib = 8\n{line}\n\n{hosts}')
    assert read_fleet(fleet).types[0].power.points_mw == tuple(1_000 * w for w in WATTS)
    assert _run(["list", "zones", "--from", str(spec(tmp_path))]) == 2


@pytest.mark.skipif(not (DATA / "power").is_dir(), reason="real data absent: set CONSOLIDATE_DATA")
def test_every_real_file_reads_or_says_why_not():
    """Servers counted beforehand with another tool; the rest has a reason."""
    from benchmarks.carbon_files import rows

    found = {name: (verdict, what) for name, verdict, what in rows(DATA, ("power",))}
    reads = {name for name, (verdict, _) in found.items() if verdict == "reads"}
    assert "619 servers" in found["power/spec_data.csv.gz"][1]
    assert "464 servers" in found["power/spec_power_curves.csv"][1]
    assert len([name for name in reads if "cloudsim" in name]) == 7
    refused = {name: what for name, (verdict, what) in found.items() if verdict == "refused"}
    # One table has a row whose columns are shifted; the others are no tables of servers.
    assert "line 106: idle (1307.0 W) exceeds full load" in refused.pop("power/SPECpower-2022-03-01.csv")
    assert all("holds" in what for what in refused.values()), refused
    assert str(DATA) not in "".join(refused.values())
