"""Calibration may only help: on the rows it is fitted on never worse, on others of the same kind better."""

from __future__ import annotations

import numpy as np
import pytest

from training.calibration import IDENTITY, KINDS, calibrate_forward, fit_calibration
from training.metrics import calibration_error, log_loss


def sample(rng: np.random.Generator, rows: int, sharpness: float) -> tuple[np.ndarray, np.ndarray]:
    true = rng.normal(size=(rows, 3)) * 0.7 + np.array([-0.5, 0.6, -0.2])
    p = np.exp(true) / np.exp(true).sum(axis=1, keepdims=True)
    label = (rng.random(rows)[:, None] > p.cumsum(axis=1)).sum(axis=1).astype(np.int32)
    return true * sharpness, label


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
    margins += (rng.normal(size=len(label)) - (margins[:, 2] - margins[:, 0]))[:, None] * np.array([-0.5, 0.0, 0.5])
    fitted = fit_calibration("vector_scaling", margins, label)
    assert fitted.side_scale < 0.05
    assert fitted.move_scale > 0.7


def test_a_fold_is_calibrated_on_the_folds_before_it_alone() -> None:
    rng = np.random.default_rng(4)
    folds = [sample(rng, 2_000, 3.0) for _ in range(4)]
    result = calibrate_forward([m for m, _ in folds], [y for _, y in folds])
    assert result.final.kind != "none"
    for k in range(len(folds)):
        before = [np.concatenate(part) for part in zip(*folds[:k], strict=True)]
        expected = fit_calibration(result.final.kind, before[0], before[1]) if k else IDENTITY
        assert result.before[k] == expected
    every = [np.concatenate(part) for part in zip(*folds, strict=True)]
    assert result.final.as_json() == fit_calibration(result.final.kind, every[0], every[1]).as_json()
