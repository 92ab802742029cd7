"""What the controller learns of each VM."""

from __future__ import annotations

import numpy as np
import pytest

from consolidate.control.levels import Levels, Safety


def _levels(common: float, n: int = 50) -> Levels:
    return Levels(np.full(n, 1_000.0), least=0.03, prior=1.0, spread=0.2, common=common)


def _after(levels: Levels, samples: np.ndarray) -> Levels:
    alive = np.ones(samples.shape[1], dtype=np.bool_)
    for sample in samples:
        levels.take(sample, alive)
    return levels


def test_a_rise_of_all_shows_in_all_levels_within_a_few_samples() -> None:
    """One VM needs 30 samples to tell a rise from noise; the sum of all tells at once."""
    random = np.random.default_rng(3)
    before = random.normal(300, 90, (60, 50)).clip(0)
    after = random.normal(400, 90, (6, 50)).clip(0)
    slow = _after(_levels(0.0), np.vstack([before, after])).mean.mean()
    quick = _after(_levels(0.3), np.vstack([before, after])).mean.mean()
    assert slow < 330
    assert quick == pytest.approx(400, rel=0.08)


def test_noise_of_one_does_not_move_the_others() -> None:
    """A jump of one VM among fifty is its own."""
    samples = np.full((60, 50), 300.0)
    samples[-1, 0] = 900.0
    levels = _after(_levels(0.3), samples)
    assert levels.mean[1:] == pytest.approx(300, rel=0.02)
    assert levels.mean[0] > levels.mean[1]


def test_newcomers_are_expected_to_do_what_all_do_now() -> None:
    """What is expected before the first sample must not outlive it: here half the VMs are new."""
    levels = _levels(0.3)
    levels.take(np.full(50, 50.0), np.arange(50) < 25)
    assert levels.mean == pytest.approx(50.0)


def test_a_calm_night_does_not_let_the_guard_down() -> None:
    """However long nothing happens, little more than the accepted risk is taken on."""
    safety = Safety(0.01, lasts=1.0, pace=0.05, aim=0.9)
    start = safety.alpha
    for _ in range(500):
        safety.observe(0.0, 300.0)
    assert start < safety.alpha <= 3 * start
    assert safety.tail == pytest.approx(1.0, rel=0.05)
