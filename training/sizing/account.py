"""Plays episodes with sizes chosen by a policy: many accounts at once, each at its own candidate.

Nothing is priced here. What an entry returns was recorded by the product's own paper account at full size; an account only
adds up size times recorded return. What that leaves out: an entry's size does not move its price; steps, smallest orders, the
limit of orders a minute and limits on the book are not applied; equity is marked at the bars that have a candidate, so that a
drawdown between two of them is seen at the later one. The last word has the product's backtest with the policy served.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.dataset import F32, F64, I64, Mask
from training.sizing.episodes import Episodes

STOPS_KEPT = 64  # of the latest stops; more than any window of the state is likely to hold


@dataclass(frozen=True)
class Outcome:
    """What one step of every account came to; arrays are [accounts]."""

    decided: Mask  # False: nothing could be entered, whatever the share
    log_growth: F64  # of the equity, by the entry made: known in full once it ends
    drawdown_rise: F64  # of the deepest so far, from this candidate to the next


class Accounts:
    """Accounts side by side; `state` is what a policy reads, `step` takes its shares and goes on to the next candidate."""

    def __init__(self, episodes: Episodes, first: I64, last: I64) -> None:
        """Account k plays the candidates from first[k] up to last[k], exclusive, from an empty start."""
        count, slots = len(first), episodes.positions_max
        self._episodes = episodes
        self._bar = episodes.bar
        self._final = episodes.path[:, -1]
        # A stop makes room in its own bar. Another exit is booked after the bar's entries.
        self._free_bar = self._bar + episodes.bars_held + np.where(episodes.stopped, 0, 1)
        self._at, self._last = first.astype(np.int64), last.astype(np.int64)
        self._cash = np.ones(count)
        self._high = np.ones(count)
        self._candidate = np.full((count, slots), -1, dtype=np.int64)
        self._size = np.zeros((count, slots))
        self._stop_bars = np.full((count, STOPS_KEPT), np.iinfo(np.int64).min // 2, dtype=np.int64)
        self.equity = np.ones(count)
        self.deepest = np.zeros(count)
        self._settle_and_mark()

    @property
    def running(self) -> Mask:
        return self._at < self._last

    @property
    def candidate(self) -> I64:
        """[accounts] the candidate that each is at; the last one where it has ended."""
        return np.minimum(self._at, self._last - 1)

    @property
    def drawdown(self) -> F64:
        return 1 - self.equity / self._high

    def state(self) -> F32:
        """[accounts, state columns]"""
        data, at = self._episodes, self.candidate
        recent = self._stop_bars > (self._bar[at] - data.stop_window_bars)[:, None]
        account = {
            "exposure_used": self._size.sum(axis=1) / (np.maximum(self.equity, 1e-9) * data.exposure_max),
            "positions_used": (self._candidate >= 0).sum(axis=1) / data.positions_max,
            "drawdown": self.drawdown,
            "stop_hits": recent.sum(axis=1),
        }
        signal = dict(zip(data.signal_columns, data.signal[at].T, strict=True))
        return np.stack([np.asarray((account | signal)[name]) for name in data.state_columns], axis=1).astype(np.float32)

    def step(self, share: F64) -> Outcome:
        """`share` [accounts], 0…1"""
        data, at = self._episodes, self.candidate
        held = self._candidate >= 0
        same = held & (data.symbol[np.maximum(self._candidate, 0)] == data.symbol[at][:, None])
        left = self.equity * data.exposure_max - self._size.sum(axis=1)
        decided = self.running & ~same.any(axis=1) & ~held.all(axis=1) & (left > 0)
        size = np.where(decided, np.clip(np.minimum(data.full_share[at] * self.equity * share, left), 0, None), 0.0)
        rows = np.flatnonzero(size > 0)
        slot = np.argmin(held[rows], axis=1)  # the first that is free
        self._candidate[rows, slot] = at[rows]
        self._size[rows, slot] = size[rows]
        growth = np.log1p(size / self.equity * self._final[at])
        before = self.deepest.copy()
        self._at = np.minimum(self._at + 1, self._last)
        self._settle_and_mark()
        return Outcome(decided, growth, self.deepest - before)

    def close(self) -> None:
        """Lets every open position end as it was recorded to."""
        held = self._candidate >= 0
        self._cash += (self._size * np.where(held, self._final[np.maximum(self._candidate, 0)], 0.0)).sum(axis=1)
        self._size[:] = 0
        self._candidate[:] = -1
        self.equity = self._cash.copy()
        self._mark()

    def _settle_and_mark(self) -> None:
        data, now = self._episodes, self._bar[self.candidate][:, None]
        held = self._candidate >= 0
        index = np.maximum(self._candidate, 0)
        ended = held & (self._free_bar[index] <= now)
        self._cash += (np.where(ended, self._size, 0.0) * self._final[index]).sum(axis=1)
        self._keep_stops(ended & data.stopped[index], index)
        self._size[ended] = 0
        self._candidate[ended] = -1
        age = np.clip(now - self._bar[index], 0, data.horizon_bars)
        marked = np.where(age > 0, data.path[index, np.maximum(age, 1) - 1], 0.0)
        self.equity = self._cash + (self._size * marked).sum(axis=1)
        self._mark()

    def _mark(self) -> None:
        self._high = np.maximum(self._high, self.equity)
        self.deepest = np.maximum(self.deepest, self.drawdown)

    def _keep_stops(self, stopped: Mask, index: I64) -> None:
        for row, slot in zip(*np.nonzero(stopped), strict=True):
            bars = self._stop_bars[row]
            bars[np.argmin(bars)] = self._free_bar[index[row, slot]]
