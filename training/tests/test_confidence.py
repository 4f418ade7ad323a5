"""The confidence curve: what it says is what happened, and it never claims more than it has seen."""

from __future__ import annotations

import numpy as np

from training.confidence import GROUP_ROWS_MIN, edge_scores, fit_profit_curve
from training.metrics import DAY_MS


def _generated(rows: int, days: int, seed: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    scores = rng.normal(-1, 0.5, rows)
    ts = rng.integers(0, days, rows) * DAY_MS
    return ts.astype(np.int64), scores, rng.uniform(size=rows) < 1 / (1 + np.exp(-2 * scores))


def test_the_curve_says_what_share_of_rows_it_had_not_seen_was_profitable() -> None:
    curve = fit_profit_curve(*_generated(200_000, 60))
    _, scores, profitable = _generated(200_000, 60, seed=4)
    stated = curve.at(scores)
    for low, high in ((0, 0.1), (0.1, 0.2), (0.2, 0.4), (0.4, 1)):
        among = (stated >= low) & (stated < high)
        assert abs(stated[among].mean() - profitable[among].mean()) < 0.01


def test_it_never_falls_and_is_flat_beyond_what_was_seen() -> None:
    ts, scores, profitable = _generated(20_000, 60)
    curve = fit_profit_curve(ts, scores, profitable)
    assert (np.diff(curve.probabilities) >= 0).all() and (np.diff(curve.scores) > 0).all()
    assert curve.at(np.array([99.0]))[0] == curve.probabilities[-1] < 1
    assert (curve.rows, curve.days) == (20_000, 60)


def test_one_lucky_day_makes_no_group_of_its_own() -> None:
    ts, scores, profitable = _generated(20_000, 60)
    lucky = GROUP_ROWS_MIN + 1
    ts = np.r_[ts, np.full(lucky, 100 * DAY_MS)]
    curve = fit_profit_curve(ts, np.r_[scores, np.full(lucky, 3.0)], np.r_[profitable, np.ones(lucky, dtype=bool)])
    assert curve.probabilities[-1] < 0.8


def test_without_rows_nothing_is_ever_likely() -> None:
    curve = fit_profit_curve(np.array([], dtype=np.int64), np.array([]), np.array([], dtype=bool))
    assert curve.at(np.array([-5.0, 0.5, 5.0])).tolist() == [0.0, 0.0, 0.0]


def test_the_score_is_the_edge_after_costs_in_units_of_its_deviation() -> None:
    scores = edge_scores(np.array([0.5, -0.5]), np.full(2, 0.8), np.full(2, 14 / 80))
    assert np.allclose(scores, (0.5 - 14 / 80) / 0.8)
