"""Two binary forests that make one three-class model: the move (is a barrier touched) and the side (which one).

One three-class forest spends its trees on volatility, the easy part, and hardly learns a side. Apart, each stops early on its
own loss. With margins sell = m − s/2, hold = 0, buy = m + s/2 the softmax gives back P(buy | touched) = σ(s) exactly; m is
the move's logit less ln 2, as two classes share it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from training.calibration import Calibration
from training.dataset import F32, F64
from training.forest import Forest, forest_to_onnx, threshold_probes

MOVE = np.array([1.0, 0.0, 1.0], dtype=np.float32)  # what a leaf of the move adds to sell, hold, buy
SIDE = np.array([-0.5, 0.0, 0.5], dtype=np.float32)
SHARED_BY_TWO = float(np.float32(np.log(2)))


class BinaryTrees(Protocol):
    """One fitted forest with one score."""

    @property
    def rounds(self) -> int: ...

    def scores(self, inputs: F32) -> F64:
        """[n] logit, from the library."""

    def forest(self) -> Forest:
        """The same trees as arrays, with one class."""

    def text(self) -> str:
        """All that is needed to load it again."""


@dataclass(frozen=True)
class TreePair:
    move: BinaryTrees
    side: BinaryTrees

    @property
    def rounds(self) -> tuple[int, ...]:
        return (self.move.rounds, self.side.rounds)

    def margins(self, inputs: F32) -> F64:
        move, half_side = self.move.scores(inputs) - SHARED_BY_TWO, self.side.scores(inputs) / 2
        return np.stack([move - half_side, np.zeros(len(inputs)), move + half_side], axis=1)

    def forest(self) -> Forest:
        """Three classes: a leaf of the move counts for sell and buy, one of the side against the one and for the other."""
        move, side = self.move.forest(), self.side.forest()
        nodes, trees = len(move.tree), len(move.tree_weights)
        weights = [np.tile(MOVE, (trees, 1)), np.tile(SIDE, (len(side.tree_weights), 1))]
        joined = {
            name: np.concatenate([getattr(move, name), getattr(side, name)])
            for name in ("feature", "threshold", "missing_left", "leaf")
        }
        return Forest(
            mode=move.mode,
            base=(move.base - np.float32(SHARED_BY_TWO)) * MOVE + side.base * SIDE,
            tree=np.concatenate([move.tree, side.tree + trees]),
            tree_weights=np.concatenate(weights),
            left=np.concatenate([move.left, np.where(side.left < 0, -1, side.left + nodes)]),
            right=np.concatenate([move.right, np.where(side.right < 0, -1, side.right + nodes)]),
            **joined,
        )

    def export(self, calibration: Calibration) -> bytes:
        return forest_to_onnx(self.forest(), calibration)

    def probe_inputs(self, base: F32, seed: int, limit: int) -> F32:
        return threshold_probes(self.forest(), base, seed, limit)

    def save(self, path: Path) -> None:
        path.write_text(json.dumps({"move": self.move.text(), "side": self.side.text()}), "utf-8")


def saved_texts(path: Path) -> tuple[str, str]:
    """(move, side) as `save` wrote them."""
    saved = json.loads(path.read_text("utf-8"))
    return saved["move"], saved["side"]
