"""Quick bounds: one certificate in the run folder, which the checks compute again."""

from __future__ import annotations

import json


def test_a_quick_bound_is_certified_and_judged(consolidate, cloud, options, tmp_path):
    """The certificate holds; a bound that claims a millijoule more than it proves is refused."""
    out = tmp_path / "run"
    done = consolidate("solve", cloud, "--out", out, *options, "--bounds", "quick")
    assert done.code == 0, done.out + done.err
    result = json.loads((out / "result.json").read_text())
    (bound,) = result["bounds"]
    assert (bound["name"], bound["kind"]) == ("on-off Lagrangian", "certified")
    assert consolidate("check", out).code == 0
    bound["value_mj"] += 1
    (out / "result.json").write_text(json.dumps(result))
    refused = consolidate("check", out)
    assert refused.code == 4
    assert "its certificate proves" in refused.out + refused.err
