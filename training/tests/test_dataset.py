"""A dataset that is not exactly what it says is refused, never trained on."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from training.dataset import Dataset, DatasetError, load_dataset, with_earlier
from training.folds import FoldPlan, walk_forward
from training.tests.conftest import BAR_MS, write_dataset
from training.trainers.trainer import Examples


def test_sequences_are_the_96_rows_before_and_never_reach_over_a_gap_or_a_symbol(data: Dataset) -> None:
    rows = np.flatnonzero(data.has_sequence)
    sequences = data.inputs("sequence", rows[::97])
    assert sequences.shape[1:] == (96, 8) and sequences.dtype == np.float32
    for row, sequence in zip(rows[::97], sequences, strict=True):
        window = slice(row - 95, row + 1)
        assert np.array_equal(sequence, data.features[window][:, data.sequence_columns])
        assert len(set(data.symbol_index[window])) == 1
        assert data.ts[row] - data.ts[row - 95] == 95 * BAR_MS
    per_symbol = [int(data.has_sequence[data.symbol_index == s].sum()) for s in range(len(data.symbols))]
    assert per_symbol[0] == 2_400 - 95
    assert per_symbol[1] == 2_400 - 20 - 2 * 95  # its gap costs another 95


def test_side_is_evaluated_against_the_rest_of_the_market(data: Dataset) -> None:
    targets = data.targets[12]
    moves = np.clip(targets.forward_return / (targets.barrier_bps / 1e4), -3, 3)
    for bar in np.unique(data.ts)[::400]:
        at = np.flatnonzero(data.ts == bar)
        examples = Examples(data, targets, at)
        assert np.array_equal(examples.rose(0.0), moves[at] > moves[at].mean())
        assert np.array_equal(examples.rose(1.0), moves[at] > 0)
        assert np.array_equal(examples.moved, targets.label[at] != 1)


def corrupt_byte(folder: Path) -> None:
    body = bytearray((folder / "S0USDT.parquet").read_bytes())
    body[len(body) // 2] ^= 1
    (folder / "S0USDT.parquet").write_bytes(body)


def truncate(folder: Path) -> None:
    path = folder / "S1USDT.parquet"
    path.write_bytes(path.read_bytes()[:1000])


def change(folder: Path, key: str, value: object) -> None:
    meta = json.loads((folder / "dataset.json").read_text())
    (folder / "dataset.json").write_text(json.dumps(meta | {key: value}))


def claim_other_rows(folder: Path) -> None:
    symbols = json.loads((folder / "dataset.json").read_text())["symbols"]
    symbols[0]["rows"] += 1
    change(folder, "symbols", symbols)


@pytest.mark.parametrize(
    "spoil",
    [
        corrupt_byte,
        truncate,
        claim_other_rows,
        lambda f: (f / "S0USDT.parquet").unlink(),
        lambda f: (f / "dataset.json").write_text("<html>"),
        lambda f: (f / "dataset.json").write_text("[]"),
        lambda f: change(f, "featureSetHash", "0" * 64),
        lambda f: change(f, "schemaVersion", 2),
        lambda f: change(f, "sequenceSteps", 95),
        lambda f: change(f, "featureNames", ["a"] * 49),
        lambda f: change(f, "sequenceColumns", ["nothing"] * 8),
        lambda f: change(f, "horizons", [3, 7]),
    ],
)
def test_spoiled_dataset_is_refused(tmp_path: Path, spoil: Callable[[Path], object]) -> None:
    write_dataset(tmp_path, symbols=2, bars=900)
    load_dataset(tmp_path)
    spoil(tmp_path)
    with pytest.raises(DatasetError):
        load_dataset(tmp_path)


def test_an_older_regime_is_learned_from_at_half_weight_and_never_evaluated(tmp_path: Path) -> None:
    older = load_dataset(write_dataset(tmp_path / "older", symbols=2, bars=1_400))
    shifted = replace(older, ts=older.ts + 10_000 * older.bar_ms, folds_from_ms=older.folds_from_ms + 10_000 * older.bar_ms)
    joined = with_earlier(shifted, older)
    n = len(older.ts)
    assert len(joined.ts) == 2 * n and joined.symbols == older.symbols
    assert np.array_equal(joined.features[:n], joined.features[n:])
    assert np.array_equal(joined.symbol_index[:n], joined.symbol_index[n:])
    now, before = joined.targets[6].weight[n:], joined.targets[6].weight[:n]
    assert np.array_equal(before, now / 2)
    folds = walk_forward(joined.ts[joined.ts >= joined.folds_from_ms], 6, joined.bar_ms, FoldPlan(folds=4))
    assert all(fold.fit(joined.ts)[:n].all() and not fold.test(joined.ts)[:n].any() for fold in folds)
    assert np.array_equal(np.flatnonzero(joined.has_sequence[n:]), np.flatnonzero(older.has_sequence))
    with pytest.raises(DatasetError, match="must end before"):
        with_earlier(older, shifted)
    other = replace(shifted, meta=shifted.meta | {"featureSetHash": "0" * 64})
    with pytest.raises(DatasetError, match="another featureSetHash"):
        with_earlier(other, older)
