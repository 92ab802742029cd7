from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from consolidate.errors import ConfigError, InputError, TraceError
from consolidate.traces import read_trace


def packed(day: Path, path: Path, mode: str) -> Path:
    with tarfile.open(path, mode) as archive:
        archive.add(day, arcname=day.name)
    return path


def tar_of(path: Path, *entries: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:
        for entry, data in entries:
            entry.size = len(data) if entry.isreg() else 0
            archive.addfile(entry, io.BytesIO(data))
    return path


GOOD = b"7\n" * 288


def test_demand_is_percent_of_the_type_rounded_up_exactly(planetlab_day: Path) -> None:
    """The mapping of CloudSim decides every later figure, so it is checked by hand."""
    trace = read_trace(planetlab_day)
    # ceil(5 / 4) = 2 VMs per type, in upper-cased order.
    assert trace.vms.ids == ("a_host", "b host", "C_host", "d_host", "e_host")
    assert trace.vms.cpu_mcores.tolist() == [2500, 2500, 2000, 2000, 1000]
    assert trace.vms.memory_mib.tolist() == [870, 870, 1740, 1740, 1740]
    assert trace.cpu_mcores[:, 0].tolist() == [25, 50, 60, 80, 50]
    assert trace.alive.all()
    assert (trace.memory_mib == trace.vms.memory_mib[:, None]).all()


def test_each_type_has_its_own_size(tmp_path: Path) -> None:
    """Demand of each of the four types, computed by hand."""
    day = tmp_path / "20110303"
    day.mkdir()
    for name in ("a", "b", "c", "d"):
        day.joinpath(name).write_bytes(b"33\n" * 288)
    assert read_trace(day).cpu_mcores[:, 0].tolist() == [825, 660, 330, 165]


def test_order_upper_and_sorted_differ_where_case_and_underscore_do(planetlab_day: Path) -> None:
    """The order moves published energy by up to 9 %, so both must be available and differ."""
    trace = read_trace(planetlab_day, "planetlab", order="sorted")
    assert trace.vms.ids == ("C_host", "a_host", "b host", "d_host", "e_host")


def test_date_comes_from_the_name(planetlab_day: Path) -> None:
    """A folder named by its day needs no option."""
    assert read_trace(planetlab_day).grid.start == np.datetime64("2011-03-03", "s")


def test_missing_date_is_asked_for(planetlab_day: Path) -> None:
    """A guessed date would select the wrong carbon intensity."""
    other = planetlab_day.rename(planetlab_day.parent / "monday")
    with pytest.raises(TraceError, match="option start"):
        read_trace(other)
    trace = read_trace(other, start="2020-02-29")
    assert trace.grid.start == np.datetime64("2020-02-29", "s")


@pytest.mark.parametrize(
    ("suffix", "mode"), [(".tar", "w"), (".tar.gz", "w:gz"), (".tar.xz", "w:xz"), (".tar.bz2", "w:bz2")]
)
def test_archives_read_like_the_folder(
    planetlab_day: Path, tmp_path: Path, suffix: str, mode: str
) -> None:
    """People keep the days packed; the numbers may not depend on the packing."""
    archive = packed(planetlab_day, tmp_path / f"pack{suffix}", mode)
    assert np.array_equal(read_trace(archive).cpu_mcores, read_trace(planetlab_day).cpu_mcores)


def test_zip_reads_like_the_folder(planetlab_day: Path, tmp_path: Path) -> None:
    """As for tar."""
    path = tmp_path / "20110303.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in planetlab_day.iterdir():
            archive.write(file, file.name)
    assert np.array_equal(read_trace(path).cpu_mcores, read_trace(planetlab_day).cpu_mcores)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("101", "over 100 %"),
        ("-1", "negative"),
        ("1.5", "not a whole percentage"),
        ("0.35", "a share of one?"),
        ("nan", "not a whole percentage"),
        ("", "not a whole percentage"),
        ("\uff11\uff12", "not a whole percentage"),
        ("0x10", "not a whole percentage"),
        ("9" * 400, "over 100 %"),
    ],
)
def test_bad_value_is_refused_with_file_and_line(planetlab_day: Path, text: str, what: str) -> None:
    """The user must find the row."""
    rows = ["5"] * 288
    rows[16] = text
    planetlab_day.joinpath("d_host").write_text("\n".join(rows) + "\n", encoding="utf-8")
    with pytest.raises(TraceError, match=what.replace("?", r"\?")) as caught:
        read_trace(planetlab_day)
    assert caught.value.line == 17
    assert caught.value.file.endswith("d_host")


@pytest.mark.parametrize("rows", [0, 1, 287, 289])
def test_wrong_number_of_rows_is_refused(planetlab_day: Path, rows: int) -> None:
    """A short day would silently shift or stop."""
    planetlab_day.joinpath("b host").write_text("5\n" * rows)
    with pytest.raises(TraceError, match=f"has {rows} rows; a day has 288"):
        read_trace(planetlab_day)


def test_every_problem_is_listed_with_the_total(planetlab_day: Path) -> None:
    """One run must show all that is wrong, up to twenty places."""
    planetlab_day.joinpath("b host").write_text("200\n" * 288)
    with pytest.raises(TraceError, match="288 problems in all") as caught:
        read_trace(planetlab_day)
    assert str(caught.value).count("over 100 %") == 20


def test_empty_folder_is_refused(tmp_path: Path) -> None:
    """An empty folder is a mistake in the path, not a trace of nothing."""
    with pytest.raises(TraceError, match="holds no files"):
        read_trace(tmp_path)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    """As every command line tool: say what is not there."""
    with pytest.raises(InputError, match="nothing-here: cannot be opened"):
        read_trace(tmp_path / "nothing-here")


def test_sub_folder_is_refused(planetlab_day: Path) -> None:
    """A folder of days must not be read as one day."""
    planetlab_day.joinpath("a_folder").mkdir()
    with pytest.raises(TraceError, match="a folder inside a trace folder"):
        read_trace(planetlab_day)


def test_hidden_files_are_left_out_and_counted(planetlab_day: Path) -> None:
    """File managers leave such files behind; nothing is dropped without being said."""
    planetlab_day.joinpath(".DS_Store").write_bytes(b"\0\1")
    trace = read_trace(planetlab_day)
    assert trace.n_vms == 5
    assert "1 hidden files left out" in trace.notes


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz", "w:bz2"])
@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
def test_truncated_archive_is_refused(
    planetlab_day: Path, tmp_path: Path, mode: str, share: float
) -> None:
    """Half a download must not pass for a smaller data centre."""
    suffix = {"w": ".tar", "w:gz": ".tar.gz", "w:xz": ".tar.xz", "w:bz2": ".tar.bz2"}[mode]
    path = packed(planetlab_day, tmp_path / f"20110303{suffix}", mode)
    data = path.read_bytes().rstrip(b"\0") if mode == "w" else path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(InputError, match=r"20110303\.tar"):
        read_trace(path)


def test_tar_cut_between_two_members_is_refused(planetlab_day: Path, tmp_path: Path) -> None:
    """Python's tarfile takes a plain tar without its end mark for complete."""
    path = packed(planetlab_day, tmp_path / "20110303.tar", "w")
    with tarfile.open(path) as archive:
        last = archive.getmembers()[-1]
    path.write_bytes(path.read_bytes()[: last.offset])
    with pytest.raises(TraceError, match="end mark"):
        read_trace(path)


def test_damaged_member_header_is_refused(planetlab_day: Path, tmp_path: Path) -> None:
    """Python's tarfile stops there without an error, and the VMs that follow would be lost."""
    path = packed(planetlab_day, tmp_path / "20110303.tar", "w")
    with tarfile.open(path) as archive:
        middle = archive.getmembers()[3]
    data = bytearray(path.read_bytes())
    data[middle.offset + 5] ^= 8
    path.write_bytes(data)
    with pytest.raises(TraceError, match="damaged member header"):
        read_trace(path)


@pytest.mark.parametrize("suffix", [".tar.zst", ".7z", ".xz"])
def test_other_packings_are_refused_with_advice(
    planetlab_day: Path, tmp_path: Path, suffix: str
) -> None:
    """The error says how to pack, not that the content is strange."""
    path = tmp_path / f"20110303{suffix}"
    path.write_bytes(b"x" * 100)
    with pytest.raises(TraceError, match="which is not read; unpack it"):
        read_trace(path)


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "C:\\evil", "..\\evil"])
def test_path_escape_in_archive_is_refused(tmp_path: Path, name: str) -> None:
    """Nothing is unpacked to disk, and still such an archive is hostile."""
    path = tar_of(tmp_path / "20110303.tar", (tarfile.TarInfo(name), GOOD))
    with pytest.raises(TraceError, match="leads out of the archive"):
        read_trace(path, "planetlab")


def test_link_in_archive_is_refused(tmp_path: Path) -> None:
    """A link could name any file of the reader's machine."""
    link = tarfile.TarInfo("20110303/b")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    path = tar_of(tmp_path / "20110303.tar", (tarfile.TarInfo("20110303/a"), GOOD), (link, b""))
    with pytest.raises(TraceError, match="link or device"):
        read_trace(path)


def test_archive_in_archive_is_refused(tmp_path: Path) -> None:
    """Nesting multiplies what a bomb unpacks to."""
    path = tar_of(tmp_path / "20110303.tar", (tarfile.TarInfo("20110303/inner.tar.gz"), b"x"))
    with pytest.raises(TraceError, match="archive inside an archive"):
        read_trace(path, "planetlab")


def test_bomb_is_refused(tmp_path: Path) -> None:
    """A small file that unpacks without end must not fill memory or time."""
    path = tar_of(tmp_path / "b.tar", (tarfile.TarInfo("20110303/a"), GOOD + b"\0" * (70 * 2**20)))
    import gzip

    bomb = tmp_path / "20110303.tar.gz"
    bomb.write_bytes(gzip.compress(path.read_bytes()))
    with pytest.raises(TraceError, match="unpacks to more than"):
        read_trace(bomb, "planetlab")


def test_archive_with_two_days_is_refused(planetlab_day: Path, tmp_path: Path) -> None:
    """VMs of two days are not one data centre."""
    path = tar_of(
        tmp_path / "days.tar",
        (tarfile.TarInfo("20110303/a"), GOOD),
        (tarfile.TarInfo("20110306/b"), GOOD),
    )
    with pytest.raises(TraceError, match="several folders"):
        read_trace(path, "planetlab")


def test_unknown_option_and_value_are_refused(planetlab_day: Path) -> None:
    """A misspelt option must not be ignored."""
    with pytest.raises(ConfigError, match=r"planetlab\.ordre"):
        read_trace(planetlab_day, "planetlab", ordre="upper")
    with pytest.raises(ConfigError, match=r"planetlab\.order"):
        read_trace(planetlab_day, "planetlab", order="random")


def test_assumptions_are_noted(planetlab_day: Path) -> None:
    """Sizes, memory and dirty rates are not in the format; a report must be able to say so."""
    notes = "\n".join(read_trace(planetlab_day, dirty_ram_fraction_per_min=0.1).notes)
    assert "default: dirty_mib_per_s = 10 %" in notes
    assert "no memory series" in notes
    assert "CloudSim" in notes


def test_hash_of_a_folder_depends_on_names_and_contents(planetlab_day: Path) -> None:
    """The hash is what provenance rests on."""
    first = read_trace(planetlab_day).sha256
    planetlab_day.joinpath("a_host").rename(planetlab_day / "f_host")
    second = read_trace(planetlab_day).sha256
    planetlab_day.joinpath("f_host").write_bytes(GOOD)
    assert len({first, second, read_trace(planetlab_day).sha256}) == 3


def test_real_day_has_the_published_size_and_mean(shared_data: Path) -> None:
    """1,052 VMs at 12.31 % is the figure of the literature."""
    trace = read_trace(shared_data / "planetlab" / "20110303.tar.xz")
    share = trace.cpu_mcores / trace.vms.cpu_mcores[:, None]
    assert trace.n_vms == 1052
    assert trace.grid.n_steps == 288
    assert round(100 * float(share.mean()), 2) == 12.31
    assert np.bincount(trace.vms.memory_mib)[[870, 1740, 613]].tolist() == [263, 526, 263]
    assert sum(" " in vm for vm in trace.vms.ids) > 0
    assert trace.repairs == ()
