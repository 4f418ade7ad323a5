"""Cuts time into folds that only ever look forward: purged, embargoed, expanding walk-forward.

A label of bar t is known h bars later, and a sequence input reaches 95 bars back. So between the last row that a model
learns from and the first row that evaluates it lie h purged bars plus the embargo (López de Prado 2018, ch. 7). The same
gap separates the slice on which early stopping looks.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from training.dataset import I64, Mask

EMBARGO_BARS = 96


@dataclass(frozen=True)
class FoldPlan:
    """How the walk-forward is cut. Fractions are of the time range, not of the rows."""

    folds: int = 5
    first_train_fraction: float = 0.4
    embargo_bars: int = EMBARGO_BARS
    stop_fraction: float = 0.15  # last part of each training part, for early stopping only


@dataclass(frozen=True)
class Fold:
    """Half-open time ranges [from, to) of bar open times, ms; the same for all symbols."""

    fit_to_ms: int
    stop_from_ms: int
    stop_to_ms: int
    test_from_ms: int
    test_to_ms: int

    def fit(self, ts: I64) -> Mask:
        return ts < self.fit_to_ms

    def stop(self, ts: I64) -> Mask:
        return (ts >= self.stop_from_ms) & (ts < self.stop_to_ms)

    def train(self, ts: I64) -> Mask:
        return ts < self.stop_to_ms

    def test(self, ts: I64) -> Mask:
        return (ts >= self.test_from_ms) & (ts < self.test_to_ms)


def walk_forward(ts: I64, horizon_bars: int, bar_ms: int, plan: FoldPlan) -> list[Fold]:
    """Folds in time order; their test ranges tile the range after the first training part.

    Raises ValueError when the range is too short for a non-empty fit, stop and test part in every fold.
    """
    if plan.embargo_bars < EMBARGO_BARS:
        raise ValueError(f"an embargo under {EMBARGO_BARS} bars would let a sequence reach into the training part")
    first, last = int(ts.min()), int(ts.max())
    bars = (last - first) // bar_ms + 1
    gap = horizon_bars + plan.embargo_bars
    first_test_bar = int(bars * plan.first_train_fraction)
    edges = np.linspace(first_test_bar, bars, plan.folds + 1).astype(np.int64)
    folds = []
    for test_from, test_to in itertools.pairwise(edges):
        stop_to = int(test_from) - gap
        stop_from = stop_to - int(stop_to * plan.stop_fraction)
        fit_to = stop_from - gap
        if fit_to <= 0 or stop_from >= stop_to or test_from >= test_to:
            raise ValueError(f"{bars} bars are too few for {plan.folds} folds with a gap of {gap} bars")
        folds.append(Fold(*(first + int(bar) * bar_ms for bar in (fit_to, stop_from, stop_to, test_from, test_to))))
    return folds
