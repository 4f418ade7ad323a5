"""Four forests that make one model: the move (is a barrier touched), the side (which one), the expected move and its range.

One three-class forest spends its trees on volatility, the easy part, and hardly learns a side. Apart, each stops early on its
own loss. With margins sell = m − s/2, hold = 0, buy = m + s/2 the softmax gives back P(buy | touched) = σ(s) exactly; m is
the move's logit less ln 2, as two classes share it. The other two are regressions in barriers: what a signal earns on average is
learned directly, because barrier × (P(buy) − P(sell)) understates the extremes, and only these pay their costs.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from training.calibration import Calibration
from training.dataset import F32, F64
from training.trainers.forest import Forest, forest_to_onnx, threshold_probes
from training.trainers.trainer import Params, Part

MOVE = np.array([1.0, 0.0, 1.0, 0.0, 0.0], dtype=np.float32)  # what a leaf of the move adds to sell, hold, buy, expected, range
SIDE = np.array([-0.5, 0.0, 0.5, 0.0, 0.0], dtype=np.float32)
EXPECTED = np.array([0.0, 0.0, 0.0, 1.0, 0.0], dtype=np.float32)
RANGE = np.array([0.0, 0.0, 0.0, 0.0, 1.0], dtype=np.float32)
PART_NAMES = ("move", "side", "expected", "range")
SHARED_BY_TWO = float(np.float32(np.log(2)))


class Trees(Protocol):
    """One fitted forest with one score."""

    @property
    def rounds(self) -> int: ...

    def scores(self, inputs: F32) -> F64:
        """[n] logit or barriers, from the library."""

    def forest(self) -> Forest:
        """The same trees as arrays, with one class."""

    def text(self) -> str:
        """All that is needed to load it again."""


@dataclass(frozen=True)
class TreeSet:
    move: Trees
    side: Trees
    expected: Trees
    range: Trees

    @property
    def _parts(self) -> tuple[tuple[str, Trees, F32], ...]:
        return tuple(
            zip(PART_NAMES, (self.move, self.side, self.expected, self.range), (MOVE, SIDE, EXPECTED, RANGE), strict=True)
        )

    @property
    def rounds(self) -> tuple[int, ...]:
        return tuple(trees.rounds for _, trees, _ in self._parts)

    def margins(self, inputs: F32) -> F64:
        move, half_side = self.move.scores(inputs) - SHARED_BY_TWO, self.side.scores(inputs) / 2
        moves = (self.expected.scores(inputs), self.range.scores(inputs))
        return np.stack([move - half_side, np.zeros(len(inputs)), move + half_side, *moves], axis=1)

    def forest(self) -> Forest:
        """Five columns: a leaf of the move counts for sell and buy, one of the side against the one and for the other."""
        forests = [trees.forest() for _, trees, _ in self._parts]
        columns = [counts for _, _, counts in self._parts]
        nodes = np.cumsum([0, *(len(f.tree) for f in forests)])
        trees = np.cumsum([0, *(len(f.tree_weights) for f in forests)])
        joined = {
            name: np.concatenate([getattr(f, name) for f in forests]) for name in ("feature", "threshold", "missing_left", "leaf")
        }
        children = {
            name: np.concatenate(
                [np.where(getattr(f, name) < 0, -1, getattr(f, name) + n) for f, n in zip(forests, nodes[:-1], strict=True)]
            )
            for name in ("left", "right")
        }
        base = sum((f.base * c for f, c in zip(forests, columns, strict=True)), start=-np.float32(SHARED_BY_TWO) * MOVE)
        return Forest(
            mode=forests[0].mode,
            base=base,
            tree=np.concatenate([f.tree + n for f, n in zip(forests, trees[:-1], strict=True)]),
            tree_weights=np.concatenate([np.tile(c, (len(f.tree_weights), 1)) for f, c in zip(forests, columns, strict=True)]),
            **children,
            **joined,
        )

    def export(self, calibration: Calibration) -> bytes:
        return forest_to_onnx(self.forest(), calibration)

    def probe_inputs(self, base: F32, seed: int, limit: int) -> F32:
        return threshold_probes(self.forest(), base, seed, limit)

    def save(self, path: Path) -> None:
        path.write_text(json.dumps({name: trees.text() for name, trees, _ in self._parts}), "utf-8")


MAX_ROUNDS = 200


def rounds_without_stop(params: Params, part: Part) -> int:
    """Regressions do not stop early: of returns the squared error is nearly all noise, and a stop part ends them at a whim."""
    return MAX_ROUNDS if part.is_binary else int(params["regression_rounds"])


def saved_texts(path: Path) -> tuple[str, ...]:
    """In the order of the parts, as `save` wrote them."""
    saved = json.loads(path.read_text("utf-8"))
    return tuple(saved[name] for name in PART_NAMES)
