"""Names that a tenant chose: a whole run with them leaves pages, tables, papers and terminals harmless."""

from __future__ import annotations

import csv
import json
import re
from html.parser import HTMLParser

import pytest

from consolidate.checks.pdf_text import pdf_lines
from consolidate.cli.terminal import plain

EVIL = (
    "=cmd|' /C calc'!A0",
    "</script><img src=x onerror=alert(1)>",
    "\u202egnp.exe",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    '" onmouseover="alert(1)',
    "{{ 7*7 }}",
    "$\\alpha$",
)
ANSI = "\x1b[2J\x1b]0;owned\x07"
CODES = re.compile("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Seven VMs with evil names, on hosts with evil names, for six hours."""
    folder = tmp_path_factory.mktemp("evil")
    data = folder / "data"
    data.mkdir()
    with (data / "trace.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["timestamp_utc", "vm_id", "cpu_mcores", "memory_mib"])
        for step in range(72):
            at = f"2024-03-05T{step // 12:02d}:{5 * (step % 12):02d}:00Z"
            writer.writerows([at, name, 300 + 20 * k, 2048] for k, name in enumerate(EVIL))
    with (data / "vms.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["vm_id", "vcpus", "cpu_mcores", "memory_mib", "dirty_mib_per_s"])
        writer.writerows([name, 2, 2000, 4096, 1] for name in EVIL)
    hosts = ", ".join(json.dumps(name) for name in EVIL)
    (folder / "fleet.toml").write_text(
        '[[host_type]]\nname = "evil"\npower = { spec = "dell-r740-8280" }\n\n'
        f'[[hosts]]\ntype = "evil"\nids = [{hosts}]\n',
        "utf-8",
    )
    return folder


@pytest.fixture(scope="module")
def ran(folder):
    from consolidate.cli.main import _run

    out = folder / "run"
    options = ("--fleet", folder / "fleet.toml", "--policy", "ffd", "--quiet")
    for call in (
        ("run", folder / "data", "--out", out, *options),
        ("report", out, "--format", "html,pdf,csv,json,parquet", "--per-vm"),
    ):
        code = _run([str(a) for a in call])
        assert code == 0, call
    return out


class Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.seen = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))


def test_the_page_runs_nothing(ran):
    """No element and no attribute comes from a name."""
    page = (ran / "report.html").read_text("utf-8")
    for tag, attrs in Tags(page).seen:
        assert tag not in ("script", "img", "iframe", "object")
        assert not [a for a in attrs if a.startswith("on")]
    assert "49" not in re.findall(r"<bdi>([^<]*)</bdi>", page)
    assert not CODES.search(page)


def test_the_tables_compute_nothing(ran):
    """A spreadsheet that opens the plan starts no program."""
    for name in ("plan.csv", "figures.csv", "energy_per_vm.csv"):
        with (ran / name).open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                for column, cell in row.items():
                    number = re.fullmatch(r"-?\d+(\.\d+)?(e[-+]\d+)?", cell or "")
                    assert number or not (cell or "").lstrip().startswith(tuple("=+-@")), column


def test_the_paper_says_the_names_and_obeys_none(ran):
    """No control reaches the text of the PDF, and it has no scripts or links."""
    content = (ran / "report.pdf").read_bytes()
    assert b"/JavaScript" not in content
    assert b"/URI" not in content
    assert not CODES.search("".join(pdf_lines(content)))


def _jobs(folder, *, power_w):
    """A job with an evil name, for the last hours of the trace."""
    path = folder / "jobs.csv"
    columns = "job_id,cpu_mcores,memory_mib,power_w,earliest_utc,deadline_utc,duration_s"
    name = ANSI + EVIL[2]
    path.write_text(
        f"{columns}\n{name},100000,10,{power_w},2024-03-05T02:00:00Z,2024-03-05T05:00:00Z,600\n", "utf-8"
    )
    return path


def _servers(folder):
    """A table of servers with an evil name."""
    path = folder / "servers.csv"
    watts = ",".join(f"w_{k}" for k in range(10, 101, 10))
    path.write_text(f"model,w_idle,{watts}\n{ANSI},50{',60' * 10}\n", "utf-8")
    return path


def test_the_terminal_stays_as_it_is(ran, consolidate, folder):
    """Summary, check, export and errors print escapes, not codes."""
    service = ran / "replay" / "consolidated" / "service.json"
    keep = service.read_text("utf-8")
    for call in (
        ("plan", ran, "--quiet"),
        ("replay", ran, "--quiet"),
        ("check", ran),
        ("diff", ran, ran),
        ("inspect", folder / "data"),
        ("export", ran, "--to", "proxmox", "--out", folder / "x"),
        ("solve", folder / "\x1b[2Jnone", "--out", folder / "y", "--quiet"),
        ("shift", ran, "--jobs", _jobs(folder, power_w=20)),
        ("shift", ran, "--jobs", _jobs(folder, power_w="\x1b[2J")),
        ("list", "servers", "--from", _servers(folder)),
    ):
        done = consolidate(*call)
        assert not CODES.search(done.out), call
        assert not CODES.search(done.err), call
    service.write_text(keep.replace('"migrations": ', '"migrations": 9'), "utf-8")
    done = consolidate("check", ran)
    service.write_text(keep, "utf-8")
    assert done.code == 4
    assert not CODES.search(done.out)


def test_names_with_terminal_codes_are_refused_and_shown_as_escapes(consolidate, tidy, tmp_path):
    """A control character in a name is an attack or a broken file; the message about it is harmless."""
    trace = tidy / "trace.csv"
    trace.write_text(trace.read_text("utf-8").replace("vm-1", ANSI), "utf-8")
    for verb in (("run", tidy, "--out", tmp_path / "run", "--quiet"), ("inspect", tidy)):
        done = consolidate(*verb)
        assert not CODES.search(done.out + done.err)
    assert not (tmp_path / "run").exists()


def test_plain_keeps_what_can_be_read():
    """Letters of all scripts and ends of lines stay; what hides or steers becomes visible."""
    assert plain("日本語 é\n\t\u200d") == "日本語 é\n\t\u200d"
    assert plain("\x1b[2J\u202e") == "\\u001b[2J\\u202e"
