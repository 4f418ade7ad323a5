"""Weights, consensus and threshold, on cases small enough to work out by hand."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from training.calibration import IDENTITY
from training.dataset import Dataset
from training.ensemble import Decisions, EnsembleError, Threshold, choose_hold, choose_threshold, decide, model_weights
from training.metrics import DAY_MS


def trial(data: Dataset, rows: list[int], probabilities: list[list[float]], gain: float = 0.01) -> Any:
    return SimpleNamespace(
        targets=data.targets[6],
        rows=[np.array(rows)],
        margins=[np.array([[*np.log(p), p[2] - p[0], np.sqrt(p[0] + p[2] - (p[2] - p[0]) ** 2)] for p in probabilities])],
        out_of_fold={"moveGain": gain},
    )


def test_weights_follow_the_gain_of_the_expected_moves_with_a_floor(data: Dataset) -> None:
    p = [[0.2, 0.5, 0.3]]
    weights = model_weights([trial(data, [0], p, 0.06), trial(data, [0], p, 0.04), trial(data, [0], p, -0.5)])
    assert sum(weights) == pytest.approx(1.0, abs=1e-3)
    assert weights[0] / weights[1] == pytest.approx(1.5, rel=1e-2)
    assert weights[2] == pytest.approx(0.1 / 1.1, abs=1e-3)
    assert model_weights([trial(data, [0], p, -1.0)] * 2) == [0.5, 0.5]


def test_consensus_counts_only_models_that_answered(data: Dataset) -> None:
    buy, sell, even = [0.1, 0.4, 0.5], [0.5, 0.4, 0.1], [0.3, 0.4, 0.3]
    three = [
        trial(data, [0, 1, 2, 3, 4], [buy, buy, buy, buy, sell]),
        trial(data, [0, 1, 2, 4], [buy, buy, sell, even]),
        trial(data, [0, 1], [buy, sell]),
    ]
    seen = decide(data, three, [0.5, 0.3, 0.2], [IDENTITY] * 3, 6)
    assert np.array_equal(seen.ts, data.ts[[0, 1, 2, 4]])  # row 3: one model alone decides nothing
    assert seen.agreed.tolist() == [True, True, False, False]  # 3 of 3; 2 of 3; 1 of 2; 1 of 2, the other leans nowhere
    lean = 0.5 * 0.4 + 0.3 * 0.4 + 0.2 * -0.4
    barrier = float(data.targets[6].barrier_bps[1])
    assert seen.edge_bps[1] == pytest.approx(lean * barrier - 2 * (2 + 1), rel=1e-6)
    assert seen.gross_bps[1] == pytest.approx(1e4 * np.expm1(float(data.targets[6].forward_return[1])), rel=1e-6)
    down = decide(data, [trial(data, [7], [sell])] * 2, [0.5, 0.5], [IDENTITY] * 2, 6)
    assert down.gross_bps[0] == pytest.approx(-1e4 * np.expm1(float(data.targets[6].forward_return[7])), rel=1e-6)


def test_what_is_held_is_judged_by_its_own_bars_and_the_best_is_kept(data: Dataset) -> None:
    """Decided by the label of 3 bars; what was earned afterwards only grew until the sixth."""
    rng = np.random.default_rng(2)
    rows = np.arange(len(data.ts))
    side = rng.choice([-1.0, 1.0], len(rows))
    expected = side * rng.uniform(0.5, 1.0, len(rows))
    margins = np.stack([-side, np.zeros(len(rows)), side, expected, np.ones(len(rows))], axis=1)
    worth = {3: 30.0, 6: 60.0, 12: 10.0}
    targets = {
        h: replace(data.targets[h], forward_return=np.log1p(side * bps / 1e4).astype(np.float32)) for h, bps in worth.items()
    }
    moved = replace(data, targets=targets, ts=data.ts[0] + 5 * (data.ts - data.ts[0]))  # on more than ten days
    fold_rows = np.array_split(rows, 4)
    model = SimpleNamespace(
        targets=targets[3],
        rows=fold_rows,
        margins=[margins[r] for r in fold_rows],
        calibration=IDENTITY,
        calibration_before=[IDENTITY] * 4,
    )
    hold, tried = choose_hold(moved, [model, model], [0.5, 0.5], [3, 6, 12])  # type: ignore[list-item]
    assert [each.bars for each in tried] == [3, 6, 12]
    assert hold.bars == 6
    assert hold.served.gross_bps == pytest.approx(60.0, abs=0.1)


def test_a_single_model_is_no_ensemble(data: Dataset) -> None:
    with pytest.raises(EnsembleError):
        decide(data, [trial(data, [0], [[0.1, 0.4, 0.5]])], [1.0], [IDENTITY], 6)


def decisions(rows: int, pays_above: float, agreed: bool = True, seed: int = 1) -> Decisions:
    """Edges 0…20; gross earnings of 40 bps above `pays_above`, −10 below; five folds over 50 days."""
    rng = np.random.default_rng(seed)
    edge = rng.uniform(-5, 20, rows)
    return Decisions(
        ts=np.sort(rng.integers(0, 50 * DAY_MS, rows)),
        fold=np.arange(rows) * 5 // rows,
        edge_bps=edge,
        edge_score=edge / 20,
        agreed=np.full(rows, agreed),
        gross_bps=np.where(edge > pays_above, 40.0, -10.0) + rng.normal(size=rows),
    )


def chosen(d: Decisions) -> Threshold:
    return choose_threshold(d, [d] * int(d.fold.max()), round_trip_bps=14.0)


def test_threshold_is_found_where_signals_begin_to_pay() -> None:
    found = chosen(decisions(20_000, pays_above=12.0))
    assert found.edge_bps == pytest.approx(12.0, abs=0.3)
    assert found.in_sample.net_bps == pytest.approx(26.0, abs=1.0)
    assert found.walk_forward.net_bps == pytest.approx(26.0, abs=2.0)
    assert [f["fold"] for f in found.walk_forward_by_fold] == [1, 2, 3, 4]


def test_too_little_evidence_acts_on_next_to_nothing() -> None:
    few = decisions(200, pays_above=0.0)
    assert chosen(few).in_sample.signals <= 1
    nothing = decisions(5_000, pays_above=0.0, agreed=False)
    assert chosen(nothing).in_sample.signals == 0


def test_walk_forward_earnings_never_look_ahead() -> None:
    """Only the last fold pays: the honest figure of the folds before cannot know."""
    d = decisions(20_000, pays_above=12.0)
    late = replace(d, gross_bps=np.where(d.fold == 4, 100.0, -50.0))
    before = chosen(d).walk_forward_by_fold[:3]
    spoiled = replace(d, gross_bps=np.where(d.fold == 4, -500.0, d.gross_bps))
    assert chosen(spoiled).walk_forward_by_fold[:3] == before
    assert chosen(late).walk_forward_by_fold[0]["netBps"] == pytest.approx(-64.0)
