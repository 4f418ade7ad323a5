"""No row that a model learned from may know anything of the rows that evaluate it."""

from __future__ import annotations

import numpy as np
import pytest

from training.folds import FoldPlan, walk_forward

BAR_MS = 300_000


def test_parts_never_touch_whatever_the_setup() -> None:
    rng = np.random.default_rng(3)
    for _ in range(200):
        bars = int(rng.integers(3_000, 40_000))
        horizon = int(rng.choice([3, 6, 12, 36]))
        plan = FoldPlan(folds=int(rng.integers(4, 9)), embargo_bars=int(rng.integers(96, 200)))
        start = int(rng.integers(0, 10**6)) * BAR_MS
        present = rng.random(bars) < 0.9
        present[[0, -1]] = True
        ts = start + BAR_MS * np.flatnonzero(present)
        folds = walk_forward(ts, horizon, BAR_MS, plan)
        assert len(folds) == plan.folds
        tested = np.zeros(len(ts), dtype=int)
        for before, fold in zip([None, *folds], folds, strict=False):
            fit, stop, test = ts[fold.fit(ts)], ts[fold.stop(ts)], ts[fold.test(ts)]
            assert min(len(fit), len(stop), len(test)) > 0
            known_at = BAR_MS * (horizon + plan.embargo_bars)  # the label's last bar, then the embargo
            assert fit.max() + known_at < stop.min()
            assert stop.max() + known_at < test.min()
            assert set(ts[fold.train(ts)]) >= set(fit) | set(stop)
            assert ts[fold.train(ts)].max() + known_at < test.min()
            if before:
                assert before.test_to_ms == fold.test_from_ms and before.fit_to_ms < fold.fit_to_ms
            tested += fold.test(ts)
        assert tested.max() == 1
        assert (tested == (ts >= folds[0].test_from_ms)).all()


def test_embargo_shorter_than_a_sequence_is_refused() -> None:
    with pytest.raises(ValueError, match="embargo"):
        walk_forward(BAR_MS * np.arange(10_000), 12, BAR_MS, FoldPlan(embargo_bars=95))


def test_range_too_short_for_its_folds_is_refused() -> None:
    with pytest.raises(ValueError, match="too few"):
        walk_forward(BAR_MS * np.arange(500), 36, BAR_MS, FoldPlan())
