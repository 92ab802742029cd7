"""The page of several runs: self-contained, harmless, and alive in a real browser."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import shutil
import subprocess
from dataclasses import replace
from types import SimpleNamespace

import pytest

from consolidate.errors import InputError
from consolidate.reporting.explore import explore_page, write_explore_page

EVIL = "</script><img src=x onerror=alert(1)>\u202e"
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def runs(synthetic, tmp_path_factory):
    """Two runs of different length; the second has an arm with an evil name."""
    found = []
    for k, name in enumerate(("first", "</script><b>")):
        case = synthetic.make_case(n_hosts=5, n_vms=9, n_steps=72 * (k + 1), seed=k)
        others = {EVIL: replace(case.before, label=EVIL)} if k else {}
        arms = {"baseline": case.before, "consolidated": case.after, **others}
        folder = tmp_path_factory.mktemp("runs") / name.replace("/", "\N{DIVISION SLASH}")
        grams = {label: arm.energy_kwh * 380 for label, arm in arms.items()}
        run = {"folder": folder, "baseline": case.before, "consolidated": case.after}
        found.append(SimpleNamespace(**run, others=others, emissions_g=grams))
    return found


@pytest.fixture(scope="module")
def page(runs):
    return explore_page(runs)


def data_of(page: str) -> dict:
    return json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL).group(1))


def test_only_our_script_and_style_may_run(page):
    """Strict policy: both by hash, nothing fetched, nothing inline elsewhere."""
    policy = html.unescape(
        re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page).group(1)
    )
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        text = re.search(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL).group(1)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert len(re.findall("<script", page)) == 2
    assert not re.search(r"https?://(?!www\.w3\.org)| style=| on\w+=\"", page)


def test_names_are_data_and_text(page):
    """A name can neither end the script nor become an element."""
    assert "<img" not in page
    assert "\u202e" not in page
    labels = [arm["label"] for arm in data_of(page)["runs"][1]["arms"]]
    assert labels[1].startswith("</script><img")


def test_values_are_those_of_the_replays(page, runs):
    """Numbers of the page follow from the ledger; mean power times time is the energy."""
    for run, shown in zip(runs, data_of(page)["runs"], strict=True):
        arms = {arm["label"]: arm for arm in shown["arms"]}
        after = arms["consolidated"]
        assert after["values"]["energy_kwh"] == run.consolidated.energy_kwh
        saved = 1 - run.consolidated.total_mj / run.baseline.total_mj
        assert after["values"]["saved_fraction"] == pytest.approx(saved)
        hours = [b - a for a, b in zip(shown["hours"], shown["hours"][1:], strict=False)]
        kwh = sum(w * h for w, h in zip(after["power_w"], hours, strict=True)) / 1000
        assert kwh == pytest.approx(run.consolidated.energy_kwh, rel=1e-3)


def test_folders_of_one_name_are_told_apart(runs, tmp_path):
    """``monday/run`` and ``tuesday/run`` are not "run" and "run"."""
    both = [
        SimpleNamespace(**vars(runs[0]) | {"folder": tmp_path / day / "run"})
        for day in ("monday", "tuesday")
    ]
    names = [run["name"] for run in data_of(explore_page(both))["runs"]]
    assert names == ["monday/run", "tuesday/run"]


def test_one_run_twice_or_none_is_refused(runs, tmp_path):
    """Two bars of one run would look like two results."""
    for wrong in ([], [runs[0], runs[0]]):
        with pytest.raises(InputError, match="each once"):
            write_explore_page(wrong, tmp_path / "x.html")
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def opened(page, tmp_path_factory):
    """Open the page in a browser and return what its script made of it."""
    if BROWSER is None:
        pytest.skip("no browser here")
    folder = tmp_path_factory.mktemp("browser")
    (folder / "page.html").write_text(page, "utf-8")

    def call(choice: str = "") -> str:
        done = subprocess.run(
            [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/profile",
             "--virtual-time-budget=2000", "--dump-dom", f"{(folder / 'page.html').as_uri()}{choice}"],
            capture_output=True, timeout=120, check=True,
        )  # fmt: skip
        return done.stdout.decode("utf-8")

    return call


def test_the_browser_draws_every_arm(opened):
    """Five bars and, for the first run, two lines; the policy blocks none of it."""
    seen = opened()
    assert seen.count('class="bar"') == 5
    assert seen.count('class="power"') == 2
    assert "<img" not in seen.replace("&lt;img", "")


def test_the_browser_filters_and_reads_values(opened, page):
    """The choice in the address filters runs and arms, and puts the cursor on a step."""
    seen = opened("#measure=saved_fraction&runs=0&arms=1&which=1&at=3")
    assert seen.count('class="bar"') == 1
    assert seen.count('class="power"') == 1
    assert "energy saved, % of the baseline)" in seen
    reading = html.unescape(re.search(r'id="reading"[^>]*>([^<]*)<', seen).group(1))
    arm = next(a for a in data_of(page)["runs"][1]["arms"] if a["label"] == "consolidated")
    assert reading.startswith("after ")
    stated = float(re.search(r"consolidated ([\d,.]+) W", reading).group(1).replace(",", ""))
    assert stated == pytest.approx(arm["power_w"][3], rel=5e-3)


def test_nonsense_in_the_address_is_ignored(opened):
    """A link may come from anywhere."""
    seen = opened("#measure=__proto__&runs=-1,x,9&arms=%3Cscript%3E&which=77&at=NaN")
    assert seen.count('class="bar"') == 0
    assert "All values" in seen
