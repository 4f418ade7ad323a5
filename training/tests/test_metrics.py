"""The metrics, checked against independent implementations and against cases with a known answer."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from training.metrics import DAY_MS, earnings, log_loss, rank_ic, rank_ic_by_bar


def test_rank_ic_is_the_spearman_correlation_of_each_bar() -> None:
    rng = np.random.default_rng(5)
    ts = np.repeat(np.arange(40), 12)
    rng.shuffle(ts)
    score = np.round(rng.normal(size=len(ts)), 1)  # with ties
    outcome = np.round(0.3 * score + rng.normal(size=len(ts)), 1)
    expected = [spearmanr(score[ts == bar], outcome[ts == bar]).statistic for bar in range(40)]
    assert rank_ic_by_bar(ts, score, outcome) == pytest.approx(expected, abs=1e-12)


def test_rank_ic_is_undefined_rather_than_zero() -> None:
    few = np.repeat(np.arange(10), 4)
    values = np.arange(40.0)
    assert rank_ic(few, values, values, 3) == (None, None)
    enough = np.repeat(np.arange(5), 8)
    assert rank_ic(enough, np.zeros(40), values, 3) == (None, None)
    mean, t = rank_ic(enough, values, values, 3)
    assert mean == pytest.approx(1.0) and t is None  # fewer than two independent bars per horizon


def test_rank_ic_of_noise_is_not_significant_when_horizons_overlap() -> None:
    """Overlapping outcomes make neighbouring bars agree by chance; counting them as independent would find direction."""
    rng = np.random.default_rng(11)
    found = 0
    for _ in range(60):
        bars, symbols, horizon = 720, 10, 36
        steps = rng.normal(size=(bars + horizon, symbols))
        forward = np.stack([steps[b : b + horizon].sum(axis=0) for b in range(bars)])
        score = np.repeat(rng.normal(size=(bars // horizon, symbols)), horizon, axis=0)
        _, t = rank_ic(np.repeat(np.arange(bars), symbols), score.ravel(), forward.ravel(), horizon)
        assert t is not None
        found += abs(t) > 2.5
    assert found <= 6


def test_earnings_name_what_the_best_day_gave() -> None:
    ts = np.array([0, 1, DAY_MS, DAY_MS + 1, 2 * DAY_MS])
    result = earnings(ts, np.array([10.0, 20.0, 300.0, 100.0, 0.0]), 10.0)
    assert (result.signals, result.days) == (5, 3)
    assert result.gross_bps == pytest.approx(86.0)
    assert result.net_bps == pytest.approx(76.0)
    assert result.net_without_best_day_bps == pytest.approx(0.0)
    assert earnings(ts[:0], np.array([]), 10.0).net_bps is None


def test_log_loss_of_certainty_that_was_wrong_is_finite() -> None:
    assert np.isfinite(log_loss(np.array([[1.0, 0.0, 0.0]]), np.array([2], dtype=np.int32)))
