"""Turns a model's scores into calibrated probabilities, fitted on rows the model had not seen.

Scores are read as two: the move (will a barrier be touched at all) and the side (which one). Each gets its own scale, the
move a shift as well, so that a strong forecast of volatility cannot lend confidence to a weak one of direction. The side gets
no shift: the market's drift over the folds is no forecast. Temperature scaling (Guo et al. 2017) is one scale for both. It
becomes part of the ONNX graph, so its matrix is float32 from the start.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from training.dataset import F32, F64, I32
from training.metrics import log_loss

KINDS = ("none", "temperature", "vector_scaling")
RANGE_FLOOR = float(np.float32(0.05))  # barriers: a market that hardly moves is not certain
FIT_ROWS_MAX = 300_000  # three numbers need no more; evenly spaced rows keep the fit quick and repeatable


@dataclass(frozen=True)
class Calibration:
    kind: str
    side_scale: float
    move_scale: float
    move_shift: float
    expected_scale: float = 1.0
    deviation_scale: float = 1.0

    def answers(self, margins: F64) -> F64:
        """margins [n, 5] → [n, 5]: probabilities, then the expected move and its standard deviation, in barriers."""
        expected = margins[:, 3] * np.float64(np.float32(self.expected_scale))
        deviation = np.maximum(margins[:, 4], np.float64(RANGE_FLOOR)) * np.float64(np.float32(self.deviation_scale))
        return np.concatenate([self.probabilities(margins), expected[:, None], deviation[:, None]], axis=1)

    def matrix(self) -> F32:
        """[3, 3]: logits = margins · matrix + shift. side = buy − sell, move = (sell + buy) / 2 − hold; hold's logit is 0."""
        a, b = self.side_scale / 2, self.move_scale / 2
        return np.array([[b + a, 0, b - a], [-2 * b, 0, -2 * b], [b - a, 0, b + a]], dtype=np.float32)

    def shift(self) -> F32:
        return np.array([self.move_shift, 0, self.move_shift], dtype=np.float32)

    def probabilities(self, margins: F64) -> F64:
        """margins [n, 3 or more] → [n, 3], in float64: the reference that the ONNX graph must reproduce."""
        matrix, shift = self.matrix().astype(np.float64), self.shift().astype(np.float64)
        # Summed by hand: a BLAS product may round differently for another number of rows.
        logits = sum(margins[:, [k]] * matrix[k] for k in range(3)) + shift
        return np.asarray(softmax(logits, axis=1))

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "sideScale": self.side_scale,
            "moveScale": self.move_scale,
            "moveShift": self.move_shift,
            "expectedScale": self.expected_scale,
            "deviationScale": self.deviation_scale,
        }


IDENTITY = Calibration("none", 1.0, 1.0, 0.0)


def fit_calibration(kind: str, margins: F64, label: I32) -> Calibration:
    """Never worse than the identity on the rows it is fitted on: where it would be, the identity is returned."""
    if kind == "none":
        return IDENTITY
    keep = np.linspace(0, len(label) - 1, min(len(label), FIT_ROWS_MAX)).astype(np.int64)
    side = margins[keep, 2] - margins[keep, 0]
    move = (margins[keep, 0] + margins[keep, 2]) / 2 - margins[keep, 1]
    target = np.eye(3)[label[keep]]

    def loss(theta: F64) -> tuple[float, F64]:
        side_scale, move_scale, move_shift = _unpack(theta)
        half, up = side_scale * side / 2, move_scale * move + move_shift
        log_q = log_softmax(np.stack([up - half, np.zeros_like(up), up + half], axis=1), axis=1)
        residual = (np.exp(log_q) - target) / len(target)  # gradient by logit, [n, 3]
        by_side = float(((residual[:, 2] - residual[:, 0]) * side).sum() / 2)
        by_move = float(((residual[:, 2] + residual[:, 0]) * move).sum())
        by_shift = float((residual[:, 2] + residual[:, 0]).sum())
        gradient = [by_side + by_move] if len(theta) == 1 else [by_side, by_move, by_shift]
        return float(-(log_q * target).sum() / len(target)), np.array(gradient)

    start, bounds = [1.0], [(0.05, 5.0)]
    if kind == "vector_scaling":
        # A side that predicted nothing may be scaled away: the model then leans to neither side, and nothing acts on it.
        start, bounds = [1.0, 1.0, 0.0], [(0.0, 5.0), (0.05, 5.0), (-3.0, 3.0)]
    found = minimize(loss, np.array(start), jac=True, method="L-BFGS-B", bounds=bounds)
    # Five significant digits: more would only record the optimiser's last steps.
    fitted = Calibration(kind, *(float(f"{value:.4e}") for value in _unpack(found.x)))
    better = log_loss(fitted.probabilities(margins), label) < log_loss(IDENTITY.probabilities(margins), label)
    return fitted if better else IDENTITY


def _unpack(theta: F64) -> tuple[float, float, float]:
    """(side scale, move scale, move shift)"""
    return (float(theta[0]), float(theta[0]), 0.0) if len(theta) == 1 else (float(theta[0]), float(theta[1]), float(theta[2]))


def fit_moves(calibration: Calibration, margins: F64, moves: F32) -> Calibration:
    """Scales the expected move so that it is right on average, and its deviation so that it is as large as the errors are.

    A scale above 1 would claim more than was learned from; an expected move that foretells nothing is scaled away.
    """
    if len(moves) == 0:
        return calibration
    y, predicted = moves.astype(np.float64), margins[:, 3]
    power = float((predicted * predicted).sum())
    scale = float(np.clip((predicted * y).sum() / power, 0.0, 1.0)) if power > 0 else 0.0
    expected_scale = float(f"{scale:.4e}")
    spread = np.maximum(margins[:, 4], RANGE_FLOOR)
    error = y - expected_scale * predicted
    deviation_scale = float(f"{np.sqrt((error * error).mean() / (spread * spread).mean()):.4e}")
    return replace(calibration, expected_scale=expected_scale, deviation_scale=max(deviation_scale, 1e-3))


@dataclass(frozen=True)
class Calibrated:
    """A trial's folds after calibration."""

    final: Calibration  # fitted on all folds: goes into the exported model
    before: list[Calibration]  # per fold, fitted on the folds before it alone; the first fold has none: identity
    log_loss_by_kind: dict[str, float]


def calibrate_forward(margins: list[F64], label: list[I32], moves: list[F32]) -> Calibrated:
    """Chooses the kind by log-loss on folds that its fit had not seen."""
    by_kind: dict[str, list[Calibration]] = {}
    scores: dict[str, float] = {}
    for kind in KINDS:
        by_kind[kind] = [
            fit_calibration(kind, np.concatenate(margins[:k]), np.concatenate(label[:k])) if k else IDENTITY
            for k in range(len(margins))
        ]
        forward = [c.probabilities(m) for c, m in zip(by_kind[kind], margins, strict=True)]
        scores[kind] = log_loss(np.concatenate(forward), np.concatenate(label))
    chosen = min(KINDS, key=lambda kind: scores[kind])
    final = fit_calibration(chosen, np.concatenate(margins), np.concatenate(label))
    before = [
        fit_moves(c, np.concatenate(margins[:k]), np.concatenate(moves[:k])) if k else c for k, c in enumerate(by_kind[chosen])
    ]
    return Calibrated(fit_moves(final, np.concatenate(margins), np.concatenate(moves)), before, scores)
