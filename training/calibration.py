"""Turns a model's scores into probabilities that mean what they say, fitted on rows the model had not seen.

p = softmax(scale · log_softmax(margins) + bias). Temperature scaling has one scale and no bias (Guo et al. 2017), vector
scaling one of each per class. It becomes part of the ONNX graph, so its numbers are float32 from the start.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from training.dataset import F32, F64, I32
from training.metrics import log_loss

KINDS = ("none", "temperature", "vector_scaling")
FIT_ROWS_MAX = 300_000  # six numbers need no more; evenly spaced rows keep the fit quick and repeatable


@dataclass(frozen=True)
class Calibration:
    kind: str
    scale: F32  # [3]
    bias: F32  # [3]

    def probabilities(self, margins: F64) -> F64:
        """margins [n, 3] → [n, 3], in float64: the reference that the ONNX graph must reproduce."""
        logits = log_softmax(margins, axis=1) * self.scale.astype(np.float64) + self.bias.astype(np.float64)
        return np.asarray(softmax(logits, axis=1))

    def as_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "scale": self.scale.tolist(), "bias": self.bias.tolist()}


IDENTITY = Calibration("none", np.ones(3, dtype=np.float32), np.zeros(3, dtype=np.float32))


def fit_calibration(kind: str, margins: F64, label: I32) -> Calibration:
    """Never worse than the identity on the rows it is fitted on: where it would be, the identity is returned."""
    if kind == "none":
        return IDENTITY
    keep = np.linspace(0, len(label) - 1, min(len(label), FIT_ROWS_MAX)).astype(np.int64)
    logp = np.asarray(log_softmax(margins[keep], axis=1))  # [n, 3]
    target = np.eye(3)[label[keep]]

    def unpack(theta: F64) -> tuple[F64, F64]:
        return (np.repeat(theta[:1], 3), np.zeros(3)) if kind == "temperature" else (theta[:3], theta[3:])

    def loss(theta: F64) -> tuple[float, F64]:
        scale, bias = unpack(theta)
        log_q = log_softmax(logp * scale + bias, axis=1)
        residual = (np.exp(log_q) - target) / len(target)  # gradient by logit
        by_scale, by_bias = (residual * logp).sum(axis=0), residual.sum(axis=0)
        gradient = np.array([by_scale.sum()]) if kind == "temperature" else np.r_[by_scale, by_bias]
        return float(-(log_q * target).sum() / len(target)), gradient

    start = np.ones(1) if kind == "temperature" else np.r_[np.ones(3), np.zeros(3)]
    bounds = [(0.05, 5.0)] * (1 if kind == "temperature" else 3) + [(-3.0, 3.0)] * (0 if kind == "temperature" else 3)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds)
    scale, bias = (_rounded(x) for x in unpack(found.x))
    fitted = Calibration(kind, scale, bias)
    better = log_loss(fitted.probabilities(margins), label) < log_loss(IDENTITY.probabilities(margins), label)
    return fitted if better else IDENTITY


def _rounded(values: F64) -> F32:
    """Five significant digits: more would only record the optimiser's last steps."""
    return np.array([float(f"{v:.4e}") for v in values], dtype=np.float32)


@dataclass(frozen=True)
class Calibrated:
    """A trial's folds after calibration."""

    final: Calibration  # fitted on all folds: goes into the exported model
    probabilities: list[F64]  # per fold [n, 3], calibrated on the folds before it alone
    log_loss_by_kind: dict[str, float]


def calibrate_forward(margins: list[F64], label: list[I32]) -> Calibrated:
    """Chooses the kind by log-loss on folds that its fit had not seen. The first fold has none before it: identity."""
    by_kind: dict[str, list[F64]] = {}
    scores: dict[str, float] = {}
    for kind in KINDS:
        by_kind[kind] = [
            (fit_calibration(kind, np.concatenate(margins[:k]), np.concatenate(label[:k])) if k else IDENTITY).probabilities(m)
            for k, m in enumerate(margins)
        ]
        scores[kind] = log_loss(np.concatenate(by_kind[kind]), np.concatenate(label))
    chosen = min(KINDS, key=lambda kind: scores[kind])
    return Calibrated(fit_calibration(chosen, np.concatenate(margins), np.concatenate(label)), by_kind[chosen], scores)
