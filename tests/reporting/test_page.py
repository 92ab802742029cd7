from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from consolidate.plotting.text import MINUS

CASES = ["saved", "lost", "even", "stay", "hostile", "huge", "sites", "bare"]


class Page(HTMLParser):
    """What a browser would see of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.text, self.styles, self.inside = "", [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "path", "use", "image"):
            self.inside.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.inside.pop() == tag, f"{tag} closes something else"

    def handle_data(self, data):
        if self.inside and self.inside[-1] == "style":
            self.styles.append(data)
        elif "svg" not in self.inside:
            self.text += data

    def named(self, *names):
        return [attrs for tag, attrs in self.tags if tag in names]


@pytest.fixture(scope="module")
def seen(pages) -> dict[str, Page]:
    return {name: Page(text) for name, text in pages.items()}


def words(page: Page) -> str:
    return " ".join(page.text.split())


@pytest.mark.parametrize("name", CASES)
def test_policy_allows_our_style_sheet_and_nothing_else(seen, name):
    """A page about untrusted names must not be able to run or fetch anything."""
    page = seen[name]
    policy = next(m["content"] for m in page.named("meta") if "http-equiv" in m)
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "script" not in policy
    (css,) = page.styles
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy


@pytest.mark.parametrize("name", CASES)
def test_nothing_runs_and_nothing_is_fetched(pages, seen, name):
    """Self-contained: it must read the same offline and in ten years."""
    page = seen[name]
    assert not page.named(
        "script", "iframe", "object", "embed", "link", "base", "form", "img", "foreignobject"
    )
    for tag, attrs in page.tags:
        assert "style" not in attrs, f"{tag} has an inline style, which the policy blocks"
        assert not [a for a in attrs if a.startswith("on")]
        for key in ("href", "src", "xlink:href", "action"):
            target = attrs.get(key) or ""
            assert target.startswith(("#", "data:image/png;base64,")) or not target
    assert not re.search(r"https?://|@import|url\((?!#)", pages[name])


@pytest.mark.parametrize("name", CASES)
def test_page_is_accessible(seen, name):
    """Screen readers need language, order of headings, scopes, captions and words for pictures."""
    page = seen[name]
    assert page.named("html")[0]["lang"] == "en"
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b <= a + 1 for a, b in pairwise(levels))
    assert all(th.get("scope") in ("col", "row") for th in page.named("th"))
    assert len(page.named("caption")) == len(page.named("table"))
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    for svg in page.named("svg"):
        assert svg["role"] == "img"
        assert set(svg["aria-labelledby"].split()) <= set(ids)
    anchors = {a["href"][1:] for a in page.named("a")}
    assert anchors <= set(ids)


def test_hostile_names_are_text_and_nothing_else(pages, seen):
    """VM names come from tenants."""
    page, text = pages["hostile"], words(seen["hostile"])
    assert "</script><img src=x onerror=alert(1)>" in text
    assert "\\u202egnp.exe" in text
    assert "{{ 7*7 }}" in text
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x00]", page)
    assert "x" * 100 not in page
    page.encode("utf-8")


def test_untrusted_words_of_the_manifest_are_escaped(synthetic):
    """Notes, commands and repairs come from files, too."""
    evil = "<script>alert(1)</script>"
    manifest = {
        "command": evil, "version": evil, "package": evil, "seed": evil, "notes": [evil, 5],
        "inputs": [{"name": evil, "sha256": evil, "bytes": evil}, "no table"],
        "repairs": [{"name": evil, "count": evil, "detail": evil}],
        "defaults": [{"key": evil, "value": evil, "source": evil}],
    }  # fmt: skip
    case = synthetic.make_case(n_hosts=4, n_vms=6)
    intensity = replace(case.intensity, zone=evil, source=evil, notes=(evil,))
    page = Page(synthetic.make_report(case, manifest=manifest, intensities=(intensity,)).html())
    assert not page.named("script")
    assert words(page).count(evil) >= 12


def test_headline_says_what_happened(seen):
    """The first line is all that many readers read."""
    assert re.search(r"\d+\.\d % less IT energy: [\d.,]+ kWh saved in 6 h", words(seen["saved"]))
    assert re.search(
        rf"The plan does not pay: {MINUS}[\d.,]+ kWh saved \({MINUS}[\d.,]+ %\)", words(seen["lost"])
    )
    assert "Negative saving." in words(seen["lost"])
    assert "No energy saved: 0 kWh" in words(seen["even"])


def test_nothing_worth_doing_is_a_success(seen):
    """A planner that finds nothing to do has done its work."""
    text = words(seen["stay"])
    assert "Nothing worth doing: the present placement is already good" in text
    assert "That is a good result" in text
    assert "In the words of the solver: <b>0.3 %" in text
    assert "Exactly zero: both arms are the same in every step" in text
    assert "The plan is empty" in text
    assert "Negative saving" not in text


def test_a_plan_against_the_advice_of_the_result_is_not_a_success(synthetic):
    """The verdict is about the plan at hand, not about a result that it ignores."""
    case = synthetic.make_case(n_hosts=4, n_vms=6)
    report = synthetic.make_report(case, result=replace(case.result, worthwhile=False))
    assert "Nothing worth doing" not in report.html()


def test_optimal_is_said_only_when_proved(seen, synthetic):
    """Optimal is a claim with a proof; anything else prints its gap."""
    assert "optimal" not in words(seen["saved"]).replace("not proved optimal", "")
    assert "at most 3.00 %" in words(seen["saved"])
    case = synthetic.make_case(n_hosts=4, n_vms=6)
    proved = replace(case.result, status="optimal", bounds=(
        replace(case.result.bounds[0], value_mj=case.result.objective_mj, kind="attested"),
    ))  # fmt: skip
    text = words(Page(synthetic.make_report(case, result=proved).html()))
    assert "The placement is optimal" in text
    assert "attested" in text
    assert "certified" not in text


def test_without_a_bound_nothing_is_claimed(synthetic):
    """No bound means no word on how good the placement is."""
    case = synthetic.make_case(n_hosts=4, n_vms=6)
    text = words(Page(synthetic.make_report(case, result=replace(case.result, bounds=())).html()))
    assert "No bound is known" in text
    assert "Room left for improvement" not in text


@pytest.mark.parametrize("name", CASES)
def test_modelled_is_never_called_measured(seen, name):
    """A replay is an estimate; only meters measure."""
    text = words(seen[name])
    for allowed in ("modelled, not measured", "none is measured"):
        assert allowed in text
        text = text.replace(allowed, "")
    assert "measured" not in text


def test_hindsight_and_redating_are_banners(seen):
    """Both flatter or move the result; a footnote would hide them."""
    assert "Sized with hindsight." in words(seen["sites"])
    assert "Sized with hindsight." not in words(seen["saved"])
    assert "About the carbon intensity. re-dated: values of 2023-03-03" in words(seen["saved"])


def test_a_worse_service_level_is_a_banner(synthetic):
    """Savings paid for by the VMs are not free."""
    case = synthetic.make_case(n_hosts=4, n_vms=6)
    after = case.after
    worse = replace(after.service, unmet_mcore_s=after.service.demand_mcore_s // 50)
    page = synthetic.make_report(replace(case, after=replace(after, service=worse))).html()
    assert "The VMs pay for it." in page
    assert "rises from 0 % to 2.00 %" in words(Page(page))


def test_every_default_that_was_used_is_listed_once(reports, seen):
    """Assumptions listed are assumptions used."""
    report = reports["saved"]
    keys = [d.key for d in report.defaults()]
    assert sorted(keys) == ["cpu_limit_fraction", "off_w"]
    for default in report.defaults():
        assert default.source in words(seen["saved"])


def test_no_machine_path_and_no_clock(pages):
    """Where it was made says nothing about what it says, and breaks equal bytes."""
    assert "20110303" in pages["saved"]
    assert "/home" not in pages["saved"]
    assert "secret" not in pages["saved"]


def test_limits_and_checks_are_stated(seen):
    """What is left out and how to check it belong to the claim."""
    text = words(seen["saved"])
    parts = ["Network and storage.", "Rebound.", "Making the machines.", "consolidate check RUN"]
    parts += ["consolidate run 20110303 --out run", "ab" * 32, "drop-duplicates", "seed 0"]
    parts += ["percentile 95", "budget.iterations 20000", "hindsight false"]
    for part in parts:
        assert part in text


def test_long_plans_show_their_ends(synthetic):
    """A page is not a table of a thousand moves; plan.csv is."""
    case = synthetic.make_case(n_hosts=30, n_vms=60)
    text = words(Page(synthetic.make_report(case).html()))
    assert f"{len(case.plan.actions) - 15:,} further actions" in text
