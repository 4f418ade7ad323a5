"""What every trainer gives, trees and nets alike; the rest of the frame knows nothing else about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from training.calibration import Calibration
from training.dataset import F32, F64, I32, I64, Dataset, Targets

INPUT_NAMES = {"tabular": "features", "sequence": "sequence"}
OUTPUT_NAME = "answers"
PREDICT_ROWS = {"tabular": 200_000, "sequence": 8_192}  # rows per chunk, so that memory stays bounded

Params = dict[str, float | int | str]
Space = dict[str, tuple[float, float]]  # of each parameter the least and the most; whole numbers where both are


@dataclass(frozen=True)
class Examples:
    """Rows to learn from, or to watch for early stopping."""

    data: Dataset
    targets: Targets
    rows: I64  # [n]

    @property
    def label(self) -> I32:
        return self.targets.label[self.rows]

    @property
    def weight(self) -> F32:
        return self.targets.weight[self.rows]

    @property
    def moved(self) -> F32:
        """[n] 1 where a barrier was touched."""
        return np.asarray(self.label != 1, dtype=np.float32)

    def rose(self, market_kept: float) -> F32:
        """[n] 1 where the move was up, after taking out all but this share of what the whole market did in that time.

        Nearly all of a symbol's move is the market's, which no feature of the symbol foretells: learning the side from raw
        labels finds a sixth of the rank correlation.
        """
        return np.asarray(self.move(market_kept) > 0, dtype=np.float32)

    def move(self, market_kept: float) -> F32:
        """[n] the return over the horizon in barriers, less all but this share of the market's."""
        moves = self.targets.barrier_moves()[self.rows] - np.float32(1 - market_kept) * self.targets.market_move[self.rows]
        return np.asarray(moves, dtype=np.float32)

    @property
    def range(self) -> F32:
        """[n] how far it moved in barriers, either way and with the market."""
        return np.asarray(np.abs(self.targets.barrier_moves()[self.rows]), dtype=np.float32)

    def inputs(self, kind: str) -> F32:
        """[n, 49] or [n, 96, 8]. A net asks for its batches through `data.inputs` instead of all at once."""
        return self.data.inputs(kind, self.rows)


@dataclass(frozen=True)
class Part:
    """One of the four things that every model learns."""

    name: str
    is_binary: bool
    target: Callable[[Examples], F32]  # [n]


def parts_of(market_kept: float) -> tuple[Part, ...]:
    """Will a barrier be touched, which one, where will the price stand at the horizon, and how far from here."""
    return (
        Part("move", True, lambda examples: examples.moved),
        Part("side", True, lambda examples: examples.rose(market_kept)),
        Part("expected", False, lambda examples: examples.move(market_kept)),
        Part("range", False, lambda examples: examples.range),
    )


class FittedModel(Protocol):
    @property
    def rounds(self) -> tuple[int, ...]:
        """Boosting rounds or epochs that early stopping settled on, one for each part of the model."""

    def margins(self, inputs: F32) -> F64:
        """[n, 5] from the trainer's own library: scores of sell, hold and buy before softmax, expected move, expected range."""

    def export(self, calibration: Calibration) -> bytes:
        """ONNX model: float32 input → float32 answers [n, 5]. Same model, same bytes."""

    def probe_inputs(self, base: F32, seed: int, limit: int) -> F32:
        """At most `limit` inputs where an export is most likely wrong, made from real ones."""

    def save(self, path: Path) -> None: ...


class Trainer(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str:
        """'tabular' or 'sequence'."""

    @property
    def revision(self) -> int:
        """Raised when the same parameters would fit another model: finished trials are then redone."""

    @property
    def candidates(self) -> tuple[Params, ...]:
        """The first one is tried at every horizon."""

    @property
    def space(self) -> Space:
        """Of all parameters, for a search; empty where a try takes too long for one."""

    def libraries(self) -> dict[str, str]: ...

    def fit(self, params: Params, fit: Examples, stop: Examples | None, rounds: tuple[int, ...] | None) -> FittedModel:
        """Early stopping on `stop`; without it exactly `rounds`."""

    def load(self, path: Path) -> FittedModel: ...


@dataclass(frozen=True)
class Run:
    """What all trainers are told the same."""

    seed: int
    threads: int


def margins_of(model: FittedModel, kind: str, data: Dataset, rows: I64) -> F64:
    """[n, 5], float64 holding float32 values: a finished fold read back from disk is then the same to the last bit."""
    step = PREDICT_ROWS[kind]
    chunks = [model.margins(data.inputs(kind, rows[at : at + step])) for at in range(0, len(rows), step)]
    return np.concatenate(chunks).astype(np.float32).astype(np.float64) if chunks else np.empty((0, 5))


def library_versions(*modules: Any) -> dict[str, str]:
    return {module.__name__: str(module.__version__) for module in modules}
