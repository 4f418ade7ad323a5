"""Weights of the models, the bars that a position is held, and the edge threshold: all from validation folds alone.

The rule here is the one that serving applies: weighted mean of the models that answered, two thirds of them leaning to its
side, expected edge net of costs above the threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from training.calibration import Calibration
from training.confidence import ProfitCurve, edge_scores, fit_profit_curve
from training.dataset import F64, I64, Dataset, Mask, Targets
from training.metrics import Earnings, earnings, expected_edge_bps
from training.trials import Trial

WEIGHT_FLOOR = 0.1
MIN_MODELS = 2
CONSENSUS = 2 / 3
MIN_SIGNALS = 300
MIN_DAYS = 10
THRESHOLD_CANDIDATES = 200


class EnsembleError(Exception):
    """There is nothing to put together."""


def model_weights(trials: list[Trial]) -> list[float]:
    """By what the expected moves explained out of fold, none below a tenth of an equal share's scale; they add up to 1."""
    gains = np.array([max(0.0, float(t.out_of_fold["moveGain"] or 0)) for t in trials])
    shares = gains / gains.sum() if gains.sum() > 0 else np.full(len(trials), 1 / len(trials))
    floored = np.maximum(shares, WEIGHT_FLOOR)
    return [round(float(w), 4) for w in floored / floored.sum()]


@dataclass(frozen=True)
class Decisions:
    """The ensemble's view of every out-of-fold row that at least two models answered; every array is [n]."""

    ts: I64
    fold: I64
    edge_bps: F64
    edge_score: F64  # the edge in units of its uncertainty
    agreed: Mask  # the consensus rule holds
    gross_bps: F64  # side × move over the bars it is held

    def of(self, among: Mask) -> Decisions:
        return Decisions(*(getattr(self, field.name)[among] for field in fields(self)))


def decide(
    data: Dataset, trials: list[Trial], weights: list[float], calibrations: list[Calibration], hold_bars: int
) -> Decisions:
    """What is decided by the label's horizon, and what it earned when it was held for `hold_bars`.

    All trials have the same horizon and folds; a model without an input for a row abstains there. One calibration per model for
    all folds: a threshold on edges means nothing across folds whose edges are scaled apart.
    """
    if len(trials) < MIN_MODELS:
        raise EnsembleError(f"an ensemble of {len(trials)} models would answer HOLD forever: it needs at least {MIN_MODELS}")
    targets = trials[0].targets
    total = np.zeros((len(data.ts), 2))  # expected move, and its second moment
    weight = np.zeros(len(data.ts))
    active = np.zeros(len(data.ts), dtype=np.int64)
    balance = np.zeros(len(data.ts), dtype=np.int64)  # models leaning to buy less those leaning to sell
    leaning = np.zeros(len(data.ts), dtype=np.int64)
    fold_of = np.full(len(data.ts), -1, dtype=np.int64)
    for trial, w, calibration in zip(trials, weights, calibrations, strict=True):
        for number, (rows, margins) in enumerate(zip(trial.rows, trial.margins, strict=True)):
            expected, deviation = calibration.answers(margins)[:, 3:].T
            side = np.sign(expected).astype(np.int64)
            total[rows] += w * np.stack([expected, deviation**2 + expected**2], axis=1)
            weight[rows] += w
            active[rows] += 1
            balance[rows] += side
            leaning[rows] += side != 0
            fold_of[rows] = number
    rows = np.flatnonzero(active >= MIN_MODELS)
    moments = total[rows] / weight[rows, None]
    held_bps = data.targets[hold_bars].move_bps(rows)
    return _decisions(data, targets, rows, moments, held_bps, fold_of[rows], active[rows], balance[rows], leaning[rows])


def _decisions(
    data: Dataset,
    targets: Targets,
    rows: I64,
    moments: F64,
    held_bps: F64,
    fold: I64,
    active: I64,
    balance: I64,
    leaning: I64,
) -> Decisions:
    expected = moments[:, 0]
    deviation = np.sqrt(np.maximum(0.0, moments[:, 1] - expected**2))
    side = np.sign(expected)
    barrier_bps = targets.barrier_bps[rows].astype(np.float64)
    with_it = (leaning + side.astype(np.int64) * balance) // 2  # models that lean to the mean's side
    return Decisions(
        ts=data.ts[rows],
        fold=fold,
        edge_bps=expected_edge_bps(expected, barrier_bps, data.round_trip_bps),
        edge_score=edge_scores(expected, deviation, data.round_trip_bps / barrier_bps),
        agreed=(side != 0) & (with_it >= CONSENSUS * active - 1e-9),
        gross_bps=side * held_bps,
    )


def profit_curve(served: Decisions, round_trip_bps: float) -> ProfitCurve:
    """The ensemble's confidence, from all rows on whose side the models agree."""
    agreed = served.of(served.agreed)
    return fit_profit_curve(agreed.ts, agreed.edge_score, agreed.gross_bps > round_trip_bps)


@dataclass(frozen=True)
class Threshold:
    edge_bps: float
    positive_edges: int  # rows that agree on a side and whose expected edge is above costs at all
    in_sample: Earnings  # on the folds it was chosen on: optimistic
    walk_forward: Earnings  # chosen on earlier folds, acted on in the next: honest
    walk_forward_by_fold: list[dict[str, Any]]

    def as_json(self) -> dict[str, Any]:
        return {
            "edgeThresholdBps": self.edge_bps,
            "positiveEdges": self.positive_edges,
            "chosenOn": self.in_sample.as_json(),
            "walkForward": self.walk_forward.as_json(),
            "walkForwardByFold": self.walk_forward_by_fold,
        }


def choose_threshold(served: Decisions, known_before: list[Decisions], round_trip_bps: float) -> Threshold:
    """Maximises mean net × √signals, among thresholds that leave at least 300 signals on 10 days; never below 0.

    @param served all folds, with the calibrations that are exported
    @param known_before for the second fold and each later one, all folds with what was calibrated before it
    """
    best = best_threshold(served, round_trip_bps)
    chosen = served.agreed & (served.edge_bps > best)
    by_fold: list[dict[str, Any]] = []
    acted: list[tuple[I64, F64]] = []
    for number, decisions in enumerate(known_before, start=1):
        edge = best_threshold(decisions.of(decisions.fold < number), round_trip_bps)
        now = decisions.of((decisions.fold == number) & decisions.agreed & (decisions.edge_bps > edge))
        acted.append((now.ts, now.gross_bps))
        by_fold.append({"fold": number, "edgeThresholdBps": edge} | earnings(now.ts, now.gross_bps, round_trip_bps).as_json())
    ts, gross = (np.concatenate([pair[i] for pair in acted]) for i in range(2))
    return Threshold(
        edge_bps=best,
        positive_edges=int((served.agreed & (served.edge_bps > 0)).sum()),
        in_sample=earnings(served.ts[chosen], served.gross_bps[chosen], round_trip_bps),
        walk_forward=earnings(ts, gross, round_trip_bps),
        walk_forward_by_fold=by_fold,
    )


@dataclass(frozen=True)
class Hold:
    """How long a position is held, and the threshold that goes with it."""

    bars: int
    served: Decisions
    threshold: Threshold


def choose_hold(data: Dataset, trials: list[Trial], weights: list[float], candidates: Sequence[int]) -> tuple[Hold, list[Hold]]:
    """The one that earned most in folds that its thresholds were not chosen on; then all that were tried."""
    folds = len(trials[0].calibration_before)
    tried = []
    for bars in candidates:
        before = [decide(data, trials, weights, [t.calibration_before[k] for t in trials], bars) for k in range(1, folds)]
        served = decide(data, trials, weights, [t.calibration for t in trials], bars)
        tried.append(Hold(bars, served, choose_threshold(served, before, data.round_trip_bps)))
    return max(tried, key=lambda hold: hold.threshold.walk_forward.score), tried


def best_threshold(decisions: Decisions, round_trip_bps: float) -> float:
    """One of 200 quantiles of the positive edges, two decimals. Where no threshold leaves enough signals: the highest
    edge seen, so that too little evidence acts on next to nothing."""
    pool = decisions.agreed & (decisions.edge_bps > 0)
    edges = decisions.edge_bps[pool]
    if len(edges) == 0:
        return 0.0
    # Denser towards the top, where acting is rare and the choice matters.
    quantiles = 1 - np.geomspace(1.0, 1 / len(edges), THRESHOLD_CANDIDATES)
    candidates = sorted({0.0, *(round(float(e), 2) for e in np.quantile(edges, quantiles))})
    ts, gross = decisions.ts[pool], decisions.gross_bps[pool]
    best, best_score = round(float(edges.max()), 2), float("-inf")
    for candidate in candidates:
        acts = edges > candidate
        result = earnings(ts[acts], gross[acts], round_trip_bps)
        if result.signals < MIN_SIGNALS or result.days < MIN_DAYS or result.net_bps is None:
            continue
        score = result.net_bps * float(np.sqrt(result.signals))
        if score > best_score:
            best, best_score = candidate, score
    return best
