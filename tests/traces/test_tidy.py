from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consolidate.errors import ConfigError, InputError, TraceError
from consolidate.model import TimeGrid, Trace, VMs
from consolidate.traces import read_trace, write_tidy

from .conftest import TIDY_VMS, instant

Write = Callable[..., Path]


def row(step: int, vm: str = "web", cpu: object = 100.0, memory: object = 50, *, second: int = 0) -> str:
    return f"{instant(step, second=second)},{vm},{cpu},{memory}"


def test_rows_become_steps(tidy: Write) -> None:
    """Fractions round up, VMs keep the order of their table, and a VM lives from first to last row."""
    path = tidy(row(0, cpu=100.2), row(0, "db"), row(1), row(2, memory=50.5))
    trace = read_trace(path)
    assert trace.vms.ids == ("web", "db")
    assert trace.cpu_mcores.tolist() == [[101, 100, 100], [100, 0, 0]]
    assert trace.memory_mib.tolist() == [[50, 50, 51], [50, 0, 0]]
    assert trace.alive.tolist() == [[True, True, True], [True, False, False]]
    assert str(trace.grid.start) == "2024-01-01T00:00:00"
    assert trace.grid.step_s == 300
    assert any("default: dirty_mib_per_s" in note for note in trace.notes)


def test_table_of_vms_may_give_kind_group_and_dirty_rate(tidy: Write) -> None:
    """What the user knows replaces what would be assumed."""
    header = "vm_id,vcpus,cpu_mcores,memory_mib,dirty_mib_per_s,kind,group"
    vms = f"{header}\nweb,2,2000,4096,1.25,container,a\n"
    trace = read_trace(tidy(row(0), row(1), vms=vms))
    assert trace.vms[0].kind == "container"
    assert trace.vms[0].group == "a"
    assert trace.vms[0].dirty_mib_per_s == 1.25
    assert not any("dirty" in note for note in trace.notes)


@pytest.mark.parametrize("name", ["demand.csv", "demand.csv.gz", "demand.parquet"])
def test_csv_gzip_and_parquet_read_alike(tidy: Write, name: str) -> None:
    """The container may not change a number."""
    plain = tidy(row(0, cpu=100.2), row(1), row(0, "db"), row(1, "db", 7, 8))
    other = plain.with_name(name)
    if name.endswith(".gz"):
        other.write_bytes(gzip.compress(plain.read_bytes()))
    if name.endswith(".parquet"):
        import pyarrow.csv as pa_csv

        pq.write_table(pa_csv.read_csv(plain), other)
    first, second = read_trace(plain), read_trace(other)
    for array in ("cpu_mcores", "memory_mib", "alive"):
        assert np.array_equal(getattr(first, array), getattr(second, array))


def test_zone_offsets_are_converted(tidy: Write) -> None:
    """Two hours ahead of UTC is two hours earlier in UTC."""
    path = tidy(
        "2024-01-01T02:00:00+02:00,web,1,1",
        "2024-01-01T02:05:00+02:00,web,1,1",
        header="timestamp,vm_id,cpu_mcores,memory_mib",
    )
    assert str(read_trace(path).grid.start) == "2024-01-01T00:00:00"


def test_time_without_zone_is_refused_unless_said(tidy: Write) -> None:
    """Local time read as UTC would move the load against the carbon intensity."""
    naive = ["2024-01-01 00:00:00,web,1,1", "2024-01-01 00:05:00,web,1,1"]
    path = tidy(*naive, header="timestamp,vm_id,cpu_mcores,memory_mib")
    with pytest.raises(TraceError, match="no time zone") as caught:
        read_trace(path)
    assert caught.value.line == 2
    assert read_trace(path, assume_utc=True).grid.n_steps == 2
    assert read_trace(tidy(*naive)).grid.n_steps == 2  # the column says _utc


def test_naive_parquet_time_is_refused_unless_said(tidy: Write, tmp_path: Path) -> None:
    """As for text: pandas writes times without a zone by default."""
    tidy(row(0))
    path = tmp_path / "naive.parquet"
    stamps = pa.array([1_704_067_200, 1_704_067_500]).cast(pa.timestamp("s"))
    table = {"timestamp": stamps, "vm_id": ["web"] * 2, "cpu_mcores": [1, 2], "memory_mib": [1, 1]}
    pq.write_table(pa.table(table), path)
    with pytest.raises(TraceError, match="assume_utc"):
        read_trace(path)
    assert read_trace(path, assume_utc=True).cpu_mcores[0].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("header", "what"),
    [
        ("timestamp_utc,vm_id,cpu_percent,memory_mib", "cpu_mcores .* is: convert"),
        ("timestamp_utc,vm_id,cpu_mcores,memory_gb", "memory_mib .* is: convert"),
        ("timestamp_utc,vm_id,cpu_mcores,memory_mib,ram_mb", "memory_mib .* is: convert"),
        ("timestamp_utc,vm_id,cpu_mcores,mib", "no column memory_mib"),
        ("timestamp_utc,vm_id,cpu_mcores,cpu_mcores", "occurs 2 times"),
        ("when,vm_id,cpu_mcores,memory_mib", "no column timestamp_utc"),
    ],
)
def test_wrong_columns_are_refused_with_the_one_expected(tidy: Write, header: str, what: str) -> None:
    """Percent or gigabytes taken for millicores or mebibytes is the worst silent error."""
    path = tidy(
        *[",".join(["2024-01-01T00:00:00Z", "web", "1", "1", "1"][: header.count(",") + 1])],
        header=header,
    )
    with pytest.raises(TraceError, match=what):
        read_trace(path, "tidy")


def test_other_columns_are_noted(tidy: Write) -> None:
    """They cannot be mistaken for ours, but the user should know that they do nothing."""
    path = tidy(row(0) + ",x", row(1) + ",y", header="timestamp_utc,vm_id,cpu_mcores,memory_mib,owner")
    assert "column 'owner' is not used" in read_trace(path).notes


@pytest.mark.parametrize(
    ("bad", "what", "column"),
    [
        ("2024-01-01T00:05:00Z,web,nan,1", "not a finite number", "cpu_mcores"),
        ("2024-01-01T00:05:00Z,web,-1,1", "negative", "cpu_mcores"),
        ("2024-01-01T00:05:00Z,web,1,-0.5", "negative", "memory_mib"),
        ("2024-01-01T00:05:00Z,web,,1", "missing", "cpu_mcores"),
        ("2024-01-01T00:05:00Z,web,1e12,1", "too large", "cpu_mcores"),
        ("2024-01-01T00:05:00Z,nobody,1,1", "'nobody' is not in the table", "vm_id"),
        ("2024-01-01T00:05:00Z, web,1,1", "' web' is not in the table", "vm_id"),
        ("01/01/2024 00:05,web,1,1", "no instant", "timestamp_utc"),
        (",web,1,1", "no instant", "timestamp_utc"),
        ("1900-01-01T00:05:00Z,web,1,1", "outside the years", "timestamp_utc"),
        ("2024-01-01T00:05:00.5Z,web,1,1", "whole second", "timestamp_utc"),
        ("2024-01-01T00:05:00Z,web,1", "has 3 fields", None),
        ('2024-01-01T00:05:00Z,"web,1,1', "fields", None),
    ],
)
def test_bad_row_is_refused_with_place(tidy: Write, bad: str, what: str, column: str | None) -> None:
    """File, line and column of each kind of wrong value."""
    path = tidy(row(0), bad, row(2))
    with pytest.raises(TraceError, match=what) as caught:
        read_trace(path, repair="all")
    assert caught.value.line == 3
    assert caught.value.column == column


@pytest.mark.parametrize(
    ("vms", "what"),
    [
        (TIDY_VMS + "web,2,2000,4096\n", "'web' occurs twice"),
        (TIDY_VMS + "WEB,2,2000,4096\n", "differ only in case"),
        (TIDY_VMS + "x,0,2000,4096\n", "needs 1 or more"),
        (TIDY_VMS + "x,1.5,2000,4096\n", "whole number"),
        (TIDY_VMS + "x,1,2000,-1\n", "negative"),
        (TIDY_VMS + "x,1,abc,1\n", "not a number"),
        (TIDY_VMS + ",1,1,1\n", "cannot be the id"),
        (TIDY_VMS.replace("memory_mib", "memory_gib"), "memory_mib"),
        ("vm_id,vcpus,cpu_mcores\nweb,1,1\n", "no column memory_mib"),
        (None, "no table of VMs beside it"),
        ("", "is empty"),
    ],
)
def test_bad_table_of_vms_is_refused(tidy: Write, vms: str | None, what: str) -> None:
    """Sizes decide what fits; each mistake is named."""
    with pytest.raises(TraceError, match=what):
        read_trace(tidy(row(0), row(1), vms=vms), "tidy")


@pytest.mark.parametrize(
    ("rows", "repair"),
    [
        ([row(0), row(1), row(1)], "drop-duplicates"),
        ([row(0), row(1), row(1, cpu=7)], "keep-last"),
        ([row(0), row(2), row(1)], "sort"),
        ([row(0), row(1), row(2), row(3, second=7)], "snap"),
        ([row(0), row(1), row(2), row(5)], "fill-gaps"),
    ],
)
def test_disorder_needs_its_repair(tidy: Write, rows: list[str], repair: str) -> None:
    """The rules of repair are the same in all formats."""
    path = tidy(*rows)
    with pytest.raises(TraceError, match=f"--repair {repair}$"):
        read_trace(path)
    trace = read_trace(path, repair=repair)
    assert [r.name for r in trace.repairs] == [repair]
    assert read_trace(path, repair="all").repairs == trace.repairs


def test_rows_ordered_by_time_or_by_vm_read_alike(tidy: Write) -> None:
    """Both orders are common, and neither is disorder."""
    rows = [row(s, vm, 10 * s + len(vm)) for s in range(4) for vm in ("web", "db")]
    by_time = read_trace(tidy(*rows))
    by_vm = read_trace(tidy(*sorted(rows, key=lambda r: r.split(",")[1])))
    assert np.array_equal(by_time.cpu_mcores, by_vm.cpu_mcores)
    assert by_time.repairs == by_vm.repairs == ()


def test_coarser_step_is_asked_for_with_snap(tidy: Write) -> None:
    """Averaging changes the data, so it has a name and a count."""
    path = tidy(row(0, cpu=10), row(1, cpu=20), row(2, cpu=40), row(3, cpu=41))
    with pytest.raises(TraceError, match="snap"):
        read_trace(path, step_s=600)
    assert read_trace(path, step_s=600, repair="snap").cpu_mcores.tolist() == [[15, 41], [0, 0]]


def test_single_sample_needs_the_step(tidy: Write) -> None:
    """One instant has no distance."""
    with pytest.raises(TraceError, match="option step_s"):
        read_trace(tidy(row(0)))
    assert read_trace(tidy(row(0)), step_s=60).grid.step_s == 60


def test_vm_without_rows_is_noted(tidy: Write) -> None:
    """A VM that is in the table only may be a misspelt id."""
    assert "1 VMs have no rows and are never alive: db" in read_trace(tidy(row(0), row(1))).notes


def test_demand_of_a_vm_that_is_off_is_refused(tidy: Write) -> None:
    """The two columns contradict each other."""
    header = "timestamp_utc,vm_id,cpu_mcores,memory_mib,alive"
    path = tidy(row(0) + ",true", row(1) + ",false", row(2) + ",true", header=header)
    with pytest.raises(TraceError, match="is false, but there are 100 mcores"):
        read_trace(path)


@pytest.mark.parametrize("cut", [8, 100, -6])
def test_damaged_parquet_is_refused(tidy: Write, tmp_path: Path, cut: int) -> None:
    """Half a download, or flipped bits, must end in an error that names the file."""
    good = write_tidy(read_trace(tidy(row(0), row(1))), tmp_path / "out")
    good.write_bytes(good.read_bytes()[:cut])
    with pytest.raises(InputError, match="damaged"):
        read_trace(good)


def test_flipped_bit_in_written_parquet_is_refused(tidy: Write, tmp_path: Path) -> None:
    """Our own files carry checksums: a flipped bit must not become another demand."""
    good = write_tidy(read_trace(tidy(*[row(i, cpu=i * i % 997) for i in range(200)])), tmp_path / "out")
    data = bytearray(good.read_bytes())
    data[len(data) // 8] ^= 4
    good.write_bytes(data)
    with pytest.raises(TraceError, match=r"trace\.parquet"):
        read_trace(good)


def test_truncated_gzip_is_refused(tidy: Write) -> None:
    """gzip without its end gives rows without an error, unless one looks."""
    plain = tidy(*[row(i, cpu=i * 37 % 1009) for i in range(280)])
    path = plain.with_suffix(".csv.gz")
    path.write_bytes(gzip.compress(plain.read_bytes())[:-9])
    with pytest.raises(TraceError, match="cannot be read: damaged"):
        read_trace(path)


def test_two_traces_in_a_folder_are_refused(tidy: Write, tmp_path: Path) -> None:
    """Which one is meant cannot be told."""
    trace = read_trace(tidy(row(0), row(1)))
    write_tidy(trace, tmp_path / "out")
    write_tidy(trace, tmp_path / "out", format="csv")
    with pytest.raises(TraceError, match="holds both"):
        read_trace(tmp_path / "out")


def test_wrong_options_are_refused(tidy: Write) -> None:
    """Values of options are checked before a file is opened."""
    for options in ({"step_s": 0}, {"max_gap_s": -1}, {"step_s": "5"}):
        with pytest.raises(ConfigError, match="tidy"):
            read_trace(tidy(row(0)), "tidy", **options)


def test_many_rows_stream_in_blocks(tmp_path: Path) -> None:
    """Rows of several VMs across block borders: nothing is lost, doubled or taken for a gap."""
    n, ids = 12_000, ("web", "db")
    stamps = np.datetime_as_string(np.datetime64("2024-01-01", "s") + 60 * np.arange(n))
    lines = [f"{t}Z,{vm},{k % 501},{k % 77}" for k, t in enumerate(stamps) for vm in ids]
    path = tmp_path / "long.csv"
    path.write_text("\n".join(["timestamp_utc,vm_id,cpu_mcores,memory_mib", *lines]) + "\n")
    tmp_path.joinpath("vms.csv").write_text(TIDY_VMS)
    assert path.stat().st_size > 2**19
    for repair in ("", "all"):
        trace = read_trace(path, repair=repair)
        assert trace.repairs == ()
        assert trace.grid.step_s == 60
        assert np.array_equal(trace.cpu_mcores, np.tile(np.arange(n) % 501, (2, 1)))


names = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp", "Cf")),
    min_size=1,
    max_size=8,
)


@st.composite
def traces(draw: st.DrawFn) -> Trace:
    import unicodedata

    ids = draw(
        st.lists(
            names,
            min_size=1,
            max_size=4,
            unique_by=lambda v: unicodedata.normalize("NFKC", v).casefold().strip(),
        ).filter(lambda vs: all(unicodedata.normalize("NFKC", v).casefold().strip() for v in vs))
    )
    n, steps = len(ids), draw(st.integers(1, 6))
    table = st.lists(
        st.lists(st.integers(0, 2**31 - 1), min_size=steps, max_size=steps), min_size=n, max_size=n
    )
    alive = np.array(draw(table)) % 2 == 0
    return Trace(
        vms=VMs(
            ids=tuple(ids),
            vcpus=np.array(draw(st.lists(st.integers(1, 64), min_size=n, max_size=n))),
            cpu_mcores=np.array(draw(st.lists(st.integers(1, 10**6), min_size=n, max_size=n))),
            memory_mib=np.array(draw(st.lists(st.integers(0, 10**6), min_size=n, max_size=n))),
            dirty_mib_per_s=np.array(draw(st.lists(st.floats(0, 1e6), min_size=n, max_size=n))),
            is_container=np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n))),
            groups=tuple(draw(st.lists(st.just("") | names, min_size=n, max_size=n))),
        ),
        grid=TimeGrid(
            start=np.datetime64(draw(st.integers(10**9, 2 * 10**9)), "s"),
            step_s=draw(st.integers(1, 7200)),
            n_steps=steps,
        ),
        cpu_mcores=np.array(draw(table)) * alive,
        memory_mib=np.array(draw(table)) * alive,
        alive=alive,
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(trace=traces(), kind=st.sampled_from(["parquet", "csv"]))
def test_written_trace_reads_back_equal(
    tmp_path_factory: pytest.TempPathFactory, trace: Trace, kind: str
) -> None:
    """What is saved is what was there: ids with any letters, VMs off in between, empty edges."""
    folder = tmp_path_factory.mktemp("tidy")
    write_tidy(trace, folder, format=kind)  # type: ignore[arg-type]
    back = read_trace(folder, step_s=trace.grid.step_s)
    assert back.grid == trace.grid
    for name in ("cpu_mcores", "memory_mib", "alive"):
        assert np.array_equal(getattr(back, name), getattr(trace, name)), name
    for name in ("ids", "groups"):
        assert getattr(back.vms, name) == getattr(trace.vms, name)
    for name in ("vcpus", "cpu_mcores", "memory_mib", "dirty_mib_per_s", "is_container"):
        assert np.array_equal(getattr(back.vms, name), getattr(trace.vms, name)), name
    assert back.repairs == ()


def test_ids_that_no_table_can_hold_are_not_written(tmp_path: Path) -> None:
    """A line feed in an id would break the rows of the table."""
    trace = Trace(
        vms=VMs(
            ids=("a\nb",),
            vcpus=np.ones(1),
            cpu_mcores=np.ones(1),
            memory_mib=np.ones(1),
            dirty_mib_per_s=np.ones(1),
        ),
        grid=TimeGrid(start=np.datetime64("2024-01-01", "s"), step_s=60, n_steps=1),
        cpu_mcores=np.ones((1, 1)),
        memory_mib=np.ones((1, 1)),
        alive=np.ones((1, 1)),
    )
    with pytest.raises(InputError, match="control characters"):
        write_tidy(trace, tmp_path / "out")
    assert not (tmp_path / "out").exists()
