"""The metrics that models are evaluated by. Direction (rank IC, earnings of the top signals) apart from log-loss, because at
the longer horizons log-loss beats the prior by predicting volatility alone.

All metrics are unweighted: every row could have been a trade.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from training.dataset import F32, F64, I32, I64, Dataset, Targets

MIN_SYMBOLS = 5  # a rank correlation of fewer symbols is mostly ties and noise
ECE_BINS = 15
DAY_MS = 86_400_000

Metrics = dict[str, float | int | None]


def log_loss(probabilities: F64, label: I32) -> float:
    """Mean negative log-likelihood, nats. probabilities [n, 3]."""
    picked = probabilities[np.arange(len(label)), label]
    return float(-np.log(np.maximum(picked, 1e-15)).mean())


def class_frequencies(label: I32) -> F64:
    """[3], with one pseudo-count each so that an absent class does not make the prior's log-loss infinite."""
    counts = np.bincount(label, minlength=3).astype(np.float64) + 1.0
    return np.asarray(counts / counts.sum())


def brier(probabilities: F64, label: I32) -> float:
    """Multi-class Brier score, 0…2."""
    return float(((probabilities - np.eye(3)[label]) ** 2).sum(axis=1).mean())


def calibration_error(probabilities: F64, label: I32) -> float:
    """Class-wise expected calibration error (Kull et al. 2019), 15 equal-width bins, mean over the classes."""
    total = 0.0
    for k in range(3):
        p = probabilities[:, k]
        bin_of = np.minimum((p * ECE_BINS).astype(np.int64), ECE_BINS - 1)
        predicted = np.bincount(bin_of, weights=p, minlength=ECE_BINS)
        observed = np.bincount(bin_of, weights=label == k, minlength=ECE_BINS)
        total += float(np.abs(predicted - observed).sum()) / len(label)
    return total / 3


def _ranks_within(group: I64, values: F64) -> F64:
    """Rank of each value within its group, ties averaged; the offset of the group is arbitrary (correlation ignores it)."""
    order = np.lexsort((values, group))
    g, v = group[order], values[order]
    starts = np.flatnonzero(np.r_[True, (g[1:] != g[:-1]) | (v[1:] != v[:-1])])
    sizes = np.diff(np.r_[starts, len(g)])
    ranks = np.empty(len(g))
    ranks[order] = np.repeat(starts + (sizes - 1) / 2.0, sizes)
    return ranks


def rank_ic_by_bar(ts: I64, score: F64, outcome: F64) -> F64:
    """[bars] Spearman correlation across symbols, of the bars that have at least 5 symbols and no constant side."""
    order = np.argsort(ts, kind="stable")
    bars, starts = np.unique(ts[order], return_index=True)
    counts = np.diff(np.r_[starts, len(ts)])
    group = np.repeat(np.arange(len(bars)), counts)
    centred = []
    for values in (score[order], outcome[order]):
        ranks = _ranks_within(group, np.asarray(values, dtype=np.float64))
        centred.append(ranks - (np.add.reduceat(ranks, starts) / counts)[group])
    a, b = centred
    spread = np.add.reduceat(a * a, starts) * np.add.reduceat(b * b, starts)
    defined = (counts >= MIN_SYMBOLS) & (spread > 0)
    return np.asarray(np.add.reduceat(a * b, starts)[defined] / np.sqrt(spread[defined]))


def rank_ic(ts: I64, score: F64, outcome: F64, horizon_bars: int) -> tuple[float | None, float | None]:
    """(mean, t). Outcomes of neighbouring bars overlap over the horizon, so only every h-th bar counts as independent."""
    ics = rank_ic_by_bar(ts, score, outcome)
    if len(ics) == 0:
        return None, None
    mean = float(ics.mean())
    if len(ics) < 2 * horizon_bars or float(ics.std()) == 0.0:
        return mean, None
    return mean, mean / (float(ics.std(ddof=1)) / math.sqrt(len(ics) / horizon_bars))


@dataclass(frozen=True)
class Earnings:
    """What acting on some rows would have earned per trade, held for some bars, in basis points."""

    signals: int
    days: int
    gross_bps: float | None
    net_bps: float | None
    net_standard_error_bps: float | None  # clustered by UTC day: signals of one day share their market
    net_without_best_day_bps: float | None

    @property
    def score(self) -> float:
        """As `steady_score`; of nothing, the least."""
        return float("-inf") if self.net_bps is None else steady_score(self.net_bps, self.net_standard_error_bps, self.signals)

    def as_json(self) -> Metrics:
        return {
            "signals": self.signals,
            "days": self.days,
            "grossBps": self.gross_bps,
            "netBps": self.net_bps,
            "netStandardErrorBps": self.net_standard_error_bps,
            "netWithoutBestDayBps": self.net_without_best_day_bps,
        }


def steady_score(net_bps: float, standard_error_bps: float | None, signals: float) -> float:
    """Mean net less one standard error, times the root of the signals: more of them, as steady, are worth more."""
    return float((net_bps - (standard_error_bps or 0.0)) * signals**0.5)


def earnings(ts: I64, gross_bps: F64, round_trip_bps: float) -> Earnings:
    """gross_bps [signals]: side × move over the bars it is held."""
    n = len(gross_bps)
    if n == 0:
        return Earnings(0, 0, None, None, None, None)
    net = gross_bps - round_trip_bps
    mean = float(net.mean())
    days, day_of = np.unique(ts // DAY_MS, return_inverse=True)
    day_sum = np.bincount(day_of, weights=net)
    day_count = np.bincount(day_of)
    error = float(np.sqrt(((day_sum - day_count * mean) ** 2).sum())) / n if len(days) > 1 else None
    best = int(np.argmax(day_sum))
    rest = n - int(day_count[best])
    without = float((net.sum() - day_sum[best]) / rest) if rest else None
    return Earnings(n, len(days), float(gross_bps.mean()), mean, error, without)


def expected_edge_bps(expected: F64, barrier_bps: F64, round_trip_bps: float) -> F64:
    """[n] |expected move| × barrier − costs: what the ensemble's threshold is compared with when serving."""
    return np.asarray(np.abs(expected) * barrier_bps - round_trip_bps)


def move_gain(moves: F32, expected: F64) -> float:
    """Share of the squared moves that the expected ones explain; below 0 where they are worse than expecting nothing."""
    y = moves.astype(np.float64)
    power = float((y * y).sum())
    return float((2 * y * expected - expected * expected).sum() / power) if power > 0 else 0.0


def judge(data: Dataset, targets: Targets, rows: list[I64], answers: list[F64], priors: list[F64]) -> Metrics:
    """Metrics of calibrated answers over one fold or several: per fold rows [n], answers [n, 5], prior [3].

    Acted on is every row whose expected edge is above its costs.
    """
    prior = np.concatenate([np.tile(p, (len(r), 1)) for p, r in zip(priors, rows, strict=True)])
    return _judge(data, targets, np.concatenate(rows), np.concatenate(answers), prior)


def _judge(data: Dataset, targets: Targets, rows: I64, answers: F64, prior: F64) -> Metrics:
    probabilities, lean = answers[:, :3], answers[:, 3]
    label = targets.label[rows]
    ts = data.ts[rows]
    moves = targets.move_bps(rows)
    ic, ic_t = rank_ic(ts, lean, moves, targets.horizon_bars)
    acts = expected_edge_bps(lean, targets.barrier_bps[rows].astype(np.float64), data.round_trip_bps) > 0
    acted = earnings(ts[acts], np.sign(lean[acts]) * moves[acts], data.round_trip_bps)
    return {
        "rows": len(rows),
        "logLoss": log_loss(probabilities, label),
        "priorLogLoss": log_loss(prior, label),
        "brier": brier(probabilities, label),
        "ece": calibration_error(probabilities, label),
        "moveGain": move_gain(targets.barrier_moves()[rows], lean),
        "rankIc": ic,
        "rankIcT": ic_t,
        "actedSignals": acted.signals,
        "actedDays": acted.days,
        "actedGrossBps": acted.gross_bps,
        "actedNetBps": acted.net_bps,
        "actedNetStandardErrorBps": acted.net_standard_error_bps,
        "actedNetWithoutBestDayBps": acted.net_without_best_day_bps,
    }
