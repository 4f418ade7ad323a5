"""Calibration may only help: on the rows it is fitted on never worse, on others of the same kind better."""

from __future__ import annotations

import numpy as np
import pytest

from training.calibration import IDENTITY, KINDS, calibrate_forward, fit_calibration, fit_moves
from training.metrics import calibration_error, log_loss


def sample(rng: np.random.Generator, rows: int, sharpness: float) -> tuple[np.ndarray, np.ndarray]:
    true = rng.normal(size=(rows, 3)) * 0.7 + np.array([-0.5, 0.6, -0.2])
    p = np.exp(true) / np.exp(true).sum(axis=1, keepdims=True)
    label = (rng.random(rows)[:, None] > p.cumsum(axis=1)).sum(axis=1).astype(np.int32)
    foretold = rng.normal(size=(rows, 1))
    return np.hstack([true * sharpness, foretold, rng.uniform(0.2, 2, (rows, 1))]), label


@pytest.mark.parametrize("kind", KINDS)
def test_never_worse_where_it_is_fitted(kind: str) -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        margins, label = sample(rng, 500, sharpness=float(rng.uniform(0.2, 4)))
        fitted = fit_calibration(kind, margins, label)
        assert log_loss(fitted.probabilities(margins), label) <= log_loss(IDENTITY.probabilities(margins), label)


@pytest.mark.parametrize("kind", ["temperature", "vector_scaling"])
def test_overconfident_scores_are_softened_on_unseen_rows(kind: str) -> None:
    rng = np.random.default_rng(2)
    seen, unseen = sample(rng, 20_000, 3.0), sample(rng, 20_000, 3.0)
    fitted = fit_calibration(kind, *seen)
    assert (fitted.side_scale, fitted.move_scale) == pytest.approx((1 / 3, 1 / 3), abs=0.03)
    before, after = IDENTITY.probabilities(unseen[0]), fitted.probabilities(unseen[0])
    assert log_loss(after, unseen[1]) < log_loss(before, unseen[1]) - 0.05
    assert calibration_error(after, unseen[1]) < calibration_error(before, unseen[1]) / 4


def test_a_side_that_foretells_nothing_is_scaled_away_and_the_move_kept() -> None:
    rng = np.random.default_rng(6)
    margins, label = sample(rng, 40_000, 1.0)
    margins[:, :3] += (rng.normal(size=len(label)) - (margins[:, 2] - margins[:, 0]))[:, None] * np.array([-0.5, 0.0, 0.5])
    fitted = fit_calibration("vector_scaling", margins, label)
    assert fitted.side_scale < 0.05
    assert fitted.move_scale > 0.7


def test_a_fold_is_calibrated_on_the_folds_before_it_alone() -> None:
    rng = np.random.default_rng(4)
    folds = [sample(rng, 2_000, 3.0) for _ in range(4)]
    moves = [rng.normal(size=len(y)).astype(np.float32) + np.float32(0.4) * m[:, 3].astype(np.float32) for m, y in folds]
    result = calibrate_forward([m for m, _ in folds], [y for _, y in folds], moves)
    assert result.final.kind != "none"
    for k in range(len(folds)):
        before = [np.concatenate(part) for part in zip(*folds[:k], strict=True)]
        known = np.concatenate(moves[:k]) if k else np.empty(0, dtype=np.float32)
        expected = fit_moves(fit_calibration(result.final.kind, before[0], before[1]), before[0], known) if k else IDENTITY
        assert result.before[k] == expected
    every = [np.concatenate(part) for part in zip(*folds, strict=True)]
    final = fit_moves(fit_calibration(result.final.kind, every[0], every[1]), every[0], np.concatenate(moves))
    assert result.final.as_json() == final.as_json()
    assert result.final.expected_scale == pytest.approx(0.4, abs=0.05)


def test_expected_moves_are_never_scaled_up_and_their_deviation_is_as_large_as_the_errors() -> None:
    rng = np.random.default_rng(6)
    margins = np.column_stack([np.zeros((50_000, 3)), rng.normal(size=50_000), rng.uniform(0.2, 2, 50_000)])
    moves = (3 * margins[:, 3] + margins[:, 4] * rng.normal(size=50_000)).astype(np.float32)
    fitted = fit_moves(IDENTITY, margins, moves)
    assert fitted.expected_scale == 1.0
    right = fit_moves(IDENTITY, margins, moves - np.float32(2.5) * margins[:, 3].astype(np.float32))
    expected, deviation = right.answers(margins)[:, 3:].T
    assert right.expected_scale == pytest.approx(0.5, abs=0.02)
    assert ((0.5 * margins[:, 3] - expected + margins[:, 4]) / deviation).std() == pytest.approx(0.0, abs=0.1)
