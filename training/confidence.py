"""The ensemble's confidence: from an edge in units of its uncertainty to the share of decisions that ended with a net profit.

A curve that never falls, through groups of neighbouring scores (pool adjacent violators; Barlow et al. 1972). The groups get
denser towards the top, where acting happens, but every group holds enough rows of enough days to mean something; beyond
the last one the curve is flat, so nothing is ever called more likely than what was seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from training.dataset import F64, I64, Mask
from training.metrics import DAY_MS

GROUP_ROWS_MIN = 300
GROUP_DAYS_MIN = 5
GROUP_DAY_SHARE_MAX = 1 / 3  # no single day decides what a group says
GROUPS_MAX = 40
DENSER = 0.6  # each group from the median up holds this share of what is still above it
SPREAD_MIN = 1e-6  # as in lib/models/profit-probability.ts


def edge_scores(expected: F64, deviation: F64, costs_in_barriers: F64) -> F64:
    """[n] (|expected move| − costs) ÷ its standard deviation, in barriers; what serving computes."""
    return np.asarray((np.abs(expected) - costs_in_barriers) / np.maximum(deviation, SPREAD_MIN))


@dataclass(frozen=True)
class ProfitCurve:
    scores: F64  # [points] ascending
    probabilities: F64  # [points] never falling
    rows: int
    days: int

    def at(self, scores: F64) -> F64:
        return np.interp(scores, self.scores, self.probabilities)

    def as_json(self) -> dict[str, Any]:
        return {
            "scores": [round(float(s), 5) for s in self.scores],
            "probabilities": [round(float(p), 5) for p in self.probabilities],
            "rows": self.rows,
            "days": self.days,
        }


def fit_profit_curve(ts: I64, scores: F64, profitable: Mask) -> ProfitCurve:
    """Every array is [n]; `profitable` says where side × move exceeded the costs. Without rows: a curve that is 0 everywhere."""
    if len(scores) == 0:
        return ProfitCurve(np.array([0.0, 1.0]), np.zeros(2), 1, 1)
    order = np.argsort(scores, kind="stable")
    day = ts[order] // DAY_MS
    edges = _group_edges(day)
    starts = edges[:-1]
    counts = np.diff(edges).astype(np.float64)
    mean_score = np.add.reduceat(scores[order], starts) / counts
    share = np.add.reduceat(profitable[order].astype(np.float64), starts) / counts
    x, y = np.round(mean_score, 5), _never_falling(share, counts)
    if len(x) == 1:
        x, y = np.array([x[0], x[0] + 1.0]), np.array([y[0], y[0]])
    return ProfitCurve(x, y, len(scores), len(np.unique(day)))


def _group_edges(day: I64) -> I64:
    """Positions where groups begin, and the end. The lower half in equal parts, from there on ever smaller ones."""
    n = len(day)
    above = 0.5 * DENSER ** np.arange(GROUPS_MAX // 2)
    wanted = np.r_[np.linspace(0, 0.5, GROUPS_MAX // 2), 1 - above[1:]]
    edges = [0]
    for at in (np.unique((wanted * n).astype(np.int64)))[1:]:
        if _is_enough(day[edges[-1] : at]) and _is_enough(day[at:]):
            edges.append(int(at))
    return np.array([*edges, n], dtype=np.int64)


def _is_enough(day: I64) -> bool:
    _, rows = np.unique(day, return_counts=True)
    return len(day) >= GROUP_ROWS_MIN and len(rows) >= GROUP_DAYS_MIN and rows.max() <= GROUP_DAY_SHARE_MAX * len(day)


def _never_falling(share: F64, weight: F64) -> F64:
    """Weighted isotonic regression by pooling neighbours that fall."""
    pools: list[tuple[float, float, int]] = []  # mean, weight, groups
    for value, w in zip(share, weight, strict=True):
        pools.append((float(value), float(w), 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (a, wa, na), (b, wb, nb) = pools[-2], pools[-1]
            pools[-2:] = [((a * wa + b * wb) / (wa + wb), wa + wb, na + nb)]
    return np.concatenate([np.full(n, value) for value, _, n in pools])
